#include "ctl/load_outcome.hpp"

#include <boost/json.hpp>
#include <thread>

#include "ctl/json_view.hpp"
#include "ctl/output.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLook{500};

std::string list_path(const std::string& batch, int limit) {
  return "/v1/payouts?batch=" + percent_encoded(batch) + "&limit=" + std::to_string(limit);
}

bool any_on_its_way(LoadApi& api, const std::string& batch) {
  for (const char* state : {"PENDING", "SUBMITTING", "SENT", "UNKNOWN"}) {
    const json::value page = api.get(list_path(batch, 1) + "&state=" + state);
    if (!array_at(page.as_object(), "payouts").empty()) return true;
  }
  return false;
}

/// Between two times as the host writes them; nothing where one of them is missing.
void add_between(Percentiles& to, const std::string& from, const std::string& until) {
  const std::int64_t begin = time_ms(from);
  const std::int64_t end = time_ms(until);
  if (begin >= 0 && end >= begin) to.add(milliseconds{end - begin});
}

// An answer that settles it at once is an acceptance too.
void read_events(LoadApi& api, const std::string& id, LoadOutcome& outcome) {
  const json::value answer = api.get("/v1/payouts/" + id + "/events");
  std::string admitted;
  for (const json::value& value : array_at(answer.as_object(), "events")) {
    const json::object& event = value.as_object();
    const std::string to = text_at(event, "to");
    if (text_at(event, "kind") == "admitted") admitted = text_at(event, "at");
    if (to != "SENT" && to != "CONFIRMED") continue;
    add_between(outcome.to_sent, admitted, text_at(event, "at"));
    return;
  }
}

}  // namespace

bool await_load(LoadApi& api, const std::string& batch, std::chrono::seconds limit,
                const std::function<bool()>& stopped) {
  const auto until = Clock::now() + limit;
  while (any_on_its_way(api, batch)) {
    if (Clock::now() >= until || stopped()) return false;
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

LoadOutcome read_load(LoadApi& api, const std::string& batch, int sample) {
  constexpr int kPage = 500;
  LoadOutcome outcome;
  std::vector<std::string> ids;
  std::string cursor;
  do {
    const json::value page =
        api.get(list_path(batch, kPage) + (cursor.empty() ? "" : "&cursor=" + percent_encoded(cursor)));
    for (const json::value& value : array_at(page.as_object(), "payouts")) {
      const json::object& payout = value.as_object();
      const std::string state = text_at(payout, "state");
      ++outcome.found;
      ++outcome.states[state];
      if (state == "CONFIRMED")
        add_between(outcome.to_confirmed, text_at(payout, "created_at"), text_at(payout, "finished_at"));
      if (state == "CONFIRMED" || state == "SENT") ids.push_back(text_at(payout, "id"));
    }
    cursor = text_at(page.as_object(), "next");
  } while (!cursor.empty());
  const std::size_t step = std::max<std::size_t>(1, ids.size() / static_cast<std::size_t>(sample));
  for (std::size_t i = 0; i < ids.size() && outcome.to_sent.count() < sample; i += step)
    read_events(api, ids[i], outcome);
  return outcome;
}

}  // namespace payoutd::ctl
