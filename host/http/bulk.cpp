#include "http/bulk.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/json.hpp>

#include "core/assert.hpp"
#include "core/signal.hpp"
#include "http/admit_one.hpp"
#include "http/json_input.hpp"
#include "http/payout_json.hpp"
#include "http/router.hpp"

namespace payoutd::http {
namespace {

namespace json = boost::json;

/// One item: what is to be admitted, or why it cannot be read.
struct Item {
  std::optional<engine::PayoutRequest> request;
  std::string key;
  AdmitOutcome outcome;
};

/// Shared by the request and the tasks of its items, so that none outlives what it writes to.
struct Work {
  explicit Work(boost::asio::any_io_executor executor) : done(std::move(executor)) {}
  std::vector<Item> items;
  std::size_t open = 0;
  core::Signal done;
};

Item read_item(const json::value& value, const Request& request) {
  Item item;
  if (const auto* object = value.if_object()) {
    if (const auto* key = object->if_contains("idempotency_key"); key != nullptr && key->is_string()) {
      const std::string text(key->get_string());
      if (!engine::check_key(text)) item.key = text;
    }
  }
  auto payout = engine::read_payout(value, true);
  if (!payout) {
    item.outcome = refused_payout(payout.error());
    return item;
  }
  payout->client_id = request.peer.client_id;
  payout->actor = request.peer.actor;
  payout->token = request.peer.token;
  payout->flow_id = request.flow_id;
  payout->trace = request.trace;
  item.request = std::move(*payout);
  return item;
}

Item unreadable(const JsonProblem& problem) {
  Item item;
  item.outcome.status = 400;
  item.outcome.error = ErrorBody{problem.code, problem.message, problem.field};
  return item;
}

Response bad_request(const JsonProblem& problem) {
  return refuse(400, problem.code, problem.message, problem.field);
}

std::optional<Response> read_array(const Request& request, std::vector<Item>& items) {
  JsonInput input = read_json(request.body);
  if (input.problem) return bad_request(*input.problem);
  const auto* object = input.value.if_object();
  const auto* payouts = object == nullptr ? nullptr : object->if_contains("payouts");
  if (payouts == nullptr || !payouts->is_array() || object->size() != 1) {
    return refuse(400, "MALFORMED_JSON", "An object with one field is expected: {\"payouts\": [...]}.",
                  "payouts");
  }
  const json::array& array = payouts->get_array();
  if (array.size() > kMaxBulkItems) {
    return refuse(400, "TOO_MANY_ITEMS",
                  "More than " + std::to_string(kMaxBulkItems) + " payouts in one request.", "payouts");
  }
  for (const json::value& value : array) items.push_back(read_item(value, request));
  return std::nullopt;
}

std::optional<Response> read_lines(const Request& request, std::vector<Item>& items) {
  std::string_view rest = request.body;
  for (int line = 1; !rest.empty(); ++line) {
    const auto end = rest.find('\n');
    const std::string_view text = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (items.size() == kMaxBulkItems) {
      return refuse(400, "TOO_MANY_ITEMS",
                    "More than " + std::to_string(kMaxBulkItems) + " payouts in one request.");
    }
    const JsonInput input = read_json(text, line);
    items.push_back(input.problem ? unreadable(*input.problem) : read_item(input.value, request));
  }
  return std::nullopt;
}

// `index` and not a reference: parameters of a coroutine are values.
Awaitable<void> admit_item(HostView* host, std::shared_ptr<Work> work, std::size_t index) {
  AdmitOutcome outcome = co_await admit_one(host, std::move(*work->items[index].request));
  work->items[index].outcome = std::move(outcome);
}

json::object result_json(const Item& item, std::size_t index, std::string_view flow_id) {
  json::object out;
  out["index"] = index;
  out["status"] = item.outcome.status;
  out["idempotency_key"] = item.key.empty() ? json::value(nullptr) : json::value(item.key);
  if (item.outcome.error) {
    out["error"] = error_json(*item.outcome.error, flow_id).at("error");
    if (item.outcome.retry_after.count() > 0) out["retry_after_s"] = item.outcome.retry_after.count();
  } else {
    out["replayed"] = item.outcome.replayed;
    out["payout"] = item.outcome.payout;
  }
  return out;
}

Response summary(HostView* host, const Request& request, const std::vector<Item>& items) {
  std::size_t created = 0;
  std::size_t replayed = 0;
  std::size_t outages = 0;
  std::chrono::seconds retry_after{0};  // when the last of those that may come again may
  json::array results;
  results.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const AdmitOutcome& outcome = items[i].outcome;
    if (!outcome.error) ++(outcome.replayed ? replayed : created);
    if (outcome.outage) ++outages;
    retry_after = std::max(retry_after, outcome.outage ? std::chrono::seconds{1} : outcome.retry_after);
    if (outcome.replayed) host->count_replay(request.route->pattern);
    results.push_back(result_json(items[i], i, request.flow_id));
  }
  const std::size_t failed = items.size() - created - replayed;
  json::object body;
  body["created"] = created;
  body["replayed"] = replayed;
  body["failed"] = failed;
  body["results"] = std::move(results);
  Response response = answer(failed == 0 ? 200 : outages == items.size() ? 503 : 207, body);
  if (retry_after.count() > 0)
    response.headers.emplace_back("Retry-After", std::to_string(retry_after.count()));
  return response;
}

}  // namespace

Awaitable<Response> admit_bulk(HostView* host, Request request) {
  const auto executor = co_await boost::asio::this_coro::executor;
  const auto work = std::make_shared<Work>(executor);
  const bool lines = request.header("content-type").starts_with("application/x-ndjson");
  if (auto refusal = lines ? read_lines(request, work->items) : read_array(request, work->items))
    co_return *refusal;
  if (work->items.empty())
    co_return refuse(400, "NO_ITEMS", "There is no payout in this request.", "payouts");
  request.body = {};
  for (std::size_t i = 0; i < work->items.size(); ++i) work->open += work->items[i].request ? 1U : 0U;
  if (work->open > 0) {
    for (std::size_t i = 0; i < work->items.size(); ++i) {
      if (!work->items[i].request) continue;
      boost::asio::co_spawn(executor, admit_item(host, work, i), [work](std::exception_ptr error) {
        PAYOUTD_ASSERT(!error, "admitting an item never throws");
        if (--work->open == 0) work->done.notify();
      });
    }
    while (work->open > 0) co_await work->done.wait(std::chrono::hours(1));
  }
  co_return summary(host, request, work->items);
}

}  // namespace payoutd::http
