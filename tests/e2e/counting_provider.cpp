#include "counting_provider.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <stdexcept>

namespace payoutd::test {
namespace {

namespace json = boost::json;

bool readable(int descriptor, int limit_ms) {
  pollfd waiting{descriptor, POLLIN, 0};
  return ::poll(&waiting, 1, limit_ms) == 1;
}

/// A header's value; `name` in lower case.
std::string header(const std::string& head, const std::string& name) {
  std::string lower = head;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto at = lower.find("\r\n" + name + ":");
  if (at == std::string::npos) return {};
  auto begin = at + name.size() + 3;
  while (begin < head.size() && head[begin] == ' ') ++begin;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

std::string read_request(int connection) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const auto end = text.find("\r\n\r\n");
    if (end != std::string::npos) {
      const std::string length = header(text.substr(0, end + 2), "content-length");
      if (text.size() >= end + 4 + (length.empty() ? 0 : std::stoul(length))) return text;
    }
    if (!readable(connection, 2'000)) return {};
    const auto got = ::recv(connection, buffer, sizeof buffer, 0);
    if (got <= 0) return {};
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

std::string response(const std::string& status, const json::value& body) {
  const std::string text = body.is_null() ? "" : json::serialize(body);
  return "HTTP/1.1 " + status +
         "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
         std::to_string(text.size()) + "\r\n\r\n" + text;
}

}  // namespace

CountingProvider::CountingProvider() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_, 256) != 0)
    throw std::runtime_error("the counting provider cannot listen");
  thread_ = std::thread([this] { serve(); });
}

CountingProvider::~CountingProvider() {
  stopping_ = true;
  thread_.join();
  ::close(listener_);
  while (open_ > 0) std::this_thread::yield();
}

std::string CountingProvider::url() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  return "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

std::vector<CountingProvider::Clock::time_point> CountingProvider::submits() const {
  const std::lock_guard held(mutex_);
  return submits_;
}

std::vector<CountingProvider::Clock::time_point> CountingProvider::queries() const {
  const std::lock_guard held(mutex_);
  return queries_;
}

int CountingProvider::most_in(std::vector<Clock::time_point> times, std::chrono::milliseconds length) {
  std::ranges::sort(times);
  std::size_t most = 0;
  for (std::size_t begin = 0, end = 0; begin < times.size(); ++begin) {
    while (end < times.size() && times[end] < times[begin] + length) ++end;
    most = std::max(most, end - begin);
  }
  return static_cast<int>(most);
}

void CountingProvider::serve() {
  while (!stopping_) {
    if (!readable(listener_, 50)) continue;
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    ++open_;
    std::thread([this, connection] {
      serve_one(connection);
      ::close(connection);
      --open_;
    }).detach();
  }
}

void CountingProvider::serve_one(int connection) {
  const std::string request = read_request(connection);
  if (request.empty()) return;
  const std::string text = answer(request);
  ::send(connection, text.data(), text.size(), MSG_NOSIGNAL);
}

std::string CountingProvider::answer(const std::string& request) {
  constexpr std::string_view kTransfer = "/disbursement/v1_0/transfer";
  const std::string head = request.substr(0, request.find("\r\n\r\n") + 2);
  if (head.starts_with("POST /disbursement/token"))
    return response(
        "200 OK", json::object{{"access_token", "t"}, {"token_type", "access_token"}, {"expires_in", 3600}});
  const std::lock_guard held(mutex_);
  if (head.starts_with("POST " + std::string(kTransfer) + " ")) {
    submits_.push_back(Clock::now());
    transfers_[header(head, "x-reference-id")] = request.substr(head.size() + 2);
    return response("202 Accepted", nullptr);
  }
  if (head.starts_with("GET " + std::string(kTransfer) + "/")) {
    queries_.push_back(Clock::now());
    const auto begin = 4 + kTransfer.size() + 1;
    const auto known = transfers_.find(head.substr(begin, head.find(' ', begin) - begin));
    if (known == transfers_.end())
      return response("404 Not Found", json::object{{"code", "RESOURCE_NOT_FOUND"}, {"message", "unknown"}});
    json::object body = json::parse(known->second).as_object();
    body["status"] = finished_ ? "SUCCESSFUL" : "PENDING";
    if (finished_) body["financialTransactionId"] = "77" + std::to_string(queries_.size());
    return response("200 OK", body);
  }
  return response("404 Not Found", json::object{{"code", "NOT_FOUND"}, {"message", "unknown"}});
}

}  // namespace payoutd::test
