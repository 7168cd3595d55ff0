#pragma once
#include <map>
#include <string>

#include "core/webhook_key.hpp"
#include "engine/engine.hpp"
#include "http/gate.hpp"
#include "notify/notifier.hpp"
#include "ops/config.hpp"
#include "policy/built_in_policy.hpp"
#include "store/pool.hpp"

/// What the parts of a host are given, from its configuration. Pure; from any thread.
namespace payoutd::daemon {

policy::BuiltInOptions policy_options(const ops::EngineConfig& c);
engine::DispatcherOptions dispatcher_options(const ops::EngineConfig& c);
std::map<std::string, engine::ProviderPace> paces(const ops::LiveConfig& live);
engine::MinimumBalances minimum_balances(const ops::LiveConfig& live);
core::WebhookKeys webhook_keys(const ops::LiveConfig& live);
http::GateOptions gate_options(const ops::HttpConfig& http, const ops::AccessConfig& access);

/// Endpoints' secrets are derived from the configured keys, or from the instance key where there are none;
/// with a key of their own derived from that, so that neither says anything of what else the instance key
/// signs.
notify::Notifier::Options notifier_options(const ops::Config& config, const ops::NotificationConfig& c,
                                           const Secret& instance_key);

/// `acquire`: how long work waits for a free connection at most.
store::PoolOptions pool_options(const std::string& dsn, int connections, std::chrono::milliseconds acquire,
                                const char* name);

}  // namespace payoutd::daemon
