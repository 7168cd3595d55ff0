#include "conformance/kit.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json.hpp>

#include "conformance/callbacks.hpp"
#include "conformance/rehearsal.hpp"
#include "conformance/state_directory.hpp"
#include "core/ids.hpp"
#include "providers/inspect.hpp"
#include "providers/supervisor.hpp"

namespace payoutd::conformance {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
namespace json = boost::json;
using core::State;

constexpr std::chrono::seconds kStartLimit{20};
constexpr std::chrono::seconds kCallTimeout{20};
constexpr int kPatience = 10;  // where nothing goes wrong, a slow machine must not look like it
constexpr std::size_t kStoryOfSteps = 6;
constexpr const char* kServer = "${server}";

/// One thing to be played.
struct Job {
  enum class Kind { life, next_payout, two_at_once, renewed_reference, callbacks };
  Kind kind = Kind::life;
  const Transcript* transcript = nullptr;
  std::vector<Injection> injections;
  bool undisturbed = false;
  bool refuse_first_reference = false;
  bool takes_two = false;  ///< the plugin takes a second payment while one is in flight
  int first_paid = 0;      ///< how often, when the next payout was over
  bool can_tell_unpaid = false;
  std::string made_up;    ///< for callbacks
  Run run;                ///< what is known of it beforehand; completed when it was played
  std::vector<Run> runs;  ///< of callbacks

  std::vector<Arrival> arrivals;
  Rehearsal first;  ///< of two_at_once: the transcript's own order
  Rehearsal rehearsal;

  /// No time-out belongs to it.
  bool is_patient() const { return undisturbed || kind == Kind::renewed_reference; }
};

/// A provider process and the alarms that the runtime raised for it.
struct Worker {
  std::string name;
  providers::ProviderHandle* provider = nullptr;
  std::vector<std::string> alarms;

  std::vector<std::string> take_alarms() { return std::exchange(alarms, {}); }
};

/// What a transcript's lives showed before faults are planned.
struct Recorded {
  const Transcript* transcript = nullptr;
  Job good;
  Job answer_lost;   ///< the money-moving request was processed, and reset instead of answered
  Job request_lost;  ///< it was not processed, and reset
  bool can_tell_unpaid = false;
};

std::string truth_of(int paid) {
  if (paid == 0) return "not paid";
  return paid == 1 ? "paid" : "paid " + std::to_string(paid) + " times";
}

std::string another_reference(const Order& order, const Contract& contract, const char* purpose) {
  static const Secret key("the conformance kit's own key, for references only");
  return core::derive_reference(key, {"verify", order.reference, purpose, 1}, contract.reference);
}

/// The same payout once its first reference is not used any more.
Order renewed_order(const Order& order, const Contract& contract) {
  Order renewed = order;
  renewed.reference = another_reference(order, contract, "renewed");
  renewed.callback_url.clear();
  return renewed;
}

/// Another payout, to another payee where that can be, of one smallest unit more.
Order next_order(const Order& order, const Contract& contract) {
  Order next = order;
  const int decimals = contract.decimals_of(order.money.currency).value_or(0);
  std::int64_t smallest = Amount::kUnitsPerOne;
  for (int place = 0; place < decimals; ++place) smallest /= 10;
  next.money.amount = Amount::from_units(order.money.amount.units() + smallest);
  if (std::string other = another_destination(order); !other.empty()) next.destination = std::move(other);
  next.payout_id = "5e0d9c1e-0c7e-4d0a-9a5f-3c7a1b2d4e6f";
  next.reference = another_reference(order, contract, "next");
  next.callback_url.clear();
  return next;
}

/// What the plugin said at the beginning of a payment.
std::string story_of(const Rehearsal& rehearsal) {
  std::string story;
  for (const Step& step : std::span(rehearsal.steps).first(std::min(rehearsal.steps.size(), kStoryOfSteps))) {
    story += story.empty() ? "" : ", ";
    story += step.operation + ": " + step.claim + (step.believed.empty() ? "" : " (" + step.believed + ")");
  }
  return story;
}

/// Why a payment with which nothing went wrong was not a good one; empty if it was.
std::string shortfall(const Rehearsal& rehearsal) {
  if (rehearsal.end == State::confirmed && rehearsal.paid == 1) return {};
  return "ends " + std::string(core::to_string(rehearsal.end)) + " and is " + truth_of(rehearsal.paid) +
         "; it should end CONFIRMED and be paid once. " + story_of(rehearsal);
}

class Kit {
 public:
  explicit Kit(VerifyOptions options) : options_(std::move(options)) {}

