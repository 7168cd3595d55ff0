#include "providers/send_log.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/assert.hpp"

namespace payoutd::providers {

struct SendLogFile::Header {
  char magic[8];
  std::uint32_t version;
  std::uint32_t slots;
  char boot_id[48];
  std::atomic<std::int64_t> owner_pid;
  std::atomic<std::uint64_t> owner_start_ticks;
};

struct SendLogFile::Slot {
  std::atomic<std::uint64_t> word;  // sequence in the upper 62 bits, State in the lower two
  char attempt_id[48];
  char unused[8];
};

namespace {

constexpr char kMagic[8] = {'P', 'A', 'Y', 'S', 'E', 'N', 'D', '\n'};
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 4096;
constexpr std::size_t kSlotBytes = 64;
constexpr std::size_t kFileBytes = kHeaderBytes + SendLogFile::kSlots * kSlotBytes;

std::uint64_t word(std::uint64_t sequence, std::uint64_t state) {
  return (sequence << 2) | state;
}

[[noreturn]] void fail(const std::string& what) {
  throw SendLogError(what + ": " + std::strerror(errno));
}

int open_file(const std::filesystem::path& path, int flags) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
  if (fd < 0) fail("opening the send log " + path.string());
  return fd;
}

}  // namespace

SendLogFile::SendLogFile(int fd) : fd_(fd) {
  static_assert(sizeof(Slot) == kSlotBytes && sizeof(Header) <= kHeaderBytes);
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
}

SendLogFile::~SendLogFile() {
  if (memory_ != nullptr) ::munmap(memory_, kFileBytes);
  if (fd_ >= 0) ::close(fd_);
}

