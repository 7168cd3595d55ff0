#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace payoutd::store {

/// One column of a batch as a PostgreSQL array literal, for `unnest($1::uuid[], $2::text[], …)`. Text is
/// quoted and escaped; SQL types are given by the cast in the statement.
class Column {
 public:
  void add(std::string_view value);
  void add_null() { next() += "NULL"; }
  void add(const std::optional<std::string>& value) { value ? add(std::string_view(*value)) : add_null(); }
  void add(const std::string& value) { add(std::string_view(value)); }
  void add(const char* value) { add(std::string_view(value)); }
  void add(bool value) { next() += value ? 't' : 'f'; }
  void add(std::int64_t value) { next() += std::to_string(value); }
  void add(int value) { next() += std::to_string(value); }
  void add(const std::optional<std::int64_t>& value) { value ? add(*value) : add_null(); }
  /// Empty text is stored as null.
  void add_or_null(std::string_view value) { value.empty() ? add_null() : add(value); }

  /// The finished literal; the column is spent.
  std::string take() {
    text_ += text_.empty() ? "{}" : "}";
    return std::move(text_);
  }

 private:
  std::string& next() {
    text_ += text_.empty() ? '{' : ',';
    return text_;
  }
  std::string text_;
};

/// Bytes in the hex form that bytea reads.
std::string bytea(std::string_view bytes);

}  // namespace payoutd::store