  Report verify() {
    inspect();
    start();
    play_undisturbed();
    play_lost();
    play_faults();
    stop();
    report_.interrupted = is_interrupted();
    return std::move(report_);
  }

 private:
  // ---- before anything runs
  // ---------------------------------------------------------------------------------------------

  void inspect() {
    const auto inspection = providers::inspect(options_.provider_executable, options_.plugin);
    if (!inspection.refused.empty()) throw CannotVerify(inspection.refused);
    report_.plugin = json::value_to<std::string>(inspection.about.at("name"));
    report_.version = json::value_to<std::string>(inspection.about.at("version"));
    const auto schema = schema_from_json(inspection.about.at("schema"));
    if (!schema)
      throw CannotVerify("its settings schema is not one: " + schema.error().field + " " +
                         schema.error().reason);
    for (Transcript& transcript : options_.transcripts) take_settings(transcript, *schema);
  }

  /// The kit speaks to nobody but its own server: addresses are the transcript's.
  void take_settings(Transcript& transcript, const SettingsSchema& schema) const {
    bool names_server = false;
    for (const auto& member : options_.settings) {
      const json::value* own = transcript.settings.if_contains(member.key());
      const bool is_address = own != nullptr && json::serialize(*own).find(kServer) != std::string::npos;
      if (!is_address) transcript.settings[member.key()] = member.value();
    }
    for (const auto& member : options_.secrets) transcript.secrets[member.key()] = member.value();
    for (const auto& member : transcript.settings)
      names_server = names_server || json::serialize(member.value()).find(kServer) != std::string::npos;
    if (!names_server)
      throw CannotVerify(transcript.file.string() +
                         ": no setting is ${server}: the plugin would ask somebody else");
    for (const Setting& setting : schema) {
      if (setting.type != SettingType::url) continue;
      const json::value* value = transcript.settings.if_contains(setting.name);
      const bool ours = value != nullptr && json::serialize(*value).find(kServer) != std::string::npos;
      if (ours || (value == nullptr && !setting.default_value)) continue;
      throw CannotVerify(transcript.file.string() + ": settings." + setting.name +
                         " must begin with ${server}: the kit lets a plugin speak to nobody else");
    }
  }

  void start() {
    providers::SupervisorOptions options;
    options.provider_executable = options_.provider_executable;
    options.state_directory = state_.path();
    options.start_limit = kStartLimit;
    options.call_timeout = kCallTimeout;
    options.first_restart_delay = std::chrono::milliseconds(20);
    options.longest_restart_delay = std::chrono::milliseconds(200);
    options.crashes_until_quarantine = 1'000'000;
    options.limit_query_rate = false;
    options.on_log = [this](const providers::ProviderLog& log) { on_log(log); };
    supervisor_ = providers::Supervisor::make(io_.get_executor(), options);
    std::vector<providers::ProviderConfig> configs;
    for (int i = 1; i <= std::max(1, options_.jobs); ++i) {
      Worker& worker = *workers_.emplace_back(std::make_unique<Worker>());
      worker.name = "verify-" + std::to_string(i);
      configs.push_back(config_for(worker, options_.transcripts.front(), "http://127.0.0.1:9"));
    }
    supervisor_->start(std::move(configs));
    run(supervisor_->settled(kStartLimit));
    for (const auto& worker : workers_) {
      worker->provider = supervisor_->find(worker->name);
      if (!worker->provider->ready()) refuse(worker->name);
    }
  }

