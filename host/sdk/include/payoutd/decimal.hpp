#pragma once
#include <optional>
#include <payoutd/money.hpp>
#include <string_view>

/// Amounts in the forms that providers write them in. Amount::parse is stricter and comes first: use these
/// where a provider is known, or free, to write more than plain decimals. No floating-point type is involved.
/// Pure; may be called from any thread.
namespace payoutd {

/// A decimal number in any notation that JSON allows, exactly: `100`, `100.00`, `1e4`, `1.25E7`. Nullopt for
/// a sign, for anything that is no number, for more than 64 characters, for an exponent beyond 40, and for
/// what an Amount cannot hold: nothing is rounded.
std::optional<Amount> read_decimal(std::string_view text);

/// The balance of an account, which may be larger, finer or lower than any amount that payoutd pays. It is
/// given as the nearest below that can be counted, and less than nothing as nothing; nullopt if it is no
/// number. Only for showing and for asking whether there is enough: a payment's amount is read by
/// read_decimal.
std::optional<Amount> read_balance(std::string_view text);

}  // namespace payoutd
