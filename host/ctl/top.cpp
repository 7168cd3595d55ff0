#include "ctl/top.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <map>
#include <ostream>
#include <set>

#include "core/text.hpp"
#include "ctl/client.hpp"
#include "ctl/json_view.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

/// One line of pieces, each in its colour, cut where the terminal ends.
class Line {
 public:
  Line& add(std::string text, Colour colour = Colour::none) {
    pieces_.emplace_back(std::move(text), colour);
    return *this;
  }
  /// In a column of so many characters.
  Line& cell(const std::string& text, std::size_t width, Colour colour = Colour::none, bool right = false) {
    const std::size_t length = core::length_utf8(text);
    const std::string gap(length < width ? width - length : 0, ' ');
    if (right) add(gap);
    add(text, colour);
    if (!right) add(gap);
    return add("  ");
  }
  std::string text(std::size_t width, const Style& style) const {
    std::string out;
    std::size_t left = width;
    for (const auto& [piece, colour] : pieces_) {
      const std::string shown = first(piece, left);
      left -= std::min(left, core::length_utf8(shown));
      out += style.paint(colour, shown);
    }
    return out;
  }

 private:
  static std::string first(const std::string& text, std::size_t most) {
    std::size_t at = 0;
    for (std::size_t count = 0; at < text.size() && count < most; ++count) {
      do {
        ++at;
      } while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
    }
    return text.substr(0, at);
  }

  std::vector<std::pair<std::string, Colour>> pieces_;
};

struct ProviderFigures {
  std::map<std::string, std::int64_t> open;  ///< by state
  std::int64_t oldest_ms = 0;
  std::string oldest_state;
  double admitted_per_minute = 0;
  double finished_per_minute = 0;
  std::int64_t p95_ms = 0;
};

double decimal_at(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_number() ? value->to_number<double>() : 0.0;
}

std::map<std::string, ProviderFigures> figures_of(const TopFacts& facts) {
  std::map<std::string, ProviderFigures> all;
  for (const json::value& value : array_at(facts.providers, "providers"))
    all[text_at(value.as_object(), "name")];
  for (const json::value& value : array_at(facts.stats, "open")) {
    const json::object& row = value.as_object();
    ProviderFigures& one = all[text_at(row, "provider")];
    one.open[text_at(row, "state")] += number_at(row, "count");
    if (number_at(row, "oldest_ms") > one.oldest_ms) {
      one.oldest_ms = number_at(row, "oldest_ms");
      one.oldest_state = text_at(row, "state");
    }
  }
  for (const json::value& value : array_at(facts.stats, "admitted"))
    all[text_at(value.as_object(), "provider")].admitted_per_minute +=
        decimal_at(value.as_object(), "per_minute");
  for (const json::value& value : array_at(facts.stats, "finished")) {
    ProviderFigures& one = all[text_at(value.as_object(), "provider")];
    one.finished_per_minute += decimal_at(value.as_object(), "per_minute");
    one.p95_ms = std::max(one.p95_ms, number_at(value.as_object(), "p95_ms"));
  }
  return all;
}

std::string rate(double per_minute) {
  char text[32];
  std::snprintf(text, sizeof text,
                per_minute >= 600  ? "%.0f/s"
                : per_minute >= 60 ? "%.1f/s"
                                   : "%.0f/min",
                per_minute >= 60 ? per_minute / 60 : per_minute);
  return text;
}

Colour colour_of_health(const std::string& status) {
  return status == "ok" ? Colour::green : status == "degraded" ? Colour::yellow : Colour::red;
}

