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
    "  {\"momo\":\"http://127.0.0.1:40001\",…,\"control\":\"http://127.0.0.1:40002\"}";

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
    "  curl -s C/faults -d '{\"fault\":\"slow\",\"protocol\":\"thunes\",\"operation\":\"confirm\"}'\n"
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

/// A provider's users as the command line names them: two lists that belong together.
struct RawUsers {
  std::vector<std::string> names;
  std::vector<std::string> secrets;

  std::vector<std::pair<std::string, std::string>> paired(const std::string& name_option,
                                                          const std::string& secret_option) const {
    if (names.size() != secrets.size()) {
      throw CLI::ValidationError(name_option, "each needs its " + secret_option + ", in the same order");
    }
    std::vector<std::pair<std::string, std::string>> pairs;
    for (std::size_t at = 0; at < names.size(); ++at) pairs.emplace_back(names[at], secrets[at]);
    return pairs;
  }
};

/// What CLI11 fills in as text, before it is understood.
struct Raw {
  std::string thunes = "127.0.0.1:0";
  std::string tmoney = "127.0.0.1:0";
  std::string flooz = "127.0.0.1:0";
  std::string banano = "127.0.0.1:0";
  RawUsers thunes_keys;
  std::uint32_t thunes_quotation_ttl_s = 3600;
  std::string thunes_callback_auth;
  RawUsers tmoney_users;
  std::uint32_t tmoney_token_ttl_s = 3600;
  std::string tmoney_absence_ms = "0";
  RawUsers flooz_users;
  std::string momo = "127.0.0.1:0";
  std::string control = "127.0.0.1:0";
  std::string processing_ms = "50..500";
  std::string transfer_latency_ms = "0";
  std::uint32_t delayed_ms = 3000;
  std::uint32_t token_ttl_s = 3600;
  std::string callbacks = "on";
  bool fast = false;
  bool accept_any_credentials = false;
  RawUsers api_users;
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
  app.add_option("--api-user", raw.api_users.names, "An API user; repeat with its --api-key")
      ->group(credentials);
  app.add_option("--api-key", raw.api_users.secrets, "The key of the --api-user at the same place")
      ->group(credentials);
  app.add_option("--subscription-key", options.momo_options.subscription_keys,
                 "A subscription key; none: any that is not empty")
      ->group(credentials);
  app.add_flag("--accept-any-credentials", raw.accept_any_credentials,
               "Any user, key, secret and password, at every provider")
      ->group(credentials);
  app.add_option("--token-ttl-s", raw.token_ttl_s, "How long an access token is good")->group(credentials);
}

const std::map<std::string, Duplicates> kDuplicates{
    {"pay", Duplicates::kPay}, {"refuse", Duplicates::kRefuse}, {"replay", Duplicates::kReplay}};

void define_thunes(CLI::App& app, Raw& raw, ThunesOptions& options) {
  const std::string group = "Thunes";
  app.add_option("--thunes", raw.thunes, "Where to serve Thunes' API")->group(group);
  app.add_option("--thunes-key", raw.thunes_keys.names, "An API key; repeat with its --thunes-secret")
      ->group(group);
  app.add_option("--thunes-secret", raw.thunes_keys.secrets,
                 "The secret of the --thunes-key at the same place")
      ->group(group);
  app.add_flag("--thunes-accept-any", options.accept_any_credentials, "Any key and secret")->group(group);
  app.add_option("--thunes-quotation-ttl-s", raw.thunes_quotation_ttl_s, "How long a quotation is good")
      ->group(group);
  app.add_option("--thunes-balance", options.balance, "What the account in each currency holds at first")
      ->group(group);
  app.add_option("--thunes-minimum", options.minimum, "The least that a payee may get")->group(group);
  app.add_option("--thunes-maximum", options.maximum, "The most that a payee may get")->group(group);
  app.add_option("--thunes-callback-times", options.callback_times, "How often each callback is sent")
      ->group(group);
  app.add_option("--thunes-callback-auth", raw.thunes_callback_auth,
                 "USER:PASSWORD that callbacks carry as Basic authentication; none: they carry none")
      ->group(group);
}

