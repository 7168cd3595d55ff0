#include "raw_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstring>
#include <stdexcept>

#include "openapi/api_contract.hpp"

namespace payoutd::test {

boost::json::value RawResponse::json() const {
  return boost::json::parse(body);
}

std::string RawResponse::code() const {
  boost::json::error_code ec;
  const auto value = boost::json::parse(body, ec);
  if (ec || !value.is_object() || !value.get_object().contains("error")) return {};
  return std::string(value.at("error").at("code").as_string());
}

RawClient RawClient::tcp(std::uint16_t port, const std::string& host) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    ::close(descriptor);
    throw std::runtime_error("cannot connect to port " + std::to_string(port));
  }
  return {descriptor, false};
}

RawClient RawClient::monitoring(std::uint16_t port, const std::string& address) {
  RawClient client = tcp(port, address);
  client.monitoring_ = true;
  return client;
}

RawClient RawClient::unix_socket(const std::string& path) {
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    ::close(descriptor);
    throw std::runtime_error("cannot connect to " + path);
  }
  return {descriptor, true};
}

RawClient::~RawClient() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

RawClient::RawClient(RawClient&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      control_(other.control_),
      monitoring_(other.monitoring_),
      pending_(std::move(other.pending_)),
      unanswered_(std::move(other.unanswered_)) {}

void RawClient::send(std::string_view bytes) {
  unanswered_ += bytes;
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the answer, if there is one, says why
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool RawClient::fill(std::chrono::milliseconds limit) {
  pollfd wait{descriptor_, POLLIN, 0};
  if (::poll(&wait, 1, static_cast<int>(limit.count())) <= 0) throw std::runtime_error("no answer in time");
  char bytes[64 * 1024];
  const ssize_t got = ::recv(descriptor_, bytes, sizeof(bytes), 0);
  if (got <= 0) return false;
  pending_.append(bytes, static_cast<std::size_t>(got));
  return true;
}

RawResponse RawClient::receive(bool head_only) {
  constexpr std::chrono::seconds kLimit{10};
  RawResponse response;
  std::size_t end = 0;
  while ((end = pending_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill(kLimit)) return response;
  }
  const std::string head = pending_.substr(0, end);
  pending_.erase(0, end + 4);
  response.status = std::stoi(head.substr(9, 3));
  for (std::size_t line = head.find("\r\n"); line != std::string::npos; line = head.find("\r\n", line + 2)) {
    const auto colon = head.find(": ", line);
    const auto stop = head.find("\r\n", line + 2);
    std::string name = head.substr(line + 2, colon - line - 2);
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    response.headers[name] = head.substr(colon + 2, stop == std::string::npos ? stop : stop - colon - 2);
  }
  if (response.status == 100) return response;
  if (head_only) {
    compare_with_document(response);
    return response;
  }
  if (response.headers.contains("transfer-encoding")) {
    response.cut = !read_chunks(response);
    compare_with_document(response);
    return response;
  }
  const std::size_t length = std::stoul(response.headers.at("content-length"));
  while (pending_.size() < length) {
    if (!fill(kLimit)) throw std::runtime_error("the connection ended inside a body");
  }
  response.body = pending_.substr(0, length);
  pending_.erase(0, length);
  compare_with_document(response);
  return response;
}

void RawClient::compare_with_document(const RawResponse& response) {
  ApiRequest request = take_request(unanswered_);
  request.control = control_;
  if (response.headers.contains("connection") && response.headers.at("connection") == "close")
    unanswered_.clear();
  if (monitoring_ && response.status == 404) return;
  ApiContract::of_this_build().require(request, {response.status, response.headers, response.body});
}

bool RawClient::read_chunks(RawResponse& response) {
  constexpr std::chrono::seconds kLimit{20};
  const auto line = [&]() -> std::optional<std::string> {
    std::size_t end = 0;
    while ((end = pending_.find("\r\n")) == std::string::npos)
      if (!fill(kLimit)) return std::nullopt;
    std::string text = pending_.substr(0, end);
    pending_.erase(0, end + 2);
    return text;
  };
  for (;;) {
    const auto size = line();
    if (!size) return false;
    const std::size_t length = std::stoul(*size, nullptr, 16);
    if (length == 0) break;
    while (pending_.size() < length + 2)
      if (!fill(kLimit)) return false;
    response.body.append(pending_, 0, length);
    pending_.erase(0, length + 2);
  }
  for (;;) {
    const auto header = line();
    if (!header) return false;
    if (header->empty()) return true;
    const auto colon = header->find(": ");
    std::string name = header->substr(0, colon);
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    response.trailers[name] = header->substr(colon + 2);
  }
}

bool RawClient::begins(std::chrono::milliseconds limit) {
  pollfd wait{descriptor_, POLLIN, 0};
  return !pending_.empty() || ::poll(&wait, 1, static_cast<int>(limit.count())) == 1;
}

bool RawClient::closed(std::chrono::milliseconds limit) {
  if (!pending_.empty()) return false;
  try {
    return !fill(limit);
  } catch (const std::runtime_error&) {
    return false;
  }
}

std::string request(std::string_view method, std::string_view target, std::string_view body,
                    const std::map<std::string, std::string>& headers) {
  std::string text(method);
  text.append(" ").append(target).append(" HTTP/1.1\r\n");
  if (!headers.contains("Host")) text += "Host: localhost\r\n";
  for (const auto& [name, value] : headers) text.append(name).append(": ").append(value).append("\r\n");
  if (!body.empty() && !headers.contains("Content-Type")) text += "Content-Type: application/json\r\n";
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text.append("\r\n").append(body);
}

}  // namespace payoutd::test
