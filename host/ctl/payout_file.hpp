#pragma once
#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace payoutd::ctl {

/// One payout of a file, as it is sent: with its `idempotency_key` inside.
struct FileRow {
  int line = 0;  ///< in the file, from 1
  int row = 0;   ///< among the payouts, from 1
  std::string key;
  boost::json::object payout;
};

struct FileProblem {
  int line = 0;
  std::string column;  ///< empty: the whole line
  std::string message;

  /// `payouts.csv:12: amount: must be greater than 0`.
  std::string text(std::string_view file) const;
};

struct PayoutFile {
  std::vector<FileRow> rows;  ///< the good ones
  std::vector<FileProblem> problems;
  std::size_t row_count = 0;  ///< good and bad
  /// Nothing in it can be used: its head or its form is wrong.
  bool unusable = false;
};

struct FileOptions {
  enum class Form { csv, lines };
  Form form = Form::csv;
  /// Names the payouts' batch and, where the file has no key column, their keys: BATCH:ROW.
  std::string batch;
};

/// Reads a whole file and checks every row as the host would, so that nothing is sent while something is
/// wrong. CSV: RFC 4180 with a header line; quoted fields may hold commas, quotes and line breaks; a byte
/// order mark and either line ending are fine. Columns in any order: amount, currency, destination, and
/// optionally provider, user, region, note, key. Lines: one JSON object a line with these names.
PayoutFile read_payout_file(std::string_view text, const FileOptions& options);

/// The rows of a CSV file with the line on which each begins. Exposed for its tests.
struct CsvRecord {
  int line = 0;
  std::vector<std::string> fields;
};
std::vector<CsvRecord> read_csv(std::string_view text, std::vector<FileProblem>& problems);

/// A field as CSV wants it, quoted if it must be.
std::string csv_field(std::string_view text);

}  // namespace payoutd::ctl
