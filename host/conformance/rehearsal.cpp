#include "conformance/rehearsal.hpp"

#include <boost/json.hpp>

#include "core/ids.hpp"
#include "engine/decision.hpp"

namespace payoutd::conformance {
namespace {

namespace asio = boost::asio;
using core::State;
using engine::Saw;
using Clock = std::chrono::steady_clock;

constexpr int kMostCalls = 16;
constexpr int kMostQuestions = 4;  // in a row that settled nothing; then the engine would leave it to a human
constexpr std::chrono::seconds kRestartLimit{15};

bool is_refusal(Status::Kind kind) {
  return kind == Status::Kind::refused || kind == Status::Kind::refused_for_now;
}

std::string in_words(std::string_view kind, const std::string& code) {
  return code.empty() ? std::string(kind) : std::string(kind) + " " + code;
}

/// What the plugin says was paid instead of what was owed; empty if it matches.
std::string mismatch(const Order& order, const Found& found) {
  if (found.amount && *found.amount != order.money.amount)
    return "the amount " + found.amount->to_string() + " instead of " + order.money.amount.to_string();
  if (found.currency && *found.currency != order.money.currency)
    return "the currency " + *found.currency + " instead of " + order.money.currency;
  if (found.destination && *found.destination != order.destination)
    return "the destination " + *found.destination + " instead of " + order.destination;
  if (found.reference && *found.reference != order.reference)
    return "the reference " + *found.reference + " instead of " + order.reference;
  return {};
}

/// A reference for a later attempt, in the contract's format and the same in every run.
std::string later_reference(const Order& order, const Contract& contract, int n) {
  static const Secret key("the conformance kit's own key, for references only");
  return core::derive_reference(key, {"verify", order.payout_id + order.reference, "verify", n},
                                contract.reference);
}

class Player {
 public:
  explicit Player(Stage stage) : stage_(std::move(stage)), order_(stage_.order) {}

  static Awaitable<Rehearsal> play(std::shared_ptr<Player> self) {
    co_await ready(self);
    self->take_any_lane();
    self->stage_.server->expect(self->order_);
    if (!co_await check_destination(self)) co_return self->finished();
    while (self->calls_ < kMostCalls && self->state_ == State::pending) {
      if (!co_await prepare(self)) continue;
      do {
        co_await submit(self);
      } while (self->submit_again_ && self->calls_ < kMostCalls);
      if (self->stage_.ends_after_submit) break;
      co_await ask(self);
    }
    co_await ready(self);  // a process that died is known to have died once it is back
    if (!self->steps_.empty()) self->take_alarms(self->steps_.back());
    co_return self->finished();
  }

 private:
  using Self = std::shared_ptr<Player>;

  // ---- the calls
  // -----------------------------------------------------------------------------------------------------

  static Awaitable<bool> check_destination(Self self) {
    co_await ready(self);
    std::optional<Problem> problem;
    try {
      problem = co_await self->stage_.provider->check_destination(self->order_.destination);
    } catch (const std::exception& error) {
      problem = Problem{"destination", error.what()};
    }
    if (!problem) co_return true;
    Step& step = self->begin("check_destination", false);
    step.claim = "refuses the payee: " + problem->reason;
    self->state_ = State::failed;
    self->end(step);
    co_return false;
  }

  /// False: there is nothing to submit.
  static Awaitable<bool> prepare(Self self) {
    co_await ready(self);
    Step& step = self->begin("prepare");
    Saw saw = Saw::prepare_failed;
    self->prepared_.reset();
    try {
      self->prepared_ = co_await self->stage_.provider->prepare(self->order_, self->stage_.prepare_timeout);
      step.claim = "prepared";
    } catch (const std::exception& error) {
      step.claim = "an exception";
      self->note("prepare: ", error.what());
    }
    if (self->prepared_) {
      self->take_lane(self->prepared_->lane_state);
      if (self->prepared_->reference_spent) {
        saw = Saw::reference_spent;
        step.claim = "the reference is spent";
        if (step_paid(self) > 0)
          step.wrong.emplace_back(
              "It says that the reference is used up, and it was paid under it: the next one pays twice.");
      } else if (self->prepared_->impossible) {
        saw = Saw::prepare_impossible;
        step.claim = in_words("impossible", self->prepared_->impossible->field);
        step.wrong.emplace_back(
            "It says that this payment can never be made; the transcript shows that it can.");
      }
    }
    self->judge_arrivals(step);
    const bool go_on = self->prepared_ && !self->prepared_->reference_spent && !self->prepared_->impossible;
    if (!go_on) self->decide(step, saw);
    self->end(step);
    co_return go_on;
  }

