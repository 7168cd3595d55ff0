#include "wire_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

namespace simulator {
namespace {

using Clock = std::chrono::steady_clock;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int remaining_ms(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::max<std::int64_t>(left, 0));
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::map<std::string, std::string> parse_headers(std::string_view head) {
  std::map<std::string, std::string> headers;
  auto at = head.find("\r\n");
  while (at != std::string_view::npos && at + 2 < head.size()) {
    const auto end = std::min(head.find("\r\n", at + 2), head.size());
    const auto line = head.substr(at + 2, end - at - 2);
    const auto colon = line.find(':');
    if (colon != std::string_view::npos) {
      auto value = line.substr(colon + 1);
      while (value.starts_with(' ')) value.remove_prefix(1);
      headers[lower(std::string{line.substr(0, colon)})] = value;
    }
    at = end == head.size() ? std::string_view::npos : end;
  }
  return headers;
}

/// Joins the chunks; null while the last one is missing.
std::optional<std::string> join_chunks(std::string_view bytes, std::size_t& consumed) {
  std::string body;
  std::size_t at = 0;
  for (;;) {
    const auto line = bytes.find("\r\n", at);
    if (line == std::string_view::npos) return std::nullopt;
    const auto size = std::strtoull(std::string{bytes.substr(at, line - at)}.c_str(), nullptr, 16);
    if (bytes.size() < line + 2 + size + 2) return std::nullopt;
    body.append(bytes.substr(line + 2, size));
    at = line + 2 + size + 2;
    if (size == 0) break;
  }
  consumed = at;
  return body;
}

std::string message_bytes(std::string start_line, std::string_view authority, const Headers& headers,
                          std::string_view body) {
  std::string bytes = std::move(start_line);
  if (!authority.empty()) bytes.append("Host: ").append(authority).append("\r\n");
  for (const auto& [name, value] : headers) bytes.append(name).append(": ").append(value).append("\r\n");
  bytes.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  return bytes;
}

bool write_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// A request whose body is whole, taken out of the buffer.
std::optional<ReceivedRequest> take_request(std::string& buffered) {
  const auto head_end = buffered.find("\r\n\r\n");
  if (head_end == std::string::npos) return std::nullopt;
  const auto head = std::string_view{buffered}.substr(0, head_end + 2);
  ReceivedRequest request;
  request.headers = parse_headers(head);
  const auto length =
      request.headers.contains("content-length") ? std::stoul(request.headers["content-length"]) : 0;
  if (buffered.size() < head_end + 4 + length) return std::nullopt;
  const auto first_space = head.find(' ');
  const auto second_space = head.find(' ', first_space + 1);
  request.method = head.substr(0, first_space);
  request.target = head.substr(first_space + 1, second_space - first_space - 1);
  request.body = buffered.substr(head_end + 4, length);
  buffered.erase(0, head_end + 4 + length);
  return request;
}

}  // namespace

WireClient::WireClient(std::string_view url) {
  if (url.starts_with("http://")) url.remove_prefix(7);
  authority_ = url.substr(0, url.find('/'));
  const auto colon = authority_.find(':');
  if (colon == std::string::npos) throw std::invalid_argument("no port in " + std::string{url});
  port_ = static_cast<std::uint16_t>(std::stoul(authority_.substr(colon + 1)));
}

WireClient::~WireClient() {
  close();
}

void WireClient::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  buffered_.clear();
}

bool WireClient::connect() {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0) throw std::system_error(errno, std::generic_category(), "socket");
  const auto address = loopback(port_);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
  refused_ = errno == ECONNREFUSED;
  close();
  return false;
}

bool WireClient::send(std::string_view method, std::string_view target, const Headers& headers,
                      std::string_view body) {
  refused_ = false;
  if (socket_ >= 0) {  // closed by the other side while it was idle?
    pollfd waiting{socket_, POLLIN, 0};
    if (::poll(&waiting, 1, 0) > 0) close();
  }
  if (socket_ < 0 && !connect()) return false;
  const auto start = std::string{method}.append(" ").append(target).append(" HTTP/1.1\r\n");
  return write_all(socket_, message_bytes(start, authority_, headers, body));
}

