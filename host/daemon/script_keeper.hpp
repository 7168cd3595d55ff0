#pragma once
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <functional>
#include <string>

#include "http/scripts_view.hpp"
#include "ops/directory_watch.hpp"
#include "policy/scripted_policy.hpp"
#include "providers/event.hpp"
#include "store/pool.hpp"
#include "store/script_bundles.hpp"

namespace payoutd::daemon {

/// Sees to it that this host runs the scripts that all hosts of its database are to run, and that what
/// changes in its own directory becomes just that. A new bundle is built and tested aside, on a thread of its
/// own; then it is published under a new generation, and swapped in. What is refused changes nothing, and is
/// said: in the log, in the metrics and in the table of hosts. Host thread only.
class ScriptKeeper final : public http::ScriptsView {
 public:
  struct Parts {
    boost::asio::any_io_executor executor;
    store::Pool& pool;
    policy::ScriptedPolicy& policy;
    std::string incarnation;
    std::string host;
    std::filesystem::path directory;  ///< empty: this host has none, and follows the others
    /// For the metrics: accepted, refused or unchanged, and the generation that runs.
    std::function<void(std::string_view result, std::int64_t generation)> on_reload;
  };
  explicit ScriptKeeper(Parts parts);

  /// Takes over the active bundle, or this host's directory where it has something new. Throws
  /// policy::ScriptError when there is nothing that this host could run: it must not pay without its rules.
  Awaitable<void> start();
  /// Follow the directory and the database until stop().
  Awaitable<void> follow_directory();
  Awaitable<void> follow_database();
  void stop();
  /// Takes the directory over as when a file of it is saved: only if it is other than when it was last taken.
  Awaitable<http::ScriptChange> reload_changed(std::string actor);
  /// Of the bundle that runs here; 0: none.
  std::int64_t generation() const { return standing_.generation; }

  /// What a shadow did, counted since it began here.
  void shadow_judged(std::size_t judged, std::size_t differed);

  Awaitable<boost::json::object> status() override;
  Awaitable<http::ScriptChange> reload(std::string actor) override;
  Awaitable<http::ScriptChange> rollback(std::string hash, std::string actor, std::string note) override;
  Awaitable<http::ScriptChange> shadow(policy::ScriptFiles files, std::string actor) override;
  Awaitable<http::ScriptChange> stop_shadow(std::string actor) override;
  Awaitable<http::ScriptChange> promote(std::string actor, std::string note) override;
  Awaitable<std::optional<boost::json::object>> show(std::string hash) override;

 private:
  struct Built {
    std::shared_ptr<policy::Bundle> bundle;
    policy::ScriptFiles files;
    std::string hash;
    std::vector<policy::ScriptProblem> problems;
  };
  /// One change at a time: whoever holds a Turn may await and swap.
  class Turn {
   public:
    explicit Turn(ScriptKeeper* keeper) : keeper_(keeper) {}
    Turn(Turn&& other) noexcept : keeper_(std::exchange(other.keeper_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn();

   private:
    ScriptKeeper* keeper_;
  };
  Awaitable<Turn> turn();

  Awaitable<Built> read_directory();
  Awaitable<Built> build(policy::ScriptFiles files);
  Awaitable<Built> build_stored(std::string hash);
  /// Why a reading of the directory may be published.
  enum class Wish {
    changed,   ///< it is other than when it was last taken
    demanded,  ///< somebody asks for it, also over what a rollback made active
  };
  Awaitable<http::ScriptChange> take_directory(Wish wish, std::string actor);
  Awaitable<http::ScriptChange> publish(Built built, std::string actor, std::string note);
  Awaitable<void> follow(store::ScriptOrders orders);
  Awaitable<void> use_shadow(std::string hash);
  void use(const Built& built, std::int64_t generation);
  /// What is wrong with the directory, or with what the database says; both stand until that is right.
  enum class Source { directory, database };
  void refuse(const Built& built, Source source, std::string_view what);
  void forget_refusal(Source source);
  void say_refusals();
  Awaitable<void> acknowledge();
  http::ScriptChange refused(const Built& built) const;
  http::ScriptChange done(std::string message) const;

  Parts parts_;
  boost::asio::thread_pool builder_{1};
  ops::DirectoryWatch watch_;
  providers::Event turn_over_;
  bool busy_ = false;
  bool stopping_ = false;
  store::ScriptHost standing_;  ///< what this host acknowledges
  struct Refusal {
    std::string hash;
    std::string why;  ///< empty: nothing is refused
  };
  Refusal of_directory_;
  Refusal of_database_;
  std::string seen_;         ///< hash of the directory when it was last read
  bool unreadable_ = false;  ///< it could not be read the last time, and that was said
  std::string taken_;        ///< hash of the directory when it was last right, and taken over or known
  std::size_t rules_ = 0;    ///< that run
  std::int64_t refused_generation_ = 0;  ///< an order that this host cannot follow
  std::int64_t shadow_id_ = 0;
  bool unsaid_ = false;  ///< the table of hosts does not know the standing yet
};

}  // namespace payoutd::daemon