  static Awaitable<void> submit(Self self) {
    co_await ready(self);
    self->submit_again_ = false;
    const std::string attempt = core::random_uuid();
    providers::ProviderHandle& provider = *self->stage_.provider;
    if (!provider.announce(attempt)) {
      self->note("submit: ", "the send log took no announcement");
      ++self->calls_;
      co_return;
    }
    Step& step = self->begin("submit");
    self->state_ = State::submitting;
    self->attempt_live_ = true;
    const auto deadline = providers::BootTime::now() + provider.contract().submit_window;
    const providers::SubmitReply reply =
        co_await provider.submit(self->order_, *self->prepared_, attempt, deadline);
    provider.retire(attempt);
    self->judge_submit(step, reply);
    if (!reply.submission.provider_ref.empty()) self->provider_ref_ = reply.submission.provider_ref;
    self->acceptance_sign_ = self->acceptance_sign_ || reply.evidence.acceptance_sign;
    self->decide(step, engine::saw_of(reply.submission.kind));
    self->end(step);
  }

  /// Until the payment is settled, or nobody would ask any more.
  static Awaitable<void> ask(Self self) {
    int questions = 0;
    while (self->is_open() && self->calls_ < kMostCalls && questions < kMostQuestions) {
      if (self->unpaid_is_not_told()) co_return;
      co_await query(self);
      ++questions;
      while (self->submit_again_ && self->calls_ < kMostCalls) {
        co_await submit(self);
        questions = 0;
      }
    }
    if (self->is_open() && questions >= kMostQuestions) self->state_ = State::review;
  }

  static Awaitable<void> query(Self self) {
    co_await ready(self);
    self->submit_again_ = false;
    Step& step = self->begin("query");
    Status status;
    bool answered = false;
    if (self->stage_.provider->contract().can_look_up()) {
      try {
        status = co_await self->stage_.provider->query(self->order_, *self->prepared_, self->provider_ref_);
        answered = true;
      } catch (const std::exception& error) {
        self->note("query: ", error.what());
      }
    }
    step.claim = answered ? in_words(to_string(status.kind), status.code) : "an exception";
    self->take_lane(status.lane_state);
    if (!status.provider_ref.empty()) self->provider_ref_ = status.provider_ref;
    Saw saw = engine::saw_of(status.kind);
    const bool found = status.kind != Status::Kind::absent && status.kind != Status::Kind::cannot_tell;
    const std::string other = found ? mismatch(self->order_, status.found) : std::string();
    if (!other.empty()) {
      saw = Saw::query_mismatch;
      step.believed = "mismatch: " + other;
    }
    self->acceptance_sign_ = self->acceptance_sign_ || found;
    self->judge_query(step, status, other);
    self->decide(step, saw);
    self->end(step);
  }

  // ---- what is true of it
  // --------------------------------------------------------------------------------------------

  static int step_paid(const Self& self) { return self->paid(); }
  int paid() const { return stage_.server->times_paid(order_.payout_id); }

  /// The plugin's own words count, also where the host did not believe them.
  void judge_submit(Step& step, const providers::SubmitReply& reply) {
    const Submission& claim = reply.claim ? *reply.claim : reply.submission;
    step.claim = in_words(to_string(claim.kind), claim.code);
    if (reply.submission.kind != claim.kind) step.believed = to_string(reply.submission.kind);
    judge_arrivals(step);
    judge_claim(step, claim);
    if (reply.submission.kind != claim.kind) judge_claim(step, reply.submission);
    const bool arrived = std::ranges::any_of(arrivals_of_call(), &Arrival::moves_money);
    if (arrived && !reply.evidence.bytes_left)
      step.wrong.emplace_back(
          "The request that moves money is not marked with moves_money(): the host cannot protect it.");
  }

