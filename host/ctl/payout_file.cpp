#include "ctl/payout_file.hpp"

#include <boost/json.hpp>
#include <payoutd/settings.hpp>

#include "core/text.hpp"
#include "ctl/output.hpp"
#include "engine/admission.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;

const std::vector<std::string>& columns() {
  static const std::vector<std::string> names = {"amount", "currency", "destination", "provider",
                                                 "user",   "region",   "note",        "key"};
  return names;
}

std::string shown(std::string_view text) {
  constexpr std::size_t kShown = 40;
  const std::string clean = printable(text);
  if (core::length_utf8(clean) <= kShown) return "'" + clean + "'";
  std::string cut = clean.substr(0, kShown);
  while (!cut.empty() && !core::is_utf8(cut)) cut.pop_back();
  return "'" + cut + "…'";
}

/// Turns rows into requests and finds what is wrong with them.
class RowReader {
 public:
  RowReader(const FileOptions& options, PayoutFile& file, bool has_keys)
      : options_(options), file_(file), has_keys_(has_keys) {}

  void read(int line, json::object payout) {
    ++file_.row_count;
    const int row = static_cast<int>(file_.row_count);
    if (!options_.batch.empty() && !payout.contains("batch")) payout["batch"] = options_.batch;
    std::string key;
    if (const auto* given = payout.if_contains("key"); given != nullptr && given->is_string()) {
      key = std::string(given->get_string());
    } else if (given != nullptr && !given->is_null()) {
      return refuse(line, "key", "must be text");
    }
    payout.erase("key");
    if (key.empty() && has_keys_) return refuse(line, "key", "is missing");
    if (key.empty()) key = options_.batch + ":" + std::to_string(row);
    payout["idempotency_key"] = key;
    if (const auto request = engine::read_payout(payout, true); !request) {
      const bool is_key = request.error().field == "idempotency_key";
      return refuse(line, is_key ? "key" : request.error().field, request.error().reason);
    }
    const auto [first, is_new] = lines_.emplace(key, line);
    if (!is_new) {
      return refuse(line, "key",
                    shown(key) + " stands in line " + std::to_string(first->second) + " already");
    }
    file_.rows.push_back({line, row, std::move(key), std::move(payout)});
  }

  void refuse(int line, std::string column, std::string message) {
    file_.problems.push_back({line, std::move(column), std::move(message)});
  }

 private:
  const FileOptions& options_;
  PayoutFile& file_;
  bool has_keys_;
  std::unordered_map<std::string, int> lines_;
};

// The names of the columns, or a problem for each that is wrong.
std::optional<std::vector<std::string>> read_header(const CsvRecord& record, const FileOptions& options,
                                                    PayoutFile& file) {
  std::vector<std::string> names;
  const std::size_t before = file.problems.size();
  for (std::size_t i = 0; i < record.fields.size(); ++i) {
    std::string name;
    for (const char c : record.fields[i]) {
      if (c != ' ' && c != '\t') name += c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    }
    const std::string place = "column " + std::to_string(i + 1);
    if (std::find(columns().begin(), columns().end(), name) == columns().end()) {
      const auto near = nearest_name(name, columns());
      std::string all;
      for (const std::string& known : columns()) all += (all.empty() ? "" : ", ") + known;
      file.problems.push_back({record.line, place,
                               shown(record.fields[i]) + " is not a column" +
                                   (near ? ", did you mean '" + *near + "'?" : "; there are " + all)});
    } else if (std::find(names.begin(), names.end(), name) != names.end()) {
      file.problems.push_back({record.line, place, "'" + name + "' stands twice"});
    }
    names.push_back(name);
  }
  for (const char* required : {"amount", "currency", "destination"}) {
    if (std::find(names.begin(), names.end(), required) == names.end() && file.problems.size() == before) {
      file.problems.push_back(
          {record.line, "",
           std::string("the column '") + required + "' is missing. The first line must name the columns"});
    }
  }
  const bool has_keys = std::find(names.begin(), names.end(), "key") != names.end();
  if (!has_keys && options.batch.empty() && file.problems.size() == before) {
    file.problems.push_back(
        {record.line, "",
         "there is no column 'key' that names each payout. Add one, or name the file with "
         "--batch NAME: then row 1 has the key NAME:1, and so on"});
  }
  if (file.problems.size() != before) return std::nullopt;
  return names;
}

