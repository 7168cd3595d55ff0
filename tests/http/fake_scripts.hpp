#pragma once
#include <boost/json.hpp>

#include "http/scripts_view.hpp"

namespace payoutd::test {

/// Bundles without a sandbox: one whose files hold the word `broken` is refused, with the line of that word.
class FakeScripts final : public http::ScriptsView {
 public:
  FakeScripts() { use({{{"abuse/velocity.lua", "return 1\n"}}}, "host:one"); }

  Awaitable<boost::json::object> status() override {
    boost::json::object host{{"host", "one"},
                             {"incarnation", "6b1f0e52-0000-4000-8000-000000000001"},
                             {"directory", directory},
                             {"generation", generations.back().generation},
                             {"hash", generations.back().hash},
                             {"shadow_hash", nullptr},
                             {"shadow_compared", shadow_compared},
                             {"shadow_differed", shadow_differed},
                             {"updated_at", "2026-01-31T08:00:00.000Z"},
                             {"refused", nullptr}};
    if (!shadow_hash.empty()) host["shadow_hash"] = shadow_hash;
    if (!refused_why.empty())
      host["refused"] = boost::json::object{
          {"hash", std::string(64, 'e')}, {"why", refused_why}, {"at", "2026-01-31T07:59:00.000Z"}};
    boost::json::array rows;
    for (auto row = generations.rbegin(); row != generations.rend(); ++row)
      rows.push_back(boost::json::object{{"generation", row->generation},
                                         {"hash", row->hash},
                                         {"actor", row->actor},
                                         {"note", nullptr},
                                         {"at", "2026-01-31T07:00:00.000Z"}});
    boost::json::object all{{"active", boost::json::object{{"generation", generations.back().generation},
                                                           {"hash", generations.back().hash}}},
                            {"shadow", nullptr},
                            {"hosts", boost::json::array{host}},
                            {"generations", std::move(rows)}};
    if (!shadow_hash.empty()) all["shadow"] = boost::json::object{{"hash", shadow_hash}};
    co_return all;
  }
  Awaitable<http::ScriptChange> reload(std::string actor) override {
    last_actor = actor;
    co_return take(on_disk, actor);
  }
  Awaitable<http::ScriptChange> rollback(std::string hash, std::string actor, std::string note) override {
    last_actor = actor;
    last_note = note;
    if (hash.empty() && generations.size() > 1) hash = generations[generations.size() - 2].hash;
    const auto found = bundles.lower_bound(hash);
    if (hash.empty() || found == bundles.end() || !found->first.starts_with(hash))
      co_return http::ScriptChange{false, "No bundle has this hash.", 1, generations.back().hash, {}};
    co_return take(found->second, actor);
  }
  Awaitable<http::ScriptChange> shadow(policy::ScriptFiles files, std::string actor) override {
    last_actor = actor;
    if (auto problems = problems_of(files); !problems.empty()) co_return refused(problems);
    shadow_hash = files.hash();
    bundles[shadow_hash] = files;
    co_return http::ScriptChange{true, "It runs in shadow.", generations.back().generation, shadow_hash, {}};
  }
  Awaitable<http::ScriptChange> stop_shadow(std::string actor) override {
    last_actor = actor;
    shadow_hash.clear();
    co_return done("The shadow ends.");
  }
  Awaitable<http::ScriptChange> promote(std::string actor, std::string note) override {
    last_note = note;
    if (shadow_hash.empty())
      co_return http::ScriptChange{false, "Nothing runs in shadow.", 1, generations.back().hash, {}};
    co_return take(bundles.at(std::exchange(shadow_hash, {})), actor);
  }
  Awaitable<std::optional<boost::json::object>> show(std::string hash) override {
    if (hash == "active") hash = generations.back().hash;
    if (hash == "shadow") hash = shadow_hash;
    const auto found = bundles.lower_bound(hash);
    if (hash.size() < 6 || found == bundles.end() || !found->first.starts_with(hash)) co_return std::nullopt;
    co_return boost::json::object{{"hash", found->first},
                                  {"created_at", "2026-01-31T07:00:00.000Z"},
                                  {"created_by", "host:one"},
                                  {"files", found->second.to_json()}};
  }

  void use(policy::ScriptFiles files, const std::string& actor) {
    const std::string hash = files.hash();
    generations.push_back({static_cast<std::int64_t>(generations.size()) + 1, hash, actor});
    bundles[hash] = std::move(files);
  }

  struct Generation {
    std::int64_t generation = 0;
    std::string hash;
    std::string actor;
  };
  std::vector<Generation> generations;
  std::map<std::string, policy::ScriptFiles> bundles;  ///< by hash
  policy::ScriptFiles on_disk{{{"abuse/velocity.lua", "return 2\n"}}};
  std::string directory = "/etc/payoutd/scripts";
  std::string shadow_hash;
  std::int64_t shadow_compared = 0;
  std::int64_t shadow_differed = 0;
  std::string refused_why;
  std::string last_actor;
  std::string last_note;

 private:
  static std::vector<policy::ScriptProblem> problems_of(const policy::ScriptFiles& files) {
    std::vector<policy::ScriptProblem> problems;
    for (const auto& [path, text] : files.files) {
      const auto at = text.find("broken");
      if (at == std::string::npos) continue;
      const auto end = text.begin() + static_cast<std::ptrdiff_t>(at);
      problems.push_back({path, 1 + static_cast<int>(std::count(text.begin(), end, '\n')), "is broken"});
    }
    return problems;
  }
  http::ScriptChange done(std::string message) const {
    return {true, std::move(message), generations.back().generation, generations.back().hash, {}};
  }
  http::ScriptChange refused(std::vector<policy::ScriptProblem> problems) const {
    return {false, "Refused; nothing changed.", generations.back().generation, generations.back().hash,
            std::move(problems)};
  }
  http::ScriptChange take(policy::ScriptFiles files, const std::string& actor) {
    if (auto problems = problems_of(files); !problems.empty()) return refused(std::move(problems));
    use(std::move(files), actor);
    return done("Generation " + std::to_string(generations.back().generation) + " is active.");
  }
};

}  // namespace payoutd::test
