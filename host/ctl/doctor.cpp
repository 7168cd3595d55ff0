#include "ctl/doctor.hpp"

#include <sys/statvfs.h>

#include <boost/json.hpp>
#include <cmath>
#include <ostream>
#include <set>

#include "ctl/client.hpp"
#include "ctl/health.hpp"
#include "ctl/json_view.hpp"
#include "ctl/output.hpp"
#include "ctl/secrets_commands.hpp"
#include "ops/config.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
using Severity = Finding::Severity;

constexpr std::int64_t kQuarter_s = 92 * 86'400;
constexpr std::int64_t kMonth_s = 31 * 86'400;
constexpr double kFailuresTooMany = 0.05;
constexpr std::int64_t kFewPayouts = 20;
constexpr double kSignaturesTooMany = 0.02;
constexpr std::int64_t kClockApart_ms = 5'000;
constexpr double kManyQueued = 50;
constexpr double kFailuresInARow = 3;
constexpr int kDiskWarning = 85;
constexpr int kDiskError = 95;

/// What the host says of one of its checks; empty where all is well or it says nothing.
std::string trouble(const Facts& facts, std::string_view name) {
  for (const json::value& value : array_at(facts.health, "checks")) {
    const json::object& check = value.as_object();
    if (text_at(check, "name") == name && text_at(check, "status") != "ok") return text_at(check, "text");
  }
  return {};
}

std::vector<Finding> if_trouble(const Facts& facts, std::string_view name, Severity severity,
                                std::string act) {
  const std::string text = trouble(facts, name);
  if (text.empty()) return {};
  return {{severity, text, std::move(act)}};
}

double metric(const Facts& facts, std::string_view name, std::string_view label = {}) {
  double sum = 0;
  for (const auto& [series, value] : facts.metrics) {
    const bool same = series == name || series.starts_with(std::string(name) + "{");
    if (same && (label.empty() || series.find(label) != std::string::npos)) sum += value;
  }
  return sum;
}

std::vector<Finding> host_answers(const Facts& facts) {
  if (facts.unreachable.empty()) return {};
  return {{Severity::error, facts.unreachable,
           "systemctl status payoutd; journalctl -u payoutd -n 50; payoutctl check"}};
}

std::vector<Finding> files(const Facts& facts) {
  std::vector<Finding> found;
  std::vector<std::string> problems;
  for (const json::value& value : array_at(facts.difference, "problems")) {
    const json::object& one = value.as_object();
    problems.push_back(text_at(one, "file") + ":" + std::to_string(number_at(one, "line")) + ": " +
                       text_at(one, "path") + ": " + text_at(one, "reason"));
  }
  std::error_code ignored;
  // This user may not be able to read the host's secrets, so what the host itself says goes first.
  if (!facts.unreachable.empty() && std::filesystem::exists(facts.config, ignored))
    for (const ops::ConfigProblem& problem : ops::read_config(facts.config).problems)
      problems.push_back(problem.text());
  if (!problems.empty())
    found.push_back({facts.unreachable.empty() ? Severity::warning : Severity::error,
                     "The configuration has " + std::to_string(problems.size()) +
                         (problems.size() == 1 ? " problem" : " problems") +
                         ", and the host would not start with it; the first: " + problems.front(),
                     "payoutctl check " + facts.config.string()});
  return found;
}

std::vector<Finding> pending_changes(const Facts& facts) {
  std::string restart;
  std::string reload;
  for (const json::value& value : array_at(facts.difference, "differences")) {
    const json::object& one = value.as_object();
    std::string& list = true_at(one, "needs_restart") ? restart : reload;
    list += (list.empty() ? "" : ", ") + text_at(one, "path");
  }
  std::vector<Finding> found;
  if (!reload.empty())
    found.push_back({Severity::warning, "The files say something else than what runs: " + reload,
                     "payoutctl config diff; payoutctl config reload"});
  if (!restart.empty())
    found.push_back({Severity::warning, "Settings wait for a restart: " + restart,
                     "payoutctl drain; systemctl restart payoutd; payoutctl resume"});
  return found;
}

bool is_database_away(const Facts& facts) {
  return !trouble(facts, "database").empty();
}

