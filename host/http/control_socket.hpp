#pragma once
#include <sys/types.h>

#include <filesystem>
#include <string>

namespace payoutd::http {

/// The listening end of the control socket. Holds a lock file beside it for as long as it lives, so that a
/// file of a dead host can be told from one of a living host, and removes both when it goes.
class ControlSocket {
 public:
  ControlSocket() = default;
  /// Throws ListenError.
  ControlSocket(std::filesystem::path path, unsigned mode);
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  /// Gives the listening descriptor away; -1 when there is none.
  int release_descriptor() noexcept;

 private:
  void lock();
  void remove_leftover() const;
  void bind_and_listen(unsigned mode);

  std::filesystem::path path_;
  int lock_ = -1;
  int descriptor_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

/// The name of a user, or `uid:N` where none is known.
std::string user_name(uid_t uid);

}  // namespace payoutd::http
