#include "store/statement_review.hpp"

#include <algorithm>
#include <optional>
#include <regex>
#include <string_view>

namespace payoutd::store {
namespace {

constexpr std::size_t kShownLength = 120;

// Lower case, one space between words, no comments and no constants.
struct Statement {
  std::string text;    // outside of dollar quotes
  std::string bodies;  // inside of them
  // What runs at once: a function's body only runs when somebody calls it.
  std::string effective() const {
    static const std::regex defines("^ ?create (or replace )?(function|procedure)\\b");
    return std::regex_search(text, defines) ? text : text + " " + bodies;
  }
};

void append(std::string& text, char c) {
  const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
  if (space && (text.empty() || text.back() == ' ')) return;
  text += space ? ' ' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

// "$$" or "$name$" at this place; empty if no dollar quote begins here.
std::string_view dollar_tag(std::string_view sql) {
  const auto end = sql.find('$', 1);
  if (sql.empty() || sql.front() != '$' || end == std::string_view::npos) return {};
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  const auto name = sql.substr(1, end - 1);
  return std::all_of(name.begin(), name.end(), is_word) ? sql.substr(0, end + 1) : std::string_view();
}

// How many characters a comment or a constant takes here; 0: there is none.
std::size_t skipped_length(std::string_view rest) {
  const auto until = [&](std::string_view end, std::size_t from) {
    const auto found = rest.find(end, from);
    return found == std::string_view::npos ? rest.size() : found + end.size();
  };
  if (rest.starts_with("--")) return until("\n", 0);
  if (rest.starts_with("/*")) return until("*/", 2);
  if (rest.starts_with("'")) return until("'", 1);
  return 0;
}

std::vector<Statement> plain_statements(std::string_view sql) {
  std::vector<Statement> statements(1);
  std::string tag;  // of the dollar quote that is open
  while (!sql.empty()) {
    Statement& now = statements.back();
    std::string& text = tag.empty() ? now.text : now.bodies;
    std::size_t length = 1;
    if (!tag.empty() && sql.starts_with(tag)) {
      length = tag.size();
      tag.clear();
    } else if (const auto skipped = skipped_length(sql); skipped > 0) {
      length = skipped;
      append(text, ' ');
    } else if (const auto opened = tag.empty() ? dollar_tag(sql) : std::string_view(); !opened.empty()) {
      tag = opened;
      length = opened.size();
      append(text, ' ');
    } else if (sql.front() == ';' && tag.empty()) {
      statements.emplace_back();
    } else {
      append(text, sql.front() == ';' ? ' ' : sql.front());
    }
    sql.remove_prefix(std::min(length, sql.size()));
  }
  return statements;
}

bool says(const std::string& text, const char* pattern) {
  return std::regex_search(text, std::regex(pattern));
}

// The last group of the first match; nullopt: none.
std::optional<std::string> named(const std::string& text, const char* pattern) {
  std::smatch match;
  if (!std::regex_search(text, match, std::regex(pattern))) return std::nullopt;
  return match[match.size() - 1];
}

bool is_destructive(const std::string& text) {
  // A constraint that is replaced in one statement protects all the time.
  static const std::regex replaced(R"(\bdrop constraint (\S+), add constraint \1\b)");
  static const std::regex pattern(
      R"(\bdrop (table|column|schema|type|view|index|constraint|sequence|materialized|domain|function|trigger|database|owned|not null)\b)"
      R"(|\btruncate\b(?! on )|\bdelete from\b|\brename\b|\balter (column )?\S+ (set data )?type\b)");
  return std::regex_search(std::regex_replace(text, replaced, ""), pattern);
}

constexpr const char* kName = R"(([a-z_][a-z0-9_.$"]*))";

struct Shape {
  const char* pattern;  // ends in front of the table's name
  const char* lock;
  const char* meaning;
};

// The first that fits counts. Locks as in PostgreSQL's documentation of each command.
constexpr Shape kShapes[] = {
    {R"(\balter table (?:if exists )?(?:only )?(?=\S+ validate constraint))", "SHARE UPDATE EXCLUSIVE",
     "Reads and writes go on while every row is checked."},
    {R"(\balter table (?:if exists )?(?:only )?(?=\S+ add (?:constraint \S+ )?foreign key))",
     "SHARE ROW EXCLUSIVE", "Writes wait while it runs."},
    {R"(\balter table (?:if exists )?(?:only )?(?=\S+ attach partition))", "SHARE UPDATE EXCLUSIVE",
     "Reads and writes go on."},
    {R"(\balter table (?:if exists )?(?:only )?)", "ACCESS EXCLUSIVE",
     "Reads and writes wait while it runs."},
    {R"(\bcreate (?:unique )?index (?:if not exists )?(?:[a-z0-9_]+ )?on (?:only )?)", "SHARE",
     "Writes wait until the index is built."},
    {R"(\bcreate (?:or replace )?(?:constraint )?trigger .* on )", "SHARE ROW EXCLUSIVE",
     "Writes wait while it runs."},
    {R"(\b(?:drop table|drop view|truncate(?: table)?|create or replace view) (?:if exists )?(?:only )?)",
     "ACCESS EXCLUSIVE", "Reads and writes wait while it runs."},
    {R"(\block table (?:only )?)", "EXCLUSIVE", "Others wait as long as the migration runs."},
    {R"(\bdelete from (?:only )?)", "ROW EXCLUSIVE", "Who changes the same rows waits."},
    {R"(\bupdate (?:only )?(?=\S+ (?:as )?(?:\S+ )?set\b))", "ROW EXCLUSIVE",
     "Who changes the same rows waits."},
};