std::vector<Finding> database(const Facts& facts) {
  const std::string queries = trouble(facts, "queries");
  if (!is_database_away(facts)) {
    if (queries.empty()) return {};
    return {{Severity::error, queries, "payoutctl db activity shows who blocks whom", "what-it-is-doing"}};
  }
  return {{Severity::error, trouble(facts, "database") + (queries.empty() ? "" : " ") + queries,
           "Is PostgreSQL up, and may payoutd connect? psql \"$DATABASE_URL\" -c 'select 1'"}};
}

std::vector<Finding> storage(const Facts& facts) {
  return if_trouble(
      facts, "storage", Severity::error,
      "Make room on the database's disk; then it goes on by itself. payoutctl prune --older-than "
      "400d --dry-run");
}

std::vector<Finding> schema(const Facts& facts) {
  return if_trouble(facts, "schema", Severity::error, "payoutctl migrate status; payoutctl migrate plan");
}

std::vector<Finding> history(const Facts& facts) {
  return if_trouble(
      facts, "history", Severity::error,
      "Nothing; the host asks the providers and goes on by itself. Have clients post what was lost again, "
      "with their old keys.");
}

std::vector<Finding> looks_up_first(const Facts& facts) {
  if (metric(facts, "payoutd_switch_on", "switch=\"look_up_first\"") != 1) return {};
  return {
      {Severity::notice,
       "look_up_first is on: commits were lost, and new payouts are looked up where a repeat might be paid "
       "twice.",
       "When clients have posted again what was lost: payoutctl switch set look_up_first off --note WHY"}};
}

std::vector<Finding> pools(const Facts& facts) {
  if (is_database_away(facts)) return {};  // then all work waits, and no pool is too small
  std::vector<Finding> found;
  const double wanted = metric(facts, "payoutd_database_connections", "state=\"wanted\"");
  const double connected = metric(facts, "payoutd_database_connections", "state=\"connected\"");
  if (connected < wanted && metric(facts, "payoutd_database_connect_failures_total") > 0)
    found.push_back({Severity::warning,
                     std::to_string(static_cast<long>(connected)) + " of " +
                         std::to_string(static_cast<long>(wanted)) +
                         " connections are open, and the server refused some.",
                     "payoutctl db pool says why"});
  const double timeouts = metric(facts, "payoutd_database_acquire_timeouts_total");
  const double queued = metric(facts, "payoutd_database_queued");
  // What gave up long ago is the alerts' business.
  if (queued == 0 || (timeouts == 0 && queued < kManyQueued)) return found;
  found.push_back(
      {Severity::warning,
       std::to_string(static_cast<long>(queued)) + (queued == 1 ? " waits" : " wait") +
           " for a connection, and " + std::to_string(static_cast<long>(timeouts)) +
           " gave up since the start.",
       "payoutctl db activity shows slow statements and who blocks whom; payoutctl db pool which pool is "
       "too small"});
  return found;
}

std::vector<Finding> locks(const Facts& facts) {
  const auto waiters = static_cast<long>(metric(facts, "payoutd_database_lock_waiters"));
  if (waiters == 0 || is_database_away(facts)) return {};
  return {{Severity::warning,
           std::to_string(waiters) + (waiters == 1 ? " session has" : " sessions have") +
               " waited for a lock of the database for more than a second.",
           "payoutctl db activity shows who blocks whom; end the head of the chain"}};
}

std::vector<Finding> stopped(const Facts& facts) {
  auto found = if_trouble(
      facts, "switches", Severity::error,
      "payoutctl switch list; payoutctl audit list shows who did it. payoutctl switch set NAME off");
  for (Finding& one : if_trouble(facts, "host", Severity::warning, "payoutctl resume, when the work is done"))
    found.push_back(std::move(one));
  return found;
}

std::vector<Finding> maintenance_goes_on(const Facts& facts) {
  const json::object& active = object_at(object_at(facts.health, "maintenance"), "active");
  if (active.empty()) return {};
  return {{Severity::notice,
           "A maintenance window goes on: nothing is submitted until " + text_at(active, "ends_at") + ".",
           "Nothing. To go on earlier, take it out of maintenance.windows and payoutctl config reload."}};
}

