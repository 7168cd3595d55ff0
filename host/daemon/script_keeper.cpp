#include "daemon/script_keeper.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/json.hpp>

#include "ops/log.hpp"

namespace payoutd::daemon {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using http::ScriptChange;
using policy::ScriptError;
using policy::ScriptFiles;
using policy::ScriptProblem;
using std::chrono::milliseconds;

constexpr milliseconds kQuiet{50};          // a save is often more than one write
constexpr milliseconds kLookAnyway{2'000};  // where nothing tells of changes
constexpr milliseconds kOrdersEvery{250};
constexpr int kGenerationsShown = 20;

std::string text_of(const std::vector<ScriptProblem>& problems) {
  std::string text;
  for (const ScriptProblem& problem : problems) text.append(text.empty() ? "" : "\n").append(problem.text());
  return text;
}

std::string short_hash(const std::string& hash) {
  constexpr std::size_t kShown = 12;
  return hash.substr(0, kShown);
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object host_json(const store::ScriptHost& host) {
  json::object one{{"host", host.host},
                   {"incarnation", host.incarnation},
                   {"directory", text_or_null(host.directory)},
                   {"generation", host.generation},
                   {"hash", text_or_null(host.hash)},
                   {"shadow_hash", text_or_null(host.shadow_hash)},
                   {"shadow_compared", host.shadow_compared},
                   {"shadow_differed", host.shadow_differed},
                   {"updated_at", host.updated_at},
                   {"refused", nullptr}};
  if (!host.refused_why.empty())
    one["refused"] = json::object{{"hash", text_or_null(host.refused_hash)},
                                  {"why", host.refused_why},
                                  {"at", text_or_null(host.refused_at)}};
  return one;
}

// On the builder's thread.
template <class Work>
Awaitable<std::invoke_result_t<Work>> on_thread(Work work) {
  co_return work();
}

}  // namespace

ScriptKeeper::Turn::~Turn() {
  if (keeper_ == nullptr) return;
  keeper_->busy_ = false;
  keeper_->turn_over_.notify();
}

ScriptKeeper::ScriptKeeper(Parts parts)
    : parts_(std::move(parts)),
      watch_(parts_.executor,
             parts_.directory.empty() ? std::filesystem::path("/nonexistent") : parts_.directory),
      turn_over_(parts_.executor) {
  standing_.incarnation = parts_.incarnation;
  standing_.host = parts_.host;
  standing_.directory = parts_.directory.string();
}

Awaitable<ScriptKeeper::Turn> ScriptKeeper::turn() {
  while (busy_) co_await turn_over_.wait_for(milliseconds{1'000});
  busy_ = true;
  co_return Turn(this);
}

// --- building
// ------------------------------------------------------------------------------------------------------

Awaitable<ScriptKeeper::Built> ScriptKeeper::build(ScriptFiles files) {
  const auto work = [files = std::move(files)] {
    Built built;
    built.hash = files.hash();
    try {
      built.bundle = policy::Bundle::build(files);
    } catch (const ScriptError& error) {
      built.problems = error.problems();
    }
    built.files = files;
    return built;
  };
  co_return co_await asio::co_spawn(builder_.get_executor(), on_thread(work), asio::use_awaitable);
}

/// The files of the directory, not built yet.
Awaitable<ScriptKeeper::Built> ScriptKeeper::read_directory() {
  const auto work = [directory = parts_.directory] {
    Built read;
    try {
      read.files = policy::read_scripts(directory);
      read.hash = read.files.hash();
    } catch (const ScriptError& error) {
      read.problems = error.problems();
    }
    return read;
  };
  co_return co_await asio::co_spawn(builder_.get_executor(), on_thread(work), asio::use_awaitable);
}

Awaitable<ScriptKeeper::Built> ScriptKeeper::build_stored(std::string hash) {
  const auto stored = co_await parts_.pool.transact(
      [hash](pqxx::transaction_base& work) { return store::find_bundle(work, hash); });
  if (!stored) throw ScriptError({{"", 0, "the bundle " + hash + " is not in the database"}});
  co_return co_await build(ScriptFiles::from_json(json::parse(stored->files).as_object()));
}

// --- what runs
// -----------------------------------------------------------------------------------------------------

void ScriptKeeper::use(const Built& built, std::int64_t generation) {
  parts_.policy.use(built.bundle);
  standing_.generation = generation;
  standing_.hash = built.hash;
  rules_ = built.bundle->rules().size();
  forget_refusal(Source::database);
  log::info("scripts.active", "Other scripts are active.",
            {{"generation", generation},
             {"hash", built.hash},
             {"rules", rules_},
             {"tests", built.bundle->tests_run()}});
  if (parts_.on_reload) parts_.on_reload("accepted", generation);
}

void ScriptKeeper::say_refusals() {
  const Refusal& said = of_directory_.why.empty() ? of_database_ : of_directory_;
  standing_.refused_hash = said.hash;
  standing_.refused_why = said.why;
  unsaid_ = true;
}

void ScriptKeeper::forget_refusal(Source source) {
  (source == Source::directory ? of_directory_ : of_database_) = {};
  say_refusals();
}

void ScriptKeeper::refuse(const Built& built, Source source, std::string_view what) {
  const std::string why = text_of(built.problems);
  (source == Source::directory ? of_directory_ : of_database_) = {built.hash, why};
  say_refusals();
  log::error("scripts.refused", std::string(what) + " refused; what was active stays active.",
             {{"hash", built.hash}, {"active", standing_.hash}, {"problems", why}});
  if (parts_.on_reload) parts_.on_reload("refused", standing_.generation);
}

ScriptChange ScriptKeeper::refused(const Built& built) const {
  return {false, "Refused; nothing changed.", standing_.generation, standing_.hash, built.problems};
}

ScriptChange ScriptKeeper::done(std::string message) const {
  return {true, std::move(message), standing_.generation, standing_.hash, {}};
}

/// Only within a turn: of two at once the older could be written last.
Awaitable<void> ScriptKeeper::acknowledge() {
  unsaid_ = false;  // what changes from here on is said the next time
  try {
    co_await parts_.pool.transact(
        [standing = standing_](pqxx::transaction_base& work) { store::acknowledge_scripts(work, standing); });
  } catch (...) {
    unsaid_ = true;
    throw;
  }
}

Awaitable<ScriptChange> ScriptKeeper::publish(Built built, std::string actor, std::string note) {
  const bool is_new = built.hash != standing_.hash;
  const store::PublishScripts publish{built.hash, json::serialize(built.files.to_json()), actor, note};
  const std::int64_t generation = co_await parts_.pool.transact(
      [publish](pqxx::transaction_base& work) { return store::publish_scripts(work, publish); });
  if (!is_new && generation == standing_.generation) {
    forget_refusal(Source::database);
    if (parts_.on_reload) parts_.on_reload("unchanged", generation);
    co_return done("These scripts are active already.");
  }
  use(built, generation);
  refused_generation_ = 0;
  co_await acknowledge();
  co_return done("Generation " + std::to_string(generation) +
                 " is active: " + std::to_string(built.bundle->rules().size()) + " rules, " +
                 std::to_string(built.bundle->tests_run()) + " tests passed.");
}

Awaitable<ScriptChange> ScriptKeeper::take_directory(Wish wish, std::string actor) {
  Built read = co_await read_directory();
  unreadable_ = !read.problems.empty();
  if (!unreadable_) seen_ = read.hash;
  if (!unreadable_ && read.files.files.empty())
    read.problems.push_back({"", 0, "there is no script (*.lua) in it"});
  const bool is_taken = read.problems.empty() && read.hash == taken_;
  if (wish == Wish::changed && is_taken && read.hash != standing_.hash) {
    forget_refusal(Source::directory);
    co_await acknowledge();
    if (parts_.on_reload) parts_.on_reload("unchanged", standing_.generation);
    co_return done("The directory has not changed; other scripts were made active since, and stay so.");
  }
  if (read.problems.empty()) read = co_await build(std::move(read.files));
  if (wish == Wish::changed && read.bundle && rules_ > 0 && read.bundle->rules().empty()) {
    read.problems.push_back({"", 0,
                             "it has no rule any more, where " + std::to_string(rules_) +
                                 " are active; if that is meant, `payoutctl scripts reload`"});
    read.bundle.reset();
  }
  if (!read.bundle) {
    refuse(read, Source::directory, "The scripts in " + parts_.directory.string() + " are");
    co_await acknowledge();
    co_return refused(read);
  }
  const std::string hash = read.hash;
  ScriptChange change = co_await publish(std::move(read), std::move(actor), {});
  taken_ = hash;
  if (!of_directory_.why.empty()) {
    forget_refusal(Source::directory);
    co_await acknowledge();
  }
  co_return change;
}

// --- start and loops
// -----------------------------------------------------------------------------------------------

Awaitable<void> ScriptKeeper::start() {
  const Turn mine = co_await turn();
  const store::ScriptOrders orders =
      co_await parts_.pool.transact([](pqxx::transaction_base& work) { return store::script_orders(work); });
  Built own;
  if (!parts_.directory.empty()) {
    own = co_await read_directory();
    unreadable_ = !own.problems.empty();
    seen_ = own.hash;
  }
  // A directory whose content was active before is an older state of it; one with new content was edited
  // while this host was down.
  const bool has_own = own.problems.empty() && !own.files.files.empty();
  const bool is_known =
      has_own && co_await parts_.pool.transact([hash = own.hash](pqxx::transaction_base& work) {
        return store::was_active(work, hash);
      });
  if (is_known) taken_ = own.hash;
  if (has_own && !is_known) own = co_await build(std::move(own.files));
  if (own.bundle) {
    const std::string hash = own.hash;
    co_await publish(std::move(own), "host:" + parts_.host, "found at the start");
    taken_ = hash;
  } else if (orders.generation > 0) {
    const Built active = co_await build_stored(orders.hash);
    if (!active.bundle) throw ScriptError(active.problems);
    use(active, orders.generation);
    if (!own.problems.empty())
      refuse(own, Source::directory, "The scripts in " + parts_.directory.string() + " are");
  } else if (!own.problems.empty()) {
    throw ScriptError(own.problems);
  }
  if (!orders.shadow_hash.empty()) co_await use_shadow(orders.shadow_hash);
  shadow_id_ = orders.shadow_id;
  co_await acknowledge();
}

Awaitable<void> ScriptKeeper::follow_directory() {
  if (parts_.directory.empty()) co_return;
  while (!stopping_) {
    const bool told = co_await watch_.changed(kLookAnyway, kQuiet);
    if (stopping_) break;
    std::string failure;
    try {
      const Turn mine = co_await turn();
      const Built now = co_await read_directory();
      // What cannot be read is said once; it may be in the middle of a change.
      const bool changed = now.problems.empty() ? unreadable_ || now.hash != seen_ : told || !unreadable_;
      if (changed && !stopping_) co_await take_directory(Wish::changed, "file");
    } catch (const std::exception& error) {
      failure = error.what();
    }
    if (failure.empty()) continue;
    seen_ = "?";  // look again
    log::warning("scripts.waiting", "Changed scripts could not be taken over; it is tried again.",
                 {{"error", failure}});
    co_await turn_over_.wait_for(milliseconds{500});
  }
}

Awaitable<void> ScriptKeeper::follow_database() {
  while (!stopping_) {
    co_await turn_over_.wait_for(kOrdersEvery);
    if (stopping_) break;
    try {
      const store::ScriptOrders orders = co_await parts_.pool.transact(
          [](pqxx::transaction_base& work) { return store::script_orders(work); });
      co_await follow(orders);
    } catch (const store::StoreError&) {
      // The database is away: what runs goes on running, and the heart says so.
    } catch (const std::exception& error) {
      log::error("scripts.waiting", "Published scripts could not be taken over; it is tried again.",
                 {{"error", error.what()}});
    }
  }
}

Awaitable<void> ScriptKeeper::follow(store::ScriptOrders orders) {
  const bool newer = orders.generation > standing_.generation && orders.generation > refused_generation_;
  if (!newer && orders.shadow_id == shadow_id_ && !unsaid_) co_return;
  const Turn mine = co_await turn();
  if (orders.generation > standing_.generation && orders.generation > refused_generation_) {
    const Built built = co_await build_stored(orders.hash);
    if (built.bundle) {
      use(built, orders.generation);
    } else {
      refused_generation_ = orders.generation;
      refuse(built, Source::database, "Generation " + std::to_string(orders.generation) + " is");
    }
  }
  if (orders.shadow_id > shadow_id_) {
    co_await use_shadow(orders.shadow_hash);
    shadow_id_ = orders.shadow_id;
  }
  if (unsaid_) co_await acknowledge();
}

Awaitable<void> ScriptKeeper::use_shadow(std::string hash) {
  standing_.shadow_compared = standing_.shadow_differed = 0;
  standing_.shadow_hash.clear();
  unsaid_ = true;
  std::shared_ptr<policy::Bundle> bundle;
  if (!hash.empty()) {
    const Built built = co_await build_stored(hash);
    if (!built.bundle) {
      refuse(built, Source::database, "The shadow is");
      parts_.policy.use_shadow(nullptr);
      co_return;
    }
    bundle = built.bundle;
    standing_.shadow_hash = hash;
  }
  parts_.policy.use_shadow(bundle);
  log::info("scripts.shadow", hash.empty() ? "No scripts run in shadow any more." : "Scripts run in shadow.",
            {{"hash", hash}});
}

void ScriptKeeper::shadow_judged(std::size_t judged, std::size_t differed) {
  standing_.shadow_compared += static_cast<std::int64_t>(judged);
  standing_.shadow_differed += static_cast<std::int64_t>(differed);
  unsaid_ = true;
}

void ScriptKeeper::stop() {
  stopping_ = true;
  watch_.stop();
  turn_over_.notify();
}

// --- what operators ask for
// ----------------------------------------------------------------------------------------

Awaitable<ScriptChange> ScriptKeeper::reload(std::string actor) {
  const Turn mine = co_await turn();
  if (parts_.directory.empty())
    co_return ScriptChange{false,
                           "This host has no directory of scripts (scripts_dir).",
                           standing_.generation,
                           standing_.hash,
                           {}};
  co_return co_await take_directory(Wish::demanded, std::move(actor));
}

Awaitable<ScriptChange> ScriptKeeper::reload_changed(std::string actor) {
  const Turn mine = co_await turn();
  co_return co_await take_directory(Wish::changed, std::move(actor));
}

Awaitable<ScriptChange> ScriptKeeper::rollback(std::string hash, std::string actor, std::string note) {
  const Turn mine = co_await turn();
  if (hash.empty()) {
    const auto generations = co_await parts_.pool.transact(
        [](pqxx::transaction_base& work) { return store::script_generations(work, kGenerationsShown); });
    for (const store::GenerationRow& row : generations) {
      if (row.hash == generations.front().hash) continue;  // which is active, whatever runs here yet
      hash = row.hash;
      break;
    }
  }
  const auto stored = co_await parts_.pool.transact(
      [hash](pqxx::transaction_base& work) { return store::find_bundle(work, hash); });
  if (!stored)
    co_return ScriptChange{false,
                           hash.empty() ? "No other bundle was ever active." : "No bundle has this hash.",
                           standing_.generation,
                           standing_.hash,
                           {}};
  Built built = co_await build_stored(stored->hash);
  if (!built.bundle) co_return refused(built);
  if (note.empty()) note = "rolled back from " + short_hash(standing_.hash);
  co_return co_await publish(std::move(built), std::move(actor), std::move(note));
}

Awaitable<ScriptChange> ScriptKeeper::shadow(ScriptFiles files, std::string actor) {
  const Turn mine = co_await turn();
  const Built built = co_await build(std::move(files));
  if (!built.bundle) co_return refused(built);
  const store::PublishScripts publish{
      built.hash, json::serialize(built.files.to_json()), std::move(actor), {}};
  co_await parts_.pool.transact(
      [publish](pqxx::transaction_base& work) { store::publish_shadow(work, publish); });
  co_return ScriptChange{
      true, "It runs in shadow on all hosts within a second.", standing_.generation, built.hash, {}};
}

Awaitable<ScriptChange> ScriptKeeper::stop_shadow(std::string actor) {
  const Turn mine = co_await turn();
  const store::PublishScripts nothing{{}, {}, std::move(actor), {}};
  co_await parts_.pool.transact(
      [nothing](pqxx::transaction_base& work) { store::publish_shadow(work, nothing); });
  co_return done("The shadow ends.");
}

Awaitable<ScriptChange> ScriptKeeper::promote(std::string actor, std::string note) {
  const Turn mine = co_await turn();
  const store::ScriptOrders orders =
      co_await parts_.pool.transact([](pqxx::transaction_base& work) { return store::script_orders(work); });
  if (orders.shadow_hash.empty())
    co_return ScriptChange{false, "Nothing runs in shadow.", standing_.generation, standing_.hash, {}};
  Built built = co_await build_stored(orders.shadow_hash);
  if (!built.bundle) co_return refused(built);
  if (note.empty()) note = "promoted from shadow";
  ScriptChange change = co_await publish(std::move(built), actor, std::move(note));
  const store::PublishScripts nothing{{}, {}, std::move(actor), {}};
  co_await parts_.pool.transact(
      [nothing](pqxx::transaction_base& work) { store::publish_shadow(work, nothing); });
  co_return change;
}

Awaitable<std::optional<json::object>> ScriptKeeper::show(std::string hash) {
  if (hash == "active") hash = standing_.hash;
  if (hash == "shadow") hash = standing_.shadow_hash;
  const auto stored = co_await parts_.pool.transact(
      [hash](pqxx::transaction_base& work) { return store::find_bundle(work, hash); });
  if (!stored) co_return std::nullopt;
  co_return json::object{{"hash", stored->hash},
                         {"created_at", stored->created_at},
                         {"created_by", stored->created_by},
                         {"files", json::parse(stored->files)}};
}

Awaitable<json::object> ScriptKeeper::status() {
  if (unsaid_) {
    const Turn mine = co_await turn();
    co_await acknowledge();
  }
  struct Stand {
    store::ScriptOrders orders;
    std::vector<store::ScriptHost> hosts;
    std::vector<store::GenerationRow> generations;
  };
  const Stand stand = co_await parts_.pool.transact([](pqxx::transaction_base& work) {
    return Stand{store::script_orders(work), store::script_hosts(work),
                 store::script_generations(work, kGenerationsShown)};
  });
  json::array hosts;
  for (const store::ScriptHost& host : stand.hosts) hosts.push_back(host_json(host));
  json::array generations;
  for (const store::GenerationRow& row : stand.generations)
    generations.push_back(json::object{{"generation", row.generation},
                                       {"hash", row.hash},
                                       {"actor", row.actor},
                                       {"note", text_or_null(row.note)},
                                       {"at", row.at}});
  json::object status{{"active", nullptr},
                      {"shadow", nullptr},
                      {"hosts", std::move(hosts)},
                      {"generations", std::move(generations)}};
  if (stand.orders.generation > 0)
    status["active"] = json::object{{"generation", stand.orders.generation}, {"hash", stand.orders.hash}};
  if (!stand.orders.shadow_hash.empty()) status["shadow"] = json::object{{"hash", stand.orders.shadow_hash}};
  co_return status;
}

}  // namespace payoutd::daemon