  [[noreturn]] void refuse(const std::string& name) {
    std::string why = "it does not start";
    for (const auto& status : supervisor_->status())
      if (status.name == name && !status.last_error.empty()) why = status.last_error;
    stop();
    throw CannotVerify(options_.transcripts.front().file.string() +
                       ": the plugin does not run with these settings: " + why);
  }

  providers::ProviderConfig config_for(const Worker& worker, const Transcript& transcript,
                                       const std::string& server, int patience = 1) const {
    const Binding binding = binding_of(transcript.order, server);
    providers::ProviderConfig config;
    config.name = worker.name;
    config.plugin_path = options_.plugin;
    config.settings = expand_json(transcript.settings, binding).as_object();
    config.secrets = transcript.secrets;
    const auto text = [&](std::chrono::milliseconds limit) {
      return std::to_string(limit.count() * patience) + "ms";
    };
    config.http = {{"connect_timeout", text(options_.connect_timeout)},
                   {"response_limit", text(options_.response_limit)}};
    return config;
  }

  void on_log(const providers::ProviderLog& log) {
    for (const auto& worker : workers_) {
      if (worker->name != log.provider) continue;
      if (log.event == "provider.money_rule_broken")
        worker->alarms.push_back("It broke a rule of the SDK: " + log.message);
      if (log.event == "provider.crashed")
        worker->alarms.push_back("The plugin's process died: " + log.message);
    }
  }

  void stop() {
    run(supervisor_->stop());
    supervisor_.reset();
    workers_.clear();
  }

  // ---- the event loop
  // ---------------------------------------------------------------------------------------------------

  bool is_interrupted() const { return options_.interrupted != nullptr && options_.interrupted->load(); }

  void run(Awaitable<void> work) {
    bool done = false;
    std::exception_ptr failure;
    asio::co_spawn(io_, std::move(work), [&](std::exception_ptr thrown) {
      failure = thrown;
      done = true;
    });
    io_.restart();
    while (!done) io_.run_one();
    if (failure) std::rethrow_exception(failure);
  }

  /// Plays all jobs, as many at a time as there are workers.
  void play(std::vector<Job*> jobs) {
    planned_ += jobs.size();
    queue_.assign(jobs.begin(), jobs.end());
    std::size_t running = workers_.size();
    std::exception_ptr failure;
    for (const auto& worker : workers_) {
      asio::co_spawn(io_, work(this, worker.get()), [&](std::exception_ptr thrown) {
        if (thrown) failure = thrown;
        --running;
      });
    }
    io_.restart();
    while (running > 0) io_.run_one();
    if (failure) std::rethrow_exception(failure);
  }

  static Awaitable<void> work(Kit* kit, Worker* worker) {
    while (!kit->queue_.empty() && !kit->is_interrupted()) {
      Job* job = kit->queue_.front();
      kit->queue_.pop_front();
      co_await play_job(kit, worker, job);
      ++kit->done_;
      if (!job->run.passed()) ++kit->wrong_;
      if (kit->options_.on_progress) kit->options_.on_progress({kit->done_, kit->planned_, kit->wrong_});
    }
  }

