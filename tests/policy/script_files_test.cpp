#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "support.hpp"

using namespace payoutd::policy;
using namespace payoutd::policy::test;
namespace fs = std::filesystem;

namespace {

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "payoutd-scripts-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  void write(const std::string& name, const std::string& content) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << content;
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string failure(const fs::path& directory) {
  try {
    read_scripts(directory);
    return {};
  } catch (const ScriptError& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("scripts are read with their relative names", "[files]") {
  const Folder folder;
  folder.write("abuse/a.lua", "return 1");
  folder.write("routing.lua", "return 2");
  folder.write("lib/l.lua", "");
  folder.write("README.md", "# not a script");
  folder.write("abuse/.a.lua.swp", "");
  folder.write("abuse/.#a.lua", "");
  folder.write("abuse/#b.lua", "");
  folder.write("abuse/a.lua~", "");
  folder.write(".git/x.lua", "");
  const auto files = read_scripts(folder.path());
  CHECK(files == files_of({{"abuse/a.lua", "return 1"}, {"routing.lua", "return 2"}, {"lib/l.lua", ""}}));
}

TEST_CASE("a directory of scripts may be a link, and have links in it", "[files]") {
  const Folder folder;
  folder.write("v1/abuse/a.lua", "one");
  folder.write("v2/abuse/a.lua", "two");
  fs::create_directory_symlink("v1", folder.path() / "now");
  CHECK(read_scripts(folder.path() / "now").files.at("abuse/a.lua") == "one");
  fs::create_directory_symlink("v2", folder.path() / "next");
  fs::rename(folder.path() / "next", folder.path() / "now");
  CHECK(read_scripts(folder.path() / "now").files.at("abuse/a.lua") == "two");
  fs::create_directory_symlink("..", folder.path() / "v2" / "abuse" / "loop");
  CHECK_FALSE(failure(folder.path() / "v2").empty());  // named, not followed for ever
}

TEST_CASE("what cannot be read is named", "[files]") {
  const Folder folder;
  CHECK(failure(folder.path() / "missing") ==
        "the scripts' directory cannot be read: No such file or directory");
  folder.write("abuse/large.lua", std::string(256 * 1024 + 1, ' '));
  folder.write("abuse/bytes.lua", "\xff");
  fs::create_symlink("nowhere", folder.path() / "abuse" / "gone.lua");
  REQUIRE(::mkfifo((folder.path() / "abuse" / "pipe.lua").c_str(), 0600) == 0);
  const auto said = failure(folder.path());
  CHECK_THAT(said, Catch::Contains("abuse/gone.lua: cannot be read: No such file or directory"));
  CHECK_THAT(said, Catch::Contains("abuse/pipe.lua: cannot be read"));
  fs::remove(folder.path() / "abuse" / "gone.lua");
  fs::remove(folder.path() / "abuse" / "pipe.lua");
  CHECK(failure(folder.path()) ==
        "abuse/bytes.lua: is not UTF-8 text\nabuse/large.lua: is larger than 256 KiB");
  CHECK(read_scripts(Folder().path()).files.empty());
}

TEST_CASE("a bundle's hash is that of its names and contents", "[files]") {
  const auto one = files_of({{"abuse/a.lua", "x"}, {"abuse/b.lua", "y"}});
  CHECK(one.hash().size() == 64);
  CHECK(one.hash() == files_of({{"abuse/b.lua", "y"}, {"abuse/a.lua", "x"}}).hash());
  CHECK(one.hash() != files_of({{"abuse/a.lua", "y"}, {"abuse/b.lua", "x"}}).hash());
  CHECK(one.hash() != files_of({{"abuse/a.lua", "xabuse/b.luay"}}).hash());
  CHECK(files_of({}).hash() != one.hash());
}

TEST_CASE("a bundle travels as JSON", "[files]") {
  const auto files = files_of({{"abuse/a.lua", "return \"\\n\""}, {"lib/ö.lua", "é"}});
  CHECK(ScriptFiles::from_json(files.to_json()) == files);
  CHECK_THROWS_WITH(ScriptFiles::from_json({{"a.lua", 5}, {"b.lua", "x"}}), "a.lua: is not a text");
}

TEST_CASE("a problem says where it is", "[files]") {
  CHECK(ScriptProblem{"abuse/a.lua", 12, "no"}.text() == "abuse/a.lua:12: no");
  CHECK(ScriptProblem{"abuse/a.lua", 0, "no"}.text() == "abuse/a.lua: no");
  CHECK(ScriptProblem{"", 0, "no"}.text() == "no");
}
