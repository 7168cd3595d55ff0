#include "providers/upgradable_provider.hpp"

#include <boost/asio/co_spawn.hpp>

namespace payoutd::providers {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds kSpareLogLimit{5'000};
constexpr Milliseconds kTrySlack{2'000};  // after start_limit, for the end of what did not start

std::string list_of(const std::vector<int>& numbers) {
  std::string text;
  for (const int number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
  return text;
}

}  // namespace

UpgradableProvider::UpgradableProvider(asio::any_io_executor executor,
                                       std::shared_ptr<const SupervisorOptions> options,
                                       ProviderConfig config)
    : executor_(executor), options_(std::move(options)), name_(config.name) {
  current_ = make_version(std::move(config), send_log_, false);
}

std::string UpgradableProvider::send_log_name(int number) const {
  return name_ + (number == 0 ? ".sendlog" : ".2.sendlog");
}

/// Each version reports its changes of state through a switch of its own: only the serving one is heard.
UpgradableProvider::Version UpgradableProvider::make_version(ProviderConfig config, int send_log,
                                                             bool trial) {
  auto speaks = std::make_shared<bool>(!trial);
  SupervisorOptions options = *options_;
  options.on_state = [speaks, told = options_->on_state](const std::string& provider, ProviderState state) {
    if (*speaks && told) told(provider, state);
  };
  (trial ? trial_speaks_ : current_speaks_) = std::move(speaks);
  return std::make_shared<SupervisedProvider>(executor_,
                                              std::make_shared<const SupervisorOptions>(std::move(options)),
                                              std::move(config), send_log_name(send_log), trial);
}

void UpgradableProvider::launch() {
  asio::co_spawn(executor_, begin(shared_from_this()), [](std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
}

/// A host that died during an upgrade left two processes and two logs.
Awaitable<void> UpgradableProvider::begin(Self self) {
  if (std::filesystem::exists(self->options_->state_directory / self->send_log_name(1))) {
    co_await take_over_spare_log(self);
  }
  self->current_->launch();
}

Awaitable<void> UpgradableProvider::take_over_spare_log(Self self) {
  const auto path = self->options_->state_directory / self->send_log_name(1);
  asio::steady_timer timer(self->executor_);
  const auto limit = Clock::now() + kSpareLogLimit;
  std::string why = "the process that holds it does not end";
  while (!self->spare_log_ && Clock::now() < limit) {
    try {
      self->spare_log_ = SendLog::try_take_over(path);
    } catch (const SendLogError& error) {
      why = error.what();
      break;
    }
    timer.expires_after(Milliseconds(10));
    co_await timer.async_wait(asio::use_awaitable);
  }
  if (!self->spare_log_) {
    self->note(Logger::Level::warning, "provider.send_log_lost",
               "the send log " + path.string() + " of a version before cannot be read: " + why);
  }
}

Awaitable<void> UpgradableProvider::left_starting(Clock::time_point until) {
  co_await current_->left_starting(until);
}

Awaitable<void> UpgradableProvider::stop() {
  if (trial_) co_await abandon();
  if (!former_ended_) former_->hurry();
  co_await current_->stop();
  asio::steady_timer timer(executor_);
  while (!former_ended_) {
    timer.expires_after(Milliseconds(20));
    co_await timer.async_wait(asio::use_awaitable);
  }
}

// --- upgrade

Awaitable<std::vector<Problem>> UpgradableProvider::try_out(ProviderConfig config) {
  std::vector<Problem> problems;
  if (trial_ || !former_ended_) {
    problems.push_back({"", "another upgrade is still under way; the version before has payments in flight"});
    co_return problems;
  }
  spare_log_.reset();  // the new version takes this log over, and with it what is still open in it
  trial_ = make_version(std::move(config), 1 - send_log_, true);
  const Version version = trial_;
  version->launch();
  co_await version->left_starting(Clock::now() + options_->start_limit + kTrySlack);
  if (version->state() != ProviderState::ready) {
    problems = version->status().problems;
    if (problems.empty()) problems.push_back({"", trial_trouble().value_or("it did not start in time")});
  } else {
    problems = co_await differences(version);
  }
  if (!problems.empty()) co_await abandon();
  co_return problems;
}

std::optional<std::string> UpgradableProvider::trial_trouble() const {
  if (!trial_ || trial_->state() == ProviderState::ready) return std::nullopt;
  const ProviderStatus status = trial_->status();
  return status.last_error.empty() ? "it did not start in time" : status.last_error;
}

/// What would make payouts under way unreadable or unknown to the new version.
Awaitable<std::vector<Problem>> UpgradableProvider::differences(Version version) const {
  std::vector<Problem> problems;
  const auto refuse = [&](std::string field, std::string reason) {
    problems.push_back({std::move(field), std::move(reason)});
  };
  const Contract next = version->contract();
  std::vector<int> formats;
  if (options_->live_artefact_formats) formats = co_await options_->live_artefact_formats(name_);
  if (!current_->account_scope().empty()) {  // it was configured once, so payouts may know it
    if (version->plugin_name() != current_->plugin_name()) {
      refuse("plugin", "is " + version->plugin_name() + ", but " + current_->plugin_name() + " is running");
    }
    if (version->account_scope() != current_->account_scope()) {
      refuse("account_scope", "becomes '" + version->account_scope() + "' instead of '" +
                                  current_->account_scope() + "': payments under way would not be found");
    }
    if (!(next.reference == current_->contract().reference)) {
      refuse("reference", "has another format: payouts would lose the references that they have");
    }
    formats.push_back(current_->contract().artefact_format);
  }
  for (const int format : formats) {
    if (std::ranges::find(next.readable_formats, format) != next.readable_formats.end()) continue;
    refuse("readable_formats", "are " + list_of(next.readable_formats) + ": artefacts of format " +
                                   std::to_string(format) + " are under way");
    break;
  }
  if (!problems.empty()) co_return problems;
  try {
    co_await version->probe();
  } catch (const CallFailed& failed) {
    refuse("probe", std::string("failed: ") + failed.what());
  }
  co_return problems;
}

void UpgradableProvider::promote() {
  former_ = std::exchange(current_, std::exchange(trial_, nullptr));
  *current_speaks_ = false;
  current_speaks_ = std::exchange(trial_speaks_, nullptr);
  *current_speaks_ = true;
  send_log_ = 1 - send_log_;
  current_->promote();
  note(Logger::Level::info, "provider.upgraded", "new work goes to the new version",
       {{"from", former_->plugin_version()}, {"to", current_->plugin_version()}});
  former_ended_ = false;
  asio::co_spawn(executor_, former_->finish(), [self = shared_from_this()](std::exception_ptr) {
    self->former_ended_ = true;
    const int cut_off = self->former_->cut_off();
    self->note(cut_off == 0 ? Logger::Level::info : Logger::Level::warning, "provider.former_version_ended",
               cut_off == 0 ? "the version before has finished what it had in flight"
                            : "the version before was ended while payments of it were in flight; they are "
                              "asked about",
               {{"version", self->former_->plugin_version()}, {"cut_off", cut_off}});
  });
  if (options_->on_state) options_->on_state(name_, current_->state());
}

Awaitable<void> UpgradableProvider::abandon() {
  const Version version = std::exchange(trial_, nullptr);
  if (version) co_await version->stop();
}

// --- what belongs to one version for as long as it is in flight

bool UpgradableProvider::announce(const std::string& attempt_id) {
  if (!current_->announce(attempt_id)) return false;
  announced_by_[attempt_id] = current_;
  return true;
}

void UpgradableProvider::retire(const std::string& attempt_id) {
  if (const auto found = announced_by_.find(attempt_id); found != announced_by_.end()) {
    found->second->retire(attempt_id);
    announced_by_.erase(found);
    return;
  }
  current_->retire(attempt_id);  // inherited from a predecessor
  if (spare_log_) spare_log_->retire(attempt_id);
}

Awaitable<SubmitReply> UpgradableProvider::submit(Order order, Prepared prepared, std::string attempt_id,
                                                  BootTime deadline) {
  const auto found = announced_by_.find(attempt_id);
  const Version version = found == announced_by_.end() ? current_ : found->second;
  co_return co_await version->submit(std::move(order), std::move(prepared), std::move(attempt_id), deadline);
}

const std::optional<std::vector<SendLogEntry>>& UpgradableProvider::inherited_send_log() const {
  const auto& own = current_->inherited_send_log();
  if (!spare_log_ || !spare_log_->inherited()) return own;
  inherited_ = spare_log_->inherited();
  if (own) inherited_->insert(inherited_->end(), own->begin(), own->end());
  return inherited_;
}

void UpgradableProvider::note(Logger::Level level, std::string event, std::string message,
                              boost::json::object fields) const {
  if (options_->on_log)
    options_->on_log({name_, level, std::move(event), std::move(message), std::move(fields)});
}

}  // namespace payoutd::providers