  void judge_claim(Step& step, const Submission& claim) {
    const auto wrong = [&](const std::string& why) {
      const std::string text = "It claims '" + std::string(to_string(claim.kind)) + "' " + why;
      if (std::ranges::count(step.wrong, text) == 0) step.wrong.push_back(text);
    };
    switch (claim.kind) {
      case Submission::Kind::confirmed:
        if (paid() == 0) wrong("of a payment that was not made.");
        break;
      case Submission::Kind::accepted:
        if (paid() == 0 && !stage_.server->is_spent(order_.reference))
          wrong("of a payment that the provider never took.");
        break;
      case Submission::Kind::refused:
      case Submission::Kind::refused_for_now:
        if (paid() > 0)
          wrong("of a payment that was made.");
        else if (!stage_.server->is_spent(order_.reference))
          wrong("though the provider refused nothing.");
        break;
      case Submission::Kind::not_accepted:
        if (paid() > 0)
          wrong("of a payment that was made: the host would pay it again.");
        else if (stage_.server->is_spent(order_.reference))
          wrong("under a reference that the provider used up: the host would use it again.");
        break;
      case Submission::Kind::duplicate:
        if (paid() == 0 && !stage_.server->is_spent(order_.reference))
          wrong("though nothing had arrived before.");
        break;
      case Submission::Kind::unknown:
        break;
    }
  }

  void judge_query(Step& step, const Status& status, const std::string& other) {
    judge_arrivals(step);
    const auto wrong = [&](const std::string& why) {
      step.wrong.push_back("It claims '" + std::string(to_string(status.kind)) + "' " + why);
    };
    const bool spent = stage_.server->is_spent(order_.reference);
    if (status.kind == Status::Kind::confirmed || status.kind == Status::Kind::pending) {
      if (paid() == 0) wrong("of a payment that was not made.");
      if (stage_.undisturbed && !other.empty()) wrong("and reports " + other + ".");
      const bool lied = !stage_.lied_about.empty() && counted_calls_ == stage_.lied_in_call + 1;
      if (status.kind == Status::Kind::confirmed && lied && other.empty()) {
        wrong("and reports what was owed; the provider's record has another " + stage_.lied_about + ".");
      }
    } else if (is_refusal(status.kind)) {
      if (paid() > 0)
        wrong("of a payment that was made.");
      else if (!spent)
        wrong("though the provider refused nothing.");
    } else if (status.kind == Status::Kind::reversed) {
      wrong("though nothing came back.");
    } else if (status.kind == Status::Kind::absent) {
      if (paid() > 0)
        wrong("of a payment that was made: the host may pay it again.");
      else if (spent)
        wrong("under a reference that the provider used up: the host would use it again.");
    }
  }

  std::vector<Arrival> arrivals_of_call() const {
    const auto& all = stage_.server->arrivals();
    std::vector<Arrival> own(all.begin() + static_cast<std::ptrdiff_t>(arrivals_before_), all.end());
    const auto is_other = [&](const Arrival& arrival) {
      return !arrival.payout_id.empty() && arrival.payout_id != order_.payout_id;
    };
    if (stage_.overlaps) std::erase_if(own, is_other);
    return own;
  }

  /// What the plugin sent in this call, whatever it claims.
  void judge_arrivals(Step& step) {
    int moving = 0;
    for (const Arrival& arrival : arrivals_of_call()) {
      if (!arrival.unmatched.empty())
        note(step.operation + ": a request that the transcript does not know: ", arrival.unmatched);
      const bool spent = arrival.moves_money && arrival.reference_spent;
      if (spent) {
        step.wrong.push_back("It sent the reference " + arrival.reference + " again, which was used up.");
      } else if (arrival.names_reference && arrival.reference != order_.reference) {
        step.wrong.push_back("It sent the reference " + arrival.reference +
                             " of an earlier payment instead of " + order_.reference + " (" +
                             arrival.exchange + ").");
      }
      if (!arrival.moves_money) continue;
      ++moving;
      if (step.operation != "submit")
        step.wrong.push_back("It sent the request that moves money in " + step.operation + ".");
    }
    if (moving > 1)
      step.wrong.emplace_back("It sent the request that moves money " + std::to_string(moving) +
                              " times in one call.");
    if (paid() > 1 && !told_of_double_payment_) {
      told_of_double_payment_ = true;
      step.wrong.emplace_back("The payee was paid " + std::to_string(paid()) + " times.");
    }
    take_alarms(step);
  }

  void take_alarms(Step& step) {
    if (!stage_.take_alarms) return;
    for (std::string& alarm : stage_.take_alarms()) step.wrong.push_back(std::move(alarm));
  }

