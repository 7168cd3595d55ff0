#include "policy/bundle.hpp"

#include <mutex>

#include "policy/advice.hpp"
#include "policy/screening.hpp"

namespace payoutd::policy {
namespace {

/// The files that can be run at all: those in which nothing was found wrong so far.
ScriptFiles runnable(const ScriptFiles& files, const std::vector<ScriptProblem>& problems) {
  ScriptFiles rest = files;
  for (const auto& problem : problems) rest.files.erase(problem.file);
  return rest;
}

class LuaBundle final : public Bundle {
 public:
  LuaBundle(ScriptFiles files, std::vector<ScriptProblem>& problems)
      : files_(std::move(files)),
        hash_(files_.hash()),
        screening_(runnable(files_, problems), problems),
        advice_(runnable(files_, problems), problems) {}

  const ScriptFiles& files() const override { return files_; }
  const std::string& hash() const override { return hash_; }
  int tests_run() const override { return screening_.tests_run() + advice_.tests_run(); }
  const std::vector<Feature>& features() const override { return screening_.features(); }
  std::vector<Feature> needs_of(const std::string& rule) const override { return screening_.needs_of(rule); }
  std::vector<std::string> rules() const override { return screening_.rules(); }
  bool routes() const override { return advice_.routes(); }

  Judgement judge(const PayoutFacts& payout, std::span<const FeatureValue> values) override {
    const std::lock_guard lock(screening_mutex_);
    return screening_.judge(payout, values);
  }

  BackoffChoice backoff(const BackoffQuestion& question) override {
    const std::lock_guard lock(advice_mutex_);
    return advice_.backoff(question);
  }

  RouteChoice choose(const PayoutFacts& payout, std::span<const Candidate> candidates) override {
    const std::lock_guard lock(advice_mutex_);
    auto choice = advice_.choose(payout, candidates);
    if (advice_.routes()) choice.bundle = hash_;
    return choice;
  }

 private:
  ScriptFiles files_;
  std::string hash_;
  std::mutex screening_mutex_;
  Screening screening_;
  std::mutex advice_mutex_;
  Advice advice_;
};

}  // namespace

std::shared_ptr<Bundle> Bundle::build(ScriptFiles files) {
  auto problems = form_problems(files);
  // Too many are not even looked at.
  if (!problems.empty() && problems.front().file.empty()) throw ScriptError(std::move(problems));
  auto bundle = std::make_shared<LuaBundle>(std::move(files), problems);
  if (problems.empty()) return bundle;
  std::ranges::sort(problems, {}, [](const ScriptProblem& problem) {
    return std::tie(problem.file, problem.line, problem.reason);
  });
  throw ScriptError(std::move(problems));
}

}  // namespace payoutd::policy
