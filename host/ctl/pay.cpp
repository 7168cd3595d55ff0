#include "ctl/pay.hpp"

#include <boost/json.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include "core/state.hpp"
#include "ctl/outcome.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLook{250};      ///< how often progress is looked at
constexpr milliseconds kRetryMin{200};  ///< after the host or its database was away
constexpr milliseconds kRetryMax{3'000};
constexpr std::size_t kLookAtOnce = 200;  ///< payouts asked about one by one in a round

std::string read_text(const std::string& file) {
  if (file == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    throw CommandFailed(ExitCode::usage, file + ": cannot be read: " + std::system_category().message(errno));
  }
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Waiting that ends early when it should.
class Patience {
 public:
  explicit Patience(std::chrono::seconds limit)
      : deadline_(limit.count() > 0 ? Clock::now() + limit : Clock::time_point::max()) {}

  bool over() const { return interrupted() || Clock::now() >= deadline_; }
  void sleep(milliseconds duration) const {
    const auto end = Clock::now() + duration;
    while (!over() && Clock::now() < end) std::this_thread::sleep_for(milliseconds(20));
  }

 private:
  Clock::time_point deadline_;
};

/// Sends rows in chunks, several at the same time, until the host took or refused each. What the host could
/// not take for the moment is sent again under the same key.
class Upload {
 public:
  Upload(Context& context, const PayOptions& options, const std::vector<FileRow>& rows,
         const Patience& patience)
      : context_(context), options_(options), rows_(rows), patience_(patience), outcomes_(rows.size()) {}
  ~Upload() { join(); }
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  void start() {
    const int wanted = std::max(1, options_.in_flight);
    active_ = wanted;
    for (int i = 0; i < wanted; ++i) threads_.emplace_back([this] { work(); });
  }
  bool done() const { return active_ == 0; }
  std::size_t taken() const { return taken_; }
  std::size_t refused() const { return refused_; }
  bool away() const { return away_; }
  /// After done(): throws what ended it early.
  void finish() {
    join();
    if (error_) std::rethrow_exception(error_);
  }
  /// Belongs to the caller after finish().
  std::vector<RowOutcome>& outcomes() { return outcomes_; }

 private:
  void join() {
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

  void work() {
    try {
      Client client(context_.socket);
      while (!patience_.over() && !failed_) {
        const std::size_t begin = next_.fetch_add(options_.chunk);
        if (begin >= rows_.size()) break;
        std::vector<std::size_t> chunk;
        for (std::size_t i = begin; i < std::min(begin + options_.chunk, rows_.size()); ++i)
          chunk.push_back(i);
        send_until_taken(client, std::move(chunk));
      }
    } catch (...) {
      const std::lock_guard guard(mutex_);
      if (!error_) error_ = std::current_exception();
      failed_ = true;
    }
    --active_;
  }

  void send_until_taken(Client& client, std::vector<std::size_t> chunk) {
    milliseconds pause = kRetryMin;
    while (!chunk.empty() && !patience_.over() && !failed_) {
      const std::size_t before = chunk.size();
      try {
        chunk = send(client, chunk);
        away_ = !chunk.empty();
      } catch (const HostUnreachable&) {
        away_ = true;  // whatever of it arrived is found by its key
      }
      if (chunk.size() < before) pause = kRetryMin;
      if (!chunk.empty()) patience_.sleep(pause);
      pause = std::min(pause * 2, kRetryMax);
    }
  }

  /// Returns what is to be sent again.
  std::vector<std::size_t> send(Client& client, const std::vector<std::size_t>& chunk) {
    json::array payouts;
    for (const std::size_t row : chunk) payouts.push_back(rows_[row].payout);
    const Answer answer = client.send("POST", "/v1/payouts/bulk",
                                      json::serialize(json::object{{"payouts", std::move(payouts)}}));
    const auto* body = answer.body.if_object();
    if (body == nullptr || !body->contains("results")) {
      if (answer.status == 503 || answer.status == 429) return chunk;
      fail(answer);
    }
    std::vector<std::size_t> again;
    const json::array& results = body->at("results").as_array();
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      if (!note(results.at(i).as_object(), outcomes_[chunk[i]])) again.push_back(chunk[i]);
    }
    return again;
  }

  bool note(const json::object& result, RowOutcome& outcome) {
    if (const auto* payout = result.if_contains("payout")) {
      outcome.read(payout->as_object());
      const bool replayed = result.at("replayed").as_bool();
      outcome.taken = replayed ? RowOutcome::Taken::replayed : RowOutcome::Taken::created;
      if (replayed) outcome.state.clear();  // the answer shows it as it was admitted
      ++taken_;
      return true;
    }
    // What cannot be stored now, or what the provider has no room for now, is sent again.
    const int status = result.at("status").to_number<int>();
    if (status == 503 || status == 429) return false;
    outcome.taken = RowOutcome::Taken::refused;
    outcome.error_code = std::string(result.at("error").at("code").as_string());
    outcome.error_message = std::string(result.at("error").at("message").as_string());
    ++refused_;
    return true;
  }

  Context& context_;
  const PayOptions& options_;
  const std::vector<FileRow>& rows_;
  const Patience& patience_;
  std::vector<RowOutcome> outcomes_;  ///< each written by the thread that sends the row
  std::vector<std::thread> threads_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::size_t> taken_{0};
  std::atomic<std::size_t> refused_{0};
  std::atomic<int> active_{0};
  std::atomic<bool> away_{false};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::exception_ptr error_;
};

/// How many payouts stand where.
struct Census {
  std::map<std::string, std::size_t> states;

  std::size_t of(const char* state) const {
    const auto found = states.find(state);
    return found == states.end() ? 0 : found->second;
  }
  std::size_t finished() const {
    std::size_t count = 0;
    for (const auto& [state, n] : states) {
      const auto known = core::parse_state(state);
      if (known && core::is_final(*known)) count += n;
    }
    return count;
  }
  std::size_t waiting_for_humans() const { return of("HELD") + of("REVIEW"); }
  std::size_t total() const {
    std::size_t count = 0;
    for (const auto& [state, n] : states) count += n;
    return count;
  }
};

/// Finds out what became of the payouts: by their batch where they all share one, else one by one.
class Follower {
 public:
  Follower(Context& context, std::string batch) : client_(context.socket), batch_(std::move(batch)) {}

  bool by_batch() const { return !batch_.empty(); }

  Census look() {
    Census census;
    const json::value answer = client_.get("/v1/admin/tally?batch=" + percent_encoded(batch_));
    for (const json::value& row : answer.at("tally").as_array()) {
      census.states[std::string(row.at("state").as_string())] += row.at("count").to_number<std::size_t>();
    }
    return census;
  }

  /// Looks at some of those that are not final; true if there are none left to look at.
  Census look(std::vector<RowOutcome>& outcomes) {
    std::size_t asked = 0;
    for (std::size_t n = 0; n < outcomes.size() && asked < kLookAtOnce; ++n) {
      RowOutcome& one = outcomes[next_++ % outcomes.size()];
      if (one.id.empty() || one.final()) continue;
      ++asked;
      read(one);
    }
    Census census;
    for (const RowOutcome& one : outcomes) {
      if (!one.id.empty()) ++census.states[one.state.empty() ? "PENDING" : one.state];
    }
    return census;
  }

  /// The last word on every row.
  void collect(std::vector<RowOutcome>& outcomes) {
    if (!by_batch()) {
      for (RowOutcome& one : outcomes) {
        if (!one.id.empty() && !one.final()) read(one);
      }
      return;
    }
    std::unordered_map<std::string, RowOutcome*> by_id;
    for (RowOutcome& one : outcomes) {
      if (!one.id.empty()) by_id.emplace(one.id, &one);
    }
    std::string cursor;
    do {
      const json::value page = client_.get("/v1/payouts?limit=500&batch=" + percent_encoded(batch_) +
                                           (cursor.empty() ? "" : "&cursor=" + percent_encoded(cursor)));
      for (const json::value& payout : page.at("payouts").as_array()) {
        const auto found = by_id.find(std::string(payout.at("id").as_string()));
        if (found != by_id.end()) found->second->read(payout.as_object());
      }
      cursor = page.at("next").is_null() ? "" : std::string(page.at("next").as_string());
    } while (!cursor.empty());
  }

 private:
  void read(RowOutcome& one) {
    const json::value payout = client_.get("/v1/payouts/" + one.id);
    one.read(payout.as_object());
  }

  Client client_;
  std::string batch_;
  std::size_t next_ = 0;
};

/// One line that is drawn again and again on a terminal; elsewhere a line now and then.
class ProgressLine {
 public:
  ProgressLine(Context& context, std::size_t total)
      : context_(context), total_(total), began_(Clock::now()) {}
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void draw(std::size_t taken, std::size_t refused, const Census& census, bool away) {
    if (context_.json) return;
    const auto now = Clock::now();
    if (!context_.live && now - last_ < std::chrono::seconds(5)) return;
    last_ = now;
    const double seconds = std::max(std::chrono::duration<double>(now - began_).count(), 0.001);
    const std::size_t done = std::min(census.finished() + refused, total_);
    std::string line = bar(done) + " " + std::to_string(done) + "/" + std::to_string(total_);
    line += "  admitted " + std::to_string(taken);
    line += "  confirmed " + std::to_string(census.of("CONFIRMED") + census.of("SIMULATED"));
    line += "  failed " + std::to_string(census.of("FAILED") + refused);
    const std::size_t open = census.total() - std::min(census.total(), census.finished());
    line += "  in flight " + std::to_string(open - std::min(open, census.waiting_for_humans()));
    if (census.waiting_for_humans() > 0)
      line += "  for a human " + std::to_string(census.waiting_for_humans());
    char rate[32];
    std::snprintf(rate, sizeof(rate), "  %.0f/s", static_cast<double>(done) / seconds);
    line += rate;
    if (away) line += "  (the host, its database or a throttled provider takes no more now; trying again)";
    if (context_.live) {
      context_.err << "\r\033[K" << line << std::flush;
    } else {
      context_.err << line << std::endl;
    }
  }
  void clear() {
    if (context_.live && !context_.json) context_.err << "\r\033[K" << std::flush;
  }

 private:
  std::string bar(std::size_t done) const {
    constexpr std::size_t kWidth = 24;
    const std::size_t full = total_ == 0 ? kWidth : done * kWidth / total_;
    std::string text;
    for (std::size_t i = 0; i < kWidth; ++i) text += i < full ? "█" : "░";
    return text;
  }

  Context& context_;
  std::size_t total_;
  Clock::time_point began_;
  Clock::time_point last_{};
};

/// What the host says now and then may fail: it restarts, or its database does.
template <class Ask>
bool try_asking(bool& away, Ask ask) {
  try {
    ask();
    away = false;
    return true;
  } catch (const CommandFailed& failure) {
    if (failure.code() != ExitCode::unreachable && failure.code() != ExitCode::failed) throw;
    away = true;
    return false;
  }
}

/// Returns when all is final or waits for a human; false if patience ended first.
bool follow(Context& context, const PayOptions& options, const std::vector<FileRow>& rows, Upload& upload,
            Follower& follower, const Patience& patience) {
  ProgressLine progress(context, rows.size());
  Census census;
  bool away = false;
  while (!upload.done()) {
    if (follower.by_batch()) try_asking(away, [&] { census = follower.look(); });
    if (!follower.by_batch()) census.states["PENDING"] = upload.taken();
    progress.draw(upload.taken(), upload.refused(), census, away || upload.away());
    const auto next = Clock::now() + kLook;
    while (!upload.done() && Clock::now() < next) std::this_thread::sleep_for(milliseconds(10));
  }
  upload.finish();
  while (options.wait && !patience.over()) {
    const bool known = try_asking(
        away, [&] { census = follower.by_batch() ? follower.look() : follower.look(upload.outcomes()); });
    progress.draw(upload.taken(), upload.refused(), census, away);
    if (known && census.finished() + census.waiting_for_humans() >= census.total()) return true;
    patience.sleep(kLook);
  }
  return !options.wait && !patience.over();
}

// The batch that all rows share, if they do.
std::string common_batch(const std::vector<FileRow>& rows, const std::string& batch) {
  if (batch.empty()) return {};
  for (const FileRow& row : rows) {
    const auto* own = row.payout.if_contains("batch");
    if (own == nullptr || !own->is_string() || own->get_string() != json::string_view(batch)) return {};
  }
  return batch;
}

void report_problems(Context& context, const PayOptions& options, const PayoutFile& file) {
  constexpr std::size_t kMost = 200;
  for (std::size_t i = 0; i < std::min(kMost, file.problems.size()); ++i) {
    context.err << file.problems[i].text(options.file) << '\n';
  }
  if (file.problems.size() > kMost)
    context.err << "… and " << file.problems.size() - kMost << " more problems\n";
}

std::string resume_command(const PayOptions& options) {
  return "payoutctl pay " + options.file +
         (options.format.batch.empty() ? "" : " --batch " + options.format.batch);
}

json::array problems_json(const PayoutFile& file) {
  json::array out;
  for (const FileProblem& problem : file.problems) {
    out.push_back(
        json::object{{"line", problem.line}, {"column", problem.column}, {"message", problem.message}});
  }
  return out;
}

PayoutFile read_checked(Context& context, const PayOptions& options) {
  PayoutFile file = read_payout_file(read_text(options.file), options.format);
  report_problems(context, options, file);
  if (!file.problems.empty() && (file.unusable || !options.skip_bad)) {
    if (context.json) context.out << json::serialize(json::object{{"problems", problems_json(file)}}) << '\n';
    throw CommandFailed(
        ExitCode::usage,
        "Nothing was sent. Correct the file" +
            std::string(file.unusable ? "." : ", or send the good rows only with --skip-bad."));
  }
  if (file.rows.empty()) throw CommandFailed(ExitCode::usage, options.file + ": there is no payout in it.");
  return file;
}

void explain_end(Context& context, const PayOptions& options, const std::vector<RowOutcome>& outcomes,
                 bool settled) {
  std::size_t open = 0;
  std::size_t humans = 0;
  for (const RowOutcome& one : outcomes) {
    if (one.taken == RowOutcome::Taken::not_sent || (!one.id.empty() && !one.final())) ++open;
    if (one.waits_for_human()) ++humans;
  }
  if (interrupted()) {
    context.err << "\nInterrupted. Nothing is lost and nothing is paid twice: the host goes on with what it "
                   "has taken.\n"
                << "To send the rest and see the outcome:  " << resume_command(options) << '\n';
  } else if (!settled && open > 0) {
    context.err << "\nStopped waiting; " << open << " are not final. The host goes on with them.\n"
                << "To look again:  " << resume_command(options) << '\n';
  } else if (humans > 0) {
    context.err
        << '\n'
        << humans
        << " wait for a human:  payoutctl review list; payoutctl list --state HELD (then approve, reject)\n";
  }
}

}  // namespace

ExitCode pay(Context& context, const PayOptions& options) {
  const PayoutFile file = read_checked(context, options);
  Client(context.socket).get("/livez");  // no host at all is told at once
  const auto began = Clock::now();
  const Patience patience(options.timeout);
  Upload upload(context, options, file.rows, patience);
  Follower follower(context, common_batch(file.rows, options.format.batch));
  upload.start();
  bool settled = follow(context, options, file.rows, upload, follower, patience);
  std::vector<RowOutcome>& outcomes = upload.outcomes();
  bool away = false;
  while (!try_asking(away, [&] { follower.collect(outcomes); })) {
    if (patience.over()) {
      settled = false;
      break;
    }
    patience.sleep(kRetryMin);
  }
  const Outcome outcome{file.rows, outcomes, options.format.batch, options.file,
                        std::chrono::duration_cast<milliseconds>(Clock::now() - began)};
  if (!options.out_file.empty()) {
    std::ofstream out(options.out_file, std::ios::binary);
    write_outcome_csv(outcome, out);
    out.flush();
    if (!out)
      context.err << options.out_file << ": cannot be written: " << std::system_category().message(errno)
                  << '\n';
  }
  if (context.json) {
    json::object body = outcome_json(outcome);
    if (!file.problems.empty()) body["problems"] = problems_json(file);
    body["settled"] = settled;
    context.out << json::serialize(body) << '\n';
  } else {
    print_outcome(outcome, context.out, context.style);
  }
  context.out.flush();
  explain_end(context, options, outcomes, settled);
  if (interrupted()) return ExitCode::interrupted;
  if (!file.problems.empty()) return ExitCode::negative;
  for (const RowOutcome& one : outcomes) {
    const bool taken = one.taken == RowOutcome::Taken::created || one.taken == RowOutcome::Taken::replayed;
    const bool well = options.wait ? one.state == "CONFIRMED" || one.state == "SIMULATED" : true;
    if (!taken || !well) return ExitCode::negative;
  }
  return ExitCode::ok;
}

}  // namespace payoutd::ctl