void define_tmoney(CLI::App& app, Raw& raw, TmoneyOptions& options) {
  using Authorization = TmoneyOptions::Authorization;
  using Types = TmoneyOptions::Types;
  const std::map<std::string, Authorization> authorizations{
      {"bearer", Authorization::kBearer}, {"bare", Authorization::kBare}, {"both", Authorization::kBoth}};
  const std::map<std::string, Types> types{
      {"strings", Types::kStrings}, {"integers", Types::kIntegers}, {"mixed", Types::kMixed}};
  const std::string group = "TMoney";
  app.add_option("--tmoney", raw.tmoney, "Where to serve TMoney's API")->group(group);
  app.add_option("--tmoney-user", raw.tmoney_users.names,
                 "A nomUtilisateur; repeat with its --tmoney-password")
      ->group(group);
  app.add_option("--tmoney-password", raw.tmoney_users.secrets,
                 "The motDePasse of the --tmoney-user at the same place")
      ->group(group);
  app.add_flag("--tmoney-accept-any", options.accept_any_credentials, "Any user and password")->group(group);
  app.add_option("--tmoney-authorization", options.authorization,
                 "The form of the token: bearer, bare or both")
      ->transform(CLI::CheckedTransformer(authorizations))
      ->group(group);
  app.add_option("--tmoney-types", options.types, "code and refTmoney: strings, integers or mixed")
      ->transform(CLI::CheckedTransformer(types))
      ->group(group);
  app.add_option("--tmoney-duplicates", options.duplicates, "The same idRequete again: pay, refuse or replay")
      ->transform(CLI::CheckedTransformer(kDuplicates))
      ->group(group);
  app.add_option("--tmoney-absence-ms", raw.tmoney_absence_ms,
                 "How long check-transaction-id does not know a credit, N or A..B")
      ->group(group);
  app.add_option("--tmoney-token-ttl-s", raw.tmoney_token_ttl_s, "How long a token is good")->group(group);
  app.add_option("--tmoney-balance", options.balance, "What the partner's account holds at first")
      ->group(group);
  app.add_option("--tmoney-callback-url", options.callback_url,
                 "Where a final credit is told; none: nowhere, as is documented for credits")
      ->group(group);
}

void define_flooz(CLI::App& app, Raw& raw, FloozOptions& options) {
  using StatusBy = FloozOptions::StatusBy;
  const std::map<std::string, StatusBy> status_by{
      {"provider", StatusBy::kProvider}, {"client", StatusBy::kClient}, {"both", StatusBy::kBoth}};
  const std::string group = "Flooz";
  app.add_option("--flooz", raw.flooz, "Where to serve Moov's merchant service")->group(group);
  app.add_option("--flooz-user", raw.flooz_users.names, "A user; repeat with its --flooz-password")
      ->group(group);
  app.add_option("--flooz-password", raw.flooz_users.secrets,
                 "The password of the --flooz-user at the same place")
      ->group(group);
  app.add_option("--flooz-key", options.key, "The 32 bytes with which tokens are encrypted")->group(group);
  app.add_flag("--flooz-accept-any", options.accept_any_credentials,
               "Any user and password, in a token that decrypts")
      ->group(group);
  app.add_option("--flooz-status-by", options.status_by,
                 "Whose id getTransactionStatus knows: provider, client or both")
      ->transform(CLI::CheckedTransformer(status_by))
      ->group(group);
  app.add_option("--flooz-duplicates", options.duplicates,
                 "The same referenceid again: pay, refuse or replay")
      ->transform(CLI::CheckedTransformer(kDuplicates))
      ->group(group);
  app.add_flag("--flooz-varied-xml", options.varied_xml,
               "Prefixes, wrapper and envelope of answers vary, by seed")
      ->group(group);
  app.add_option("--flooz-balance", options.balance, "What the merchant's account holds at first")
      ->group(group);
}