// Why every row is written or read while the lock is held; nullptr: not.
const char* rewriting(const std::string& text) {
  if (says(text, R"(\balter (column )?\S+ (set data )?type\b)"))
    return "Another type writes every row and every index of the table anew.";
  if (says(
          text,
          R"(\badd (column )?.* default .*(clock_timestamp|random|gen_random_uuid|nextval|uuid_generate))") ||
      says(text, R"(\badd (column )?.* (generated always as (identity|\()|(big|small)?serial\b))"))
    return "A new column that differs in every row writes the whole table anew.";
  if (says(text, R"(\bset (un)?logged\b|\bset tablespace\b|\bvacuum full\b|^ ?cluster\b)"))
    return "The whole table is written anew.";
  if (says(text, R"(\bset not null\b)")) return "Every row is read while the table is locked.";
  if (says(text, R"(\badd (constraint \S+ )?(check|foreign key)\b)") && !says(text, R"(\bnot valid\b)"))
    return "Every row is read while the table is locked; NOT VALID and a later VALIDATE avoid it.";
  if (says(text, R"(\badd (constraint \S+ )?(unique|primary key)\b)") && !says(text, R"(\busing index\b)"))
    return "An index is built while the table is locked.";
  if (says(text, R"(^ ?(with .* )?update )")) return "It changes rows, each of which is written anew.";
  return nullptr;
}

StatementRemark lock_of(const std::string& text) {
  StatementRemark remark;
  for (const Shape& shape : kShapes) {
    const auto table = named(text, (std::string(shape.pattern) + kName).c_str());
    if (!table) continue;
    remark.table = *table;
    remark.lock = shape.lock;
    remark.meaning = shape.meaning;
    break;
  }
  return remark;
}

// A new table that refers to one in use locks that one for a moment.
void review_references(const std::string& text, const std::set<std::string>& made,
                       std::vector<StatementRemark>& remarks) {
  static const std::regex pattern(std::string(R"(\breferences )") + kName);
  std::set<std::string> seen;
  for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at) {
    const std::string table = (*at)[1];
    if (made.contains(table) || !seen.insert(table).second) continue;
    remarks.push_back({StatementRemark::Kind::locks, text.substr(0, kShownLength), table,
                       "SHARE ROW EXCLUSIVE", "Writes to the table that is referred to wait for a moment."});
  }
}

}  // namespace

const char* to_string(StatementRemark::Kind kind) {
  switch (kind) {
    case StatementRemark::Kind::destroys:
      return "destroys";
    case StatementRemark::Kind::rewrites:
      return "rewrites";
    case StatementRemark::Kind::locks:
      return "locks";
  }
  return "";
}

std::vector<StatementRemark> review_statements(const std::string& sql, std::set<std::string>& made) {
  using Kind = StatementRemark::Kind;
  std::vector<StatementRemark> remarks;
  for (const Statement& statement : plain_statements(sql)) {
    const std::string text = statement.effective();
    if (const auto table = named(
            text, (std::string(R"(^ ?create (?:unlogged )?table (?:if not exists )?)") + kName).c_str())) {
      made.insert(*table);
      review_references(text, made, remarks);
      continue;
    }
    StatementRemark remark = lock_of(text);
    remark.statement = text.substr(0, kShownLength);
    const bool is_new = !remark.table.empty() && made.contains(remark.table);
    const char* rewrites = rewriting(text);
    if (is_destructive(text)) {
      remark.kind = Kind::destroys;
    } else if (is_new || (remark.lock.empty() && rewrites == nullptr)) {
      continue;
    } else if (rewrites != nullptr) {
      remark.kind = Kind::rewrites;
    }
    if (rewrites != nullptr) remark.meaning = rewrites + (" " + remark.meaning);
    remarks.push_back(std::move(remark));
    if (!is_new) review_references(text, made, remarks);
  }
  return remarks;
}

}  // namespace payoutd::store
