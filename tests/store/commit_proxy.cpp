#include "commit_proxy.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace payoutd::test {
namespace {

sockaddr_un address(const std::string& directory) {
  sockaddr_un result{};
  result.sun_family = AF_UNIX;
  const auto path = directory + "/.s.PGSQL.5432";
  path.copy(result.sun_path, sizeof(result.sun_path) - 1);
  return result;
}

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool wait_readable(int socket, int timeout_ms) {
  pollfd descriptor{socket, POLLIN, 0};
  return ::poll(&descriptor, 1, timeout_ms) > 0;
}

// libpq writes a short simple query in one piece: type, length, text, zero.
constexpr std::string_view kCommit{
    "Q\0\0\0\x0b"
    "COMMIT\0",
    12};

}  // namespace

CommitProxy::CommitProxy(std::string server_socket) : server_socket_(std::move(server_socket)) {
  std::string pattern = (std::filesystem::temp_directory_path() / "payoutd-proxy-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
  directory_ = pattern;
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto name = address(directory_);
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0 ||
      ::listen(listener_, 64) != 0)
    throw std::runtime_error("cannot listen in " + directory_);
  acceptor_ = std::thread([this] { accept_loop(); });
}

CommitProxy::~CommitProxy() {
  stopping_ = true;
  acceptor_.join();
  for (auto& session : sessions_) session.join();
  ::close(listener_);
  std::filesystem::remove_all(directory_);
}

void CommitProxy::arm(Fault fault, int times, int hold_ms) {
  hold_ms_ = hold_ms;
  fault_ = fault;
  remaining_ = times;
}

void CommitProxy::accept_loop() {
  while (!stopping_) {
    if (!wait_readable(listener_, 20)) continue;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) sessions_.emplace_back([this, client] { serve(client); });
  }
}

CommitProxy::Fault CommitProxy::fault_for(std::string_view bytes) {
  const auto wanted = fault_.load();
  const bool commit = bytes == kCommit;
  if (commit) ++commits_seen_;
  const bool meant = wanted == Fault::lose_insert ? bytes.starts_with('P') : commit;
  if (wanted == Fault::none || !meant || remaining_-- <= 0) return Fault::none;
  ++injected_;
  return wanted;
}

// What the server hears after the client was cut off.
void CommitProxy::hold(int server, std::string_view commit, Fault fault) {
  if (fault == Fault::late_commit || fault == Fault::late_abort)
    std::this_thread::sleep_for(std::chrono::milliseconds(hold_ms_.load()));
  if (fault == Fault::lose_answer || fault == Fault::late_commit) {
    send_all(server, commit);
    std::array<char, 4096> ignored{};
    if (wait_readable(server, 10'000)) (void)!::recv(server, ignored.data(), ignored.size(), 0);
  }
}

void CommitProxy::serve(int client) {
  const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto name = address(server_socket_);
  std::array<char, 65536> buffer{};
  if (::connect(server, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0) {
    while (!stopping_) {
      std::array<pollfd, 2> both = {{{client, POLLIN, 0}, {server, POLLIN, 0}}};
      if (::poll(both.data(), both.size(), 20) <= 0) continue;
      const bool from_client = both[0].revents != 0;
      const auto size = ::recv(from_client ? client : server, buffer.data(), buffer.size(), 0);
      if (size <= 0) break;
      const std::string_view bytes(buffer.data(), static_cast<std::size_t>(size));
      const auto fault = from_client ? fault_for(bytes) : Fault::none;
      if (fault == Fault::lose_answer) {
        hold(server, bytes, fault);
        break;
      }
      if (fault != Fault::none) {
        ::shutdown(client, SHUT_RDWR);
        hold(server, bytes, fault);
        break;
      }
      if (!send_all(from_client ? server : client, bytes)) break;
    }
  }
  ::close(client);
  ::close(server);
}

}  // namespace payoutd::test
