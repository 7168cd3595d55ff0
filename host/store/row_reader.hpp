#pragma once
#include <pqxx/pqxx>
#include <string>

#include "store/rows.hpp"

namespace payoutd::store {

/// Printing a time costs the server more than the rest of a row: who does not show them leaves them empty.
enum class Times { printed, left_out };

/// The select lists that the readers below expect; `alias` is the table's.
std::string payout_columns(const std::string& alias, Times times = Times::printed);
std::string attempt_columns(const std::string& alias, Times times = Times::printed);

/// All columns of app.attempts by name, for moving rows between it and its history, which has one more.
std::string attempt_row();

/// Reads a payout whose columns begin at `first`; `first` moves behind them.
Payout read_payout(const pqxx::row& row, int& first);
/// Reads an attempt, or nothing where the outer join found none.
std::optional<Attempt> read_attempt(const pqxx::row& row, int& first);

/// Text of a column, empty for null.
std::string text_of(const pqxx::row& row, int column);

/// SQL that prints a timestamp as RFC 3339 in UTC with milliseconds.
std::string utc(const std::string& expression);

/// Bytes from the hex form in which bytea is sent.
std::string from_bytea(const std::string& text);

}  // namespace payoutd::store
