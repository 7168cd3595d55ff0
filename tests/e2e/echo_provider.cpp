#include "echo_provider.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <stdexcept>

namespace payoutd::test {
namespace {

constexpr int kPatience_ms = 2'000;

bool readable(int descriptor, int limit_ms) {
  pollfd waiting{descriptor, POLLIN, 0};
  return ::poll(&waiting, 1, limit_ms) == 1;
}

std::size_t content_length(const std::string& head) {
  const auto at = head.find("Content-Length: ");
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
}

// One whole request, or nothing.
std::string read_request(int connection) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const auto end = text.find("\r\n\r\n");
    if (end != std::string::npos && text.size() >= end + 4 + content_length(text)) return text;
    if (!readable(connection, kPatience_ms)) return {};
    const auto got = ::recv(connection, buffer, sizeof buffer, 0);
    if (got <= 0) return {};
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace

EchoProvider::EchoProvider(std::string token)
    : token_(std::move(token)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_, 64) != 0) {
    throw std::runtime_error("the echo provider cannot listen");
  }
  thread_ = std::thread([this] { serve(); });
}

EchoProvider::~EchoProvider() {
  stopping_ = true;
  thread_.join();
  ::close(listener_);
}

std::string EchoProvider::url() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  return "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

bool EchoProvider::saw(const std::string& text) const {
  const std::lock_guard<std::mutex> held(mutex_);
  return seen_.find(text) != std::string::npos;
}

void EchoProvider::serve() {
  while (!stopping_) {
    if (!readable(listener_, 50)) continue;
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    serve_one(connection);
    ::close(connection);
  }
}

void EchoProvider::serve_one(int connection) {
  const std::string request = read_request(connection);
  if (request.empty()) return;
  {
    const std::lock_guard<std::mutex> held(mutex_);
    seen_ += request;
  }
  const bool token = request.starts_with("POST /disbursement/token");
  const std::string body =
      token ? boost::json::serialize(boost::json::object{
                  {"access_token", token_}, {"token_type", "access_token"}, {"expires_in", 3600}})
            : boost::json::serialize(boost::json::object{{"code", "INTERNAL_PROCESSING_ERROR"},
                                                         {"message", "you sent: " + request}});
  const std::string answer = std::string("HTTP/1.1 ") + (token ? "200 OK" : "500 Error") +
                             "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
                             std::to_string(body.size()) + "\r\n\r\n" + body;
  ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
}

}  // namespace payoutd::test
