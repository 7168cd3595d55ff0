#include "ctl/export.hpp"

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

#include "ctl/client.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

/// Counts lines as they pass. In CSV, those inside quotes are not the end of one.
class LineCounter {
 public:
  explicit LineCounter(bool csv) : csv_(csv) {}
  void read(std::string_view part) {
    bytes_ += part.size();
    for (const char c : part) {
      if (csv_ && c == '"') quoted_ = !quoted_;
      if (c == '\n' && !quoted_) ++lines_;
    }
  }
  /// Without the header line, or the last line that says how many there are.
  std::int64_t rows() const { return std::max<std::int64_t>(0, lines_ - 1); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  bool csv_;
  bool quoted_ = false;
  std::int64_t lines_ = 0;
  std::uint64_t bytes_ = 0;
};

/// A file that gets its name when it is complete.
class Target {
 public:
  Target(const std::string& file, std::ostream& standard) : file_(file), standard_(standard) {
    if (file_.empty()) return;
    out_.open(aside(), std::ios::binary | std::ios::trunc);
    if (!out_) refuse();
  }
  ~Target() {
    std::error_code ignored;
    if (!file_.empty() && !complete_) std::filesystem::remove(aside(), ignored);
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  void write(std::string_view part) {
    std::ostream& out = file_.empty() ? standard_ : out_;
    if (!out.write(part.data(), std::ssize(part))) refuse();
  }
  void complete() {
    if (file_.empty()) return;
    out_.close();
    if (!out_) refuse();
    std::error_code failed;
    std::filesystem::rename(aside(), file_, failed);
    if (failed) throw CommandFailed(ExitCode::usage, file_ + ": cannot be written: " + failed.message());
    complete_ = true;
  }

 private:
  std::string aside() const { return file_ + ".part"; }
  [[noreturn]] void refuse() const {
    throw CommandFailed(ExitCode::usage, (file_.empty() ? std::string("standard output") : file_) +
                                             ": cannot be written: " + std::system_category().message(errno));
  }

  std::string file_;
  std::ostream& standard_;
  std::ofstream out_;
  bool complete_ = false;
};

class Progress {
 public:
  explicit Progress(Context& context) : context_(context) {}
  ~Progress() {
    if (drawn_) context_.err << "\r\033[K" << std::flush;
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void draw(const LineCounter& counter) {
    const auto now = Clock::now();
    if (!context_.live || now - last_ < std::chrono::milliseconds{200}) return;
    last_ = now;
    drawn_ = true;
    context_.err << "\r\033[K" << counter.rows() << " payouts, " << counter.bytes() / 1024 << " KiB"
                 << std::flush;
  }

 private:
  Context& context_;
  Clock::time_point last_{};
  bool drawn_ = false;
};

}  // namespace

ExitCode export_payouts(Context& context, const ExportOptions& options) {
  if (context.json && options.file.empty())
    throw CommandFailed(ExitCode::usage, "With --json name a file by --out: the export is no JSON document.");
  const bool csv = options.format == "csv";
  Target target(options.file, context.out);
  LineCounter counter(csv);
  std::map<std::string, std::string> headers;
  {
    Progress progress(context);
    headers = Client(context.socket)
                  .download("/v1/payouts/export?format=" + options.format + filter_query(options.filter),
                            [&](std::string_view part) {
                              if (interrupted())
                                throw CommandFailed(ExitCode::interrupted, "Interrupted; nothing was kept.");
                              target.write(part);
                              counter.read(part);
                              progress.draw(counter);
                            });
  }
  // The count behind the body proves that nothing is missing in the middle either.
  const auto count = headers.find("payout-count");
  if (count == headers.end() || count->second != std::to_string(counter.rows()))
    throw CommandFailed(ExitCode::failed, "The export is not whole: it has " +
                                              std::to_string(counter.rows()) + " payouts" +
                                              (count == headers.end() ? "." : " of " + count->second + ".") +
                                              " Nothing was kept.");
  target.complete();
  if (context.json) {
    context.out << json::serialize(json::object{{"file", options.file},
                                                {"format", options.format},
                                                {"count", counter.rows()},
                                                {"bytes", counter.bytes()}})
                << '\n';
  } else if (!options.file.empty()) {
    context.err << options.file << ": " << counter.rows() << " payouts\n";
  }
  return ExitCode::ok;
}

}  // namespace payoutd::ctl
