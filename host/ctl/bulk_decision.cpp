#include "ctl/bulk_decision.hpp"

#include <boost/json.hpp>
#include <map>
#include <ostream>
#include <tuple>
#include <vector>

#include "ctl/json_view.hpp"
#include "ctl/money_sum.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;

constexpr int kPage = 500;
/// Refusals that are shown; the others are counted.
constexpr std::size_t kShownRefusals = 10;

/// The states in which it can be decided.
std::vector<const char*> states_for(const std::string& action) {
  if (action == "hold") return {"PENDING"};
  if (action == "cancel") return {"PENDING", "HELD"};
  return {"HELD"};
}

/// The payouts that the filter names, as they are now.
class Chosen {
 public:
  void add(const json::object& payout) {
    ids_.push_back(text_at(payout, "id"));
    auto& [count, sum] = groups_[{text_at(payout, "provider"), text_at(payout, "state"),
                                  text_at(payout, "reason"), text_at(payout, "currency")}];
    ++count;
    sum.add(text_at(payout, "amount"));
  }
  const std::vector<std::string>& ids() const { return ids_; }

  json::array to_json() const {
    json::array rows;
    for (const auto& [key, value] : groups_)
      rows.push_back(json::object{{"provider", std::get<0>(key)},
                                  {"state", std::get<1>(key)},
                                  {"reason", std::get<2>(key)},
                                  {"currency", std::get<3>(key)},
                                  {"count", value.first},
                                  {"sum", value.second.text()}});
    return rows;
  }
  void print(Context& context) const {
    Table table({{"PROVIDER"}, {"STATE"}, {"REASON"}, {"PAYOUTS", true}, {"SUM", true}});
    for (const auto& [key, value] : groups_) {
      const auto& [provider, state, reason, currency] = key;
      table.add({provider,
                 {state, colour_of_state(state)},
                 reason,
                 std::to_string(value.first),
                 value.second.text() + " " + currency});
    }
    table.print(context.out, context.style);
  }

 private:
  std::vector<std::string> ids_;
  std::map<std::tuple<std::string, std::string, std::string, std::string>, std::pair<std::int64_t, MoneySum>>
      groups_;
};

/// The latest first, `limit` at most; `more`: there are others.
Chosen choose(Client& client, const std::string& action, const BulkDecisionOptions& options, bool& more) {
  Chosen chosen;
  for (const char* state : states_for(action)) {
    ListOptions filter = options.filter;
    filter.state = state;
    std::string next;
    do {
      const json::value page =
          client.get("/v1/payouts?limit=" + std::to_string(kPage) + filter_query(filter) +
                     (next.empty() ? "" : "&cursor=" + percent_encoded(next)));
      for (const json::value& payout : array_at(page.as_object(), "payouts")) {
        more = static_cast<int>(chosen.ids().size()) >= options.limit;
        if (more) return chosen;
        chosen.add(payout.as_object());
      }
      next = text_at(page.as_object(), "next");
    } while (!next.empty() && !interrupted());
  }
  return chosen;
}

struct Refusal {
  std::string id;
  std::string message;
};

/// Decides one after the other until done or interrupted. What is not to be decided any more, because it
/// changed meanwhile, is a refusal; anything else that goes wrong ends the command.
class Deciding {
 public:
  Deciding(Context& context, Client& client) : context_(context), client_(client) {}

  void run(const std::string& action, const std::vector<std::string>& ids, const std::string& note) {
    const std::string body = json::serialize(json::object{{"note", note}});
    for (const std::string& id : ids) {
      if (interrupted()) break;
      const Answer answer = client_.send("POST", "/v1/admin/payouts/" + id + "/" + action, body);
      if (answer.ok()) {
        ++done_;
      } else if (answer.status == 404 || answer.status == 409) {
        refused_.push_back({id, answer.message()});
      } else {
        clear_line();
        context_.err << done_ << " of " << ids.size() << " were done before this:\n";
        fail(answer);
      }
      if (context_.live) context_.err << "\r" << done_ << " of " << ids.size() << std::flush;
    }
    clear_line();
  }
  std::size_t done() const { return done_; }
  const std::vector<Refusal>& refused() const { return refused_; }

 private:
  void clear_line() {
    if (context_.live) context_.err << "\r\033[K" << std::flush;
  }
  Context& context_;
  Client& client_;
  std::size_t done_ = 0;
  std::vector<Refusal> refused_;
};

void print_outcome(Context& context, const std::string& action, std::size_t count, const Deciding& deciding) {
  context.out << '\n' << action << ": " << deciding.done() << " of " << count << " done";
  if (!deciding.refused().empty()) context.out << ", " << deciding.refused().size() << " refused";
  context.out << ".\n";
  for (std::size_t i = 0; i < deciding.refused().size(); ++i) {
    if (i == kShownRefusals) {
      context.out << "  and " << deciding.refused().size() - i << " more: --json lists them\n";
      break;
    }
    const Refusal& one = deciding.refused()[i];
    context.out << "  " << one.id << "  " << printable(one.message) << '\n';
  }
}

}  // namespace

bool names_payouts(const ListOptions& filter) {
  return !filter_query(filter).empty();
}

ExitCode decide_many(Context& context, const std::string& action, const BulkDecisionOptions& options) {
  if (!options.preview && options.note.empty())
    throw CommandFailed(ExitCode::usage, "--note TEXT is required: why, for each of them.");
  watch_interrupts();
  Client client(context.socket);
  bool more = false;
  const Chosen chosen = choose(client, action, options, more);
  const std::size_t count = chosen.ids().size();
  json::object told{
      {"groups", chosen.to_json()}, {"count", count}, {"more", more}, {"preview", options.preview}};
  if (!context.json) {
    if (count == 0) {
      context.out << "No payouts match of which this can be decided.\n";
      return ExitCode::ok;
    }
    chosen.print(context);
    if (more) context.out << "There are more: --limit takes up to 10000.\n";
    if (options.preview)
      context.out << "\nNothing was done. Without --preview these " << count << " are meant.\n";
  }
  Deciding deciding(context, client);
  if (!options.preview) deciding.run(action, chosen.ids(), options.note);
  if (context.json) {
    json::array refused;
    for (const Refusal& one : deciding.refused())
      refused.push_back(json::object{{"id", one.id}, {"message", one.message}});
    told["done"] = deciding.done();
    told["refused"] = std::move(refused);
    context.out << json::serialize(told) << '\n';
  } else if (!options.preview) {
    print_outcome(context, action, count, deciding);
  }
  if (interrupted()) return ExitCode::interrupted;
  return deciding.refused().empty() ? ExitCode::ok : ExitCode::negative;
}

}  // namespace payoutd::ctl