Line head(const TopFacts& facts) {
  const std::string status = text_at(facts.health, "status");
  const json::object& active = object_at(facts.scripts, "active");
  const json::object& window = object_at(object_at(facts.health, "maintenance"), "active");
  Line line;
  line.add("payoutd ", Colour::bold).add(text_at(facts.health, "host") + " ");
  line.add(status, colour_of_health(status));
  line.add("  " + time_text(text_at(facts.health, "now")) + " UTC");
  int alive = 0;
  for (const json::value& value : array_at(facts.hosts, "hosts"))
    if (text_at(value.as_object(), "stopped_at").empty() &&
        number_at(value.as_object(), "beat_age_ms") < 5'000)
      ++alive;
  line.add("  hosts " + std::to_string(alive));
  line.add("  scripts " + (active.empty() ? std::string("none") : text_at(active, "generation")));
  if (!window.empty()) line.add("  maintenance until " + text_at(window, "ends_at"), Colour::yellow);
  return line;
}

const char* const kStates[] = {"PENDING", "HELD", "SUBMITTING", "SENT", "UNKNOWN", "REVIEW"};

Line provider_line(const json::object& provider, const ProviderFigures& figures) {
  const std::string state = text_at(provider, "state");
  const bool paused = true_at(provider, "paused");
  Line line;
  line.cell(text_at(provider, "name"), 16, Colour::bold);
  line.cell(paused ? "paused" : state, 11,
            paused             ? Colour::yellow
            : state == "ready" ? Colour::green
                               : Colour::red);
  line.cell(rate(figures.admitted_per_minute), 8, Colour::none, true);
  line.cell(rate(figures.finished_per_minute), 8, Colour::none, true);
  line.cell(figures.p95_ms > 0 ? duration_text(milliseconds(figures.p95_ms)) : "–", 9, Colour::none, true);
  for (const char* name : kStates) {
    const auto found = figures.open.find(name);
    const std::int64_t count = found == figures.open.end() ? 0 : found->second;
    line.cell(std::to_string(count), std::max<std::size_t>(6, std::string_view(name).size()),
              count == 0 ? Colour::dim : colour_of_state(name), true);
  }
  line.add(figures.oldest_ms > 0 ? duration_text(milliseconds(figures.oldest_ms)) + " " + figures.oldest_state
                                 : "");
  return line;
}

}  // namespace

std::vector<std::string> top_picture(const TopFacts& facts, std::size_t width, const Style& style) {
  std::vector<std::string> picture;
  const auto show = [&](const Line& line) { picture.push_back(line.text(width, style)); };
  if (!facts.unreachable.empty()) {
    show(Line().add("payoutd ", Colour::bold).add("down", Colour::red).add("  " + facts.unreachable));
    return picture;
  }
  show(head(facts));
  show(Line());
  Line titles;
  titles.cell("PROVIDER", 16, Colour::bold).cell("STATE", 11, Colour::bold).cell("IN", 8, Colour::bold, true);
  titles.cell("DONE", 8, Colour::bold, true).cell("P95", 9, Colour::bold, true);
  for (const char* name : kStates)
    titles.cell(name, std::max<std::size_t>(6, std::string_view(name).size()), Colour::bold, true);
  titles.add("OLDEST", Colour::bold);
  show(titles);
  auto figures = figures_of(facts);
  std::set<std::string> listed;
  for (const json::value& value : array_at(facts.providers, "providers")) {
    const json::object& provider = value.as_object();
    listed.insert(text_at(provider, "name"));
    show(provider_line(provider, figures[text_at(provider, "name")]));
  }
  for (const auto& [name, one] : figures)
    if (!listed.contains(name))
      show(provider_line(json::object{{"name", name}, {"state", "elsewhere"}}, one));
  bool first = true;
  for (const json::value& value : array_at(facts.health, "checks")) {
    const json::object& check = value.as_object();
    if (text_at(check, "status") == "ok") continue;
    if (std::exchange(first, false)) show(Line());
    show(Line()
             .cell(text_at(check, "status"), 9, colour_of_health(text_at(check, "status")))
             .add(text_at(check, "name") + ": " + text_at(check, "text")));
  }
  return picture;
}