void understand_thunes(const Raw& raw, Options& options) {
  auto& thunes = options.thunes_options;
  options.thunes = parse_address(raw.thunes);
  thunes.keys = raw.thunes_keys.paired("--thunes-key", "--thunes-secret");
  thunes.quotation_ttl = std::chrono::seconds{raw.thunes_quotation_ttl_s};
  thunes.callbacks = raw.callbacks == "on";
  thunes.accept_any_credentials |= raw.accept_any_credentials;
  for (const auto& [option, amount] : {std::pair{"--thunes-balance", &thunes.balance},
                                       {"--thunes-minimum", &thunes.minimum},
                                       {"--thunes-maximum", &thunes.maximum}}) {
    if (!parse_amount(*amount, 8)) throw CLI::ValidationError(option, "must be a plain decimal, like 2000");
  }
  if (raw.thunes_callback_auth.empty()) return;
  const auto colon = raw.thunes_callback_auth.find(':');
  if (colon == std::string::npos)
    throw CLI::ValidationError("--thunes-callback-auth", "must be USER:PASSWORD");
  thunes.callback_user = raw.thunes_callback_auth.substr(0, colon);
  thunes.callback_password = raw.thunes_callback_auth.substr(colon + 1);
}

void understand_tmoney(const Raw& raw, Options& options) {
  auto& tmoney = options.tmoney_options;
  options.tmoney = parse_address(raw.tmoney);
  tmoney.users = raw.tmoney_users.paired("--tmoney-user", "--tmoney-password");
  tmoney.absence = parse_range(raw.tmoney_absence_ms);
  tmoney.token_ttl = std::chrono::seconds{raw.tmoney_token_ttl_s};
  tmoney.accept_any_credentials |= raw.accept_any_credentials;
  if (!parse_amount(tmoney.balance, 8)) {
    throw CLI::ValidationError("--tmoney-balance", "must be a plain decimal, like 2000");
  }
}

void understand_flooz(const Raw& raw, Options& options) {
  auto& flooz = options.flooz_options;
  options.flooz = parse_address(raw.flooz);
  flooz.users = raw.flooz_users.paired("--flooz-user", "--flooz-password");
  flooz.accept_any_credentials |= raw.accept_any_credentials;
  if (flooz.key.size() != 32) throw CLI::ValidationError("--flooz-key", "must have 32 characters");
  if (!parse_amount(flooz.balance, 8)) {
    throw CLI::ValidationError("--flooz-balance", "must be a plain decimal, like 2000");
  }
}

void understand(const Raw& raw, Options& options) {
  options.momo = parse_address(raw.momo);
  options.control = parse_address(raw.control);
  options.timing.processing = raw.fast ? Timing::Range{} : parse_range(raw.processing_ms);
  options.timing.transfer_latency = raw.fast ? Timing::Range{} : parse_range(raw.transfer_latency_ms);
  options.timing.delayed_payee = std::chrono::milliseconds{raw.delayed_ms};
  options.momo_options.token_ttl = std::chrono::seconds{raw.token_ttl_s};
  options.momo_options.callbacks = raw.callbacks == "on";
  options.momo_options.users = raw.api_users.paired("--api-user", "--api-key");
  options.momo_options.accept_any_credentials = raw.accept_any_credentials;
  if (!parse_amount(options.momo_options.balance, 8)) {
    throw CLI::ValidationError("--balance", "must be a plain decimal, like 2000");
  }
  understand_thunes(raw, options);
  understand_tmoney(raw, options);
  understand_flooz(raw, options);
  options.banano = parse_address(raw.banano);
}

}  // namespace

Options read_options(int argument_count, char** arguments) {
  CLI::App app{kDescription, "payoutd-simulator"};
  Raw raw;
  Options options;
  define(app, raw, options);
  define_thunes(app, raw, options.thunes_options);
  define_tmoney(app, raw, options.tmoney_options);
  define_flooz(app, raw, options.flooz_options);
  app.add_option("--banano", raw.banano, "Where to serve a Banano node's RPC")->group("Banano");
  define_banano_options(app, options.banano_options);
  try {
    app.parse(argument_count, arguments);
    understand(raw, options);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  return options;
}

}  // namespace simulator