  // ---- what the engine would do
  // ---------------------------------------------------------------------------------------

  void decide(Step& step, Saw saw) {
    engine::Standing standing;
    standing.state = state_;
    standing.attempt_live = attempt_live_;
    standing.acceptance_sign = acceptance_sign_;
    standing.dated = true;
    standing.absent_count = absent_count_;
    standing.contract = stage_.provider->contract();
    const engine::Decision decision = engine::decide(standing, saw);
    step.state = state_;
    if (!decision.changes) return;
    state_ = step.state = decision.to;
    acceptance_sign_ = decision.acceptance_sign;
    absent_count_ = decision.absent_count;
    submit_again_ = decision.next == engine::Next::submit_again;
    if (!decision.close_attempt) return;
    attempt_live_ = false;
    absent_count_ = 0;
    if (state_ == State::pending) acceptance_sign_ = false;
    if (decision.reference != engine::ReferenceUse::renew) return;
    order_.reference = later_reference(stage_.order, standing.contract, ++references_used_);
    provider_ref_.clear();
    stage_.server->expect(order_);
  }

  bool is_open() const { return state_ == State::unknown || state_ == State::sent; }

  /// Without `unpaid` the server would answer a look-up as if the payment had been made.
  bool unpaid_is_not_told() {
    if (paid() > 0 || stage_.can_tell_unpaid || stage_.server->is_spent(order_.reference)) return false;
    notes_.emplace_back(
        "not asked further: the transcript does not say what a look-up answers while nothing is paid");
    return true;
  }

  // ---- odds and ends
  // --------------------------------------------------------------------------------------------------

  /// After a crash the supervisor starts the process again.
  static Awaitable<void> ready(Self self) {
    const auto until = Clock::now() + kRestartLimit;
    asio::steady_timer timer(co_await asio::this_coro::executor);
    while (!self->stage_.provider->ready() && Clock::now() < until) {
      timer.expires_after(std::chrono::milliseconds(10));
      co_await timer.async_wait(asio::use_awaitable);
    }
  }

  Step& begin(const std::string& operation, bool is_counted = true) {
    ++calls_;
    if (is_counted) {
      stage_.server->begin_call(operation);
      ++counted_calls_;
    }
    arrivals_before_ = stage_.server->arrivals().size();
    steps_.push_back({});
    steps_.back().operation = operation;
    steps_.back().state = state_;
    return steps_.back();
  }

  void end(Step& step) {
    step.state = state_;
    step.paid = paid();
    stage_.server->end_call();
  }

  /// A serial provider pays from one of its accounts, also where the transcript does not care from which.
  void take_any_lane() {
    const std::vector<std::string>& lanes = stage_.provider->lanes();
    if (order_.lane.empty() && !lanes.empty()) order_.lane = lanes.front();
  }

  void take_lane(const std::optional<boost::json::object>& state) {
    if (state) order_.lane_state = *state;
  }

  void note(std::string before, const std::string& what) {
    before += what;
    if (std::ranges::count(notes_, before) == 0) notes_.push_back(std::move(before));
  }

  Rehearsal finished() {
    Rehearsal rehearsal{std::move(steps_), state_, paid(), std::move(notes_)};
    if (!stage_.server->trouble().empty())
      rehearsal.notes.push_back("the scripted server: " + stage_.server->trouble());
    return rehearsal;
  }

  Stage stage_;
  Order order_;  ///< with the present reference and lane state
  std::vector<Step> steps_;
  std::vector<std::string> notes_;
  std::optional<Prepared> prepared_;
  std::string provider_ref_;
  State state_ = State::pending;
  bool attempt_live_ = false;
  bool acceptance_sign_ = false;
  bool submit_again_ = false;
  bool told_of_double_payment_ = false;
  int absent_count_ = 0;
  int references_used_ = 1;
  int calls_ = 0;
  int counted_calls_ = 0;  ///< those that the server counts as well
  std::size_t arrivals_before_ = 0;
};

}  // namespace

std::vector<std::string> Rehearsal::wrong() const {
  std::vector<std::string> all;
  for (const Step& step : steps) all.insert(all.end(), step.wrong.begin(), step.wrong.end());
  return all;
}

Awaitable<Rehearsal> rehearse(Stage stage) {
  co_return co_await Player::play(std::make_shared<Player>(std::move(stage)));
}

}  // namespace payoutd::conformance
