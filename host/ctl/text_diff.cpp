#include "ctl/text_diff.hpp"

namespace payoutd::ctl {
namespace {

constexpr std::ptrdiff_t kAround = 3;  ///< lines shown before and after a change
constexpr std::ptrdiff_t kMostEdits =
    1'000;  ///< beyond, what is between the common ends is shown as replaced

using Lines = std::vector<std::string_view>;  ///< each with its line break, which the last one may lack

struct Edit {
  char mark;  ///< ' ', '-' or '+'
  std::string_view line;
};

Lines split(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::size_t length = end == std::string_view::npos ? text.size() : end + 1;
    lines.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return lines;
}

std::vector<Edit> replaced(const Lines& a, const Lines& b) {
  std::vector<Edit> edits;
  for (const auto& line : a) edits.push_back({'-', line});
  for (const auto& line : b) edits.push_back({'+', line});
  return edits;
}

/// The shortest way from one to the other: E. Myers, "An O(ND) Difference Algorithm and Its Variations"
/// (1986). After d edits, the furthest place in `a` is kept for each diagonal k = place in a - place in b.
class ShortestEdit {
 public:
  ShortestEdit(const Lines& a, const Lines& b)
      : a_(a), b_(b), n_(std::ssize(a)), m_(std::ssize(b)), limit_(std::min(n_ + m_, kMostEdits)) {}

  std::vector<Edit> run() {
    std::vector<std::ptrdiff_t> furthest(static_cast<std::size_t>(2 * limit_ + 3), 0);
    for (std::ptrdiff_t d = 0; d <= limit_; ++d) {
      trace_.push_back(furthest);
      for (std::ptrdiff_t k = -d; k <= d; k += 2) {
        std::ptrdiff_t x = down(furthest, d, k) ? at(furthest, k + 1) : at(furthest, k - 1) + 1;
        while (x < n_ && x - k < m_ && line(a_, x) == line(b_, x - k)) ++x;
        furthest[index(k)] = x;
        if (x >= n_ && x - k >= m_) return way_back(d);
      }
    }
    return replaced(a_, b_);
  }

 private:
  using Furthest = std::vector<std::ptrdiff_t>;
  std::size_t index(std::ptrdiff_t k) const { return static_cast<std::size_t>(k + limit_ + 1); }
  std::ptrdiff_t at(const Furthest& furthest, std::ptrdiff_t k) const { return furthest[index(k)]; }
  static std::string_view line(const Lines& lines, std::ptrdiff_t i) {
    return lines[static_cast<std::size_t>(i)];
  }
  bool down(const Furthest& furthest, std::ptrdiff_t d, std::ptrdiff_t k) const {
    return k == -d || (k != d && at(furthest, k - 1) < at(furthest, k + 1));
  }

  std::vector<Edit> way_back(std::ptrdiff_t d) const {
    std::vector<Edit> edits;
    std::ptrdiff_t x = n_;
    std::ptrdiff_t y = m_;
    for (; d >= 0; --d) {
      const Furthest& before = trace_[static_cast<std::size_t>(d)];
      const std::ptrdiff_t k = x - y;
      const bool inserted = down(before, d, k);
      const std::ptrdiff_t from_x = d == 0 ? 0 : at(before, inserted ? k + 1 : k - 1);
      const std::ptrdiff_t from_y = d == 0 ? 0 : from_x - (inserted ? k + 1 : k - 1);
      for (; x > from_x && y > from_y; --x, --y) edits.push_back({' ', line(a_, x - 1)});
      if (d > 0) edits.push_back(inserted ? Edit{'+', line(b_, --y)} : Edit{'-', line(a_, --x)});
    }
    std::reverse(edits.begin(), edits.end());
    return edits;
  }

  const Lines& a_;
  const Lines& b_;
  std::ptrdiff_t n_;
  std::ptrdiff_t m_;
  std::ptrdiff_t limit_;
  std::vector<Furthest> trace_;
};

std::vector<Edit> edits_between(Lines a, Lines b) {
  std::vector<Edit> begin;
  std::size_t same = 0;
  while (same < a.size() && same < b.size() && a[same] == b[same]) begin.push_back({' ', a[same++]});
  a.erase(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(same));
  b.erase(b.begin(), b.begin() + static_cast<std::ptrdiff_t>(same));
  std::vector<Edit> end;
  while (!a.empty() && !b.empty() && a.back() == b.back()) {
    end.push_back({' ', a.back()});
    a.pop_back();
    b.pop_back();
  }
  const std::vector<Edit> middle = ShortestEdit(a, b).run();
  begin.insert(begin.end(), middle.begin(), middle.end());
  begin.insert(begin.end(), end.rbegin(), end.rend());
  return begin;
}

std::string range(std::ptrdiff_t first, std::ptrdiff_t count) {
  return std::to_string(count == 0 ? first - 1 : first) + (count == 1 ? "" : "," + std::to_string(count));
}

}  // namespace

std::string unified_diff(std::string_view before, std::string_view after, std::string_view from,
                         std::string_view to) {
  if (before == after) return {};
  const std::vector<Edit> edits = edits_between(split(before), split(after));
  std::string out = "--- " + std::string(from) + "\n+++ " + std::string(to) + "\n";
  const std::ptrdiff_t total = std::ssize(edits);
  const auto is_change = [&](std::ptrdiff_t i) { return edits[static_cast<std::size_t>(i)].mark != ' '; };
  std::ptrdiff_t line_a = 1;  // of edits[at]
  std::ptrdiff_t line_b = 1;
  for (std::ptrdiff_t at = 0; at < total;) {
    std::ptrdiff_t change = at;
    while (change < total && !is_change(change)) ++change;
    if (change == total) break;
    const std::ptrdiff_t first = std::max(at, change - kAround);
    line_a += first - at;
    line_b += first - at;
    // A hunk goes on as long as the next change is near enough for their surroundings to meet.
    std::ptrdiff_t end = change;
    for (std::ptrdiff_t i = change; i < total && i <= end + 2 * kAround; ++i)
      if (is_change(i)) end = i;
    end = std::min(total, end + kAround + 1);
    std::string body;
    std::ptrdiff_t count_a = 0;
    std::ptrdiff_t count_b = 0;
    for (std::ptrdiff_t i = first; i < end; ++i) {
      const Edit& edit = edits[static_cast<std::size_t>(i)];
      count_a += edit.mark != '+' ? 1 : 0;
      count_b += edit.mark != '-' ? 1 : 0;
      body.append(1, edit.mark).append(edit.line);
      if (!edit.line.ends_with('\n')) body += "\n\\ No newline at end of file\n";
    }
    out += "@@ -" + range(line_a, count_a) + " +" + range(line_b, count_b) + " @@\n" + body;
    line_a += count_a;
    line_b += count_b;
    at = end;
  }
  return out;
}

}  // namespace payoutd::ctl
