#include "ctl/snapshot.hpp"

#include <sys/stat.h>
#include <sys/utsname.h>

#include <boost/json.hpp>
#include <ctime>
#include <fstream>
#include <ostream>
#include <sstream>

#include "ctl/archive.hpp"
#include "ctl/client.hpp"
#include "ctl/doctor.hpp"
#include "ctl/output.hpp"
#include "ops/config.hpp"
#include "ops/redact.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

struct Part {
  const char* file;
  const char* target;
};

// Figures, states and names; no payout by itself, and nobody's number.
constexpr auto kParts = std::to_array<Part>({
    {"metrics.txt", "/metrics"},
    {"healthz.json", "/healthz"},
    {"readyz.json", "/readyz"},
    {"health.json", "/v1/admin/health"},
    {"queues.json", "/v1/admin/tally"},
    {"stats-1h.json", "/v1/admin/stats?since_s=3600"},
    {"stats-24h.json", "/v1/admin/stats?since_s=86400"},
    {"status.json", "/v1/admin/status"},
    {"config.json", "/v1/admin/config"},
    {"config-diff.json", "/v1/admin/config/diff"},
    {"switches.json", "/v1/admin/switches"},
    {"maintenance.json", "/v1/admin/maintenance"},
    {"providers.json", "/v1/admin/providers"},
    {"hosts.json", "/v1/admin/hosts"},
    {"scripts.json", "/v1/admin/scripts"},
    {"limits.json", "/v1/admin/limits"},
    {"secrets.json", "/v1/admin/secrets?all=true"},
    {"audit.json", "/v1/admin/audit?limit=200"},
    {"log.json", "/v1/admin/log?limit=2000"},
});

std::string now_text(const char* form) {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[40];
  std::strftime(text, sizeof text, form, &utc);
  return text;
}

/// One object a line, as the log itself is.
std::string lines_of(const json::value& log) {
  std::string text;
  if (!log.is_object() || !log.get_object().contains("lines")) return json::serialize(log) + "\n";
  for (const json::value& line : log.at("lines").as_array()) text += json::serialize(line) + "\n";
  return text;
}

class Collector {
 public:
  explicit Collector(Context& context)
      : context_(context), client_(context.socket, std::chrono::seconds(30)) {}

  void take(const Part& part) {
    std::string failure;
    try {
      const Answer answer = client_.send("GET", part.target);
      const bool told = answer.ok() || answer.status == 503;  // 503 tells why
      std::string name = part.file;
      std::string content = answer.body.is_string() ? std::string(answer.body.get_string())
                                                    : json::serialize(answer.body) + "\n";
      if (name == "log.json") {
        name = "log.jsonl";
        content = lines_of(answer.body);
      }
      if (!told)
        failure = answer.message().empty() ? "status " + std::to_string(answer.status) : answer.message();
      add(std::move(name), std::move(content));
    } catch (const HostUnreachable& unreachable) {
      failure = unreachable.what();
      if (files_.empty()) throw;
    }
    if (failure.empty()) return;
    missing_.push_back(json::object{{"part", part.file}, {"why", failure}});
    context_.err << part.file << ": " << printable(failure) << '\n';
  }

  void add(std::string name, std::string content) {
    // The host has masked everything; who reads its configuration here makes sure.
    files_.push_back({"payoutd-snapshot/" + std::move(name), ops::redactor().redact(content)});
  }

  std::vector<ArchivedFile>& files() { return files_; }
  const json::array& missing() const { return missing_; }

 private:
  Context& context_;
  Client client_;
  std::vector<ArchivedFile> files_;
  json::array missing_;
};

std::string findings(Context& context, const fs::path& config) {
  std::ostringstream out;
  Context quiet{.socket = context.socket, .json = true, .out = out, .err = context.err};
  doctor(quiet, config);
  return out.str();
}

json::object about(const std::string& taken_at, const json::array& missing) {
  struct utsname machine{};
  ::uname(&machine);
  return {{"taken_at", taken_at},
          {"payoutctl", PAYOUTD_VERSION},
          {"machine", machine.nodename},
          {"kernel", std::string(machine.sysname) + " " + machine.release + " " + machine.machine},
          {"missing", missing}};
}

}  // namespace

ExitCode snapshot(Context& context, const SnapshotOptions& options) {
  std::error_code ignored;
  if (fs::exists(options.config, ignored))
    ops::read_config(options.config);  // registers its secrets for masking
  const std::string taken_at = now_text("%Y-%m-%dT%H:%M:%SZ");
  const std::string out =
      options.out.empty() ? "payoutd-snapshot-" + now_text("%Y%m%d-%H%M%S") + ".tar.gz" : options.out;
  Collector collector(context);
  for (const Part& part : kParts) collector.take(part);
  collector.add("doctor.json", findings(context, options.config));
  collector.add("snapshot.json", json::serialize(about(taken_at, collector.missing())) + "\n");
  const std::string archive = gzip(tar(collector.files(), std::time(nullptr)));
  // For its owner only: the figures of a business are nobody else's.
  const auto before = ::umask(077);
  std::ofstream file(out, std::ios::binary | std::ios::trunc);
  ::umask(before);
  if (!(file << archive).flush()) throw CommandFailed(ExitCode::failed, out + " cannot be written");
  if (context.json) {
    json::array names;
    for (const ArchivedFile& one : collector.files()) names.emplace_back(one.name);
    context.out << json::serialize(json::object{{"file", out},
                                                {"bytes", archive.size()},
                                                {"parts", std::move(names)},
                                                {"missing", collector.missing()}})
                << '\n';
  } else {
    context.out << out << ": " << collector.files().size() << " parts, " << archive.size() / 1024 + 1
                << " KiB\n";
  }
  return collector.missing().empty() ? ExitCode::ok : ExitCode::negative;
}

}  // namespace payoutd::ctl
