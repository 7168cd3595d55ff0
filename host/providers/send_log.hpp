#pragma once
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "providers/process_identity.hpp"
#include "providers/provider_handle.hpp"

namespace payoutd::providers {

class SendLogError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Names one announcement: a slot and how often it had been used. A ticket of an earlier use matches nothing.
struct SendLogTicket {
  std::uint32_t slot = 0;
  std::uint64_t sequence = 0;
};

/// The memory-mapped file of one provider that says of every submit whether its money-moving request may have
/// left. The host announces an attempt before its journal commits; the provider process marks it just before
/// the first byte; the host frees the slot once the outcome is committed. Both transitions out of `announced`
/// are compare-and-swap on one word, so that either the process marks or the host revokes, never both: a
/// revoked attempt was not sent and never will be, even by a process that is stopped and continued later.
///
/// The process holds the file's lock for its life. Entries are meaningful within one boot of the kernel only,
/// because nobody waits for the file to reach the disk.
class SendLogFile {
 public:
  static constexpr std::uint32_t kSlots = 4096;

  ~SendLogFile();
  SendLogFile(const SendLogFile&) = delete;
  SendLogFile& operator=(const SendLogFile&) = delete;

 protected:
  enum State : std::uint64_t { kEmpty = 0, kAnnounced = 1, kMarked = 2, kRevoked = 3 };
  struct Header;
  struct Slot;

  explicit SendLogFile(int fd);
  void map();
  Header& header() const;
  Slot& slot(std::uint32_t index) const;
  bool swap_state(SendLogTicket ticket, State from, State to) const;
  State state_of(SendLogTicket ticket) const;

  int fd_ = -1;
  void* memory_ = nullptr;
};

/// The host's side.
class SendLog final : public SendLogFile {
 public:
  /// One try to become the owner of the log at `path`: kills the process that a predecessor left behind and
  /// takes the lock. nullptr: the old process is not dead yet, try again shortly. Throws SendLogError when
  /// the file cannot be used. Call once per provider and life of the host; the lock is free again on return,
  /// for the provider process to take.
  static std::unique_ptr<SendLog> try_take_over(const std::filesystem::path& path);

  /// What the predecessor left, nullopt if that proves nothing. These entries keep their slots until retired.
  const std::optional<std::vector<SendLogEntry>>& inherited() const noexcept { return inherited_; }

  /// nullopt: full, or the id is not one. An attempt that already has a slot keeps it only while it is
  /// announced.
  std::optional<SendLogTicket> announce(const std::string& attempt_id);
  std::optional<SendLogTicket> find(const std::string& attempt_id) const;
  void retire(const std::string& attempt_id);

  /// True: nothing was sent for this announcement, and from now on nothing can be.
  bool revoke(SendLogTicket ticket);
  /// False only while nothing was sent (for a retired announcement the answer is true: nothing is proven).
  bool may_have_sent(SendLogTicket ticket) const;

 private:
  using SendLogFile::SendLogFile;
  void read_or_initialise();

  std::optional<std::vector<SendLogEntry>> inherited_;
  std::unordered_map<std::string, SendLogTicket> tickets_;
  std::vector<std::uint32_t> free_;
};

/// The provider process's side.
class SendLogMarker final : public SendLogFile {
 public:
  /// Takes the lock for the rest of this process's life and signs as the owner. Throws SendLogError.
  static std::unique_ptr<SendLogMarker> attach(const std::filesystem::path& path);

  bool is_announced(SendLogTicket ticket, const std::string& attempt_id) const;
  /// To be called right before the first money-moving byte. False: revoked meanwhile, nothing may be sent.
  bool mark(SendLogTicket ticket);
  /// The process's own promise that nothing was and will be sent.
  bool revoke(SendLogTicket ticket);
  bool may_have_sent(SendLogTicket ticket) const;
  int lock_fd() const noexcept { return fd_; }

 private:
  using SendLogFile::SendLogFile;
};

}  // namespace payoutd::providers
