#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <payoutd/awaitable.hpp>
#include <string>
#include <vector>

#include "core/signal.hpp"
#include "engine/heart.hpp"
#include "engine/stop_file.hpp"
#include "store/audit.hpp"
#include "store/host_registry.hpp"

namespace payoutd::engine {

/// What became of a change of a switch.
struct SwitchReply {
  bool done = true;       ///< false: nothing changed, and `message` says why
  bool enabled = false;   ///< what counts on this host now
  bool all_hosts = true;  ///< false: it stands in this host's file only
  std::string message{};  ///< for people; empty: as asked, on all hosts
};

/// The switch `stop_writes`, which must work while the database does not. The file of this host goes first,
/// so that this host stops at once; then the switch for all hosts is committed, and only when it is seen to
/// count does the file go. A file that stays, because the database was away or somebody made it by hand, is
/// carried over as soon as the database answers, in the name of who made it.
class WritesStop {
 public:
  struct Parts {
    boost::asio::any_io_executor executor;
    store::Pool& pool;
    Heart& heart;
    StopFile& file;
    Observer& observer;
  };
  explicit WritesStop(Parts parts) : parts_(parts), turn_over_(parts_.executor) {}

  /// Throws the store's errors only where the database alone could do what is asked, and nothing was changed.
  Awaitable<SwitchReply> set(store::SwitchChange change);
  /// Until stop(). The one never waits for the database, so that the file counts whatever the other waits
  /// for.
  Awaitable<void> look_at_file(Loops& loops);
  Awaitable<void> carry_file_over(Loops& loops);
  void stop() { stopping_ = true; }

 private:
  class Turn;

  Awaitable<SwitchReply> begin_stop(store::SwitchChange change);
  Awaitable<SwitchReply> lift(store::SwitchChange change);
  /// Commits it, and this host has seen it when it returns; why it could not be, empty: it is done.
  Awaitable<std::string> commit(store::SwitchChange change);
  /// False: somebody else still has the turn after `limit`.
  Awaitable<bool> turn_is_free(std::chrono::milliseconds limit);
  Awaitable<void> carry_over();
  Awaitable<void> pay_owed_audit();
  void note_change();
  /// False: it is still there; the log says why.
  bool remove_file();

  Parts parts_;
  core::Signal turn_over_;
  bool turn_taken_ = false;
  std::vector<store::AuditEntry> owed_;  ///< what the audit log could not be told yet
  std::optional<StopOrder> carried_;     ///< the order that stands in the database, while its file is there
  bool said_stays_ = false;              ///< that the file cannot be removed
  bool stopping_ = false;
};

}  // namespace payoutd::engine
