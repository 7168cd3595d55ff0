#pragma once
#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace payoutd::ctl {

enum class Colour { none, bold, dim, red, green, yellow, cyan };

/// Colours where they are wanted: on a terminal, unless NO_COLOR is set.
class Style {
 public:
  explicit Style(bool colours) : colours_(colours) {}
  /// For standard output (1) or standard error (2).
  static Style of_descriptor(int descriptor);

  std::string paint(Colour colour, std::string_view text) const;
  bool colours() const { return colours_; }

 private:
  bool colours_;
};

Colour colour_of_state(std::string_view state) noexcept;

/// Rows under a header, columns as wide as they need to be.
class Table {
 public:
  struct Column {
    std::string title;
    bool right = false;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  struct Cell {
    std::string text;
    Colour colour = Colour::none;
    Cell(std::string value, Colour paint = Colour::none) : text(std::move(value)), colour(paint) {}  // NOLINT
    Cell(const char* value) : text(value) {}                                                         // NOLINT
  };
  void add(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  void print(std::ostream& out, const Style& style, std::string_view indent = "") const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

/// `0.42 s`, `12.3 s`, `3 min 07 s`, `2 h 05 min`, `3 d 4 h`.
std::string duration_text(std::chrono::milliseconds duration);

/// Milliseconds since 1970 of an RFC 3339 time in UTC as the host writes it; -1 if it is none.
std::int64_t time_ms(std::string_view rfc3339);

/// `2026-01-31 08:00:00` of such a time, for people.
std::string time_text(std::string_view rfc3339);

/// Text of others for a terminal: control characters (escape sequences among them) become `?`.
std::string printable(std::string_view text);

/// Broken into lines of at most `width`, each after the first indented by `indent`.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent);

}  // namespace payoutd::ctl
