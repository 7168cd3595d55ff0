#pragma once
#include <chrono>
#include <optional>
#include <payoutd/awaitable.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace payoutd {

/// One HTTP/1.1 request. Built fluently: `HttpRequest::post(url).header("X", "y").body(json,
/// "application/json")`.
class HttpRequest {
 public:
  static HttpRequest get(std::string url) { return HttpRequest("GET", std::move(url)); }
  static HttpRequest post(std::string url) { return HttpRequest("POST", std::move(url)); }
  static HttpRequest put(std::string url) { return HttpRequest("PUT", std::move(url)); }
  HttpRequest(std::string method, std::string url) : method_(std::move(method)), url_(std::move(url)) {}

  HttpRequest& header(std::string name, std::string value) & {
    headers_.emplace_back(std::move(name), std::move(value));
    return *this;
  }
  HttpRequest&& header(std::string name, std::string value) && {
    return std::move(header(std::move(name), std::move(value)));
  }
  HttpRequest& body(std::string content, std::string content_type) & {
    body_ = std::move(content);
    return header("Content-Type", std::move(content_type));
  }
  HttpRequest&& body(std::string content, std::string content_type) && {
    return std::move(body(std::move(content), std::move(content_type)));
  }
  /// Whole time allowed for the answer once the request is written; the contract's response_timeout
  /// otherwise.
  HttpRequest&& timeout(std::chrono::milliseconds value) && {
    timeout_ = value;
    return std::move(*this);
  }
  /// Marks the one request of a submit that may move money: legal once per submit and nowhere else. It is
  /// never retried, follows no redirect, starts only before the submit deadline, and the send log is marked
  /// before its first byte leaves.
  HttpRequest&& moves_money() && {
    moves_money_ = true;
    return std::move(*this);
  }

  const std::string& method() const noexcept { return method_; }
  const std::string& url() const noexcept { return url_; }
  const std::vector<std::pair<std::string, std::string>>& headers() const noexcept { return headers_; }
  const std::string& content() const noexcept { return body_; }
  std::optional<std::chrono::milliseconds> response_timeout() const noexcept { return timeout_; }
  bool is_money_moving() const noexcept { return moves_money_; }

 private:
  std::string method_;
  std::string url_;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::string body_;
  std::optional<std::chrono::milliseconds> timeout_;
  bool moves_money_ = false;
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;  ///< whole, at most the client's limit (1 MiB)

  /// The first header of that name, compared without case; empty if there is none.
  std::string_view header(std::string_view name) const noexcept;
};

/// How far a request got before it failed.
enum class HttpStage { resolve, connect, handshake, write, read };

/// No usable answer came: refused, reset, timed out, too large, not HTTP, or stopped by a limit of the host.
class HttpFailure : public std::runtime_error {
 public:
  HttpFailure(HttpStage stage, bool bytes_left, std::string what)
      : std::runtime_error(std::move(what)), stage_(stage), bytes_left_(bytes_left) {}
  HttpStage stage() const noexcept { return stage_; }
  /// False proves that no byte of this request left the process.
  bool bytes_left() const noexcept { return bytes_left_; }

 private:
  HttpStage stage_;
  bool bytes_left_;
};

/// The only way out of a provider process. One instance per provider; keep-alive connections, TLS with
/// verification, time-outs, forward proxy and limits are its own. Not thread-safe: the process has one
/// thread.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  /// Any status is an answer; throws HttpFailure when there is none.
  virtual Awaitable<HttpResponse> send(HttpRequest request) = 0;
};

std::string_view to_string(HttpStage stage) noexcept;

}  // namespace payoutd