  static Awaitable<void> play_job(Kit* kit, Worker* worker, Job* job) {
    const auto server = ScriptedServer::start(kit->io_.get_executor(), *job->transcript);
    worker->take_alarms();
    const auto problems = co_await kit->supervisor_->reconfigure(
        kit->config_for(*worker, *job->transcript, server->url(), job->is_patient() ? kPatience : 1));
    if (!problems.empty()) {
      for (const Problem& problem : problems)
        job->run.wrong.push_back("Its settings are refused: " + problem.field + " " + problem.reason);
      server->stop();
      co_return;
    }
    if (job->kind == Job::Kind::callbacks) {
      job->runs = co_await try_callbacks(worker->provider, job->transcript, server->url(), job->made_up);
      server->stop();
      co_return;
    }
    server->inject(job->injections);
    if (job->refuse_first_reference) server->refuse_first_reference();
    Stage stage;
    stage.provider = worker->provider;
    stage.server = server;
    stage.order = job->transcript->order;
    stage.undisturbed = job->undisturbed;
    stage.can_tell_unpaid = job->can_tell_unpaid;
    stage.take_alarms = [worker] { return worker->take_alarms(); };
    for (const Injection& injection : job->injections) {
      if (injection.fault.kind != Fault::Kind::another_record) continue;
      stage.lied_about = injection.fault.lie.begin()->first;
      stage.lied_in_call = injection.call;
    }
    stage.ends_after_submit = job->kind == Job::Kind::renewed_reference;
    const Contract contract = worker->provider->contract();
    job->takes_two = contract.concurrency > 1 && !contract.serial;
    if (job->kind == Job::Kind::two_at_once) {
      using namespace asio::experimental::awaitable_operators;
      server->answer_in_pairs();
      stage.overlaps = true;
      Stage other = stage;
      other.order = next_order(stage.order, contract);
      std::tie(job->first, job->rehearsal) = co_await (rehearse(stage) && rehearse(other));
    } else {
      job->rehearsal = co_await rehearse(stage);
    }
    if (job->kind == Job::Kind::next_payout || job->kind == Job::Kind::renewed_reference) {
      const bool next = job->kind == Job::Kind::next_payout;
      stage.order = next ? next_order(stage.order, contract) : renewed_order(stage.order, contract);
      stage.ends_after_submit = false;
      stage.undisturbed = true;  // what went wrong did so before
      job->rehearsal = co_await rehearse(stage);
    }
    job->first_paid = server->times_paid(job->transcript->order.payout_id);
    job->arrivals = server->arrivals();
    const bool reached = server->struck() == static_cast<int>(job->injections.size());
    server->stop();
    complete(*job, reached);
  }

  /// Writes what happened into the job's run.
  static void complete(Job& job, bool reached) {
    const Rehearsal& rehearsal = job.rehearsal;
    Run& run = job.run;
    run.reached = reached;
    run.end = std::string(core::to_string(rehearsal.end));
    run.wrong = rehearsal.wrong();
    run.notes = rehearsal.notes;
    run.truth = truth_of(rehearsal.paid);
    judge_second(job, reached);
    const bool at_the_end = job.injections.empty() || job.kind != Job::Kind::life;
    const std::size_t at =
        at_the_end ? rehearsal.steps.size() - 1 : static_cast<std::size_t>(job.injections.back().call);
    if (rehearsal.steps.empty() || at >= rehearsal.steps.size()) return;
    run.claim = rehearsal.steps[at].claim;
    run.believed = rehearsal.steps[at].believed;
    run.truth = truth_of(rehearsal.steps[at].paid);
  }

  /// A payment after or beside the first one must be as good as that is alone. For a renewed reference that
  /// counts only if its first submit really was kept from the provider.
  static void judge_second(Job& job, bool reached) {
    if (job.kind == Job::Kind::life || !reached) return;
    const auto add = [&](std::string_view which, const std::string& why) {
      if (!why.empty()) job.run.wrong.push_back(std::string(which) + why);
    };
    if (job.kind == Job::Kind::renewed_reference)
      return add("With nothing going wrong any more the payment under its other reference ",
                 shortfall(job.rehearsal));
    add("With nothing going wrong the next payout ", shortfall(job.rehearsal));
    if (job.kind == Job::Kind::two_at_once) {
      for (const std::string& why : job.first.wrong()) add("", why);
      add("With nothing going wrong the first payout ", shortfall(job.first));
      job.run.notes.insert(job.run.notes.end(), job.first.notes.begin(), job.first.notes.end());
    } else if (job.first_paid != 1) {
      add("After the next payout the first one is ", truth_of(job.first_paid) + ".");
    }
  }

  // ---- the lives
  // --------------------------------------------------------------------------------------------------------

  static Job life(const Transcript& transcript, std::string name) {
    Job job;
    job.transcript = &transcript;
    job.run.transcript = transcript.title;
    job.run.life = std::move(name);
    return job;
  }