void SendLogFile::map() {
  void* memory = ::mmap(nullptr, kFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (memory == MAP_FAILED) fail("mapping the send log");
  memory_ = memory;
}

SendLogFile::Header& SendLogFile::header() const {
  return *static_cast<Header*>(memory_);
}

SendLogFile::Slot& SendLogFile::slot(std::uint32_t index) const {
  PAYOUTD_ASSERT(index < kSlots, "a send log slot is within the file");
  return reinterpret_cast<Slot*>(static_cast<char*>(memory_) + kHeaderBytes)[index];
}

bool SendLogFile::swap_state(SendLogTicket ticket, State from, State to) const {
  std::uint64_t expected = word(ticket.sequence, from);
  return slot(ticket.slot)
      .word.compare_exchange_strong(expected, word(ticket.sequence, to), std::memory_order_acq_rel);
}

SendLogFile::State SendLogFile::state_of(SendLogTicket ticket) const {
  const std::uint64_t now = slot(ticket.slot).word.load(std::memory_order_acquire);
  return now >> 2 == ticket.sequence ? static_cast<State>(now & 3) : kEmpty;
}

std::unique_ptr<SendLog> SendLog::try_take_over(const std::filesystem::path& path) {
  std::unique_ptr<SendLog> log(new SendLog(open_file(path, O_CREAT)));
  struct stat info{};
  if (::fstat(log->fd_, &info) != 0) fail("reading the send log " + path.string());
  if (static_cast<std::size_t>(info.st_size) != kFileBytes && ::ftruncate(log->fd_, kFileBytes) != 0) {
    fail("sizing the send log " + path.string());
  }
  log->map();
  const Header& header = log->header();
  const bool ours = std::memcmp(header.magic, kMagic, sizeof kMagic) == 0;
  const std::string boot_id = current_boot_id();
  if (ours && !boot_id.empty() && boot_id == header.boot_id) {
    const ProcessIdentity owner{static_cast<pid_t>(header.owner_pid.load()), header.owner_start_ticks.load()};
    try {
      kill_process(owner);
    } catch (const std::system_error& error) {
      throw SendLogError("the process that holds the send log " + path.string() +
                         " cannot be killed: " + error.what());
    }
  }
  // The lock, not the pid, is the proof that the old process is dead: the kernel frees it after its last
  // action.
  if (::flock(log->fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return nullptr;
    fail("locking the send log " + path.string());
  }
  log->read_or_initialise();
  ::flock(log->fd_, LOCK_UN);
  return log;
}

void SendLog::read_or_initialise() {
  Header& head = header();
  const std::string boot_id = current_boot_id();
  const bool readable = std::memcmp(head.magic, kMagic, sizeof kMagic) == 0 && head.version == kVersion &&
                        head.slots == kSlots && !boot_id.empty() && boot_id == head.boot_id;
  if (!readable) {
    std::memset(memory_, 0, kFileBytes);
    head.version = kVersion;
    head.slots = kSlots;
    boot_id.copy(head.boot_id, sizeof head.boot_id - 1);
    std::atomic_thread_fence(std::memory_order_release);
    std::memcpy(head.magic, kMagic, sizeof kMagic);  // last: a half-made header is no header
  } else {
    inherited_.emplace();
  }
  for (std::uint32_t index = kSlots; index-- > 0;) {
    const std::uint64_t now = slot(index).word.load(std::memory_order_acquire);
    const auto state = static_cast<State>(now & 3);
    if (state == kEmpty) {
      free_.push_back(index);
      continue;
    }
    const char* text = slot(index).attempt_id;
    std::string attempt_id(text, ::strnlen(text, sizeof slot(index).attempt_id));
    inherited_->push_back({attempt_id, state == kMarked});
    tickets_[std::move(attempt_id)] = {index, now >> 2};
  }
}

std::optional<SendLogTicket> SendLog::announce(const std::string& attempt_id) {
  if (attempt_id.empty() || attempt_id.size() >= sizeof(Slot::attempt_id)) return std::nullopt;
  if (const auto found = tickets_.find(attempt_id); found != tickets_.end()) {
    return state_of(found->second) == kAnnounced ? std::optional(found->second) : std::nullopt;
  }
  if (free_.empty()) return std::nullopt;
  const std::uint32_t index = free_.back();
  Slot& target = slot(index);
  const SendLogTicket ticket{index, (target.word.load(std::memory_order_acquire) >> 2) + 1};
  std::memset(target.attempt_id, 0, sizeof target.attempt_id);
  attempt_id.copy(target.attempt_id, sizeof target.attempt_id - 1);
  target.word.store(word(ticket.sequence, kAnnounced), std::memory_order_release);
  free_.pop_back();
  tickets_.emplace(attempt_id, ticket);
  return ticket;
}

std::optional<SendLogTicket> SendLog::find(const std::string& attempt_id) const {
  const auto found = tickets_.find(attempt_id);
  return found == tickets_.end() ? std::nullopt : std::optional(found->second);
}

void SendLog::retire(const std::string& attempt_id) {
  const auto found = tickets_.find(attempt_id);
  if (found == tickets_.end()) return;
  const SendLogTicket ticket = found->second;
  // Whatever the state was: from here on a mark under this ticket fails.
  slot(ticket.slot).word.store(word(ticket.sequence, kEmpty), std::memory_order_release);
  free_.push_back(ticket.slot);
  tickets_.erase(found);
}

bool SendLog::revoke(SendLogTicket ticket) {
  return swap_state(ticket, kAnnounced, kRevoked) || state_of(ticket) == kRevoked;
}

bool SendLog::may_have_sent(SendLogTicket ticket) const {
  const State state = state_of(ticket);
  return state == kMarked || state == kEmpty;
}

std::unique_ptr<SendLogMarker> SendLogMarker::attach(const std::filesystem::path& path) {
  std::unique_ptr<SendLogMarker> log(new SendLogMarker(open_file(path, 0)));
  if (::flock(log->fd_, LOCK_EX | LOCK_NB) != 0) {
    fail("the send log " + path.string() + " is locked by another process");
  }
  struct stat info{};
  if (::fstat(log->fd_, &info) != 0 || static_cast<std::size_t>(info.st_size) != kFileBytes) {
    throw SendLogError("the send log " + path.string() + " does not have the expected size");
  }
  log->map();
  Header& head = log->header();
  if (std::memcmp(head.magic, kMagic, sizeof kMagic) != 0 || head.version != kVersion ||
      current_boot_id() != head.boot_id) {
    throw SendLogError("the send log " + path.string() + " was not prepared by this host");
  }
  const ProcessIdentity self = ProcessIdentity::self();
  head.owner_pid.store(self.pid);
  head.owner_start_ticks.store(self.start_ticks);
  return log;
}

bool SendLogMarker::is_announced(SendLogTicket ticket, const std::string& attempt_id) const {
  if (ticket.slot >= kSlots || state_of(ticket) != kAnnounced) return false;
  const char* text = slot(ticket.slot).attempt_id;
  return attempt_id == std::string_view(text, ::strnlen(text, sizeof(Slot::attempt_id)));
}

bool SendLogMarker::mark(SendLogTicket ticket) {
  return swap_state(ticket, kAnnounced, kMarked);
}

bool SendLogMarker::revoke(SendLogTicket ticket) {
  return swap_state(ticket, kAnnounced, kRevoked) || state_of(ticket) == kRevoked;
}

bool SendLogMarker::may_have_sent(SendLogTicket ticket) const {
  // An emptied slot proves nothing: the mark may have been there.
  const State state = state_of(ticket);
  return state == kMarked || state == kEmpty;
}

}  // namespace payoutd::providers
