#include "options.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

namespace simulator {
namespace {

constexpr const char* kDescription =
    "payoutd-simulator: payment providers on loopback, for tests and demonstrations.\n\n"
    "It speaks the providers' own protocols, keeps a ledger of what it really paid, calls back, and "
    "misbehaves on\n"
    "command. When it is ready it prints one line of JSON with the addresses that it serves:\n"
    "  {\"momo\":\"http://127.0.0.1:40001\",\"control\":\"http://127.0.0.1:40002\"}";

constexpr const char* kFooter =
    "Examples:\n"
    "  payoutd-simulator --accept-any-credentials\n"
    "      any credentials, any free ports, transfers final after 50 to 500 ms\n"
    "  payoutd-simulator --momo 127.0.0.1:8701 --control 127.0.0.1:8700 --api-user U --api-key K "
    "--subscription-key S\n"
    "      fixed ports and one set of credentials\n"
    "  payoutd-simulator --fast --callbacks off --accept-any-credentials\n"
    "      for benchmarks: transfers are final before they are answered\n\n"
    "Then, with C the control address:\n"
    "  curl -s C/ledger/summary                        what was paid, and whether anything was paid twice\n"
    "  curl -s C/ledger?external_id=ORDER-7            one payment\n"
    "  curl -s C/faults -d '{\"fault\":\"pay_and_cut\",\"operation\":\"transfer\",\"count\":1}'\n"
    "  curl -s -X DELETE C/faults                      behave again\n"
    "  curl -s -X POST C/reset                         forget all payments and faults, keep credentials";

ListenAddress parse_address(const std::string& text) {
  const auto colon = text.rfind(':');
  ListenAddress listen;
  listen.address = text.substr(0, colon);
  if (colon == std::string::npos || !listen.address.starts_with("127.")) {
    throw CLI::ValidationError(text, "must be 127.x.x.x:PORT, the simulator serves loopback only");
  }
  const auto* first = text.data() + colon + 1;
  const auto* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(first, last, listen.port);
  if (error != std::errc{} || end != last) throw CLI::ValidationError(text, "the port must be 0 to 65535");
  return listen;
}

/// "20" or "20..400", in milliseconds.
Timing::Range parse_range(const std::string& text) {
  const auto dots = text.find("..");
  const auto number = [&text](std::string_view part) {
    std::int64_t value = -1;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc{} || end != part.data() + part.size() || value < 0 || value > 86'400'000) {
      throw CLI::ValidationError(text, "must be milliseconds, like 20 or 20..400");
    }
    return std::chrono::milliseconds{value};
  };
  const std::string_view view{text};
  Timing::Range range;
  range.from = number(view.substr(0, dots));
  range.to = dots == std::string::npos ? range.from : number(view.substr(dots + 2));
  if (range.to < range.from) throw CLI::ValidationError(text, "must not end before it begins");
  return range;
}

/// What CLI11 fills in as text, before it is understood.
struct Raw {
  std::string momo = "127.0.0.1:0";
  std::string control = "127.0.0.1:0";
  std::string processing_ms = "50..500";
  std::string transfer_latency_ms = "0";
  std::uint32_t delayed_ms = 3000;
  std::uint32_t token_ttl_s = 3600;
  std::string callbacks = "on";
  bool fast = false;
  std::vector<std::string> api_users;
  std::vector<std::string> api_keys;
};

void define(CLI::App& app, Raw& raw, Options& options) {
  app.footer(kFooter);
  const std::string serving = "Serving";
  app.add_option("--momo", raw.momo, "Where to serve MTN MoMo's API; port 0 takes a free one")
      ->group(serving);
  app.add_option("--control", raw.control, "Where to serve the control API")->group(serving);
  app.add_flag("--die-with-parent", options.die_with_parent, "Stop when the starting process ends")
      ->group(serving);
  app.add_flag("--log", options.log, "A line of JSON on standard error for each request")->group(serving);

  const std::string behaving = "Behaviour";
  app.add_option("--seed", options.seed, "Everything left to chance follows from it")->group(behaving);
  app.add_flag("--fast", raw.fast, "No delays: a transfer is final before it is answered")->group(behaving);
  app.add_option("--processing-ms", raw.processing_ms,
                 "From acceptance to final, A..B, drawn for each transfer")
      ->group(behaving);
  app.add_option("--transfer-latency-ms", raw.transfer_latency_ms, "Before a transfer is answered, N or A..B")
      ->group(behaving);
  app.add_option("--delayed-ms", raw.delayed_ms, "How long the slow sandbox payee takes")->group(behaving);
  app.add_option("--callbacks", raw.callbacks, "Call X-Callback-Url when a transfer is final: on or off")
      ->check(CLI::IsMember({"on", "off"}))
      ->group(behaving);
  app.add_option("--balance", options.momo_options.balance,
                 "What each target environment's account holds at first")
      ->group(behaving);
  app.add_flag("--unquoted-numbers", options.momo_options.unquoted_numbers,
               "Some numbers of answers come without quotes")
      ->group(behaving);

  const std::string credentials = "Credentials";
  app.add_option("--api-user", raw.api_users, "An API user; repeat with its --api-key")->group(credentials);
  app.add_option("--api-key", raw.api_keys, "The key of the --api-user at the same place")
      ->group(credentials);
  app.add_option("--subscription-key", options.momo_options.subscription_keys,
                 "A subscription key; none: any that is not empty")
      ->group(credentials);
  app.add_flag("--accept-any-credentials", options.momo_options.accept_any_credentials,
               "Any API user, API key and subscription key")
      ->group(credentials);
  app.add_option("--token-ttl-s", raw.token_ttl_s, "How long an access token is good")->group(credentials);
}

void understand(const Raw& raw, Options& options) {
  options.momo = parse_address(raw.momo);
  options.control = parse_address(raw.control);
  options.timing.processing = raw.fast ? Timing::Range{} : parse_range(raw.processing_ms);
  options.timing.transfer_latency = raw.fast ? Timing::Range{} : parse_range(raw.transfer_latency_ms);
  options.timing.delayed_payee = std::chrono::milliseconds{raw.delayed_ms};
  options.momo_options.token_ttl = std::chrono::seconds{raw.token_ttl_s};
  options.momo_options.callbacks = raw.callbacks == "on";
  if (raw.api_users.size() != raw.api_keys.size()) {
    throw CLI::ValidationError("--api-user", "each needs its --api-key, in the same order");
  }
  for (std::size_t at = 0; at < raw.api_users.size(); ++at) {
    options.momo_options.users.emplace_back(raw.api_users[at], raw.api_keys[at]);
  }
  if (!parse_amount(options.momo_options.balance, 8)) {
    throw CLI::ValidationError("--balance", "must be a plain decimal, like 2000");
  }
}

}  // namespace

Options read_options(int argument_count, char** arguments) {
  CLI::App app{kDescription, "payoutd-simulator"};
  Raw raw;
  Options options;
  define(app, raw, options);
  try {
    app.parse(argument_count, arguments);
    understand(raw, options);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  return options;
}

}  // namespace simulator
