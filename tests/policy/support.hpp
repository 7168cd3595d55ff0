#pragma once
#include <ctime>
#include <map>
#include <string>

#include "policy/bundle.hpp"

/// Bundles from texts, payouts to judge by them, and what came of it.
namespace payoutd::policy::test {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

inline ScriptFiles files_of(std::map<std::string, std::string> files) {
  ScriptFiles made;
  made.files = std::move(files);
  return made;
}

inline std::shared_ptr<Bundle> build(std::map<std::string, std::string> files) {
  return Bundle::build(files_of(std::move(files)));
}

/// What is wrong with the files; empty: nothing.
inline std::string problems_of(std::map<std::string, std::string> files) {
  try {
    build(std::move(files));
    return {};
  } catch (const ScriptError& error) {
    return error.what();
  }
}

/// A rule that allows what tests give it, and does `body` to every payout of another client.
inline std::string rule_doing(const std::string& body, const std::string& before = {}) {
  return before +
         "\nlocal rule = {}\nfunction rule.check(payout, history)\nif payout.client == 'client' then return "
         "'allow' end\n" +
         body + "\nend\nrule.tests = { { name = 'one', expect = 'allow' } }\nreturn rule\n";
}

/// A payout that tests' default payouts do not resemble.
inline PayoutFacts facts() {
  PayoutFacts facts;
  facts.id = "0e1c0000-0000-4000-8000-000000000002";
  facts.client = "shop";
  facts.provider = "momo";
  facts.money = {Amount::parse("2500").value(), "XOF"};
  facts.destination = "22890123456";
  facts.user = "anna";
  facts.region = "TG";
  facts.batch = "";
  facts.metadata =
      R"({"level":7,"big":12345678901234567890,"rate":1.10,"name":"Ko","ok":true,"list":[1,"b",{"c":null}],"none":null})";
  facts.at_s = 1'767'225'600;
  facts.age_s = 3;
  return facts;
}

/// The verdict on facts(), as text: `hold velocity_count: text`.
inline std::string shown(const Judgement& judgement) {
  std::string text{to_string(judgement.verdict)};
  if (!judgement.reason.empty()) text += ' ' + judgement.reason;
  if (!judgement.text.empty()) text += ": " + judgement.text;
  return text;
}

/// What one rule with this body says of facts().
inline std::string verdict_of(const std::string& body, const std::string& before = {}) {
  return shown(build({{"abuse/one.lua", rule_doing(body, before)}})->judge(facts(), {}));
}

/// What an expression comes to, seen from a rule.
inline std::string value_of(const std::string& expression) {
  const std::string verdict = verdict_of("return 'flag', 'value', tostring(" + expression + ")");
  const std::string prefix = "flag value: ";
  return verdict.starts_with(prefix) ? verdict.substr(prefix.size()) : verdict;
}

/// How an expression fails.
inline std::string error_of(const std::string& statement) {
  const std::string verdict = verdict_of(statement);
  const std::string prefix = "hold rule_failed: abuse/one.lua:";
  if (!verdict.starts_with(prefix)) return "no error: " + verdict;
  return verdict.substr(verdict.find(": ", prefix.size()) + 2);
}

/// Milliseconds of this thread's processor time: what others do on the machine does not count.
template <class Work>
double processor_ms(Work&& work) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
  };
  const double begin = now();
  work();
  return now() - begin;
}

}  // namespace payoutd::policy::test
