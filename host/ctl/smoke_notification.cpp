#include "ctl/smoke_notification.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include "core/ids.hpp"
#include "core/standard_webhook.hpp"
#include "ctl/json_view.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::int64_t kTolerance_s = 300;
constexpr std::size_t kMostBytes = 256 * 1024;

[[noreturn]] void fail(const std::string& message) {
  throw CommandFailed(ExitCode::smoke_notification, message);
}

std::string error_text() {
  return std::system_category().message(errno);
}

bool is_readable(int fd, milliseconds limit) {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, static_cast<int>(limit.count())) > 0;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return out;
}

struct Arrived {
  std::string target;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

/// The head's lines, and how long the body is.
std::optional<Arrived> read_head(std::string_view head, std::size_t& length) {
  Arrived arrived;
  const auto line_end = std::min(head.find("\r\n"), head.size());
  const std::string_view first = head.substr(0, line_end);
  const auto blank = first.find(' ');
  const auto second = blank == std::string_view::npos ? blank : first.find(' ', blank + 1);
  if (second == std::string_view::npos || first.substr(0, blank) != "POST") return std::nullopt;
  arrived.target = first.substr(blank + 1, second - blank - 1);
  for (auto at = line_end; at < head.size();) {
    at += 2;
    const auto end = std::min(head.find("\r\n", at), head.size());
    const std::string_view line = head.substr(at, end - at);
    if (const auto colon = line.find(':'); colon != std::string_view::npos) {
      std::string_view value = line.substr(colon + 1);
      while (value.starts_with(' ')) value.remove_prefix(1);
      arrived.headers[lower(line.substr(0, colon))] = value;
    }
    at = end;
  }
  const auto stated = arrived.headers.find("content-length");
  if (stated == arrived.headers.end()) return std::nullopt;
  const std::string& text = stated->second;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (ec != std::errc() || end != text.data() + text.size() || length > kMostBytes) return std::nullopt;
  return arrived;
}

/// Takes what is posted to it, on a thread of its own, one connection at a time.
class Receiver {
 public:
  explicit Receiver(const std::string& listen) {
    const auto colon = listen.rfind(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    int port = -1;
    if (colon != std::string::npos)
      std::from_chars(listen.data() + colon + 1, listen.data() + listen.size(), port);
    if (port < 0 || port > 65'535 ||
        ::inet_pton(AF_INET, listen.substr(0, colon).c_str(), &address.sin_addr) != 1)
      throw CommandFailed(ExitCode::usage,
                          "--notify-listen must be an IPv4 address and a port: 127.0.0.1:8499");
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, 16) != 0) {
      const std::string why = error_text();
      ::close(listener_);
      throw CommandFailed(ExitCode::usage, "--notify-listen " + listen + ": " + why);
    }
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    place_ = listen.substr(0, colon) + ":" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  ~Receiver() {
    stopped_ = true;
    thread_.join();
    ::close(listener_);
  }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  const std::string& place() const { return place_; }
  std::optional<Arrived> next(milliseconds limit) {
    std::unique_lock lock(mutex_);
    if (!arrival_.wait_for(lock, limit, [this] { return !arrived_.empty(); })) return std::nullopt;
    Arrived first = std::move(arrived_.front());
    arrived_.pop_front();
    return first;
  }

 private:
  void serve() {
    while (!stopped_) {
      if (!is_readable(listener_, milliseconds{100})) continue;
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      auto arrived = read(fd);
      const std::string_view answer = arrived ? "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
                                              : "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n"
                                                "Connection: close\r\n\r\n";
      ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::close(fd);
      if (!arrived) continue;
      const std::lock_guard guard(mutex_);
      arrived_.push_back(*std::move(arrived));
      arrival_.notify_one();
    }
  }
  static std::optional<Arrived> read(int fd) {
    const auto deadline = Clock::now() + std::chrono::seconds(5);
    std::string bytes;
    std::optional<Arrived> arrived;
    std::size_t length = 0;
    std::size_t begin = 0;
    while (!arrived || bytes.size() < begin + length) {
      const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
      char part[4096];
      if (left.count() <= 0 || bytes.size() > 2 * kMostBytes || !is_readable(fd, left)) return std::nullopt;
      const ssize_t got = ::recv(fd, part, sizeof part, 0);
      if (got <= 0) return std::nullopt;
      bytes.append(part, static_cast<std::size_t>(got));
      const auto end = bytes.find("\r\n\r\n");
      if (arrived || end == std::string::npos) continue;
      arrived = read_head(std::string_view(bytes).substr(0, end), length);
      if (!arrived) return std::nullopt;
      begin = end + 4;
    }
    arrived->body = bytes.substr(begin, length);
    return arrived;
  }

