#include <boost/asio/this_coro.hpp>
#include <boost/json.hpp>

#include "http/csv.hpp"
#include "http/json_output.hpp"
#include "http/list_filter.hpp"
#include "http/payout_json.hpp"
#include "http/routes.hpp"
#include "providers/event.hpp"

namespace payoutd::http {
namespace {

namespace json = boost::json;

constexpr int kPage = 500;
constexpr int kMostAtOnce = 16;
constexpr int kMostOfOneClient = 4;
constexpr const char* kCountHeader = "Payout-Count";

/// What the exports of a host share. Only one of them reads a page at a time, so that the API keeps its other
/// connections, however many exports there are and however fast they are taken.
struct Desk {
  int open = 0;
  std::map<std::string, int> by_client;
  bool reading = false;
  std::optional<providers::Event> page_read;
};

/// Counts an export for as long as it lives.
class Seat {
 public:
  Seat(std::shared_ptr<Desk> desk, std::string client) : desk_(std::move(desk)), client_(std::move(client)) {
    ++desk_->open;
    ++desk_->by_client[client_];
  }
  ~Seat() {
    --desk_->open;
    if (--desk_->by_client[client_] == 0) desk_->by_client.erase(client_);
  }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

 private:
  std::shared_ptr<Desk> desk_;
  std::string client_;
};

Awaitable<store::Page> read_page(HostView* host, std::shared_ptr<Desk> desk, store::ListFilter filter) {
  while (desk->reading) co_await desk->page_read->wait_for(std::chrono::milliseconds{100});
  desk->reading = true;
  std::exception_ptr failure;
  store::Page page;
  try {
    page = co_await host->list(std::move(filter));
  } catch (...) {
    failure = std::current_exception();
  }
  desk->reading = false;
  desk->page_read->notify();
  if (failure) std::rethrow_exception(failure);
  co_return page;
}

constexpr const char* kColumns =
    "id,client,idempotency_key,state,reason,reason_text,amount,currency,destination,provider,provider_ref,"
    "attempt_count,user,region,note,metadata,batch,flow_id,created_at,updated_at,finished_at,next_action_"
    "at\r\n";

void append_csv(std::string& text, const store::Payout& p) {
  const std::string state(core::to_string(p.state));
  const std::string amount = p.money.amount.to_string();
  const std::string attempts = std::to_string(p.attempt_count);
  const std::string* cells[] = {
      &p.id,           &p.client_id,     &p.idempotency_key, &state,         &p.reason,
      &p.reason_text,  &amount,          &p.money.currency,  &p.destination, &p.provider,
      &p.provider_ref, &attempts,        &p.user_ref,        &p.region,      &p.note,
      &p.metadata,     &p.batch,         &p.flow_id,         &p.created_at,  &p.updated_at,
      &p.finished_at,  &p.next_action_at};
  bool first = true;
  for (const std::string* cell : cells) {
    if (!first) text += ',';
    first = false;
    append_csv_cell(text, *cell);
  }
  text += "\r\n";
}

void append_json(std::string& text, const store::Payout& payout) {
  json::object line = payout_json(payout);
  line["client"] = payout.client_id;
  line.erase("links");
  text += json::serialize(line);
  text += '\n';
}

/// Page after page, each a transaction of its own: nothing is held open while the other side reads.
class PayoutExport final : public BodyStream {
 public:
  PayoutExport(HostView* host, std::shared_ptr<Desk> desk, std::unique_ptr<Seat> seat,
               store::ListFilter filter, bool csv, store::Page first)
      : host_(host),
        desk_(std::move(desk)),
        seat_(std::move(seat)),
        filter_(std::move(filter)),
        csv_(csv),
        page_(std::move(first)) {}

  Awaitable<std::string> next() override {
    if (ended_) co_return std::string();
    if (!page_) page_ = co_await read_page(host_, desk_, filter_);
    std::string text = csv_ && count_ == 0 && filter_.cursor.empty() ? kColumns : "";
    for (const store::Payout& payout : page_->payouts)
      csv_ ? append_csv(text, payout) : append_json(text, payout);
    count_ += std::ssize(page_->payouts);
    filter_.cursor = page_->next;
    ended_ = page_->next.empty();
    page_.reset();
    if (ended_ && !csv_) text += json::serialize(json::object{{"end", true}, {"count", count_}}) + "\n";
    co_return text;
  }
  std::string trailer_names() const override { return kCountHeader; }
  Pairs trailers() const override { return {{kCountHeader, std::to_string(count_)}}; }

 private:
  HostView* host_;
  std::shared_ptr<Desk> desk_;
  std::unique_ptr<Seat> seat_;
  store::ListFilter filter_;
  bool csv_;
  std::optional<store::Page> page_;
  std::int64_t count_ = 0;
  bool ended_ = false;
};

Response too_many() {
  Response response =
      refuse(429, "TOO_MANY_EXPORTS", "Too many exports are under way; come again when one has ended.");
  response.headers.emplace_back("Retry-After", "5");
  return response;
}

Awaitable<Response> get_export(HostView* host, std::shared_ptr<Desk> desk, Request request) {
  const std::string format = request.parameter("format");
  if (!format.empty() && format != "csv" && format != "jsonl")
    co_return refuse(400, "BAD_PARAMETER", "format must be csv or jsonl.", "format");
  store::ListFilter filter;
  if (auto refusal = read_list_filter(request, filter)) co_return *refusal;
  if (!request.peer.sees_all_clients()) filter.client_id = request.peer.client_id;
  filter.limit = kPage;
  const std::string who = request.peer.actor;
  const auto own = desk->by_client.find(who);
  if (desk->open >= kMostAtOnce || (own != desk->by_client.end() && own->second >= kMostOfOneClient)) {
    host->count_rate_limit_block("exports");
    co_return too_many();
  }
  auto seat = std::make_unique<Seat>(desk, who);
  if (!desk->page_read) desk->page_read.emplace(co_await boost::asio::this_coro::executor);
  const bool csv = format != "jsonl";
  Response response;
  response.content_type = csv ? "text/csv; charset=utf-8; header=present" : "application/x-ndjson";
  response.headers.emplace_back("Content-Disposition", csv ? "attachment; filename=\"payouts.csv\""
                                                           : "attachment; filename=\"payouts.jsonl\"");
  if (request.method == "HEAD") co_return response;
  // What is wrong at once is an error like any other.
  store::Page first = co_await read_page(host, desk, filter);
  response.stream = std::make_shared<PayoutExport>(host, std::move(desk), std::move(seat), std::move(filter),
                                                   csv, std::move(first));
  co_return response;
}

}  // namespace

std::vector<Route> export_routes(HostView& host) {
  const auto desk = std::make_shared<Desk>();
  std::vector<Route> routes;
  routes.push_back(
      {.method = "GET",
       .pattern = "/v1/payouts/export",
       .handle = [&host, desk](Request request) { return get_export(&host, desk, std::move(request)); },
       .query = {"format", "state", "provider", "batch", "user", "destination", "idempotency_key", "reason",
                 "created_after", "created_before"},
       .role = identity::Role::payouts_read});
  return routes;
}

}  // namespace payoutd::http
