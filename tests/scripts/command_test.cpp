// `payoutctl scripts test` and `new`: exit codes, what they print, what they write.
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <sstream>

#include "ctl/script_new.hpp"
#include "ctl/script_test.hpp"
#include "support.hpp"

using namespace payoutd::ctl;
using Catch::Contains;
namespace json = boost::json;
namespace fs = std::filesystem;

namespace {

struct Run {
  ExitCode code = ExitCode::failed;
  std::string out;
  std::string err;
  json::object json() const { return json::parse(out).as_object(); }
};

template <typename Function, typename Options>
Run run(Function function, const Options& options, bool as_json = false) {
  std::ostringstream out;
  std::ostringstream err;
  Context context{.socket = {}, .json = as_json, .out = out, .err = err};
  const ExitCode code = function(context, options);
  return {code, out.str(), err.str()};
}

template <typename Function, typename Options>
std::pair<ExitCode, std::string> failure(Function function, const Options& options) {
  try {
    run(function, options);
  } catch (const CommandFailed& failed) {
    return {failed.code(), failed.what()};
  }
  return {ExitCode::ok, ""};
}

constexpr const char* kGoodRule = R"(local rule = {}
function rule.check(payout)
  return "allow"
end
rule.tests = { { name = "always", expect = "allow" } }
return rule
)";

// The test in line 5 does not hold.
constexpr const char* kFailingRule = R"(local rule = {}
function rule.check(payout)
  return "hold", "always"
end
rule.tests = { { name = "never", expect = "allow" } }
return rule
)";

class WorkingDirectory {
 public:
  explicit WorkingDirectory(const fs::path& folder) : before_(fs::current_path()) {
    fs::current_path(folder);
  }
  ~WorkingDirectory() { fs::current_path(before_); }

 private:
  fs::path before_;
};

}  // namespace

TEST_CASE("scripts test takes the shipped scripts") {
  const ScriptTestOptions options{source_folder() / "scripts"};
  const Run text = run(script_test, options);
  CHECK(text.code == ExitCode::ok);
  CHECK_THAT(text.out,
             Contains("no problems. 9 rules, 7 schedules, routing; ") && Contains(" tests passed. Bundle "));
  CHECK(text.err.empty());

  const json::object answer = run(script_test, options, true).json();
  CHECK(answer.at("ok").as_bool());
  CHECK(answer.at("rules").as_array().size() == 9);
  CHECK(answer.at("schedules").as_int64() == 7);
  CHECK(answer.at("routing").as_bool());
  CHECK(answer.at("tests").as_int64() > 100);
  CHECK(answer.at("bundle").as_string().size() == 64);
}

TEST_CASE("scripts test names file and line of a problem, and ends with 1") {
  const Folder folder;
  folder.write("abuse/good.lua", kGoodRule);
  const fs::path bad = folder.write("abuse/bad.lua", "local rule = {\n  nonsense\n");
  const Run text = run(script_test, ScriptTestOptions{folder.path});
  CHECK(text.code == ExitCode::negative);
  CHECK(text.out.empty());
  CHECK_THAT(text.err, Contains(bad.string() + ":") && Contains("1 problem; a host would keep"));

  const Run as_json = run(script_test, ScriptTestOptions{folder.path}, true);
  CHECK(as_json.code == ExitCode::negative);
  CHECK_FALSE(as_json.json().at("ok").as_bool());
  const json::object problem = as_json.json().at("problems").as_array().at(0).as_object();
  CHECK(problem.at("file").as_string() == "abuse/bad.lua");
  CHECK(problem.at("line").as_int64() >= 2);
}

TEST_CASE("scripts test says which test of a script does not hold") {
  const Folder folder;
  folder.write("abuse/never.lua", kFailingRule);
  const Run text = run(script_test, ScriptTestOptions{folder.path});
  CHECK(text.code == ExitCode::negative);
  CHECK_THAT(text.err, Contains("abuse/never.lua:5:") && Contains("never") && Contains("hold"));
}

TEST_CASE("scripts test finds the directory of a file, as editors name it") {
  const Folder folder;
  folder.write("abuse/good.lua", kGoodRule);
  folder.write("lib/empty.lua", "return {}\n");
  for (const char* file : {"abuse/good.lua", "lib/empty.lua"}) {
    const Run absolute = run(script_test, ScriptTestOptions{folder.path / file}, true);
    CHECK(absolute.code == ExitCode::ok);
    CHECK(absolute.json().at("files").to_number<int>() == 2);
  }
  {
    const WorkingDirectory here(folder.path);
    CHECK(run(script_test, ScriptTestOptions{"abuse/good.lua"}, true).json().at("files").to_number<int>() ==
          2);
  }
  const WorkingDirectory here(folder.path / "abuse");
  CHECK(run(script_test, ScriptTestOptions{"good.lua"}, true).json().at("files").to_number<int>() == 2);
}

