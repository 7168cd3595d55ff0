#include "ctl/accepted.hpp"

#include <boost/json.hpp>
#include <map>
#include <ostream>
#include <set>
#include <tuple>

#include "ctl/json_view.hpp"
#include "ctl/money_sum.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;

/// A query of names that have a value.
class Query {
 public:
  Query& with(const char* name, const std::string& value) {
    if (!value.empty())
      text_.append(text_.empty() ? "?" : "&").append(name).append("=").append(percent_encoded(value));
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// How many payouts stand where, and with how much.
class Figures {
 public:
  void add(const std::string& provider, const std::string& state, const std::string& currency,
           const std::string& amount) {
    auto& [count, sum] = by_[{provider, state, currency}];
    ++count;
    sum.add(amount);
    ++count_;
    if (state == "PENDING" || state == "HELD") ++stoppable_;
  }
  std::int64_t count() const { return count_; }
  std::int64_t stoppable() const { return stoppable_; }

  json::array to_json() const {
    json::array rows;
    for (const auto& [key, value] : by_)
      rows.push_back(json::object{{"provider", std::get<0>(key)},
                                  {"state", std::get<1>(key)},
                                  {"currency", std::get<2>(key)},
                                  {"count", value.first},
                                  {"sum", value.second.text()}});
    return rows;
  }
  void print(Context& context) const {
    if (by_.empty()) return;
    Table table({{"PROVIDER"}, {"STATE"}, {"PAYOUTS", true}, {"SUM", true}});
    for (const auto& [key, value] : by_) {
      const auto& [provider, state, currency] = key;
      table.add({provider,
                 {state, colour_of_state(state)},
                 std::to_string(value.first),
                 value.second.text() + " " + currency});
    }
    table.print(context.out, context.style, "  ");
  }

 private:
  std::map<std::tuple<std::string, std::string, std::string>, std::pair<std::int64_t, MoneySum>> by_;
  std::int64_t count_ = 0;
  std::int64_t stoppable_ = 0;
};

std::string times(std::int64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

/// What one key did: collected page by page, the latest first.
class Accepted {
 public:
  Accepted(Context& context, const AcceptedOptions& options)
      : context_(context), options_(options), client_(context.socket) {}

  void collect() {
    if (options_.kind != "webhook") collect_payouts();
    if (options_.stoppable) return;
    if (options_.kind != "webhook") collect_actions();
    if (options_.kind != "token" && !options_.key_id.empty()) collect_callbacks();
  }

  ExitCode tell() const {
    if (options_.stoppable) {
      for (const std::string& id : stoppable_) context_.out << id << '\n';
      return ExitCode::ok;
    }
    context_.json ? print_json() : print();
    return payouts_.stoppable() > 0 ? ExitCode::negative : ExitCode::ok;
  }

 private:
  /// Walks pages of `path` until the last, or Ctrl-C.
  template <class Take>
  void walk(const std::string& path, Query query, const char* cursor, const char* rows, Take take) {
    std::string next;
    do {
      Query page = query;
      const json::value answer = client_.get(path + page.with(cursor, next).text());
      for (const json::value& row : array_at(answer.as_object(), rows)) take(row.as_object());
      without_key_ += number_at(answer.as_object(), "without_key");
      next = text_at(answer.as_object(), "next");
      if (interrupted()) throw CommandFailed(ExitCode::interrupted, "interrupted before the list was whole");
    } while (!next.empty());
  }

  void collect_payouts() {
    const Query query = Query()
                            .with("key_id", options_.key_id)
                            .with("token_id", options_.token_id)
                            .with("subject", options_.subject)
                            .with("since", options_.since);
    walk("/v1/admin/secrets/accepted/payouts", query, "cursor", "payouts", [this](const json::object& row) {
      const std::string state = text_at(row, "state");
      payouts_.add(text_at(row, "provider"), state, text_at(row, "currency"), text_at(row, "amount"));
      if (state == "PENDING" || state == "HELD") stoppable_.push_back(text_at(row, "id"));
      keep(payout_rows_, row);
    });
  }

  void collect_actions() {
    Query query = Query()
                      .with("key_id", options_.key_id)
                      .with("token_id", options_.token_id)
                      .with("since", options_.since)
                      .with("limit", "1000");
    if (!options_.subject.empty()) query.with("actor", "operator:" + options_.subject);
    walk("/v1/admin/audit", query, "before", "audit", [this](const json::object& row) {
      ++actions_;
      keep(action_rows_, row);
    });
  }

  void collect_callbacks() {
    const Query query = Query()
                            .with("key_id", options_.key_id)
                            .with("provider", options_.provider)
                            .with("since", options_.since);
    std::set<std::string> seen;
    walk("/v1/admin/secrets/accepted/callbacks", query, "cursor", "callbacks",
         [this, &seen](const json::object& row) {
           ++callbacks_;
           const json::object& payout = object_at(row, "payout");
           if (text_at(row, "state") == "applied") {
             ++applied_;
             if (seen.insert(text_at(payout, "id")).second)
               changed_.add(text_at(row, "provider"), text_at(payout, "state"), text_at(payout, "currency"),
                            text_at(payout, "amount"));
           }
           keep(callback_rows_, row);
         });
  }

  /// All of them for a program, the latest for people.
  void keep(json::array& rows, const json::object& row) const {
    if (context_.json || static_cast<int>(rows.size()) < options_.rows) rows.push_back(row);
  }

  void print_json() const {
    json::object out{
        {"key_id", options_.key_id.empty() ? json::value(nullptr) : json::value(options_.key_id)},
        {"since", options_.since}};
    if (options_.kind != "webhook") {
      out["payouts"] = json::object{{"count", payouts_.count()},
                                    {"stoppable", payouts_.stoppable()},
                                    {"without_key", without_key_},
                                    {"figures", payouts_.to_json()},
                                    {"rows", payout_rows_}};
      out["actions"] = json::object{{"count", actions_}, {"rows", action_rows_}};
    }
    if (options_.kind != "token" && !options_.key_id.empty())
      out["callbacks"] = json::object{{"count", callbacks_},
                                      {"applied", applied_},
                                      {"changed", changed_.to_json()},
                                      {"rows", callback_rows_}};
    context_.out << json::serialize(out) << '\n';
  }

  void print() const {
    if (options_.kind != "webhook") {
      print_payouts();
      print_actions();
    }
    if (options_.kind != "token" && !options_.key_id.empty()) print_callbacks();
  }

  void print_payouts() const {
    context_.out << context_.style.paint(Colour::bold, times(payouts_.count(), "payout", "payouts"))
                 << " admitted with such tokens in the last " << options_.since << '\n';
    payouts_.print(context_);
    if (payouts_.stoppable() > 0)
      context_.out << payouts_.stoppable() << " can still be stopped:\n  " << again("--stoppable")
                   << " | xargs -n 1 payoutctl cancel --note 'the key leaked'\n";
    if (without_key_ > 0)
      context_.out << times(without_key_, "other payout", "other payouts")
                   << " of that time came without a token, or before keys were recorded.\n";
    if (!payout_rows_.empty()) {
      context_.out << '\n';
      Table table({{"AT (UTC)"}, {"STATE"}, {"AMOUNT", true}, {"PROVIDER"}, {"WHO"}, {"TOKEN"}, {"PAYOUT"}});
      for (const json::value& value : payout_rows_) {
        const json::object& row = value.as_object();
        const std::string state = text_at(row, "state");
        table.add({time_text(text_at(row, "accepted_at")),
                   {state, colour_of_state(state)},
                   text_at(row, "amount") + " " + text_at(row, "currency"),
                   text_at(row, "provider"),
                   text_at(row, "actor"),
                   text_at(row, "token_id"),
                   text_at(row, "id")});
      }
      table.print(context_.out, context_.style);
      tell_rest(payouts_.count(), payout_rows_);
    }
    context_.out << '\n';
  }

  void print_actions() const {
    context_.out << context_.style.paint(Colour::bold, times(actions_, "action", "actions"))
                 << " of operators with such tokens\n";
    if (!action_rows_.empty()) {
      Table table({{"AT (UTC)"}, {"WHO"}, {"WHAT"}, {"TO"}, {"ANSWER", true}, {"TOKEN"}});
      for (const json::value& value : action_rows_) {
        const json::object& row = value.as_object();
        table.add({time_text(text_at(row, "at")), text_at(row, "actor"), text_at(row, "action"),
                   text_at(row, "subject"), text_at(row, "status"), text_at(row, "token_id")});
      }
      table.print(context_.out, context_.style);
      tell_rest(actions_, action_rows_);
    }
    if (options_.kind.empty() && !options_.key_id.empty()) context_.out << '\n';
  }

  void print_callbacks() const {
    context_.out << context_.style.paint(Colour::bold, times(callbacks_, "callback", "callbacks"))
                 << " proven by it in the last " << options_.since << "; " << applied_
                 << " changed a payout or had it asked about\n";
    changed_.print(context_);
    if (callback_rows_.empty()) return;
    context_.out << '\n';
    Table table({{"AT (UTC)"}, {"PROVIDER"}, {"SAID"}, {"CAME TO"}, {"PROOF"}, {"PAYOUT"}, {"EVENT"}});
    for (const json::value& value : callback_rows_) {
      const json::object& row = value.as_object();
      table.add({time_text(text_at(row, "received_at")), text_at(row, "provider"), text_at(row, "status"),
                 text_at(row, "state"), text_at(row, "proof"), text_at(object_at(row, "payout"), "id"),
                 text_at(row, "id")});
    }
    table.print(context_.out, context_.style);
    tell_rest(callbacks_, callback_rows_);
  }

  void tell_rest(std::int64_t count, const json::array& rows) const {
    if (count > static_cast<std::int64_t>(rows.size()))
      context_.out << "The latest " << rows.size() << " of " << count << "; --rows or --json shows more.\n";
  }

  /// This command once more, with another option.
  std::string again(const char* option) const {
    std::string text = "payoutctl secrets accepted";
    if (!options_.key_id.empty()) text += " " + options_.key_id;
    if (!options_.token_id.empty()) text += " --token-id " + options_.token_id;
    if (!options_.subject.empty()) text += " --subject " + options_.subject;
    return text + " --since " + options_.since + " " + option;
  }

  Context& context_;
  const AcceptedOptions& options_;
  Client client_;
  Figures payouts_;
  std::int64_t without_key_ = 0;
  std::vector<std::string> stoppable_;
  json::array payout_rows_;
  std::int64_t actions_ = 0;
  json::array action_rows_;
  std::int64_t callbacks_ = 0;
  std::int64_t applied_ = 0;
  Figures changed_;
  json::array callback_rows_;
};

}  // namespace

ExitCode secrets_accepted(Context& context, const AcceptedOptions& options) {
  if (options.key_id.empty() && options.token_id.empty() && options.subject.empty())
    throw CommandFailed(ExitCode::usage, "Name the key, or a token (--token-id), or a subject (--subject).");
  if (options.kind == "webhook" &&
      (options.key_id.empty() || !options.token_id.empty() || !options.subject.empty() || options.stoppable))
    throw CommandFailed(ExitCode::usage,
                        "--kind webhook takes the id of a key; --token-id, --subject and --stoppable are "
                        "about tokens.");
  if (!options.provider.empty() && options.kind != "webhook")
    throw CommandFailed(ExitCode::usage, "--provider is for --kind webhook: keys of tokens have none.");
  watch_interrupts();
  AcceptedOptions asked = options;
  if (!options.token_id.empty() || !options.subject.empty() || options.stoppable) asked.kind = "token";
  Accepted accepted(context, asked);
  accepted.collect();
  return accepted.tell();
}

}  // namespace payoutd::ctl
