#include "conformance/probe.hpp"

#include <stdlib.h>

#include <boost/json.hpp>

#include "conformance/state_directory.hpp"
#include "providers/supervisor.hpp"

namespace payoutd::conformance {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

constexpr const char* kName = "inspect";
constexpr std::chrono::seconds kLimit{10};

Awaitable<void> configure(providers::Supervisor* supervisor, Configured* configured) {
  co_await supervisor->settled(kLimit);
  const providers::ProviderHandle* provider = supervisor->find(kName);
  if (provider->ready()) {
    configured->contract = provider->contract();
    configured->account_scope = provider->account_scope();
  } else {
    configured->refused = supervisor->status().front().last_error;
    if (configured->refused.empty()) configured->refused = "it does not start";
  }
  co_await supervisor->stop();
}

}  // namespace

StateDirectory::StateDirectory() {
  std::string name = (fs::temp_directory_path() / "payoutd-plugin-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    throw fs::filesystem_error("no temporary folder can be made", name,
                               std::error_code(errno, std::generic_category()));
  path_ = name;
}

StateDirectory::~StateDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Configured configure_once(const fs::path& provider_executable, const fs::path& plugin,
                          const boost::json::object& settings, const boost::json::object& secrets) {
  const StateDirectory state;
  asio::io_context io(1);
  providers::SupervisorOptions options;
  options.provider_executable = provider_executable;
  options.state_directory = state.path();
  options.start_limit = kLimit;
  options.crashes_until_quarantine = 1;
  const auto supervisor = providers::Supervisor::make(io.get_executor(), options);
  providers::ProviderConfig config;
  config.name = kName;
  config.plugin_path = plugin;
  config.settings = settings;
  config.secrets = secrets;
  supervisor->start({std::move(config)});
  Configured configured;
  std::exception_ptr failure;
  asio::co_spawn(io, configure(supervisor.get(), &configured),
                 [&](std::exception_ptr thrown) { failure = thrown; });
  io.run();
  if (failure) std::rethrow_exception(failure);
  return configured;
}

Configured configure_once(const fs::path& provider_executable, const fs::path& plugin,
                          const Transcript& transcript) {
  const Binding binding = binding_of(transcript.order, "http://127.0.0.1:9");
  return configure_once(provider_executable, plugin, expand_json(transcript.settings, binding).as_object(),
                        transcript.secrets);
}

}  // namespace payoutd::conformance