TEST_CASE("scripts test takes ./scripts where nothing is named") {
  const Folder folder;
  folder.write("scripts/abuse/good.lua", kGoodRule);
  const WorkingDirectory here(folder.path);
  CHECK_THAT(run(script_test, ScriptTestOptions{}).out,
             Contains("scripts: no problems. 1 rule, 0 schedules; 1 test"));
}

TEST_CASE("scripts test ends with 2 where there is nothing to test") {
  const Folder folder;
  folder.write("notes.txt", "no script");
  CHECK(failure(script_test, ScriptTestOptions{folder.path}).first == ExitCode::usage);
  CHECK(failure(script_test, ScriptTestOptions{folder.path / "absent"}).first == ExitCode::usage);
  const WorkingDirectory here(folder.path);
  CHECK_THAT(failure(script_test, ScriptTestOptions{}).second, Contains("no folder scripts here"));
}

TEST_CASE("scripts new writes what passes, and is off or waits as the defaults do") {
  const Folder folder;
  const Run rule = run(script_new, ScriptNewOptions{"rule", "large_amount", folder.path});
  CHECK(rule.code == ExitCode::ok);
  CHECK_THAT(rule.out,
             Contains((folder.path / "abuse/large_amount.lua").string()) && Contains("enabled = true"));
  CHECK(run(script_new, ScriptNewOptions{"backoff", "momo-ci", folder.path}, true)
            .json()
            .at("file")
            .as_string() == (folder.path / "backoff/momo-ci.lua").string());

  const std::string text = text_of(folder.path / "abuse/large_amount.lua");
  CHECK_THAT(text, Contains("-- large_amount:") && Contains("enabled = false") && !Contains("my_rule"));
  CHECK_THAT(text_of(folder.path / "backoff/momo-ci.lua"),
             Contains("the provider momo-ci") && !Contains("my_provider"));
  const json::object answer = run(script_test, ScriptTestOptions{folder.path}, true).json();
  CHECK(answer.at("ok").as_bool());
  CHECK(answer.at("tests").as_int64() == 9);
  CHECK(answer.at("rules").as_array().empty());
  CHECK(answer.at("rules_off").as_int64() == 1);
  CHECK_THAT(run(script_test, ScriptTestOptions{folder.path}).out,
             Contains("0 rules (and 1 off), 1 schedule; 9 tests"));
  for (const auto& entry : fs::recursive_directory_iterator(folder.path)) {
    INFO(entry.path());
    CHECK_FALSE(entry.path().filename().string().starts_with('.'));
  }
}

TEST_CASE("a new rule that is turned on passes its tests too") {
  const Folder folder;
  run(script_new, ScriptNewOptions{"rule", "often", folder.path});
  std::string text = text_of(folder.path / "abuse/often.lua");
  text.replace(text.find("enabled = false"), 15, "enabled = true");
  folder.write("abuse/often.lua", text);
  const json::object answer = run(script_test, ScriptTestOptions{folder.path}, true).json();
  CHECK(answer.at("ok").as_bool());
  CHECK(answer.at("rules").as_array().size() == 1);
}

TEST_CASE("scripts new never overwrites, and refuses names that are none") {
  const Folder folder;
  const fs::path there = folder.write("abuse/mine.lua", "-- precious\n");
  const auto [code, message] = failure(script_new, ScriptNewOptions{"rule", "mine", folder.path});
  CHECK(code == ExitCode::usage);
  CHECK_THAT(message, Contains("is there already"));
  CHECK(text_of(there) == "-- precious\n");

  for (const char* name :
       {"", "Big", "a-b", "../x", "9lives", "a.lua", "a b", "a_name_that_is_longer_than_forty_letters_is"}) {
    INFO(name);
    CHECK(failure(script_new, ScriptNewOptions{"rule", name, folder.path}).first == ExitCode::usage);
  }
  for (const char* name : {"", "-x", "../x", "Momo", "a_b"}) {
    INFO(name);
    CHECK(failure(script_new, ScriptNewOptions{"backoff", name, folder.path}).first == ExitCode::usage);
  }
  CHECK(failure(script_new, ScriptNewOptions{"reward", "x", folder.path}).first == ExitCode::usage);
  CHECK(std::distance(fs::recursive_directory_iterator(folder.path), {}) == 2);

  const WorkingDirectory here(folder.path);
  CHECK_THAT(failure(script_new, ScriptNewOptions{"rule", "x", {}}).second, Contains("--dir"));
}