  int listener_ = -1;
  std::string place_;
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  std::condition_variable arrival_;
  std::deque<Arrived> arrived_;
  std::thread thread_;
};

class Endpoint final : public SmokeNotification {
 public:
  Endpoint(SmokeApi& api, const Listen& listen) : api_(api), receiver_(listen.address) {
    path_ = "/smoke/" + core::random_uuid();
    const std::string base = listen.url.empty() ? "http://" + receiver_.place() : listen.url;
    const Answer added = api_.operate("POST", kEndpoints,
                                      {{"url", base + path_},
                                       {"client", listen.client},
                                       {"event_types", {"payout.confirmed"}},
                                       {"description", "a smoke test; it goes away by itself"}});
    if (added.status != 201) fail("registering the endpoint was answered with " + added.message());
    const json::object& endpoint = added.body.as_object();
    id_ = text_at(endpoint, "id");
    auto secret = core::read_shown_secret(text_at(endpoint, "signing_secret"));
    if (!secret) fail("the endpoint's secret " + secret.error().reason);
    secret_ = *std::move(secret);
  }

  std::string await(const std::string& payout_id, milliseconds limit) override {
    const auto deadline = Clock::now() + limit;
    for (;;) {
      const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
      auto arrived = left.count() > 0 ? receiver_.next(left) : std::nullopt;
      if (!arrived) fail("no notification of the payout came in time" + last_error());
      // Others may post here too, and other payouts of the client may end meanwhile.
      if (!arrived->target.ends_with(path_)) continue;
      const std::string type = verified(*arrived);
      const json::value body = json::parse(arrived->body);
      const json::object& data = object_at(body.as_object(), "data");
      if (text_at(data, "id") != payout_id) continue;
      if (type != "payout.confirmed" || text_at(data, "state") != "CONFIRMED")
        fail("the notification says " + type + ", " + text_at(data, "state"));
      return type + " came, and its signature is the endpoint's";
    }
  }

  void remove() override {
    const Answer removed = api_.operate("POST", std::string(kEndpoints) + "/" + id_ + "/remove");
    if (!removed.ok()) fail("endpoint " + id_ + ": " + removed.message());
  }

 private:
  static constexpr const char* kEndpoints = "/v1/admin/notifications/endpoints";

  std::string verified(const Arrived& arrived) const {
    const auto header = [&](const char* name) {
      const auto found = arrived.headers.find(name);
      return found == arrived.headers.end() ? std::string() : found->second;
    };
    const std::int64_t now_s =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    const auto verdict = core::verify_message(
        secret_,
        {header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"), arrived.body}, now_s,
        kTolerance_s);
    if (verdict != core::MessageVerdict::good)
      fail("a notification came whose signature does not verify: " + std::string(core::to_string(verdict)));
    json::error_code unreadable;
    const json::value body = json::parse(arrived.body, unreadable);
    if (unreadable || !body.is_object()) fail("a notification came whose body is no JSON object");
    return text_at(body.as_object(), "type");
  }

  /// What the host says of the endpoint; empty if it says nothing.
  std::string last_error() {
    const Answer answer = api_.operate("GET", std::string(kEndpoints) + "/" + id_);
    const std::string error = answer.ok() ? text_at(answer.body.as_object(), "last_error") : std::string();
    return error.empty() ? "" : "; the host says: " + error;
  }

  SmokeApi& api_;
  Receiver receiver_;
  std::string path_;
  std::string id_;
  Secret secret_;
};

}  // namespace

std::unique_ptr<SmokeNotification> SmokeNotification::open(SmokeApi& api, const Listen& listen) {
  const Answer served = api.operate("GET", "/v1/admin/notifications/endpoints");
  if (served.status == 404) return nullptr;
  if (!served.ok()) fail("GET /v1/admin/notifications/endpoints was answered with " + served.message());
  return std::make_unique<Endpoint>(api, listen);
}

}  // namespace payoutd::ctl
