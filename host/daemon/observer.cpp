#include "daemon/observer.hpp"

#include "ops/log.hpp"

namespace payoutd::daemon {

void HostObserver::log(engine::LogLevel level, std::string_view event, std::string_view message,
                       boost::json::object fields) {
  const auto to = static_cast<payoutd::log::Level>(static_cast<int>(level));
  if (payoutd::log::enabled(to)) payoutd::log::write(to, event, message, std::move(fields));
}

void HostObserver::saw(const std::string& provider, std::string_view result) {
  metrics_->payout_attempt(provider, result);
}

void HostObserver::batch(std::string_view writer, std::size_t items) {
  metrics_->group_commit(writer, items);
}

void HostObserver::state_changed(const store::Payout& payout, core::State from, core::State to) {
  // What a submit answered is counted where it is seen; what a query made of it, here.
  const bool by_query = from == core::State::sent || from == core::State::unknown;
  if (by_query && core::is_final(to)) metrics_->payout_attempt(payout.provider, core::to_string(to));
  if (to == core::State::confirmed && payout.money.currency == "BAN")
    metrics_->amount_ban(payout.money.amount.units());
  if (to == core::State::confirmed && !payout.region.empty()) metrics_->payout_in_region(payout.region);
}

void HostObserver::retried(const std::string&, std::chrono::milliseconds after_admission) {
  metrics_->payout_retry_latency(static_cast<double>(after_admission.count()) / 1000.0);
}

void HostObserver::screened(std::string_view verdict, int count) {
  metrics_->screened(verdict, count);
}

void HostObserver::users_flagged(std::int64_t count) {
  metrics_->users_flagged(count);
}

void HostObserver::webhook(const std::string& provider, bool signature_valid, bool applied) {
  metrics_->webhook_event(provider, signature_valid, applied);
}

void HostObserver::throttled(const std::string& provider) {
  metrics_->admission_throttled(provider);
}

void HostObserver::balance_deferred(const std::string& provider, const std::string& currency, int count) {
  metrics_->balance_deferred(provider, currency, count);
}

void HostObserver::recovered(const std::string& provider, std::string_view how) {
  payoutd::log::info("engine.recovered", "A payout of a host that is gone was taken up.",
                     {{"provider", provider}, {"saw", how}});
}

}  // namespace payoutd::daemon
