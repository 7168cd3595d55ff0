#pragma once
#include <string>

#include "providers/call_context.hpp"
#include "providers/provider_handle.hpp"

namespace payoutd::providers {

/// The code of a submit of which provably nothing was sent.
inline constexpr const char* kNotSent = "not_sent";

struct Verdict {
  SubmitReply reply;
  std::string downgraded;  ///< why the plugin's claim was not believed; empty if it was
};

/// Holds a plugin's claim against what the runtime saw and what the contract lists.
///
/// `may_have_sent` false means that the attempt's announcement was revoked before any byte: then nothing but
/// a listed refusal or a listed duplicate stands beside `not_accepted`. Otherwise a refusal needs an answer
/// to the money-moving request and a code listed with that meaning, and a success needs an answer; all else
/// is unknown.
Verdict judge_claim(const Contract& contract, const CallContext& call, bool may_have_sent, Submission claim);

/// For a submit that ended in an exception.
SubmitReply judge_exception(const CallContext& call, bool may_have_sent, const std::string& what);

}  // namespace payoutd::providers
