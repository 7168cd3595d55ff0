#include "plays.hpp"

#include <stdexcept>

namespace payoutd::test {
namespace {

const std::vector<Play>& all() {
  static const std::vector<Play> list = [] {
    std::vector<Play> made;
    for (auto* some : {manual_plays, provider_plays, policy_plays, database_plays})
      for (Play& play : some()) made.push_back(std::move(play));
    return made;
  }();
  return list;
}

}  // namespace

const Play& play_called(const std::string& name) {
  for (const Play& play : all())
    if (play.name == name) return play;
  throw std::runtime_error("no stage is called " + name);
}

std::vector<std::string> plays() {
  std::vector<std::string> names;
  for (const Play& play : all()) names.push_back(play.name);
  return names;
}

void be_quick(Stage& stage) {
  stage.write("scripts/backoff/momo.lua", R"(local backoff = {}
function backoff.next(attempt)
  if attempt.purpose == "query" and attempt.in_state > 1 then return "review" end
  if attempt.purpose == "poll" and attempt.count > 2 then return 600 end
  return 0.3
end
backoff.tests = { { name = "soon", attempt = { purpose = "poll" }, expect = 0.3 } }
return backoff
)");
}

}  // namespace payoutd::test