namespace {

json::object document(Client& client, const char* target) {
  const Answer answer = client.send("GET", target);
  return answer.body.is_object() ? answer.body.get_object() : json::object{};
}

TopFacts ask(Client& client) {
  TopFacts facts;
  try {
    facts.health = document(client, "/v1/admin/health");
    facts.stats = document(client, "/v1/admin/stats?since_s=60");
    facts.providers = document(client, "/v1/admin/providers");
    facts.scripts = document(client, "/v1/admin/scripts");
    facts.hosts = document(client, "/v1/admin/hosts");
  } catch (const HostUnreachable& unreachable) {
    facts = {};
    facts.unreachable = unreachable.what();
  }
  return facts;
}

struct Size {
  std::size_t rows = 24;
  std::size_t columns = 80;
};

Size size_of_terminal() {
  winsize found{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &found) != 0 || found.ws_col == 0 || found.ws_row == 0) return {};
  return {found.ws_row, found.ws_col};
}

/// Keys one by one and a page of its own, until it goes away.
class RawTerminal {
 public:
  RawTerminal() {
    has_keys_ = ::isatty(STDIN_FILENO) == 1 && ::tcgetattr(STDIN_FILENO, &before_) == 0;
    if (has_keys_) {
      termios raw = before_;
      raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    write("\033[?1049h\033[?25l");
  }
  ~RawTerminal() {
    write("\033[?25h\033[?1049l");
    if (has_keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  static void write(std::string_view text) {
    while (!text.empty()) {
      const auto written = ::write(STDOUT_FILENO, text.data(), text.size());
      if (written <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  bool has_keys() const { return has_keys_; }

 private:
  termios before_{};
  bool has_keys_ = false;
};

// A signal that interrupts poll() is all that is needed.
void watch_size() {
  struct sigaction action{};
  action.sa_handler = [](int) {};
  ::sigaction(SIGWINCH, &action, nullptr);
}

void draw(const TopFacts& facts, const Style& style) {
  const Size size = size_of_terminal();
  std::vector<std::string> lines = top_picture(facts, size.columns, style);
  const std::size_t room = size.rows > 1 ? size.rows - 1 : 1;
  if (lines.size() > room) lines.resize(room);
  std::string page = "\033[H";
  for (const std::string& line : lines) page += line + "\033[K\r\n";
  page += "\033[J" +
          style.paint(Colour::dim, std::string_view("q quits, any other key renews").substr(0, size.columns));
  RawTerminal::write(page);
}

enum class Wait { quit, renew, redraw };

Wait wait_for_key(const RawTerminal& terminal, milliseconds time) {
  pollfd keys{.fd = terminal.has_keys() ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0};
  const int ready = ::poll(&keys, 1, static_cast<int>(time.count()));
  if (interrupted()) return Wait::quit;
  if (ready < 0) return Wait::redraw;  // SIGWINCH
  if (ready == 0) return Wait::renew;
  char key = 0;
  if (::read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q' || key == '\x04') return Wait::quit;
  return Wait::renew;
}

ExitCode show_once(Context& context, Client& client) {
  const TopFacts facts = ask(client);
  if (context.json) {
    context.out << json::serialize(json::object{{"health", facts.health},
                                                {"stats", facts.stats},
                                                {"providers", facts.providers},
                                                {"scripts", facts.scripts},
                                                {"hosts", facts.hosts}})
                << '\n';
  } else {
    for (const std::string& line : top_picture(facts, 500, context.style)) context.out << line << '\n';
  }
  return facts.unreachable.empty() ? ExitCode::ok : ExitCode::unreachable;
}

}  // namespace

ExitCode top(Context& context, const TopOptions& options) {
  Client client(context.socket, std::chrono::seconds(5));
  if (options.once || context.json || ::isatty(STDOUT_FILENO) != 1) return show_once(context, client);
  watch_interrupts();
  watch_size();
  const RawTerminal terminal;
  const milliseconds interval{static_cast<std::int64_t>(options.interval_s * 1000)};
  TopFacts facts = ask(client);
  for (;;) {
    draw(facts, context.style);
    switch (wait_for_key(terminal, interval)) {
      case Wait::quit:
        return ExitCode::ok;
      case Wait::renew:
        facts = ask(client);
        break;
      case Wait::redraw:
        break;
    }
  }
}

}  // namespace payoutd::ctl