std::vector<Finding> providers_well(const Facts& facts) {
  std::vector<Finding> found;
  for (const json::value& value : array_at(facts.health, "checks")) {
    const json::object& check = value.as_object();
    const std::string name = text_at(check, "name");
    if (!name.starts_with("provider:") || text_at(check, "status") == "ok") continue;
    const std::string provider = name.substr(9);
    const std::string text = text_at(check, "text");
    std::string act = "payoutctl provider probe " + provider + "; look for " + provider + " in the log";
    if (text.find("quarantine") != std::string::npos)
      act = "Look for provider.crashed in the log, then payoutctl provider lift " + provider;
    if (text.find("Its payouts wait") != std::string::npos)
      act = "payoutctl provider show " + provider + "; top the account up, or lower its minimum_balance";
    if (text.find("A dry run of") != std::string::npos)
      act = "payoutctl provider dry-run " + provider + " off --note WHY";
    if (text.starts_with("It is paused"))
      act = "payoutctl provider resume " + provider + ", when its reason is gone";
    found.push_back({text_at(check, "status") == "down" ? Severity::error : Severity::warning,
                     provider + ": " + text, std::move(act)});
  }
  return found;
}

std::vector<Finding> providers_answer(const Facts& facts) {
  std::vector<Finding> found;
  const std::string series = "payoutd_provider_failures_in_a_row{provider=\"";
  for (const auto& [name, value] : facts.metrics) {
    if (!name.starts_with(series) || value < kFailuresInARow) continue;
    const std::string provider = name.substr(series.size(), name.find('"', series.size()) - series.size());
    found.push_back(
        {Severity::warning,
         provider + ": Its last " + std::to_string(static_cast<long>(value)) + " calls brought no answer.",
         "payoutctl provider probe " + provider + "; see their status page; payoutctl provider pause " +
             provider + " --note WHY"});
  }
  return found;
}

std::vector<Finding> payouts_move(const Facts& facts) {
  const std::string text = trouble(facts, "payouts");
  if (text.empty()) return {};
  // One sentence for each state, and each state has a section of its own.
  struct Advice {
    std::string_view words, act, anchor;
  };
  constexpr Advice kAdvice[] = {
      {"REVIEW", "payoutctl review list", "deciding"},
      {"SENT", "payoutctl retry --state SENT --older-than 30m --preview", "payouts-stuck-in-sent"},
      {"UNKNOWN", "payoutctl list --state UNKNOWN; payoutctl explain ID", "deciding"},
      {"PENDING", "payoutctl list --state PENDING; payoutctl explain ID", "stopping-payments"},
      {"no live host has configured", "payoutctl hosts; configure it again",
       "taking-a-provider-out-of-service"},
  };
  std::vector<Finding> found;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(". ", begin), text.size() - 1) + 1;
    const std::string sentence = text.substr(begin, end - begin);
    begin = end + 1;
    Finding one{Severity::warning, sentence, "payoutctl tally"};
    for (const Advice& advice : kAdvice) {
      if (sentence.find(advice.words) == std::string::npos) continue;
      one.act = advice.act;
      one.anchor = advice.anchor;
    }
    found.push_back(std::move(one));
  }
  return found;
}

std::vector<Finding> failures(const Facts& facts) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> by_provider;  // all, failed
  for (const json::value& value : array_at(facts.stats, "finished")) {
    const json::object& row = value.as_object();
    auto& [all, failed] = by_provider[text_at(row, "provider")];
    all += number_at(row, "count");
    if (text_at(row, "state") == "FAILED") failed += number_at(row, "count");
  }
  std::vector<Finding> found;
  for (const auto& [provider, counts] : by_provider) {
    const auto [all, failed] = counts;
    if (all < kFewPayouts || static_cast<double>(failed) <= kFailuresTooMany * static_cast<double>(all))
      continue;
    found.push_back({Severity::warning,
                     std::to_string(failed) + " of " + std::to_string(all) + " payouts through " + provider +
                         " failed in the last hour.",
                     "payoutctl stats --since 1h --provider " + provider +
                         " names the reasons; payoutctl provider balance " + provider});
  }
  return found;
}

std::vector<Finding> halts(const Facts& facts) {
  return if_trouble(
      facts, "limits", Severity::error,
      "payoutctl limits show; find out why, then payoutctl limits lift PROVIDER CURRENCY --note WHY");
}

