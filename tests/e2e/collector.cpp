#include "collector.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace payoutd::test {
namespace {

namespace json = boost::json;

constexpr int kLook_ms = 20;
constexpr int kCrawl_ms = 1'000;

bool readable(int descriptor, int limit_ms) {
  pollfd waiting{descriptor, POLLIN, 0};
  return ::poll(&waiting, 1, limit_ms) == 1;
}

std::size_t content_length(const std::string& head) {
  const auto at = head.find("Content-Length: ");
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
}

std::string text_at(const json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  return value == nullptr ? std::string() : std::string(value->as_string());
}

std::map<std::string, std::string> read_attributes(const json::value& list) {
  std::map<std::string, std::string> all;
  for (const json::value& one : list.as_array()) {
    const json::object& value = one.at("value").as_object();
    all[std::string(one.at("key").as_string())] =
        text_at(value, value.contains("stringValue") ? "stringValue" : "intValue");
  }
  return all;
}

CollectedSpan read_span(const json::object& span) {
  CollectedSpan out;
  out.name = text_at(span, "name");
  out.trace_id = text_at(span, "traceId");
  out.span_id = text_at(span, "spanId");
  out.parent_id = text_at(span, "parentSpanId");
  out.state = text_at(span, "traceState");
  out.kind = static_cast<int>(span.at("kind").as_int64());
  if (const auto* code = span.at("status").as_object().if_contains("code"))
    out.status = static_cast<int>(code->as_int64());
  out.start_ns = std::stoll(text_at(span, "startTimeUnixNano"));
  out.end_ns = std::stoll(text_at(span, "endTimeUnixNano"));
  out.attributes = read_attributes(span.at("attributes"));
  return out;
}

}  // namespace

Collector::Collector() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_, 64) != 0)
    throw std::runtime_error("the collector cannot listen");
  thread_ = std::thread([this] { accept(); });
}

Collector::~Collector() {
  stopping_ = true;
  thread_.join();
  for (std::thread& one : connections_) one.join();
  ::close(listener_);
}

std::string Collector::url() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  return "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

std::vector<CollectedSpan> Collector::spans() const {
  const std::lock_guard lock(mutex_);
  return spans_;
}

std::vector<CollectedSpan> Collector::trace(const std::string& trace_id) const {
  std::vector<CollectedSpan> found;
  for (const CollectedSpan& span : spans())
    if (span.trace_id == trace_id) found.push_back(span);
  std::ranges::sort(found, {}, &CollectedSpan::start_ns);
  return found;
}

std::string Collector::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

void Collector::accept() {
  while (!stopping_) {
    if (!readable(listener_, kLook_ms)) continue;
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection >= 0) connections_.emplace_back([this, connection] { serve(connection); });
  }
}

void Collector::serve(int connection) {
  std::string text;
  char buffer[65536];
  while (!stopping_) {
    const auto end = text.find("\r\n\r\n");
    if (end != std::string::npos && text.size() >= end + 4 + content_length(text)) {
      const std::size_t whole = end + 4 + content_length(text);
      const Mood mood = mood_;
      ++requests_;
      if (mood == Mood::takes || mood == Mood::crawling) keep(text.substr(0, whole));
      text.erase(0, whole);
      for (int waited = 0; mood == Mood::crawling && waited < kCrawl_ms && !stopping_; waited += kLook_ms)
        ::poll(nullptr, 0, kLook_ms);
      const std::string status = mood == Mood::fails ? "500 Internal Server Error" : "200 OK";
      const std::string answer =
          "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
      if (mood != Mood::silent) ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
      continue;
    }
    if (!readable(connection, kLook_ms)) continue;
    const auto got = ::recv(connection, buffer, sizeof buffer, 0);
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(connection);
}

void Collector::keep(const std::string& request) {
  const std::string body = request.substr(request.find("\r\n\r\n") + 4);
  const std::lock_guard lock(mutex_);
  received_ += request;
  if (!request.starts_with("POST /v1/traces HTTP/1.1\r\n")) return;
  const json::value message = json::parse(body);
  for (const json::value& resource : message.at("resourceSpans").as_array()) {
    const auto of_resource = read_attributes(resource.at("resource").at("attributes"));
    for (const json::value& scope : resource.at("scopeSpans").as_array()) {
      for (const json::value& span : scope.at("spans").as_array()) {
        spans_.push_back(read_span(span.as_object()));
        spans_.back().resource = of_resource;
      }
    }
  }
}

}  // namespace payoutd::test
