#include "ops/secrets.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "ops/redact.hpp"
#include "temporary_folder.hpp"

using namespace payoutd;
using namespace payoutd::ops;

namespace {

struct Fixture {
  TemporaryFolder folder;
  std::map<std::string, std::string> variables;
  SecretSource source{folder.path(), [this](const std::string& name) -> std::optional<std::string> {
                        const auto found = variables.find(name);
                        return found == variables.end() ? std::nullopt : std::optional(found->second);
                      }};

  std::string read(std::string_view written) const {
    const auto secret = read_secret(written, source);
    return secret ? secret->reveal() : "refused: " + secret.error().reason;
  }
};

}  // namespace

TEST_CASE("secrets are read from where they are kept", "[secrets]") {
  Fixture fixture;
  fixture.folder.write("keys/api", "from-a-file\n");
  fixture.variables = {{"API_KEY", "from-a-variable"},
                       {"CREDENTIALS_DIRECTORY", (fixture.folder.path() / "keys").string()}};
  CHECK(fixture.read("${API_KEY}") == "from-a-variable");
  CHECK(fixture.read("env:API_KEY") == "from-a-variable");
  CHECK(fixture.read("file:keys/api") == "from-a-file");
  CHECK(fixture.read("file:" + (fixture.folder.path() / "keys/api").string()) == "from-a-file");
  CHECK(fixture.read("credential:api") == "from-a-file");
  fixture.source.accept_plain = true;
  CHECK(fixture.read("written-in-plain") == "written-in-plain");
}

TEST_CASE("a secret that cannot be read says why, without showing it", "[secrets]") {
  Fixture fixture;
  const auto empty = fixture.folder.write("empty", "\n").string();
  const auto huge = fixture.folder.write("huge", std::string(70'000, 'x')).string();
  fixture.variables = {{"EMPTY", ""}};
  CHECK(fixture.read("${NOT_THERE}") == "refused: environment variable NOT_THERE is not set");
  CHECK(fixture.read("env:EMPTY") == "refused: environment variable EMPTY is empty");
  CHECK(fixture.read("file:/not/there") ==
        "refused: file /not/there cannot be opened: No such file or directory");
  CHECK(fixture.read("file:" + empty) == "refused: file " + empty + " is empty");
  CHECK(fixture.read("file:" + huge) == "refused: file " + huge + " is larger than 64 KiB");
  CHECK(
      fixture.read("credential:x") ==
      "refused: credential x cannot be read: CREDENTIALS_DIRECTORY is not set (LoadCredential= of the unit)");
  CHECK(fixture.read("credential:../x") == "refused: credential names have no slash and no leading dot");
  CHECK(fixture.read("hunter2hunter2") ==
        "refused: is a secret and may be written in plain in dev only: use ${NAME}, file:/path or "
        "credential:NAME");
}

TEST_CASE("a credential of a loaded folder is found by its own name", "[secrets]") {
  Fixture fixture;
  fixture.folder.write("loaded/payoutd_momo_key", "from-the-folder\n");
  fixture.folder.write("loaded/single", "from-a-drop-in\n");
  fixture.folder.write("loaded/payoutd_single", "from-the-folder\n");
  fixture.variables = {{"CREDENTIALS_DIRECTORY", (fixture.folder.path() / "loaded").string()}};
  CHECK(fixture.read("credential:momo_key") == "from-the-folder");
  CHECK(fixture.read("credential:single") == "from-a-drop-in");
  CHECK(fixture.read("credential:payoutd_momo_key") == "from-the-folder");
}

TEST_CASE("a variable that is not set may be a credential of its name", "[secrets]") {
  Fixture fixture;
  fixture.folder.write("loaded/payoutd_jwt_secret", "from-the-folder\n");
  fixture.folder.write("loaded/payoutd_database_url", "postgresql://somebody@somewhere/x\n");
  const ReadEnvironment known = with_credentials(fixture.source.environment);
  CHECK_FALSE(known("JWT_SECRET"));
  fixture.variables = {{"CREDENTIALS_DIRECTORY", (fixture.folder.path() / "loaded").string()},
                       {"DATABASE_URL", "postgresql://me@here/x"}};
  CHECK(known("JWT_SECRET") == "from-the-folder");
  CHECK(known("DATABASE_URL") == "postgresql://me@here/x");  // what is set goes first
  fixture.variables["DATABASE_URL"] = "";  // as an EnvironmentFile= with a bare name says it
  CHECK(known("DATABASE_URL") == "postgresql://somebody@somewhere/x");
  CHECK_FALSE(known("MOMO_WEBHOOK_SECRET"));
}

TEST_CASE("what was read is known to the redactor", "[secrets]") {
  Fixture fixture;
  fixture.variables = {{"KEY", "registered-by-reading"}};
  REQUIRE(read_secret("${KEY}", fixture.source).has_value());
  CHECK(redactor().redact("x registered-by-reading y") == "x *** y");
}

TEST_CASE("the instance key is made once and kept", "[secrets]") {
  const TemporaryFolder folder;
  const auto key = load_or_create_instance_key(folder.path());
  CHECK(key.reveal().size() == 64);
  CHECK(load_or_create_instance_key(folder.path()).reveal() == key.reveal());
  struct stat status{};
  REQUIRE(::stat((folder.path() / "instance.key").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) ==
        1);  // nothing is left beside it

  folder.write("instance.key", "too short\n");
  CHECK_THROWS_WITH(load_or_create_instance_key(folder.path()),
                    Catch::Contains("is shorter than 32 characters"));
  CHECK_THROWS_WITH(load_or_create_instance_key(folder.path() / "missing"),
                    Catch::Contains("No such file or directory"));
}
