#pragma once
#include <boost/json/object.hpp>
#include <functional>
#include <map>
#include <payoutd/provider.hpp>
#include <set>

#include "core/signal.hpp"
#include "core/webhook_key.hpp"
#include "engine/callback_proof.hpp"
#include "engine/life.hpp"
#include "engine/task.hpp"
#include "store/group_commit.hpp"
#include "store/inbox.hpp"

namespace payoutd::engine {

/// A callback as it reached this host.
struct Callback {
  std::string provider;
  std::string signature;  ///< of the URL; empty: the URL has none
  Webhook webhook;        ///< `reference` as the URL says it, proven or not
  std::string remote_address;
  std::string flow_id;
  std::string trace_id;  ///< of the request
};

struct CallbackReply {
  enum class Kind {
    taken,              ///< stored; `applied` and `reason` say what came of it so far
    signature_missing,  ///< nothing proves that it is the provider's
    signature_wrong,
    bad_json,
    unknown_provider,
    too_many,       ///< unproven ones come faster than they are stored
    writes_stopped  ///< an operator stopped all writes
  };
  Kind kind = Kind::taken;
  bool applied = false;
  std::string reason;
  std::string event_id;  ///< empty: it was not stored
};

struct InboxOptions {
  Secret instance_key;
  std::chrono::microseconds group_commit_window{2'000};
  std::chrono::milliseconds answer_within{30};   ///< from its arrival on, if it is stored by then
  std::chrono::milliseconds visibility{10'000};  ///< an event that nobody finished is due again after it
  std::chrono::milliseconds tick{500};
  int max_in_hand = 1'000;  ///< more than these are left to the loop
  /// Unproven callbacks of one provider that are stored: so many at once, then so many a second.
  int unproven_burst = 200;
  int unproven_per_s = 20;
};

/// The durable inbox of callbacks: stored, answered, read by the provider's plugin, applied. Host thread
/// only.
class Inbox {
 public:
  struct Parts {
    boost::asio::any_io_executor executor;
    store::Pool& pool;
    Life& life;
    Recorder& recorder;
    Heart& heart;
    Observer& observer;
    Loops& loops;
    std::function<std::vector<providers::ProviderHandle*>()> providers;
    std::function<void()> wake_questions;
  };
  Inbox(Parts parts, InboxOptions options);

  /// From then on these keys count; what was signed with others is refused.
  void set_keys(core::WebhookKeys keys) { keys_ = std::move(keys); }

  /// A callback is answered after this time at the latest, once it is stored.
  void set_answer_within(std::chrono::milliseconds time) { options_.answer_within = time; }

  /// Works off what is stored and due, also what other hosts stored.
  void start() { parts_.loops.spawn(run(), "inbox"); }
  /// A provider's process is ready again.
  void provider_ready(const std::string& provider);
  /// Takes nothing up any more; what is stored is worked on by the next host.
  void stop();

  /// Returns when the callback is stored and, if it does not take long, applied. Throws the store's errors if
  /// it could not be stored.
  Awaitable<CallbackReply> receive(Callback callback);

  /// What is stored and not settled, by provider.
  Awaitable<std::vector<store::InboxBacklog>> backlog();

  // What operators do.
  Awaitable<store::InboxPage> list(store::InboxFilter filter);
  Awaitable<std::optional<store::InboxEvent>> find(std::string id);
  /// What every key makes of it, beside what was received, both masked; nullopt: there is no such event.
  Awaitable<std::optional<boost::json::object>> verify(std::string id);
  struct ReplayReply {
    bool found = false;    ///< there is such an event
    std::string of;        ///< the event, in a bulk replay
    std::string event_id;  ///< the replay's; empty: nothing proves the event today either, it was refused
    bool open = false;     ///< a replay of it was under way already: it is this one
    store::Settled settled;
    bool done = false;  ///< `settled` is what it came to; else it is still being worked on
  };
  Awaitable<ReplayReply> replay(std::string id, std::string actor, std::string note);
  struct BulkReply {
    std::int64_t matching = 0;
    std::vector<store::InboxEvent> events;  ///< of them, as many as the filter's limit; newest first
    std::vector<ReplayReply> replays;       ///< none in a dry run
  };
  Awaitable<BulkReply> replay_many(store::InboxFilter filter, bool dry_run, std::string actor,
                                   std::string note);

 private:
  struct Bucket {
    double tokens = 0;
    std::chrono::steady_clock::time_point filled{};
  };
  struct Waiting;

  providers::ProviderHandle* provider(const std::string& name) const;
  CallbackProof prove(const store::InboxEvent& event, const std::string& reference,
                      const std::string& signature) const;
  bool may_store_unproven(const std::string& provider);
  Awaitable<CallbackReply> turn_away(store::InboxEvent event, CallbackReply::Kind kind, std::string reason);
  Awaitable<void> work_and_tell(store::InboxEvent event, std::shared_ptr<Waiting> waiting);
  Awaitable<store::Settled> work(store::InboxEvent event);
  Awaitable<store::Verdict> judge(store::InboxEvent event);
  Awaitable<store::Verdict> apply_status(store::InboxEvent event, WebhookReading reading,
                                         store::Verdict verdict);
  Awaitable<void> run();
  Awaitable<void> look_for_matches();
  Awaitable<std::size_t> take_what_is_due();
  Awaitable<void> work_on(store::InboxEvent event);
  void tell(const store::InboxEvent& event, const store::Verdict& verdict, const store::Settled& settled);
  Awaitable<ReplayReply> store_replay(store::InboxEvent original, std::string actor, std::string note,
                                      std::chrono::milliseconds delay);

  Parts parts_;
  InboxOptions options_;
  core::WebhookKeys keys_;
  store::GroupCommit<store::InboxEvent, store::Kept> arrivals_;
  store::GroupCommit<store::Verdict, store::Settled> verdicts_;
  std::map<std::string, Bucket> unproven_;
  core::Signal due_;
  std::chrono::steady_clock::time_point look_again_at_{};
  std::set<std::string> ready_again_;
  int in_hand_ = 0;
  bool stopping_ = false;
};

}  // namespace payoutd::engine
