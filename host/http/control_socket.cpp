#include "http/control_socket.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "http/server.hpp"

namespace payoutd::http {
namespace {

std::string reason() {
  return std::system_category().message(errno);
}

sockaddr_un address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof(address.sun_path)) {
    throw ListenError("control socket " + text + ": the path is longer than " +
                      std::to_string(sizeof(address.sun_path) - 1) +
                      " bytes, which the kernel does not take");
  }
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  return address;
}

}  // namespace

ControlSocket::ControlSocket(std::filesystem::path path, unsigned mode) : path_(std::move(path)) {
  try {
    lock();
    remove_leftover();
    bind_and_listen(mode);
  } catch (...) {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (lock_ >= 0) ::close(lock_);
    throw;
  }
}

ControlSocket::~ControlSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (path_.empty()) return;
  struct stat now{};
  // Only what this host made: the file may have been replaced by hand.
  if (::lstat(path_.c_str(), &now) == 0 && now.st_dev == device_ && now.st_ino == inode_)
    ::unlink(path_.c_str());
  // The lock file stays: removing it would let two hosts hold locks on two files of one name.
  if (lock_ >= 0) ::close(lock_);
}

int ControlSocket::release_descriptor() noexcept {
  return std::exchange(descriptor_, -1);
}

void ControlSocket::lock() {
  const std::string name = path_.string() + ".lock";
  lock_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock_ < 0) {
    throw ListenError("control socket " + path_.string() + ": cannot make " + name + ": " + reason() +
                      (errno == ENOENT ? " (the folder must exist)" : ""));
  }
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return;
  if (errno == EWOULDBLOCK) {
    throw ListenError("control socket " + path_.string() +
                      ": another host is running and uses it. Stop that one, or give this one its own "
                      "state_dir and control_socket");
  }
  throw ListenError("control socket " + path_.string() + ": cannot lock " + name + ": " + reason());
}

// The lock is ours, so no host of this version serves the file. Something else still might.
void ControlSocket::remove_leftover() const {
  struct stat found{};
  if (::lstat(path_.c_str(), &found) != 0) {
    if (errno == ENOENT) return;
    throw ListenError("control socket " + path_.string() + ": " + reason());
  }
  if (!S_ISSOCK(found.st_mode)) {
    throw ListenError(
        "control socket " + path_.string() +
        ": there is a file of this name that is not a socket. Remove it, or choose another name");
  }
  const sockaddr_un address = address_of(path_);
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const bool answers =
      probe >= 0 && (::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
                     errno == EAGAIN);
  if (probe >= 0) ::close(probe);
  if (answers) {
    throw ListenError("control socket " + path_.string() + ": a running program is listening on it already");
  }
  if (::unlink(path_.c_str()) != 0) {
    throw ListenError("control socket " + path_.string() +
                      ": cannot remove what a dead host left: " + reason());
  }
}

void ControlSocket::bind_and_listen(unsigned mode) {
  const sockaddr_un address = address_of(path_);
  descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor_ < 0) throw ListenError("control socket " + path_.string() + ": " + reason());
  // The file gets the mode of the unbound socket, so that there is no moment in which others could connect.
  // The umask can still take bits away, which chmod gives back.
  ::fchmod(descriptor_, static_cast<mode_t>(mode));
  if (::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::chmod(path_.c_str(), static_cast<mode_t>(mode)) != 0 || ::listen(descriptor_, 128) != 0) {
    throw ListenError("control socket " + path_.string() + ": " + reason());
  }
  struct stat made{};
  if (::lstat(path_.c_str(), &made) == 0) {
    device_ = made.st_dev;
    inode_ = made.st_ino;
  }
}

std::string user_name(uid_t uid) {
  std::vector<char> text(4096);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, text.data(), text.size(), &found) == 0 && found != nullptr &&
      entry.pw_name != nullptr && *entry.pw_name != '\0') {
    return entry.pw_name;
  }
  return "uid:" + std::to_string(uid);
}

}  // namespace payoutd::http
