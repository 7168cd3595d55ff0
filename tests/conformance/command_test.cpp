// `payoutctl plugin …` as a script uses it: exit codes, and one JSON document on standard output.
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

struct Answer {
  int exit_code = -1;
  std::string out;
  json::object json() const { return json::parse(out).as_object(); }
};

/// Runs payoutctl with its standard output read, and its standard error in `out` as well if `with_errors`.
Answer payoutctl(const std::string& arguments, bool with_errors = false) {
  Answer answer;
  const std::string command =
      std::string(PAYOUTCTL) + " plugin " + arguments + (with_errors ? " 2>&1" : " 2>/dev/null");
  FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> piece;
  for (std::size_t bytes; (bytes = std::fread(piece.data(), 1, piece.size(), pipe)) > 0;)
    answer.out.append(piece.data(), bytes);
  const int status = ::pclose(pipe);
  answer.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return answer;
}

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/payoutd-command-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;

  fs::path write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name) << text;
    return path / name;
  }
};

const std::string kPlugin = CARELESS_PLUGIN;
const std::string kVerify = "verify " + kPlugin + " --transcripts " + std::string(CARELESS_TRANSCRIPTS);

}  // namespace

TEST_CASE("verify ends with 1 for a careless plugin and 0 for a good one", "[command]") {
  const Answer careless = payoutctl(kVerify + " --json");
  CHECK(careless.exit_code == 1);
  CHECK_FALSE(careless.json().at("passed").as_bool());
  CHECK(careless.json().at("wrong").as_int64() > 0);

  const Folder folder;
  const fs::path settings = folder.write("good.yaml", "settings:\n  vice: none\n");
  const Answer good = payoutctl(kVerify + " --json --settings " + settings.string());
  CHECK(good.exit_code == 0);
  CHECK(good.json().at("passed").as_bool());
}

TEST_CASE("verify shows exchange, fault, claim, truth and verdict", "[command]") {
  const Answer answer = payoutctl(kVerify);
  CHECK(answer.exit_code == 1);
  for (const char* part : {"EXCHANGE", "FAULT", "CLAIMED", "TRUE", "VERDICT", "time-out after the bytes left",
                           "not_accepted TIMEOUT (taken as unknown)", "WRONG"}) {
    INFO(part);
    CHECK(answer.out.find(part) != std::string::npos);
  }
}

TEST_CASE("verify says what is missing", "[command]") {
  CHECK(payoutctl("verify /nowhere/libnothing.so").exit_code == 2);
  const Answer alone = payoutctl("verify " + kPlugin, true);
  CHECK(alone.exit_code == 2);
  CHECK(alone.out.find("transcripts/careless") != std::string::npos);
  const Folder folder;
  folder.write("bad.json", "{\"title\": \"t\"");
  CHECK(payoutctl("verify " + kPlugin + " --transcripts " + folder.path.string()).exit_code == 2);
}

TEST_CASE("transcripts beside the library are found", "[command]") {
  const Folder folder;
  fs::copy_file(kPlugin, folder.path / "libcareless.so");
  fs::create_directories(folder.path / "transcripts");
  fs::copy(CARELESS_TRANSCRIPTS, folder.path / "transcripts" / "careless");
  const Answer answer = payoutctl("verify " + (folder.path / "libcareless.so").string() + " --json");
  CHECK(answer.exit_code == 1);
  CHECK(answer.json().at("runs").as_array().size() > 100);
}

TEST_CASE("inspect tells descriptor, contract and settings", "[command]") {
  const Folder folder;
  const fs::path settings = folder.write(
      "s.yaml", "settings:\n  url: http://127.0.0.1:9\n  vice: none\nsecrets:\n  callback_key: k\n");
  const std::string inspect = "inspect " + kPlugin;
  const Answer answer = payoutctl(inspect + " --json --settings " + settings.string());
  CHECK(answer.exit_code == 0);
  CHECK(answer.json().at("name") == "careless");
  CHECK(answer.json().at("contract").at("repeat") == "refused_as_duplicate");
  const Answer words = payoutctl(inspect + " --settings " + settings.string());
  for (const char* part : {"careless 1.0.0", "This host loads it.", "refused as a duplicate",
                           "looked up by our reference", "Callbacks are signed", "callback_key"}) {
    INFO(part);
    CHECK(words.out.find(part) != std::string::npos);
  }
}

TEST_CASE("inspect refuses as the host does", "[command]") {
  const Folder folder;
  const fs::path no_library = folder.write("libtext.so", "this is no library\n");
  const Answer answer = payoutctl("inspect " + no_library.string(), true);
  CHECK(answer.exit_code == 1);
  CHECK(answer.out.find("it cannot be loaded") != std::string::npos);
  const fs::path settings = folder.write("s.yaml", "settings:\n  url: nowhere\n  vise: none\n");
  const Answer bad = payoutctl("inspect " + kPlugin + " --json --settings " + settings.string());
  CHECK(bad.exit_code == 1);
  CHECK(bad.out.find("did you mean 'vice'") != std::string::npos);
}

TEST_CASE("new writes a project, once", "[command]") {
  const Folder folder;
  const std::string into = (folder.path / "my_psp").string();
  CHECK(payoutctl("new my_psp --into " + into).exit_code == 0);
  for (const char* file : {"CMakeLists.txt", "my_psp.cpp", "my_psp.hpp", "my_psp_test.cpp",
                           "transcripts/paid.json", "README.md", ".gitignore"}) {
    INFO(file);
    CHECK(fs::exists(fs::path(into) / file));
  }
  std::ifstream in(fs::path(into) / "my_psp.cpp");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  CHECK(text.find("PAYOUTD_PLUGIN(MyPsp, &MyPsp::schema)") != std::string::npos);
  CHECK(text.find("cme") == std::string::npos);
  CHECK(payoutctl("new my_psp --into " + into).exit_code == 2);
  for (const char* name : {"Acme", "1st", "a-b", "test", "_x"}) {
    INFO(name);
    CHECK(payoutctl("new " + std::string(name) + " --into " + folder.path.string() + "/x").exit_code == 2);
  }
}
