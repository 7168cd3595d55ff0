/// libFuzzer over what arrives at the port: raw bytes to the real server and router, over real sockets. No
/// bytes may crash or hang it, and whatever it answers is well-formed HTTP.
///
/// The first byte chooses the door (even: TCP, odd: the control socket, behind which everything is allowed)
/// and whether the sender closes its side or goes away without a word.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <chrono>
#include <filesystem>

#include "fuzz_host.hpp"
#include "http/server.hpp"

namespace {

using namespace payoutd;
using fuzz::expect;
namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{20};

struct Doors {
  Doors() : socket(std::filesystem::temp_directory_path() / ("payoutd-fuzz-" + std::to_string(::getpid()))) {
    http::ServerOptions options;
    options.control_socket = socket;
    server.emplace(fuzz.io.get_executor(), fuzz.router, options);
    server->start();
  }
  fuzz::FuzzHost fuzz;
  std::filesystem::path socket;
  std::optional<http::Server> server;
};

Doors& doors() {
  static auto* all = [] {
    std::atexit([] {
      std::error_code ignored;
      for (const char* suffix : {"", ".lock"})
        std::filesystem::remove(doors().socket.string() + suffix, ignored);
    });
    return new Doors;
  }();
  return *all;
}

int connect_tcp() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(doors().server->port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  expect(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "the port is open");
  // Closing resets, so that no port stays taken for a minute.
  const linger reset{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  return fd;
}

int connect_control() {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  doors().socket.string().copy(address.sun_path, sizeof address.sun_path - 1);
  expect(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "the socket is open");
  return fd;
}

/// Sends as much as the other side takes; returns how much.
std::size_t send_some(int fd, std::string_view bytes) {
  const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

/// False: the other side closed.
bool receive_some(int fd, std::string& into) {
  char buffer[65536];
  for (;;) {
    const auto got = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got > 0) {
      into.append(buffer, static_cast<std::size_t>(got));
      continue;
    }
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }
}

/// What came back.
std::string converse(int fd, std::string_view bytes, bool half_close) {
  asio::io_context& io = doors().fuzz.io;
  std::string answer;
  const auto until = Clock::now() + kPatience;
  bool said_all = false;
  for (int idle = 0; idle < 3;) {
    expect(Clock::now() < until, "a conversation comes to an end");
    if (!said_all) {
      const std::size_t sent = send_some(fd, bytes);
      bytes.remove_prefix(sent);
      if (bytes.empty()) {
        said_all = true;
        if (half_close) ::shutdown(fd, SHUT_WR);
      }
    }
    io.restart();
    const std::size_t before = answer.size();
    const bool worked = io.poll() > 0;
    if (!receive_some(fd, answer)) break;
    idle = worked || answer.size() != before ? 0 : idle + 1;
  }
  ::close(fd);
  io.restart();
  while (doors().server->connections() > 0) {
    expect(Clock::now() < until, "the server lets go of a connection that is gone");
    io.run_one();
  }
  return answer;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

/// The answers, one after the other; whether bodies follow their heads is not known where a HEAD may have
/// asked.
void check_answers(std::string_view rest, bool may_be_head, bool may_fail) {
  while (!rest.empty()) {
    expect(rest.starts_with("HTTP/1.1 ") && rest.size() > 13, "an answer begins with a status line");
    const int status = std::atoi(std::string(rest.substr(9, 3)).c_str());
    expect(status >= 100 && status < 600, "a status has three digits");
    expect(status != 500 || may_fail, "no bytes are an internal error");
    const auto end = rest.find("\r\n\r\n");
    expect(end != std::string_view::npos, "a head is whole");
    std::size_t length = 0;
    for (std::size_t at = rest.find("\r\n") + 2; at < end + 2;) {
      const auto line_end = rest.find("\r\n", at);
      const std::string_view line = rest.substr(at, line_end - at);
      const auto colon = line.find(": ");
      expect(colon != std::string_view::npos && is_token(line.substr(0, colon)), "a header has a name");
      expect(std::ranges::none_of(line, [](char c) { return static_cast<unsigned char>(c) < 0x20; }),
             "no header has a control character");
      if (line.starts_with("Content-Length: ")) length = std::stoul(std::string(line.substr(16)));
      at = line_end + 2;
    }
    rest.remove_prefix(end + 4);
    if (may_be_head) return;
    expect(rest.size() >= length, "a body is as long as its head says");
    rest.remove_prefix(length);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool tcp = data[0] % 2 == 0;
  const bool half_close = (data[0] & 2) == 0;
  const std::string answer = converse(tcp ? connect_tcp() : connect_control(), bytes, half_close);
  check_answers(answer, bytes.find("HEAD") != std::string_view::npos, fuzz::asks_for_trouble(bytes));
  doors().fuzz.forget();
  return 0;
}