void read_csv_rows(std::string_view text, const FileOptions& options, PayoutFile& file) {
  const std::vector<CsvRecord> records = read_csv(text, file.problems);
  file.unusable = true;
  if (records.empty()) {
    if (file.problems.empty()) file.problems.push_back({1, "", "the file is empty"});
    return;
  }
  if (!file.problems.empty()) return;  // where the form is broken, what follows cannot be trusted
  const auto names = read_header(records.front(), options, file);
  if (!names) return;
  file.unusable = false;
  RowReader reader(options, file, std::find(names->begin(), names->end(), "key") != names->end());
  for (std::size_t r = 1; r < records.size(); ++r) {
    const CsvRecord& record = records[r];
    if (record.fields.size() != names->size()) {
      ++file.row_count;
      reader.refuse(record.line, "",
                    "has " + std::to_string(record.fields.size()) + " fields, but the header names " +
                        std::to_string(names->size()));
      continue;
    }
    json::object payout;
    std::optional<std::string> bad_column;
    for (std::size_t i = 0; i < names->size(); ++i) {
      if (!core::is_utf8(record.fields[i])) bad_column = (*names)[i];
      if (!record.fields[i].empty()) payout[(*names)[i]] = record.fields[i];
    }
    if (bad_column) {
      ++file.row_count;
      reader.refuse(record.line, *bad_column, "is not valid UTF-8");
    } else {
      reader.read(record.line, std::move(payout));
    }
  }
}

void read_json_rows(std::string_view text, const FileOptions& options, PayoutFile& file) {
  RowReader reader(options, file, options.batch.empty());
  int line = 0;
  while (!text.empty()) {
    ++line;
    const auto end = text.find('\n');
    const std::string_view one = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (one.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    json::error_code ec;
    json::value value = json::parse(json::string_view(one.data(), one.size()), ec);
    if (ec || !value.is_object()) {
      ++file.row_count;
      reader.refuse(line, "", ec ? "is not valid JSON" : "is not a JSON object");
      continue;
    }
    reader.read(line, std::move(value.get_object()));
  }
  if (file.row_count == 0) {
    file.unusable = true;
    file.problems.push_back({1, "", "the file is empty"});
  }
}

}  // namespace

std::string FileProblem::text(std::string_view file) const {
  std::string out(file);
  out += ":" + std::to_string(line) + ": ";
  if (!column.empty()) out += column + ": ";
  return out + message;
}

std::vector<CsvRecord> read_csv(std::string_view text, std::vector<FileProblem>& problems) {
  std::vector<CsvRecord> records;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  int line = 1;
  std::size_t at = 0;
  while (at < text.size()) {
    CsvRecord record{line, {}};
    bool more = true;
    while (more) {
      std::string field;
      if (at < text.size() && text[at] == '"') {
        const int opened = line;
        bool closed = false;
        for (++at; at < text.size() && !closed; ++at) {
          if (text[at] == '"' && at + 1 < text.size() && text[at + 1] == '"') {
            field += text[++at];
          } else if (text[at] == '"') {
            closed = true;
          } else {
            line += text[at] == '\n' ? 1 : 0;
            field += text[at];
          }
        }
        if (!closed) {
          problems.push_back({opened, "", "a quote is opened and never closed"});
          return records;
        }
        if (at < text.size() && text[at] != ',' && text[at] != '\n' && text[at] != '\r') {
          problems.push_back(
              {line, "", "there is text behind a closing quote; a quote inside a field is written twice"});
          return records;
        }
      } else {
        while (at < text.size() && text[at] != ',' && text[at] != '\n' && text[at] != '\r')
          field += text[at++];
        if (field.find('"') != std::string::npos) {
          problems.push_back({line, "", "there is a quote inside a field that does not begin with one"});
          return records;
        }
      }
      record.fields.push_back(std::move(field));
      more = at < text.size() && text[at] == ',';
      if (more) ++at;
    }
    if (at < text.size() && text[at] == '\r') ++at;
    if (at < text.size() && text[at] == '\n') ++at;
    ++line;
    if (record.fields.size() > 1 || !record.fields.front().empty()) records.push_back(std::move(record));
  }
  return records;
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) out.append(c == '"' ? 2 : 1, c);
  return out + "\"";
}

PayoutFile read_payout_file(std::string_view text, const FileOptions& options) {
  PayoutFile file;
  if (options.form == FileOptions::Form::csv) {
    read_csv_rows(text, options, file);
  } else {
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    read_json_rows(text, options, file);
  }
  std::sort(file.problems.begin(), file.problems.end(), [](const FileProblem& a, const FileProblem& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  return file;
}

}  // namespace payoutd::ctl
