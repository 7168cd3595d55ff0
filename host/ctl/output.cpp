#include "ctl/output.hpp"

#include <unistd.h>

#include <ctime>
#include <ostream>

#include "core/text.hpp"

namespace payoutd::ctl {

Style Style::of_descriptor(int descriptor) {
  const char* no_color = ::getenv("NO_COLOR");
  const char* term = ::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  return Style(::isatty(descriptor) == 1 && !dumb && (no_color == nullptr || *no_color == '\0'));
}

std::string Style::paint(Colour colour, std::string_view text) const {
  if (!colours_ || colour == Colour::none || text.empty()) return std::string(text);
  const char* code = "0";
  switch (colour) {
    case Colour::none:
      break;
    case Colour::bold:
      code = "1";
      break;
    case Colour::dim:
      code = "2";
      break;
    case Colour::red:
      code = "31";
      break;
    case Colour::green:
      code = "32";
      break;
    case Colour::yellow:
      code = "33";
      break;
    case Colour::cyan:
      code = "36";
      break;
  }
  return "\033[" + std::string(code) + "m" + std::string(text) + "\033[0m";
}

Colour colour_of_state(std::string_view state) noexcept {
  if (state == "CONFIRMED") return Colour::green;
  if (state == "FAILED" || state == "REVERSED") return Colour::red;
  if (state == "REVIEW" || state == "UNKNOWN" || state == "HELD") return Colour::yellow;
  if (state == "CANCELLED" || state == "SIMULATED") return Colour::dim;
  return Colour::cyan;
}

void Table::print(std::ostream& out, const Style& style, std::string_view indent) const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = core::length_utf8(columns_[c].title);
    for (const auto& row : rows_) width = std::max(width, core::length_utf8(row[c].text));
    widths.push_back(width);
  }
  const auto line = [&](auto text_of, auto colour_of) {
    std::string text(indent);
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const std::string cell = text_of(c);
      const std::string gap(widths[c] - core::length_utf8(cell), ' ');
      const bool last = c + 1 == columns_.size();
      if (columns_[c].right) text += gap;
      text += style.paint(colour_of(c), cell);
      if (!columns_[c].right && !last) text += gap;
      if (!last) text += "  ";
    }
    out << text << '\n';
  };
  line([&](std::size_t c) { return columns_[c].title; }, [](std::size_t) { return Colour::bold; });
  for (const auto& row : rows_) {
    line([&](std::size_t c) { return row[c].text; }, [&](std::size_t c) { return row[c].colour; });
  }
}

std::string duration_text(std::chrono::milliseconds duration) {
  const std::int64_t ms = std::max<std::int64_t>(duration.count(), 0);
  char text[48];
  if (ms < 1'000) {
    std::snprintf(text, sizeof(text), "%.2f s", static_cast<double>(ms) / 1000);
  } else if (ms < 60'000) {
    std::snprintf(text, sizeof(text), "%.1f s", static_cast<double>(ms) / 1000);
  } else if (ms < 3'600'000) {
    std::snprintf(text, sizeof(text), "%lld min %02lld s", static_cast<long long>(ms / 60'000),
                  static_cast<long long>(ms / 1000 % 60));
  } else if (ms < 86'400'000) {
    std::snprintf(text, sizeof(text), "%lld h %02lld min", static_cast<long long>(ms / 3'600'000),
                  static_cast<long long>(ms / 60'000 % 60));
  } else {
    std::snprintf(text, sizeof(text), "%lld d %lld h", static_cast<long long>(ms / 86'400'000),
                  static_cast<long long>(ms / 3'600'000 % 24));
  }
  return text;
}

std::int64_t time_ms(std::string_view rfc3339) {
  std::tm parts{};
  int fraction_at = 0;
  const std::string text(rfc3339);
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
                  &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &fraction_at) != 6) {
    return -1;
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  std::int64_t ms = static_cast<std::int64_t>(::timegm(&parts)) * 1000;
  std::size_t at = static_cast<std::size_t>(fraction_at);
  if (at < text.size() && text[at] == '.') {
    std::int64_t scale = 100;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10)
      ms += (text[at] - '0') * scale;
  }
  return ms;
}

std::string time_text(std::string_view rfc3339) {
  std::string text(rfc3339.substr(0, 19));
  if (text.size() == 19) text[10] = ' ';
  return text;
}

std::string printable(std::string_view text) {
  std::string out;
  const bool utf8 = core::is_utf8(text);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8) ? '?' : c;
  }
  return out;
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
  std::string out;
  std::size_t used = 0;
  while (!text.empty()) {
    const auto end = text.find(' ');
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (word.empty()) continue;
    const std::size_t length = core::length_utf8(word);
    if (used > 0 && used + 1 + length > width) {
      out.append("\n").append(indent, ' ');
      used = 0;
    } else if (used > 0) {
      out += ' ';
      ++used;
    }
    out += word;
    used += length;
  }
  return out;
}

}  // namespace payoutd::ctl