std::vector<Finding> callbacks(const Facts& facts) {
  auto found = if_trouble(facts, "callbacks", Severity::warning,
                          "payoutctl webhook list --state received; payoutctl provider list");
  return found;
}

std::vector<Finding> signatures(const Facts& facts) {
  const double all = metric(facts, "webhook_events_total");
  const double bad = metric(facts, "webhook_events_total", "signature_valid=\"false\"");
  if (bad < 3 || bad <= kSignaturesTooMany * all) return {};
  return {{Severity::warning,
           std::to_string(static_cast<long>(bad)) + " of " + std::to_string(static_cast<long>(all)) +
               " callbacks since the start could not be proven.",
           "payoutctl webhook list --state rejected --since 1h; payoutctl webhook verify EVENT"}};
}

std::vector<Finding> scripts_run(const Facts& facts) {
  return if_trouble(facts, "scripts", Severity::warning,
                    "payoutctl scripts status says file, line and reason");
}

std::vector<Finding> other_hosts(const Facts& facts) {
  auto found = if_trouble(facts, "hosts", Severity::warning, "payoutctl hosts; is the machine up?");
  std::set<std::string> versions;
  for (const json::value& value : array_at(facts.hosts, "hosts")) {
    const json::object& host = value.as_object();
    if (text_at(host, "stopped_at").empty() && number_at(host, "beat_age_ms") < 5'000)
      versions.insert(text_at(host, "version"));
  }
  if (versions.size() > 1) {
    std::string all;
    for (const std::string& one : versions) all += (all.empty() ? "" : ", ") + one;
    found.push_back({Severity::notice, "Hosts run several versions: " + all,
                     "Nothing while an upgrade goes on; else upgrade the rest."});
  }
  return found;
}

std::vector<Finding> workers(const Facts& facts) {
  return if_trouble(facts, "workers", Severity::error,
                    "payoutctl hosts; start a host that has worker among its roles, or none set");
}

std::vector<Finding> rotations(const Facts& facts) {
  std::vector<Finding> found;
  for (const RotationFinding& one :
       check_rotation(array_at(facts.secrets, "secrets"), kQuarter_s, kMonth_s, facts.now_ms))
    found.push_back({Severity::warning, one.secret + ": " + one.text, "payoutctl secrets rotate-check"});
  return found;
}

std::vector<Finding> clocks(const Facts& facts) {
  const std::string now = text_at(facts.health, "now");
  if (now.empty()) return {};
  const std::int64_t apart = facts.now_ms - time_ms(now);
  if (std::abs(apart) < kClockApart_ms) return {};
  return {{Severity::warning,
           "The clocks of this machine and of the database are " + std::to_string(apart / 1000) +
               " s apart: tokens and expiry times go by the machine's.",
           "chronyc tracking, or timedatectl, on both"}};
}

std::vector<Finding> disk(const Facts& facts) {
  std::error_code ignored;
  if (!std::filesystem::exists(facts.config, ignored)) return {};
  const auto directory = ops::read_config(facts.config).config.static_config.state_dir;
  struct statvfs found{};
  if (directory.empty() || ::statvfs(directory.c_str(), &found) != 0 || found.f_blocks == 0) return {};
  const int used = 100 - static_cast<int>(found.f_bavail * 100 / found.f_blocks);
  if (used < kDiskWarning) return {};
  return {{used >= kDiskError ? Severity::error : Severity::warning,
           "The disk under " + directory.string() + " is " + std::to_string(used) + " % full.",
           "Make room; without it no send log can be written, and the embedded database stops."}};
}

const char* word(Severity severity) {
  constexpr const char* kWords[] = {"notice", "warning", "error"};
  return kWords[static_cast<int>(severity)];
}

json::object document(Client& client, const char* target) {
  const Answer answer = client.send("GET", target);
  return answer.body.is_object() ? answer.body.get_object() : json::object{};
}

Facts gather(Context& context, const std::filesystem::path& config) {
  Facts facts;
  facts.config = config;
  facts.now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                     std::chrono::system_clock::now().time_since_epoch())
                     .count();
  try {
    Client client(context.socket, std::chrono::seconds(20));
    facts.health = document(client, "/v1/admin/health");
    facts.difference = document(client, "/v1/admin/config/diff");
    if (!is_database_away(facts)) {  // or each of them would wait for it in vain
      facts.stats = document(client, "/v1/admin/stats?since_s=3600");
      facts.hosts = document(client, "/v1/admin/hosts");
      facts.secrets = document(client, "/v1/admin/secrets");
    }
    const Answer metrics = client.send("GET", "/metrics");
    if (metrics.body.is_string()) facts.metrics = read_metrics(std::string_view(metrics.body.get_string()));
  } catch (const HostUnreachable& unreachable) {
    facts.unreachable = unreachable.what();
  }
  return facts;
}

}  // namespace

