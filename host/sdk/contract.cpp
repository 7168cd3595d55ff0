#include <cmath>
#include <payoutd/contract.hpp>
#include <payoutd/money.hpp>

#include "json_fields.hpp"

namespace payoutd {
namespace {

namespace json = boost::json;
using detail::JsonFields;

constexpr double kReferenceBits = 64;  // below it two payouts of one account could meet by chance
constexpr int kMostInFlight = 1024;
constexpr int kLongestReference = 256;
constexpr int kAnyInt = std::numeric_limits<int>::max();

/// A promise that holds for both: nullopt is without end.
std::optional<std::chrono::seconds> shorter(std::optional<std::chrono::seconds> a,
                                            std::optional<std::chrono::seconds> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

int lower_rate(int a, int b) {
  return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
}

/// A refusal counts only where both say the same of a code. "Duplicate" counts where either says so: it
/// grants nothing, it is a sign that money may have moved.
std::vector<CodeRule> common_codes(const Contract& stored, const Contract& current) {
  std::vector<CodeRule> common;
  for (const auto& rule : stored.submit_codes)
    if (rule.meaning == CodeMeaning::duplicate || current.meaning_of(rule.code) == rule.meaning)
      common.push_back(rule);
  for (const auto& rule : current.submit_codes) {
    if (rule.meaning != CodeMeaning::duplicate) continue;
    if (stored.meaning_of(rule.code) != CodeMeaning::duplicate) common.push_back(rule);
  }
  return common;
}

std::vector<CurrencyRule> common_currencies(const Contract& stored, const Contract& current) {
  std::vector<CurrencyRule> common;
  for (const auto& rule : stored.currencies)
    if (const auto decimals = current.decimals_of(rule.code))
      common.push_back({rule.code, std::min(rule.decimals, *decimals)});
  return common;
}

class Checker {
 public:
  explicit Checker(const Contract& contract) : contract_(contract) {}

  std::vector<Problem> check() {
    check_repeat();
    check_reference();
    check_lookup();
    check_codes();
    check_load();
    check_currencies();
    check_times();
    check_formats();
    return std::move(problems_);
  }

 private:
  void expect(bool holds, std::string field, std::string reason) {
    if (!holds) problems_.push_back({std::move(field), std::move(reason)});
  }

  void check_repeat() {
    const bool promises = contract_.repeat != Repeat::unknown;
    if (contract_.repeat_window) {
      expect(promises, "repeat_window", "limits a promise that repeat: unknown does not make");
      expect(contract_.repeat_window->count() > 0, "repeat_window", "must be longer than 0");
    }
    const auto is_duplicate = [](const CodeRule& rule) { return rule.meaning == CodeMeaning::duplicate; };
    expect(contract_.repeat != Repeat::refused_as_duplicate ||
               std::ranges::any_of(contract_.submit_codes, is_duplicate),
           "submit_codes", "must list the code by which a repeat is refused as duplicate");
  }

  void check_reference() {
    const auto& format = contract_.reference;
    if (format.uuid4) {
      expect(format.charset.empty() && format.length == 0, "reference",
             "is a UUID: charset and length must be left out");
      return;
    }
    const std::set<char> characters(format.charset.begin(), format.charset.end());
    const auto is_printable = [](char c) { return c > ' ' && c < 0x7f; };
    expect(characters.size() == format.charset.size(), "reference.charset", "names a character twice");
    expect(std::ranges::all_of(format.charset, is_printable), "reference.charset",
           "must consist of printable ASCII characters");
    expect(format.length <= kLongestReference, "reference.length", "must be at most 256");
    const double bits =
        characters.size() < 2 ? 0 : format.length * std::log2(static_cast<double>(characters.size()));
    expect(bits >= kReferenceBits, "reference",
           "is too short to be unique: it has " + std::to_string(static_cast<int>(bits)) +
               " bits, 64 are needed");
  }

  void check_lookup() {
    const bool can_look_up = contract_.can_look_up();
    expect(contract_.webhook != WebhookKind::hint || can_look_up, "webhook",
           "hints are useless where a payment cannot be looked up");
    if (!contract_.absence_is_proof_after) return;
    expect(can_look_up, "absence_is_proof_after", "needs a way to look a payment up");
    expect(contract_.absence_is_proof_after->count() >= 0, "absence_is_proof_after", "must not be negative");
  }

  void check_codes() {
    std::set<std::string, std::less<>> seen;
    for (std::size_t i = 0; i < contract_.submit_codes.size(); ++i) {
      const auto& code = contract_.submit_codes[i].code;
      const auto path = detail::element_path("submit_codes", i);
      expect(!code.empty(), path, "has no code");
      expect(seen.insert(code).second, path, "lists the code '" + code + "' twice");
    }
  }

  void check_load() {
    expect(contract_.concurrency >= 1, "concurrency", "must be at least 1");
    expect(contract_.concurrency <= kMostInFlight, "concurrency", "must be at most 1024");
    expect(contract_.query_rate_per_s >= 0, "query_rate_per_s", "must not be negative");
  }

  void check_currencies() {
    expect(!contract_.currencies.empty(), "currencies", "must name at least one currency");
    std::set<std::string, std::less<>> seen;
    for (std::size_t i = 0; i < contract_.currencies.size(); ++i) {
      const auto& rule = contract_.currencies[i];
      const auto path = detail::element_path("currencies", i);
      const auto decimals = currency_decimals(rule.code);
      expect(decimals.has_value(), path, "'" + rule.code + "' is not a currency that payoutd knows");
      expect(seen.insert(rule.code).second, path, "lists the currency " + rule.code + " twice");
      expect(rule.decimals >= 0, path, "must not have negative decimals");
      expect(!decimals || rule.decimals <= *decimals, path,
             rule.code + " has only " + std::to_string(decimals.value_or(0)) + " decimals");
    }
  }

  void check_times() {
    expect(contract_.submit_window.count() > 0, "submit_window", "must be longer than 0");
    expect(contract_.response_timeout.count() > 0, "response_timeout", "must be longer than 0");
    expect(!contract_.reversal_window || contract_.reversal_window->count() > 0, "reversal_window",
           "must be longer than 0");
  }

  void check_formats() {
    expect(contract_.artefact_format >= 1, "artefact_format", "must be at least 1");
    expect(std::ranges::count(contract_.readable_formats, contract_.artefact_format) > 0, "readable_formats",
           "must contain the artefact_format " + std::to_string(contract_.artefact_format));
  }

  const Contract& contract_;
  std::vector<Problem> problems_;
};

json::value seconds_or_null(std::optional<std::chrono::seconds> value) {
  return value ? json::value(value->count()) : json::value(nullptr);
}

std::vector<CodeRule> read_codes(JsonFields& fields) {
  std::vector<CodeRule> codes;
  for (const auto& element : fields.array("submit_codes")) {
    JsonFields rule(element, detail::element_path("submit_codes", codes.size()));
    using enum CodeMeaning;
    codes.push_back(
        {rule.text("code"), rule.one_of("meaning", {refused, refused_for_now, not_accepted, duplicate})});
    rule.finish();
  }
  return codes;
}

std::vector<CurrencyRule> read_currencies(JsonFields& fields) {
  std::vector<CurrencyRule> currencies;
  for (const auto& element : fields.array("currencies")) {
    JsonFields rule(element, detail::element_path("currencies", currencies.size()));
    currencies.push_back({rule.text("code"), rule.small_integer("decimals", 0, Amount::kDecimals)});
    rule.finish();
  }
  return currencies;
}

std::vector<int> read_formats(JsonFields& fields) {
  std::vector<int> formats;
  for (const auto& element : fields.array("readable_formats")) {
    boost::system::error_code error;
    const bool is_integer = element.is_int64() || element.is_uint64();
    const int format = is_integer ? element.to_number<int>(error) : 0;
    if (!is_integer || error)
      throw BadInput({detail::element_path("readable_formats", formats.size()), "must be an integer"});
    formats.push_back(format);
  }
  return formats;
}

ReferenceFormat read_reference(JsonFields reference) {
  ReferenceFormat format;
  format.uuid4 = reference.boolean("uuid4");
  format.charset = reference.text("charset");
  format.length = reference.small_integer("length", 0, kLongestReference);
  reference.finish();
  return format;
}

Contract read_contract(JsonFields fields) {
  Contract contract;
  contract.repeat =
      fields.one_of("repeat", {Repeat::harmless, Repeat::refused_as_duplicate, Repeat::unknown});
  contract.repeat_window = fields.optional_seconds("repeat_window_s");
  contract.reference = read_reference(fields.object("reference"));
  contract.lookup_by_reference = fields.boolean("lookup_by_reference");
  contract.lookup_by_provider_ref = fields.boolean("lookup_by_provider_ref");
  contract.lookup_by_artefact = fields.boolean("lookup_by_artefact");
  contract.absence_is_proof_after = fields.optional_seconds("absence_is_proof_after_s");
  contract.submit_codes = read_codes(fields);
  contract.webhook = fields.one_of("webhook", {WebhookKind::none, WebhookKind::hint, WebhookKind::signed_});
  contract.concurrency = fields.small_integer("concurrency", 1, kMostInFlight);
  contract.serial = fields.boolean("serial");
  contract.query_rate_per_s = fields.small_integer("query_rate_per_s", 0, kAnyInt);
  contract.currencies = read_currencies(fields);
  contract.reversal_window = fields.optional_seconds("reversal_window_s");
  contract.submit_window = std::chrono::milliseconds(fields.integer("submit_window_ms", 1, kAnyInt));
  contract.response_timeout = std::chrono::milliseconds(fields.integer("response_timeout_ms", 1, kAnyInt));
  contract.artefact_format = fields.small_integer("artefact_format", 1, kAnyInt);
  contract.readable_formats = read_formats(fields);
  fields.finish();
  return contract;
}

}  // namespace

std::optional<CodeMeaning> Contract::meaning_of(std::string_view submit_code) const noexcept {
  const auto found = std::ranges::find(submit_codes, submit_code, &CodeRule::code);
  return found == submit_codes.end() ? std::nullopt : std::optional(found->meaning);
}

std::optional<int> Contract::decimals_of(std::string_view currency) const noexcept {
  const auto found = std::ranges::find(currencies, currency, &CurrencyRule::code);
  return found == currencies.end() ? std::nullopt : std::optional(found->decimals);
}

Contract stricter(const Contract& stored, const Contract& current) {
  Contract both =
      current;  // the formats of reference and artefact are facts of the plugin at hand, not grants
  both.repeat = std::max(stored.repeat, current.repeat);  // declared from generous to strict
  both.repeat_window = shorter(stored.repeat_window, current.repeat_window);
  if (both.repeat == Repeat::unknown) both.repeat_window.reset();
  both.lookup_by_reference = stored.lookup_by_reference && current.lookup_by_reference;
  both.lookup_by_provider_ref = stored.lookup_by_provider_ref && current.lookup_by_provider_ref;
  both.lookup_by_artefact = stored.lookup_by_artefact && current.lookup_by_artefact;
  both.absence_is_proof_after.reset();
  if (stored.absence_is_proof_after && current.absence_is_proof_after && both.can_look_up())
    both.absence_is_proof_after = std::max(*stored.absence_is_proof_after, *current.absence_is_proof_after);
  both.submit_codes = common_codes(stored, current);
  both.webhook = std::min(stored.webhook, current.webhook);
  both.concurrency = std::min(stored.concurrency, current.concurrency);
  both.serial = stored.serial || current.serial;
  both.query_rate_per_s = lower_rate(stored.query_rate_per_s, current.query_rate_per_s);
  both.currencies = common_currencies(stored, current);
  both.reversal_window = std::max(stored.reversal_window, current.reversal_window);  // nullopt is the least
  both.submit_window = std::min(stored.submit_window, current.submit_window);
  both.response_timeout = std::max(stored.response_timeout, current.response_timeout);  // dates absence later
  return both;
}

std::vector<Problem> validate(const Contract& contract) {
  return Checker(contract).check();
}

boost::json::object to_json(const Contract& contract) {
  json::array codes;
  for (const auto& rule : contract.submit_codes)
    codes.push_back({{"code", rule.code}, {"meaning", to_string(rule.meaning)}});
  json::array currencies;
  for (const auto& rule : contract.currencies)
    currencies.push_back({{"code", rule.code}, {"decimals", rule.decimals}});
  const auto& reference = contract.reference;
  return {
      {"repeat", to_string(contract.repeat)},
      {"repeat_window_s", seconds_or_null(contract.repeat_window)},
      {"reference",
       {{"uuid4", reference.uuid4}, {"charset", reference.charset}, {"length", reference.length}}},
      {"lookup_by_reference", contract.lookup_by_reference},
      {"lookup_by_provider_ref", contract.lookup_by_provider_ref},
      {"lookup_by_artefact", contract.lookup_by_artefact},
      {"absence_is_proof_after_s", seconds_or_null(contract.absence_is_proof_after)},
      {"submit_codes", std::move(codes)},
      {"webhook", to_string(contract.webhook)},
      {"concurrency", contract.concurrency},
      {"serial", contract.serial},
      {"query_rate_per_s", contract.query_rate_per_s},
      {"currencies", std::move(currencies)},
      {"reversal_window_s", seconds_or_null(contract.reversal_window)},
      {"submit_window_ms", contract.submit_window.count()},
      {"response_timeout_ms", contract.response_timeout.count()},
      {"artefact_format", contract.artefact_format},
      {"readable_formats", json::array(contract.readable_formats.begin(), contract.readable_formats.end())}};
}

Result<Contract> contract_from_json(const boost::json::object& object) {
  try {
    return read_contract(JsonFields(object, ""));
  } catch (const BadInput& bad) {
    return bad.problem();
  }
}

std::string_view to_string(Repeat repeat) noexcept {
  switch (repeat) {
    case Repeat::harmless:
      return "harmless";
    case Repeat::refused_as_duplicate:
      return "refused_as_duplicate";
    case Repeat::unknown:
      return "unknown";
  }
  return "invalid";
}

std::string_view to_string(CodeMeaning meaning) noexcept {
  switch (meaning) {
    case CodeMeaning::refused:
      return "refused";
    case CodeMeaning::refused_for_now:
      return "refused_for_now";
    case CodeMeaning::not_accepted:
      return "not_accepted";
    case CodeMeaning::duplicate:
      return "duplicate";
  }
  return "invalid";
}

std::string_view to_string(WebhookKind kind) noexcept {
  switch (kind) {
    case WebhookKind::none:
      return "none";
    case WebhookKind::hint:
      return "hint";
    case WebhookKind::signed_:
      return "signed";
  }
  return "invalid";
}

}  // namespace payoutd
