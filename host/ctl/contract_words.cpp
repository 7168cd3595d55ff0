#include "ctl/contract_words.hpp"

namespace payoutd::ctl {
namespace {

using std::chrono::milliseconds;

std::string joined(const std::vector<std::string>& words, const char* last) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? std::string(" ") + last + " " : ", ";
    text += words[i];
  }
  return text;
}

std::string codes_with(const Contract& contract, CodeMeaning meaning) {
  std::string codes;
  for (const CodeRule& rule : contract.submit_codes)
    if (rule.meaning == meaning) codes += (codes.empty() ? "" : ", ") + rule.code;
  return codes;
}

std::string repeat_words(const Contract& contract) {
  const std::string window =
      contract.repeat_window ? ", for " + duration_words(*contract.repeat_window) + " after the first submit"
                             : std::string();
  switch (contract.repeat) {
    case Repeat::harmless:
      return "A repeat of the same artefact is the same payment" + window + ".";
    case Repeat::refused_as_duplicate:
      return "A repeat under the same reference is refused as a duplicate" + window + ": " +
             codes_with(contract, CodeMeaning::duplicate) + ".";
    case Repeat::unknown:
      break;
  }
  return "Nobody promises what a repeat does: after an unknown outcome nothing is sent again until absence "
         "is proven.";
}

std::string lookup_words(const Contract& contract) {
  std::vector<std::string> ways;
  if (contract.lookup_by_reference) ways.emplace_back("our reference");
  if (contract.lookup_by_provider_ref) ways.emplace_back("the provider's reference");
  if (contract.lookup_by_artefact) ways.emplace_back("the artefact");
  if (ways.empty()) return "A payment cannot be looked up: an unknown outcome goes to a human.";
  return "A payment is looked up by " + joined(ways, "or") + ".";
}

std::string absence_words(const Contract& contract) {
  if (!contract.absence_is_proof_after) return "\"Not found\" never proves anything.";
  return "\"Not found\" is proof that nothing was paid, " + duration_words(*contract.absence_is_proof_after) +
         " after the last moment at which the request may have been sent and answered.";
}

std::string reference_words(const ReferenceFormat& format) {
  if (format.uuid4) return "Our references are UUIDs.";
  return "Our references have " + std::to_string(format.length) + " characters of \"" + format.charset +
         "\".";
}

std::string callback_words(const Contract& contract) {
  switch (contract.webhook) {
    case WebhookKind::none:
      return "There are no callbacks.";
    case WebhookKind::hint:
      return "Callbacks are hints: they only make the host ask sooner.";
    case WebhookKind::signed_:
      break;
  }
  return "Callbacks are signed, and count.";
}

std::string load_words(const Contract& contract) {
  std::string text = "At most " + std::to_string(contract.concurrency) +
                     (contract.concurrency == 1 ? " submit is" : " submits are") + " in flight at once";
  if (contract.serial) text += ", one for each paying account";
  text += contract.query_rate_per_s > 0
              ? ", at most " + std::to_string(contract.query_rate_per_s) + " queries a second."
              : ", queries without a limit.";
  return text;
}

std::string currency_words(const Contract& contract) {
  std::string text = "Pays ";
  for (std::size_t i = 0; i < contract.currencies.size(); ++i) {
    const CurrencyRule& rule = contract.currencies[i];
    text += (i == 0 ? "" : ", ") + rule.code + " with " + std::to_string(rule.decimals) +
            (rule.decimals == 1 ? " decimal" : " decimals");
  }
  return text + ".";
}

}  // namespace

std::string duration_words(milliseconds length) {
  const auto ms = length.count();
  if (ms % 3'600'000 == 0 && ms > 0) return std::to_string(ms / 3'600'000) + " h";
  if (ms % 60'000 == 0 && ms > 0) return std::to_string(ms / 60'000) + " min";
  if (ms % 1'000 == 0) return std::to_string(ms / 1'000) + " s";
  return std::to_string(ms) + " ms";
}

std::vector<std::string> contract_words(const Contract& contract) {
  std::vector<std::string> lines{currency_words(contract), repeat_words(contract), lookup_words(contract),
                                 absence_words(contract)};
  const auto add_codes = [&](CodeMeaning meaning, const char* before) {
    const std::string codes = codes_with(contract, meaning);
    if (!codes.empty()) lines.push_back(std::string(before) + codes + ".");
  };
  add_codes(CodeMeaning::refused, "A submit is refused for good by: ");
  add_codes(CodeMeaning::refused_for_now, "It is refused for now, and its reference spent, by: ");
  add_codes(CodeMeaning::not_accepted, "It was not accepted, and its reference is unspent, by: ");
  if (contract.repeat != Repeat::refused_as_duplicate)
    add_codes(CodeMeaning::duplicate, "An earlier request under the same reference arrived, by: ");
  lines.emplace_back("Every other code, and every answer without one, leaves the outcome unknown.");
  lines.push_back(callback_words(contract));
  lines.push_back(load_words(contract));
  lines.push_back("A submit starts within " + duration_words(contract.submit_window) +
                  " or never; its answer is awaited for " + duration_words(contract.response_timeout) + ".");
  lines.push_back(contract.reversal_window ? "A confirmed payment can come back within " +
                                                 duration_words(*contract.reversal_window) + "."
                                           : "A confirmed payment does not come back.");
  lines.push_back(reference_words(contract.reference));
  return lines;
}

}  // namespace payoutd::ctl
