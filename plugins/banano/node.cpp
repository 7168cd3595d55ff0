#include "node.hpp"

namespace banano {

using payoutd::HttpFailure;
using payoutd::HttpRequest;
using payoutd::HttpResponse;

NodeClient::NodeClient(payoutd::Services services, const Config& config)
    : services_(std::move(services)),
      config_(config),
      receivable_action_(config.receivable_action == "auto" ? "receivable" : config.receivable_action) {}

HttpRequest NodeClient::post(const std::string& url, std::string request) const {
  return HttpRequest::post(url).body(std::move(request), "application/json");
}

Awaitable<Answer> NodeClient::ask_url(std::string url, std::string request,
                                      std::optional<std::chrono::milliseconds> timeout) {
  HttpRequest plain = post(url, std::move(request));
  HttpRequest question = timeout ? std::move(plain).timeout(*timeout) : std::move(plain);
  try {
    const HttpResponse response = co_await services_.http->send(std::move(question));
    co_return Answer::read(response.status, response.body);
  } catch (const HttpFailure& failure) {
    co_return Answer::unusable(failure.what());
  }
}

Awaitable<Answer> NodeClient::ask_at(std::size_t node, std::string request) {
  co_return co_await ask_url(config_.node_urls.at(node), std::move(request), std::nullopt);
}

Awaitable<Answer> NodeClient::ask(std::string request) {
  std::string reasons;
  for (std::size_t i = 0; i < node_count(); ++i) {
    const std::size_t node = (preferred_ + i) % node_count();
    Answer answer = co_await ask_at(node, request);
    if (answer.usable()) {
      preferred_ = node;
      co_return answer;
    }
    reasons += (reasons.empty() ? "" : "; ") + answer.message;
  }
  throw BananoFailure("no node gives a usable answer: " + reasons);
}

Awaitable<std::uint64_t> NodeClient::generate_work(Bytes32 root) {
  const std::string request = work_generate_request(root, config_.work_threshold);
  Answer answer;
  const bool has_server = !config_.work_url.empty();
  for (std::size_t i = 0; i < (has_server ? 1 : node_count()) && !answer.usable(); ++i) {
    const std::string& url =
        has_server ? config_.work_url : config_.node_urls[(preferred_ + i) % node_count()];
    answer = co_await ask_url(url, request, config_.work_timeout);
  }
  const auto work = decode_work(answer);
  if (!work) {
    throw BananoFailure("there is no work for the block: " + work.error().field +
                        (work.error().field.empty() ? "" : " ") + work.error().reason);
  }
  const std::uint64_t difficulty = difficulty_of(*work, root);
  if (difficulty < config_.work_threshold) {
    throw BananoFailure("the work that was generated is too small: " + to_hex64(difficulty) + " is below " +
                        to_hex64(config_.work_threshold));
  }
  co_return *work;
}

/// More than are received at one go: those that cannot be received must not hide the others for ever.
/// V20 knows the question as `pending` only, later nodes as `receivable`, and some as both.
Awaitable<std::vector<Receivable>> NodeClient::receivable(std::string account) {
  static constexpr int kSpare = 16;
  const int count = config_.receive_limit + kSpare;
  Answer answer =
      co_await ask(receivable_request(receivable_action_, account, count, config_.receive_minimum));
  if (config_.receivable_action == "auto" && answer.is_error("Unknown command")) {
    receivable_action_ = receivable_action_ == "pending" ? "receivable" : "pending";
    answer = co_await ask(receivable_request(receivable_action_, account, count, config_.receive_minimum));
  }
  auto found = decode_receivable(answer);
  if (!found) {
    throw BananoFailure("what can be received by " + account + " is not known: " + found.error().field +
                        (found.error().field.empty() ? "" : " ") + found.error().reason);
  }
  co_return *std::move(found);
}

Awaitable<HttpResponse> NodeClient::publish(std::string request) {
  const std::size_t node = preferred_ % node_count();
  try {
    co_return co_await services_.http->send(post(config_.node_urls[node], std::move(request)).moves_money());
  } catch (const HttpFailure&) {
    preferred_ = (node + 1) % node_count();
    throw;
  }
}

Awaitable<HttpResponse> NodeClient::send_from_wallet(std::string request) {
  co_return co_await services_.http->send(post(config_.node_urls.front(), std::move(request)).moves_money());
}

}  // namespace banano