const std::vector<DoctorCheck>& doctor_checks() {
  static const std::vector<DoctorCheck> all{
      {"host", "watching", host_answers},
      {"configuration", "changing-the-configuration", files},
      {"pending changes", "changing-the-configuration", pending_changes},
      {"database", "the-database-is-away", database},
      {"storage", "a-full-disk", storage},
      {"schema", "upgrading", schema},
      {"history", "after-a-failover-or-a-restore-of-the-database", history},
      {"look-ups", "after-a-failover-or-a-restore-of-the-database", looks_up_first},
      {"connections", "connections", pools},
      {"locks", "somebody-blocks-everybody", locks},
      {"switches", "stopping-payments", stopped},
      {"maintenance", "maintenance-windows", maintenance_goes_on},
      {"providers", "a-plugin-that-crashes", providers_well},
      {"answers", "a-provider-is-down", providers_answer},
      {"payouts", "payouts-stuck-in-sent", payouts_move},
      {"failures", "a-provider-is-down", failures},
      {"limits", "rules-flags-and-limits", halts},
      {"callbacks", "callbacks-of-providers", callbacks},
      {"signatures", "signature-failures-rise", signatures},
      {"scripts", "rules-flags-and-limits", scripts_run},
      {"hosts", "several-hosts", other_hosts},
      {"workers", "roles-of-hosts", workers},
      {"secrets", "rotating-secrets", rotations},
      {"clocks", "several-hosts", clocks},
      {"disk", "what-it-keeps-in-state_dir", disk},
  };
  return all;
}

std::map<std::string, double> read_metrics(std::string_view text) {
  std::map<std::string, double> samples;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const auto blank = line.rfind(' ');
    if (line.empty() || line.front() == '#' || blank == std::string::npos) continue;
    samples[line.substr(0, blank)] = std::strtod(line.c_str() + blank + 1, nullptr);
  }
  return samples;
}

ExitCode doctor(Context& context, const std::filesystem::path& config) {
  const Facts facts = gather(context, config);
  json::array rows;
  Severity worst = Severity::notice;
  int count = 0;
  for (const DoctorCheck& check : doctor_checks()) {
    for (const Finding& one : check.find(facts)) {
      ++count;
      worst = std::max(worst, one.severity);
      const std::string link =
          "docs/operations.md#" + std::string(one.anchor.empty() ? check.anchor : one.anchor);
      rows.push_back(json::object{{"check", check.name},
                                  {"severity", word(one.severity)},
                                  {"what", one.what},
                                  {"do", one.act},
                                  {"see", link}});
      if (context.json) continue;
      const Colour colour = one.severity == Severity::error     ? Colour::red
                            : one.severity == Severity::warning ? Colour::yellow
                                                                : Colour::cyan;
      context.out << context.style.paint(colour, word(one.severity)) << "  " << check.name << ": "
                  << printable(one.what) << "\n    do   " << one.act << "\n    see  "
                  << context.style.paint(Colour::dim, link) << "\n\n";
    }
  }
  if (context.json) {
    context.out << json::serialize(
                       json::object{{"findings", std::move(rows)}, {"checks", doctor_checks().size()}})
                << '\n';
  } else if (count == 0) {
    context.out << context.style.paint(Colour::green, "Nothing is wrong") << ": " << doctor_checks().size()
                << " checks.\n";
  }
  if (worst == Severity::error) return kDown;
  return worst == Severity::warning ? kDegraded : ExitCode::ok;
}

}  // namespace payoutd::ctl