  void play_undisturbed() {
    std::vector<Job*> jobs;
    for (const Transcript& transcript : options_.transcripts) {
      Recorded& recorded = recorded_.emplace_back();
      recorded.transcript = &transcript;
      recorded.good = life(transcript, "good");
      recorded.good.undisturbed = true;
      // A look-up that finds nothing although the good life ends well would be the transcript's own fault.
      recorded.good.can_tell_unpaid = true;
    }
    for (Recorded& recorded : recorded_) jobs.push_back(&recorded.good);
    play(jobs);
    for (const Recorded& recorded : recorded_) report_.transcripts.push_back(judge_good(recorded.good));
  }

  static TranscriptResult judge_good(const Job& job) {
    TranscriptResult result;
    result.title = job.transcript->title;
    result.file = job.transcript->file;
    result.problems = job.run.wrong;
    for (const Arrival& arrival : job.arrivals)
      result.exchanges.push_back(arrival.operation + ": " +
                                 (arrival.exchange.empty() ? "(unknown)" : arrival.exchange));
    if (const std::string why = shortfall(job.rehearsal); !why.empty()) {
      result.problems.push_back("With nothing going wrong the payment " + why);
      result.problems.insert(result.problems.end(), job.run.notes.begin(), job.run.notes.end());
    }
    result.confirmed = result.problems.empty();
    return result;
  }

  static const Arrival* money_arrival(const Recorded& recorded) {
    for (const Arrival& arrival : recorded.good.arrivals)
      if (arrival.moves_money) return &arrival;
    return nullptr;
  }

  bool is_good(std::size_t i) const { return report_.transcripts[i].confirmed; }

  static Injection lost(const Arrival& money, bool processed) {
    Fault fault;
    fault.kind = Fault::Kind::reset;
    fault.processed = processed;
    return {money.call, money.request, fault};
  }

  /// The two lives in which a query has to find out what happened.
  void play_lost() {
    std::vector<Job*> jobs;
    for (std::size_t i = 0; i < recorded_.size(); ++i) {
      Recorded& recorded = recorded_[i];
      const Arrival* money = money_arrival(recorded);
      if (!is_good(i) || money == nullptr) continue;
      recorded.answer_lost = life(*recorded.transcript, "answer lost");
      recorded.answer_lost.injections = {lost(*money, true)};
      jobs.push_back(&recorded.answer_lost);
    }
    play(jobs);
    jobs.clear();
    for (std::size_t i = 0; i < recorded_.size(); ++i) {
      Recorded& recorded = recorded_[i];
      const Arrival* money = money_arrival(recorded);
      if (!is_good(i) || money == nullptr) continue;
      recorded.can_tell_unpaid = tells_unpaid(recorded);
      if (!recorded.can_tell_unpaid) {
        if (asks(recorded))
          report_.notes.push_back(
              recorded.transcript->title +
              ": no look-up says what it answers while nothing is paid (`unpaid`), so queries about "
              "unpaid payments were not tried.");
        continue;
      }
      recorded.request_lost = life(*recorded.transcript, "request lost");
      recorded.request_lost.can_tell_unpaid = true;
      recorded.request_lost.injections = {lost(*money, false)};
      jobs.push_back(&recorded.request_lost);
    }
    play(jobs);
  }

  static bool asks(const Recorded& recorded) {
    return std::ranges::any_of(recorded.answer_lost.arrivals,
                               [](const Arrival& arrival) { return arrival.operation == "query"; });
  }

  static bool tells_unpaid(const Recorded& recorded) {
    return std::ranges::any_of(recorded.answer_lost.arrivals, [&](const Arrival& arrival) {
      const Exchange* exchange = recorded.transcript->find(arrival.exchange);
      return arrival.operation == "query" && exchange != nullptr && exchange->unpaid.has_value();
    });
  }

  // ---- the faults
  // -------------------------------------------------------------------------------------------------------

