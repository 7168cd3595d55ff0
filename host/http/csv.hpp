#pragma once
#include <string>
#include <string_view>

namespace payoutd::http {

/// Appends a cell of a CSV line (RFC 4180), quoted where it must be. What a spreadsheet would take for a
/// formula (it begins with = + - @, a tab or a carriage return) gets an apostrophe in front, which
/// spreadsheets show as text.
void append_csv_cell(std::string& line, std::string_view value);

}  // namespace payoutd::http
