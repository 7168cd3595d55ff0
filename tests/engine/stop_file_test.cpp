// The file that stops all writes: whatever stands in it, it counts while it is there.
#include "engine/stop_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "../unit/temporary_folder.hpp"

using payoutd::engine::StopFile;
using payoutd::engine::StopOrder;
namespace fs = std::filesystem;

TEST_CASE("no file stops nothing, and one that was made by hand stops in its owner's name", "[stop]") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "stop-writes";
  StopFile file(path);
  CHECK_FALSE(file.order());
  CHECK_FALSE(file.look());
  std::ofstream(path).flush();
  CHECK(file.look());
  REQUIRE(file.order());
  CHECK(file.order()->by.starts_with("operator:"));
  CHECK(file.order()->at.starts_with("20"));
  CHECK(file.order()->note.empty());
  CHECK_FALSE(file.look());  // nothing changed
  std::ofstream(path) << "\n  incident 4711\n";
  CHECK(file.look());
  CHECK(file.order()->note == "incident 4711");
  fs::remove(path);
  CHECK(file.look());
  CHECK_FALSE(file.order());
}

TEST_CASE("what the host writes is read again after a restart", "[stop]") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "stop-writes";
  const StopOrder order{"operator:awa", "2026-05-03T10:00:00.000Z", "their \"incident\"\\ 12"};
  StopFile(path).write(order);
  StopFile file(path);
  REQUIRE(file.order());
  CHECK(*file.order() == order);
  CHECK_FALSE(fs::exists(path.string() + ".new"));
  file.write({"operator:kofi", order.at, ""});
  CHECK(file.order()->by == "operator:kofi");
  file.remove();
  CHECK_FALSE(file.order());
  CHECK_NOTHROW(file.remove());
}

TEST_CASE("whatever the file is, it counts while it is there", "[stop]") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "stop-writes";
  SECTION("a folder") {
    fs::create_directory(path);
  }
  SECTION("a link that leads nowhere") {
    fs::create_symlink("/nowhere", path);
  }
  SECTION("a pipe, which would never end") {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  }
  SECTION("half of what the host writes") {
    std::ofstream(path) << R"({"by":"operator:awa","at)";
  }
  SECTION("JSON of other kinds of values") {
    std::ofstream(path) << R"({"by":7,"at":null,"note":["x"]})";
  }
  SECTION("bytes that are no text") {
    std::ofstream(path) << "\xff\xfe\x01";
  }
  const StopFile file(path);
  REQUIRE(file.order());
  CHECK(file.order()->by.starts_with("operator:"));
}

TEST_CASE("what cannot be looked at counts as there", "[stop]") {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "state").flush();
  const StopFile file(folder.path() / "state" / "stop-writes");  // below a file: ENOTDIR
  REQUIRE(file.order());
  CHECK_THAT(file.order()->note, Catch::Contains("cannot be looked at"));
}

TEST_CASE("a file that cannot be written or removed says so, by its path", "[stop]") {
  const TemporaryFolder folder;
  StopFile nowhere(folder.path() / "missing" / "stop-writes");
  CHECK_THROWS_WITH(nowhere.write({"operator:awa", "", ""}), Catch::Contains("missing/stop-writes.new"));
  const fs::path path = folder.path() / "stop-writes";
  fs::create_directories(path / "full");
  StopFile file(path);
  CHECK_THROWS_WITH(file.remove(), Catch::Contains("cannot remove") && Catch::Contains(path.string()));
  CHECK(file.order());
}
