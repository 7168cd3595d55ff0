// The manual and the completion are made from the command line itself, so these look at their form only.
#include "ctl/manual.hpp"

#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "ctl/service_environment.hpp"
#include "ops/config.hpp"

using namespace payoutd;

namespace {

struct Program {
  CLI::App app{"pays\n\nStart with:\n\n  .first --line\n", "payer"};
  std::string text;
  bool flag = false;

  Program() {
    app.require_subcommand(1);
    app.fallthrough();
    app.add_option("--socket", text, "Where the host is");
    CLI::App* pay = app.add_subcommand("pay", "Pay a file");
    pay->add_option("file", text, "What to pay")->required();
    pay->add_option("--format", text, "Its form")->check(CLI::IsMember({"csv", "jsonl"}));
    pay->add_flag("--no-wait", flag, "Return at once");
    CLI::App* group = app.add_subcommand("review", "Decide");
    group->add_subcommand("list", "What waits");
    app.add_subcommand("internal", "Not for people")->group("");
  }
};

/// What bash offers for a line that ends with a blank or in a word.
std::string completed(const std::string& script, const std::string& words, int index) {
  const std::string file = std::string(std::getenv("TMPDIR") ? std::getenv("TMPDIR") : "/tmp") +
                           "/payer-completion-" + std::to_string(::getpid());
  std::ofstream(file) << script << "COMP_WORDS=(" << words << "); COMP_CWORD=" << index
                      << "\n_payer\necho \"${COMPREPLY[*]}\"\n";
  FILE* out = ::popen(("bash --norc " + file + " 2>&1").c_str(), "r");
  std::string text(4096, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), out));
  ::pclose(out);
  std::remove(file.c_str());
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace

TEST_CASE("the page has every command and option that is shown, escaped for roff") {
  const Program program;
  const std::string page = ctl::man_page(
      program.app,
      {.section = 1, .version = "1.2.3", .summary = "pays", .files = {}, .see_also = "payoutd(8)"});
  CHECK_THAT(page, Catch::Contains(".TH \"PAYER\" 1 \"\" \"payoutd 1.2.3\"") &&
                       Catch::Contains(".SS \\fBpay\\fR [\\fIOPTIONS\\fR] \\fIfile\\fR") &&
                       Catch::Contains("\\fB\\-\\-format\\fR \\fIcsv|jsonl\\fR\nIts form") &&
                       Catch::Contains("\\fBreview list\\fR") && Catch::Contains("  .first \\-\\-line"));
  CHECK_THAT(page, !Catch::Contains("internal"));
  CHECK(page.find("\n.first") == std::string::npos);
}

TEST_CASE("every setting of the configuration has its entry in payoutd.yaml(5)") {
  const std::string page = ctl::settings_man_page(ops::describe_config(), "1.2.3");
  CHECK_THAT(page, Catch::Contains(".TP\n\\fBhttp.listen\\fR\nAddress and port of the API.") &&
                       Catch::Contains("default 127.0.0.1:8480; needs a restart") &&
                       Catch::Contains("\\fBproviders.NAME.webhooks.secrets\\fR"));
}

TEST_CASE("bash completes commands, their options and the values of these") {
  const std::string script = ctl::bash_completion(Program().app);
  CHECK(completed(script, "payer ''", 1).starts_with("pay review "));
  CHECK(completed(script, "payer rev", 1) == "review");
  CHECK(completed(script, "payer review ''", 2).starts_with("list "));
  CHECK(completed(script, "payer pay --no", 2) == "--no-wait");
  CHECK(completed(script, "payer pay --so", 2) == "--socket");
  CHECK(completed(script, "payer pay --format ''", 3) == "csv jsonl");
  CHECK(completed(script, "payer --socket ''", 2).empty());  // a file: bash's own
}

TEST_CASE("a command in a shell sees what the service's unit gives the host, and nothing more") {
  const std::string folder = "/tmp/payoutd-service-environment-" + std::to_string(::getpid());
  std::filesystem::create_directories(folder + "/credentials");
  std::ofstream(folder + "/variables") << "# a comment\nPAYER_TEST_A=plain value \nPAYER_TEST_B=\"quoted\"\n"
                                          "not a variable\nPAYER-TEST=no\nPAYER_TEST_C=from-the-file\n";
  const ctl::ServiceFiles files{folder + "/payoutd.yaml", folder + "/variables", folder + "/credentials"};
  ::setenv("PAYER_TEST_C", "mine", 1);
  ::unsetenv("CREDENTIALS_DIRECTORY");
  ctl::adopt_service_environment(folder + "/other.yaml", files);
  CHECK(::getenv("PAYER_TEST_A") == nullptr);
  ctl::adopt_service_environment(folder + "/payoutd.yaml", files);
  CHECK(std::string(::getenv("PAYER_TEST_A")) == "plain value");
  CHECK(std::string(::getenv("PAYER_TEST_B")) == "quoted");
  CHECK(std::string(::getenv("PAYER_TEST_C")) == "mine");
  CHECK(std::string(::getenv("CREDENTIALS_DIRECTORY")) == folder + "/credentials");
  ::unsetenv("CREDENTIALS_DIRECTORY");
  std::filesystem::remove_all(folder);
}