  void play_faults() {
    std::deque<Job> plan;
    for (std::size_t i = 0; i < recorded_.size(); ++i) {
      if (!is_good(i)) continue;
      const Recorded& recorded = recorded_[i];
      plan_faults(plan, recorded, recorded.good, {});
      // Where the beginning of such a life is claimed wrongly already, that is reported once, by the good
      // life.
      const Arrival* money = money_arrival(recorded);
      if (money != nullptr && recorded.answer_lost.run.passed())
        plan_faults(plan, recorded, recorded.answer_lost, {lost(*money, true)});
      if (money != nullptr && recorded.can_tell_unpaid && recorded.request_lost.run.passed())
        plan_faults(plan, recorded, recorded.request_lost, {lost(*money, false)});
      plan_spent(plan, recorded);
      plan_next_payments(plan, recorded);
      plan_callbacks(plan, recorded);
    }
    std::vector<Job*> jobs;
    for (Job& job : plan) jobs.push_back(&job);
    play(jobs);
    for (Job& job : plan) {
      if (job.kind != Job::Kind::callbacks) report_.runs.push_back(std::move(job.run));
      for (Run& run : job.runs) report_.runs.push_back(std::move(run));
    }
  }

  static bool has_effect(const Transcript& transcript, const Exchange& exchange) {
    const bool is_needed = std::ranges::any_of(
        transcript.exchanges, [&](const Exchange& other) { return other.after == exchange.name; });
    return exchange.moves_money || exchange.repeat.has_value() || is_needed;
  }

  /// `before` are the injections that lead to this life. Faults of lives that begin with one strike in the
  /// first query, which is where they differ from the good one.
  void plan_faults(std::deque<Job>& plan, const Recorded& recorded, const Job& played,
                   std::vector<Injection> before) {
    for (const Arrival& arrival : played.arrivals) {
      const Exchange* exchange = recorded.transcript->find(arrival.exchange);
      if (exchange == nullptr) continue;
      if (!before.empty() && arrival.call != before.back().call + 1) continue;
      const FaultPlace place{exchange, arrival.operation, arrival.answer,
                             has_effect(*recorded.transcript, *exchange), recorded.transcript->order};
      for (Fault& fault : faults_at(place)) {
        if (is_repeated(recorded, played, arrival, place, fault)) continue;
        if (fault.kind == Fault::Kind::another_record && &played == &recorded.request_lost) continue;
        Job job = life(*recorded.transcript, played.run.life);
        job.can_tell_unpaid = recorded.can_tell_unpaid;
        job.run.call = arrival.operation;
        job.run.exchange = arrival.exchange;
        job.run.family = fault.family;
        job.run.fault = fault.text;
        job.run.processed = fault.processed;
        job.injections = before;
        job.injections.push_back({arrival.call, arrival.request, std::move(fault)});
        plan.push_back(std::move(job));
      }
    }
  }

  /// Transcripts of one plugin share exchanges such as fetching a token. One that is not about the payment
  /// and was answered in the same way under the same settings is not tried again.
  bool is_repeated(const Recorded& recorded, const Job& played, const Arrival& arrival,
                   const FaultPlace& place, const Fault& fault) {
    if (place.exchange->moves_money || arrival.operation == "query") return false;
    const Transcript& transcript = *recorded.transcript;
    std::string key = json::serialize(transcript.settings) + "|" + json::serialize(transcript.secrets) + "|" +
                      played.run.life + "|" + arrival.operation + "|" + arrival.exchange + "|" +
                      std::to_string(arrival.call) + "|" + std::to_string(arrival.request);
    key += "|" + std::to_string(arrival.answer.status) + "|" + arrival.answer.body + "|" + fault.family +
           "|" + fault.text + (fault.processed ? "|1" : "|0");
    return !tried_.insert(std::move(key)).second;
  }

  /// The payment is refused and its reference used up: only a transcript can say how that looks.
  void plan_spent(std::deque<Job>& plan, const Recorded& recorded) {
    const bool told = std::ranges::any_of(
        recorded.transcript->exchanges, [](const Exchange& exchange) { return exchange.spent.has_value(); });
    if (!told) return;
    Job job = life(*recorded.transcript, "refused");
    job.refuse_first_reference = true;
    job.can_tell_unpaid = true;
    describe(job, recorded, "reference spent", "the payment fails and its reference is used up");
    plan.push_back(std::move(job));
  }

