#pragma once
#include <boost/json/value.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <payoutd/settings.hpp>
#include <string>
#include <string_view>

namespace payoutd::ops {

/// A phone number with its country prefix (3 to 5 digits) and its last two digits: `22507•••••12`. Whatever
/// else is given, and whatever has fewer than 8 digits, comes back masked whole.
std::string mask_phone(std::string_view phone);

/// Masks what must never be read in a log or an answer: registered secrets wherever they occur
/// (percent-encoded ones too), phone numbers, the value behind `Authorization`, `Bearer` and `Basic`, and
/// passwords of DSNs. Thread-safe.
class Redactor {
 public:
  static constexpr std::string_view kMask = "***";
  /// Shorter secrets are not searched for: they would mask half of every line.
  static constexpr std::size_t kShortestSecret = 6;

  Redactor();
  ~Redactor();

  /// For good: a secret that was replaced is still a secret of somebody.
  void add_secret(const Secret& secret);

  /// nullopt if nothing had to be masked, which is so for most lines and allocates nothing.
  std::optional<std::string> masked(std::string_view text) const;
  std::string redact(std::string_view text) const;

  /// Every string inside, object keys included. Numbers and short strings under a key that names an account
  /// (`destination`, `msisdn`, `phone`, …) are masked as phone numbers.
  void redact(boost::json::value& value) const;

 private:
  struct Secrets;
  std::shared_ptr<const Secrets> secrets() const;

  mutable std::mutex mutex_;
  std::shared_ptr<const Secrets> secrets_;
};

/// The process's redactor: the log, the audit trail and the API's error messages share it.
Redactor& redactor();

}  // namespace payoutd::ops
