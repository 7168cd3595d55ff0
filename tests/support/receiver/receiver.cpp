#include "receiver/receiver.hpp"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <list>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace payoutd::test {
namespace {

using std::chrono::milliseconds;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

ReceivedMessage parse_head(const std::string& head) {
  ReceivedMessage message;
  std::istringstream lines(head);
  std::string line;
  std::getline(lines, line);
  std::istringstream first(line);
  first >> message.method >> message.path;
  while (std::getline(lines, line)) {
    if (line.ends_with('\r')) line.pop_back();
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    auto begin = line.find_first_not_of(' ', colon + 1);
    if (begin == std::string::npos) begin = line.size();
    message.headers[lower(line.substr(0, colon))] = line.substr(begin);
  }
  return message;
}

std::string bytes_of(const ReceiverAnswer& answer) {
  std::string text = "HTTP/1.1 " + std::to_string(answer.status) + " Answer\r\n";
  for (const auto& [name, value] : answer.headers) text += name + ": " + value + "\r\n";
  return text + "Content-Length: " + std::to_string(answer.body.size()) + "\r\n\r\n" + answer.body;
}

}  // namespace

struct Receiver::State {
  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  Behaviour behaviour;
  std::vector<ReceivedMessage> received;
  std::size_t connections = 0;
  std::uint16_t port = 0;
  int listener = -1;
  std::atomic<bool> stopping{false};
  std::thread acceptor;
  std::list<std::thread> serving;
  std::vector<int> open;

  void listen();
  void accept_all();
  void serve(int connection);
  void close_all();
};

void Receiver::State::listen() {
  listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, 64) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("the receiver cannot listen");
  port = ntohs(address.sin_port);
  stopping = false;
  acceptor = std::thread([this] { accept_all(); });
}

void Receiver::State::accept_all() {
  while (!stopping) {
    pollfd waiting{listener, POLLIN, 0};
    if (::poll(&waiting, 1, 20) != 1) continue;
    const int connection = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    const std::lock_guard lock(mutex);
    ++connections;
    open.push_back(connection);
    serving.emplace_back([this, connection] { serve(connection); });
  }
}

void Receiver::State::serve(int connection) {
  std::string buffered;
  char bytes[4096];
  while (!stopping) {
    const auto end = buffered.find("\r\n\r\n");
    ReceivedMessage message;
    std::size_t whole = std::string::npos;
    if (end != std::string::npos) {
      message = parse_head(buffered.substr(0, end));
      const std::string length = message.header("content-length");
      whole = end + 4 + (length.empty() ? 0 : std::stoul(length));
    }
    if (whole == std::string::npos || buffered.size() < whole) {
      const auto got = ::recv(connection, bytes, sizeof bytes, 0);
      if (got <= 0) break;
      buffered.append(bytes, static_cast<std::size_t>(got));
      continue;
    }
    message.body = buffered.substr(end + 4, whole - end - 4);
    message.at = std::chrono::steady_clock::now();
    buffered.erase(0, whole);
    Behaviour answer_to;
    {
      const std::lock_guard lock(mutex);
      received.push_back(message);
      answer_to = behaviour;
      changed.notify_all();
    }
    const ReceiverAnswer answer = answer_to ? answer_to(message) : ReceiverAnswer{};
    const auto until = std::chrono::steady_clock::now() + answer.delay;
    while (!stopping && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(milliseconds{5});
    if (answer.cut || stopping) break;
    const std::string text = bytes_of(answer);
    if (::send(connection, text.data(), text.size(), MSG_NOSIGNAL) < 0) break;
  }
  const std::lock_guard lock(mutex);
  std::erase(open, connection);
  ::close(connection);
}

void Receiver::State::close_all() {
  stopping = true;
  if (acceptor.joinable()) acceptor.join();
  if (listener >= 0) ::close(listener);
  listener = -1;
  std::list<std::thread> threads;
  {
    const std::lock_guard lock(mutex);
    for (const int connection : open) ::shutdown(connection, SHUT_RDWR);
    threads.swap(serving);
  }
  for (std::thread& thread : threads) thread.join();
}

Receiver::Receiver() : state_(std::make_shared<State>()) {
  state_->listen();
}
Receiver::~Receiver() {
  state_->close_all();
}

std::string Receiver::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(state_->port) + path;
}
std::uint16_t Receiver::port() const {
  return state_->port;
}

void Receiver::behave(Behaviour behaviour) {
  const std::lock_guard lock(state_->mutex);
  state_->behaviour = std::move(behaviour);
}
void Receiver::behave(int status) {
  behave([status](const ReceivedMessage&) { return ReceiverAnswer{.status = status}; });
}

void Receiver::stop() {
  state_->close_all();
}
void Receiver::start() {
  state_->listen();
}

std::vector<ReceivedMessage> Receiver::received() const {
  const std::lock_guard lock(state_->mutex);
  return state_->received;
}
std::size_t Receiver::count() const {
  const std::lock_guard lock(state_->mutex);
  return state_->received.size();
}
std::size_t Receiver::connections() const {
  const std::lock_guard lock(state_->mutex);
  return state_->connections;
}

bool Receiver::wait_for(std::size_t count, milliseconds limit) const {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, limit, [&] { return state_->received.size() >= count; });
}

bool signed_with(const ReceivedMessage& message, const std::string& secret) {
  if (!secret.starts_with("whsec_")) return false;
  const std::string text = secret.substr(6);
  std::string key(text.size() / 4 * 3 + 3, '\0');
  const int decoded =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(key.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (decoded < 0) return false;
  const auto padding = static_cast<std::size_t>(std::count(text.begin(), text.end(), '='));
  key.resize(static_cast<std::size_t>(decoded) - padding);
  const std::string signed_text =
      message.id() + "." + message.header("webhook-timestamp") + "." + message.body;
  unsigned char mac[32];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size(), mac, &size);
  char encoded[64];
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded), mac, static_cast<int>(size));
  std::istringstream all(message.header("webhook-signature"));
  std::string one;
  while (all >> one)
    if (one == std::string("v1,") + encoded) return true;
  return false;
}

int signatures_of(const ReceivedMessage& message) {
  std::istringstream all(message.header("webhook-signature"));
  std::string one;
  int count = 0;
  while (all >> one) ++count;
  return count;
}

}  // namespace payoutd::test