Reply WireClient::receive(std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  Reply reply;
  if (refused_) reply.wire = Wire::kRefused;
  if (socket_ < 0) return reply;
  for (;;) {
    reply.bytes_received = buffered_.size();
    const auto head_end = buffered_.find("\r\n\r\n");
    if (head_end != std::string::npos) {
      const auto head = std::string_view{buffered_}.substr(0, head_end + 2);
      reply.headers = parse_headers(head);
      reply.status = std::atoi(buffered_.c_str() + 9);
      const auto rest = std::string_view{buffered_}.substr(head_end + 4);
      std::size_t consumed = 0;
      std::optional<std::string> body;
      if (reply.headers.contains("transfer-encoding")) {
        body = join_chunks(rest, consumed);
      } else {
        consumed = std::stoul("0" + reply.headers["content-length"]);
        if (rest.size() >= consumed) body = rest.substr(0, consumed);
      }
      if (body) {
        reply.body = std::move(*body);
        reply.wire = Wire::kAnswered;
        buffered_.erase(0, head_end + 4 + consumed);
        if (reply.headers["connection"] == "close") close();
        return reply;
      }
    }
    pollfd waiting{socket_, POLLIN, 0};
    if (::poll(&waiting, 1, remaining_ms(deadline)) <= 0) return reply;
    std::array<char, 65536> bytes;
    const auto received = ::recv(socket_, bytes.data(), bytes.size(), 0);
    if (received <= 0) {
      reply.wire = received == 0 ? Wire::kClosed : Wire::kReset;
      close();
      return reply;
    }
    buffered_.append(bytes.data(), static_cast<std::size_t>(received));
  }
}

Reply WireClient::exchange(std::string_view method, std::string_view target, const Headers& headers,
                           std::string_view body, std::chrono::milliseconds patience) {
  if (!send(method, target, headers, body) && !refused_ && socket_ < 0) return {};
  return receive(patience);
}

WireListener::WireListener() {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = loopback(0);
  socklen_t size = sizeof address;
  if (listener_ < 0 || ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::system_error(errno, std::generic_category(), "listen for callbacks");
  }
  port_ = ntohs(address.sin_port);
}

WireListener::~WireListener() {
  for (const auto& peer : peers_) ::close(peer.socket);
  ::close(listener_);
}

std::string WireListener::url() const {
  return "http://127.0.0.1:" + std::to_string(port_);
}

std::optional<ReceivedRequest> WireListener::next(int status, std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  for (;;) {
    for (auto& peer : peers_) {
      if (auto request = take_request(peer.buffered)) {
        write_all(peer.socket,
                  message_bytes("HTTP/1.1 " + std::to_string(status) + " Status\r\n", {}, {}, {}));
        return request;
      }
    }
    std::vector<pollfd> waiting{{listener_, POLLIN, 0}};
    for (const auto& peer : peers_) waiting.push_back({peer.socket, POLLIN, 0});
    if (::poll(waiting.data(), waiting.size(), remaining_ms(deadline)) <= 0) return std::nullopt;
    for (std::size_t at = peers_.size(); at-- > 0;) {
      if (waiting[at + 1].revents == 0) continue;
      std::array<char, 16384> bytes;
      const auto received = ::recv(peers_[at].socket, bytes.data(), bytes.size(), 0);
      if (received > 0) {
        peers_[at].buffered.append(bytes.data(), static_cast<std::size_t>(received));
      } else {
        ::close(peers_[at].socket);
        peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(at));
      }
    }
    if (waiting[0].revents != 0) {
      const int accepted = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (accepted >= 0) peers_.push_back({accepted, {}});
    }
  }
}

}  // namespace simulator