  /// Each request that is about a payment holds something that the next payout has another of: the server
  /// answers each for its own.
  static bool tells_payments_apart(const Recorded& recorded) {
    const Transcript& transcript = *recorded.transcript;
    std::vector<std::string> others{"reference", "payout_id", "amount"};
    if (!another_destination(transcript.order).empty()) others.emplace_back("destination");
    for (const auto& [name, values] : transcript.values) others.push_back(name);
    return std::ranges::all_of(recorded.good.arrivals, [&](const Arrival& arrival) {
      const Exchange* exchange = transcript.find(arrival.exchange);
      if (exchange == nullptr) return false;
      const auto asks = [&](const std::string& name) { return exchange->request.mentions(name); };
      const auto tells = [&](const std::string& name) { return exchange->response.mentions(name); };
      if (std::ranges::any_of(others, asks)) return true;
      return !has_effect(transcript, *exchange) && !exchange->unpaid && std::ranges::none_of(others, tells);
    });
  }

  /// A plugin pays what it is given now, under the reference that it is given now, and remembers neither.
  void plan_next_payments(std::deque<Job>& plan, const Recorded& recorded) {
    const std::string& title = recorded.transcript->title;
    plan_second(plan, recorded, Job::Kind::next_payout, "next payout",
                "another payout after this one was paid");
    if (recorded.good.takes_two && tells_payments_apart(recorded)) {
      plan_second(plan, recorded, Job::Kind::two_at_once, "two at once",
                  "another payout while this one is in flight");
    } else if (recorded.good.takes_two) {
      report_.notes.push_back(
          title +
          ": not every request about the payment differs from another payment's, by "
          "${reference} or a variable of `values`, so two payments at once were not tried.");
    }
    if (std::ranges::any_of(recorded.good.arrivals, &Arrival::names_reference)) {
      plan_renewed(plan, recorded);
    } else {
      report_.notes.push_back(title +
                              ": no request says where ${reference} travels, so whether the plugin sends the "
                              "right one was not tried.");
    }
  }

  static void plan_second(std::deque<Job>& plan, const Recorded& recorded, Job::Kind kind,
                          const std::string& name, std::string fault) {
    Job job = life(*recorded.transcript, name);
    job.kind = kind;
    job.undisturbed = true;
    job.can_tell_unpaid = true;
    describe(job, recorded, name, std::move(fault));
    plan.push_back(std::move(job));
  }

  static void plan_renewed(std::deque<Job>& plan, const Recorded& recorded) {
    Job renewed = life(*recorded.transcript, "renewed");
    renewed.kind = Job::Kind::renewed_reference;
    renewed.can_tell_unpaid = true;
    const Arrival& arrival = *money_arrival(recorded);
    Fault refused;
    refused.kind = Fault::Kind::refused;
    renewed.injections = {{arrival.call, arrival.request, refused}};
    describe(renewed, recorded, "reference renewed", "the same payout comes again under another reference");
    plan.push_back(std::move(renewed));
  }

  static void describe(Job& job, const Recorded& recorded, std::string family, std::string fault) {
    job.run.call = "submit";
    job.run.exchange = recorded.transcript->money_moving()->name;
    job.run.family = std::move(family);
    job.run.fault = std::move(fault);
    job.run.processed = true;
  }

  void plan_callbacks(std::deque<Job>& plan, const Recorded& recorded) {
    Job job = life(*recorded.transcript, "callback");
    job.kind = Job::Kind::callbacks;
    for (const Arrival& arrival : recorded.good.arrivals)
      if (arrival.operation == "query" && !arrival.answer.body.empty()) job.made_up = arrival.answer.body;
    plan.push_back(std::move(job));
  }

  VerifyOptions options_;
  StateDirectory state_;
  asio::io_context io_{1};
  std::unique_ptr<providers::Supervisor> supervisor_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::deque<Job*> queue_;
  std::deque<Recorded> recorded_;
  std::set<std::string> tried_;
  std::size_t done_ = 0;
  std::size_t planned_ = 0;
  int wrong_ = 0;
  Report report_;
};

}  // namespace

Report verify(VerifyOptions options) {
  if (options.transcripts.empty()) throw CannotVerify("there is no transcript to play");
  return Kit(std::move(options)).verify();
}

}  // namespace payoutd::conformance
