#include "providers/submit_verdict.hpp"

#include "providers/wire_codec.hpp"

namespace payoutd::providers {
namespace {

constexpr std::size_t kMaxCodeBytes = 128;
constexpr std::size_t kMaxMessageBytes = 1024;

bool means_success(Submission::Kind kind) {
  return kind == Submission::Kind::confirmed || kind == Submission::Kind::accepted;
}

std::optional<CodeMeaning> claimed_meaning(Submission::Kind kind) {
  switch (kind) {
    case Submission::Kind::refused:
      return CodeMeaning::refused;
    case Submission::Kind::refused_for_now:
      return CodeMeaning::refused_for_now;
    case Submission::Kind::not_accepted:
      return CodeMeaning::not_accepted;
    case Submission::Kind::duplicate:
      return CodeMeaning::duplicate;
    default:
      return std::nullopt;
  }
}

/// Why the claim cannot be believed; empty if it can.
std::string doubt(const Contract& contract, const CallContext& call, bool may_have_sent,
                  const Submission& claim) {
  const std::string shown = "the plugin claimed '" + std::string(to_string(claim.kind)) + "'";
  if (means_success(claim.kind)) {
    if (!may_have_sent) return shown + " without having sent the money-moving request";
    return call.answered() ? "" : shown + " without an answer to the money-moving request";
  }
  const auto meaning = claimed_meaning(claim.kind);
  if (!meaning) return {};
  if (claim.kind == Submission::Kind::not_accepted && !may_have_sent) return {};
  if (contract.meaning_of(claim.code) != meaning) {
    return shown + " with the code '" + claim.code + "', which the contract does not list with that meaning";
  }
  if (may_have_sent && !call.answered() && claim.kind != Submission::Kind::duplicate) {
    return shown + " without an answer to the money-moving request";
  }
  return {};
}

void clean(Submission& claim) {
  claim.code = wire::clean_text(claim.code, kMaxCodeBytes);
  claim.message = wire::clean_text(claim.message, kMaxMessageBytes);
}

}  // namespace

Verdict judge_claim(const Contract& contract, const CallContext& call, bool may_have_sent, Submission claim) {
  Verdict verdict;
  verdict.reply.evidence = {
      .bytes_left = may_have_sent,
      .acceptance_sign = call.http_status() / 100 == 2 || !claim.provider_ref.empty() ||
                         claim.kind == Submission::Kind::duplicate ||
                         contract.meaning_of(claim.code) == CodeMeaning::duplicate,
      .http_status = call.http_status(),
  };
  verdict.downgraded = doubt(contract, call, may_have_sent, claim);
  if (verdict.downgraded.empty() && claim.provider_ref.size() > wire::kMaxProviderRefBytes) {
    verdict.downgraded =
        "the plugin gave a provider_ref of " + std::to_string(claim.provider_ref.size()) + " bytes";
  }
  if (claim.provider_ref.size() > wire::kMaxProviderRefBytes) claim.provider_ref.clear();
  clean(claim);
  if (!verdict.downgraded.empty()) {
    verdict.reply.claim = claim;
    verdict.reply.claim->message.clear();  // it goes into the submission's, which the host cleans of secrets
    claim.message = wire::clean_text(verdict.downgraded + (claim.message.empty() ? "" : ": " + claim.message),
                                     kMaxMessageBytes);
    const bool nothing_happened =
        !may_have_sent && !means_success(claim.kind) && !verdict.reply.evidence.acceptance_sign;
    claim.kind = nothing_happened ? Submission::Kind::not_accepted : Submission::Kind::unknown;
    if (claim.kind == Submission::Kind::not_accepted) claim.code = kNotSent;
  } else if (claim.kind == Submission::Kind::unknown && !may_have_sent &&
             !verdict.reply.evidence.acceptance_sign) {
    claim.kind = Submission::Kind::not_accepted;  // the plugin cannot know it, the send log does
    if (claim.code.empty()) claim.code = kNotSent;
  }
  verdict.reply.submission = std::move(claim);
  return verdict;
}

SubmitReply judge_exception(const CallContext& call, bool may_have_sent, const std::string& what) {
  SubmitReply reply;
  reply.evidence = {.bytes_left = may_have_sent,
                    .acceptance_sign = call.http_status() / 100 == 2,
                    .http_status = call.http_status()};
  reply.submission =
      may_have_sent ? Submission::unknown("exception", what) : Submission::not_accepted(kNotSent, what);
  clean(reply.submission);
  return reply;
}

}  // namespace payoutd::providers
