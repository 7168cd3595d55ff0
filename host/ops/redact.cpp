#include "ops/redact.hpp"

#include <bitset>

namespace payoutd::ops {
namespace {

namespace json = boost::json;

constexpr std::string_view kBullets = "•••••";
constexpr std::size_t kFewestPhoneDigits = 8;  // behind a plus sign
constexpr std::size_t kFewestBarePhoneDigits =
    11;                                       // without one; shorter numbers are amounts and ids as often
constexpr std::size_t kMostPhoneDigits = 15;  // E.164
constexpr std::size_t kShortestToken = 8;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool is_word(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_';
}
bool is_token(char c) {
  return is_word(c) || std::string_view("-._~+/=").find(c) != std::string_view::npos;
}

bool starts_without_case(std::string_view text, std::string_view word) {
  return text.size() >= word.size() &&
         std::ranges::equal(text.substr(0, word.size()), word, {}, lower, lower);
}

std::size_t count_while(std::string_view text, std::size_t from, bool (*holds)(char)) {
  std::size_t end = from;
  while (end < text.size() && holds(text[end])) ++end;
  return end - from;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_word(c) || c == '-' || c == '.' || c == '~')
      encoded += c;
    else
      encoded.append({'%', kHex[byte >> 4], kHex[byte & 15]});
  }
  return encoded;
}

/// A part of the text that is to be replaced.
struct Hit {
  std::size_t begin;
  std::size_t end;
  std::string replacement;
};

/// The last group of a UUID is sometimes all digits.
bool ends_uuid(std::string_view text, std::size_t begin, std::size_t digits) {
  if (digits != 12 || begin < 24) return false;
  const auto head = text.substr(begin - 24, 24);
  for (std::size_t i = 0; i < head.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (is_dash ? head[i] != '-' : !is_word(head[i])) return false;
  }
  return true;
}

std::optional<Hit> bare_phone(std::string_view text, std::size_t at) {
  const auto digits = count_while(text, at, is_digit);
  const auto end = at + digits;
  const Hit skip{at, end, ""};  // an empty replacement: nothing to mask, go on behind it
  if (digits < kFewestBarePhoneDigits || digits > kMostPhoneDigits) return skip;
  if (at > 0 && is_word(text[at - 1])) return skip;
  if (at > 1 && text[at - 1] == '.' && is_digit(text[at - 2])) return skip;
  if (end < text.size() && is_word(text[end])) return skip;
  if (end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1])) return skip;
  if (ends_uuid(text, at, digits)) return skip;
  return Hit{at, end, mask_phone(text.substr(at, digits))};
}

/// `+225 07 12-34-56-12`: digits in groups.
std::optional<Hit> plus_phone(std::string_view text, std::size_t at) {
  std::string digits;
  std::size_t end = at + 1;
  for (std::size_t i = at + 1; i < text.size() && digits.size() < kMostPhoneDigits; ++i) {
    if (is_digit(text[i])) {
      digits += text[i];
      end = i + 1;
    } else if (std::string_view(" -.()").find(text[i]) == std::string_view::npos || digits.empty()) {
      break;
    }
  }
  if (digits.size() < kFewestPhoneDigits) return std::nullopt;
  return Hit{at, end, "+" + mask_phone(digits)};
}

/// `Authorization: Basic dXNlcg==`, `"authorization":"Bearer x"`: the whole value goes.
std::optional<Hit> authorization(std::string_view text, std::size_t at) {
  constexpr std::string_view kName = "authorization";
  if (!starts_without_case(text.substr(at), kName)) return std::nullopt;
  std::size_t begin = at + kName.size();
  begin += count_while(text, begin, [](char c) { return c == '"' || c == '\''; });
  const auto separators = count_while(text, begin, [](char c) { return c == ':' || c == '=' || c == ' '; });
  if (text.substr(begin, separators).find_first_of(":=") == std::string_view::npos) return std::nullopt;
  begin += separators;
  begin += count_while(text, begin, [](char c) { return c == '"' || c == '\''; });
  auto end = begin + count_while(text, begin, [](char c) {
               return c != '"' && c != '\'' && c != '\n' && c != '\r' && c != ',';
             });
  if (end == begin) return std::nullopt;
  return Hit{begin, end, std::string(Redactor::kMask)};
}

/// A scheme and its credentials without a header's name in front.
std::optional<Hit> credentials(std::string_view text, std::size_t at) {
  if (at > 0 && is_word(text[at - 1])) return std::nullopt;
  for (const std::string_view scheme : {"bearer ", "basic "}) {
    if (!starts_without_case(text.substr(at), scheme)) continue;
    const auto begin = at + scheme.size();
    const auto length = count_while(text, begin, is_token);
    if (length >= kShortestToken) return Hit{begin, begin + length, std::string(Redactor::kMask)};
  }
  return std::nullopt;
}

/// `password=secret`, in a DSN of keywords or a query string; the value may be quoted.
std::optional<Hit> password(std::string_view text, std::size_t at) {
  std::size_t begin = 0;
  for (const std::string_view name : {"password", "passwd", "pwd"}) {
    if (!starts_without_case(text.substr(at), name)) continue;
    begin = at + name.size();
    break;
  }
  if (begin == 0) return std::nullopt;
  begin += count_while(text, begin, [](char c) { return c == ' '; });
  if (begin >= text.size() || text[begin] != '=') return std::nullopt;
  begin += 1 + count_while(text, begin + 1, [](char c) { return c == ' '; });
  if (begin >= text.size()) return std::nullopt;
  std::size_t end = begin;
  if (text[begin] == '\'') {
    end = begin + 1;
    while (end < text.size() && text[end] != '\'') end += text[end] == '\\' ? 2 : 1;
    end = std::min(end + 1, text.size());
  } else {
    end += count_while(text, begin, [](char c) { return c != ' ' && c != '&' && c != '"' && c != '\n'; });
  }
  if (end == begin) return std::nullopt;
  return Hit{begin, end, std::string(Redactor::kMask)};
}

/// `postgresql://user:secret@host`. The last @ before the path ends it: a password may contain one.
std::optional<Hit> url_password(std::string_view text, std::size_t at) {
  if (text.substr(at, 3) != "://") return std::nullopt;
  const auto length =
      count_while(text, at + 3, [](char c) { return c > ' ' && c != '/' && c != '"' && c != '\''; });
  const auto authority = text.substr(at + 3, length);
  const auto at_sign = authority.rfind('@');
  const auto colon = authority.find(':');
  if (at_sign == std::string_view::npos || colon == std::string_view::npos || colon + 1 >= at_sign)
    return std::nullopt;
  return Hit{at + 3 + colon + 1, at + 3 + at_sign, std::string(Redactor::kMask)};
}

std::optional<Hit> hit_at(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (is_digit(c)) return bare_phone(text, at);
  switch (c) {
    case '+':
      return plus_phone(text, at);
    case ':':
      return url_password(text, at);
    case 'a':
    case 'A':
      return authorization(text, at);
    case 'b':
    case 'B':
      return credentials(text, at);
    case 'p':
    case 'P':
      return password(text, at);
    default:
      return std::nullopt;
  }
}

/// The characters at which something may begin, so that all others cost one look into a table.
constexpr std::array<bool, 256> make_triggers() {
  std::array<bool, 256> triggers{};
  for (const char c : std::string_view("0123456789+:aAbBpP")) triggers[static_cast<unsigned char>(c)] = true;
  return triggers;
}
constexpr auto kTriggers = make_triggers();

bool names_account(std::string_view key) {
  constexpr auto kNames =
      std::to_array<std::string_view>({"destination", "msisdn", "phone", "phone_number", "partyid",
                                       "party_id", "payee", "receiver", "mobile"});
  return std::ranges::any_of(
      kNames, [&](auto name) { return key.size() == name.size() && starts_without_case(key, name); });
}

bool is_phone_like(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto digits = std::ranges::count_if(text, is_digit);
  return digits >= 6 && static_cast<std::size_t>(digits) + 6 >= text.size() &&
         std::ranges::all_of(text, [](char c) {
           return is_digit(c) || std::string_view(" -.()").find(c) != std::string_view::npos;
         });
}

}  // namespace

std::string mask_phone(std::string_view phone) {
  if (phone.starts_with('+')) phone.remove_prefix(1);
  if (phone.size() < kFewestPhoneDigits || !std::ranges::all_of(phone, is_digit))
    return std::string(kBullets);
  const std::size_t prefix = phone.size() >= 12 ? 5 : phone.size() >= 10 ? 4 : 3;
  return std::string(phone.substr(0, prefix)).append(kBullets).append(phone.substr(phone.size() - 2));
}

/// Immutable once shared. Most positions fail at the bit of their first two bytes.
struct Redactor::Secrets {
  std::vector<std::string>
      values;  // longest first, so that a secret inside another one does not leave its rest
  std::bitset<65536> first_two;

  static std::size_t pair_at(std::string_view text, std::size_t at) {
    return static_cast<std::size_t>(static_cast<unsigned char>(text[at])) << 8 |
           static_cast<unsigned char>(text[at + 1]);
  }

  bool may_begin(std::string_view text, std::size_t at) const {
    return at + 1 < text.size() && first_two[pair_at(text, at)];
  }

  std::size_t match(std::string_view text, std::size_t at) const {
    const auto rest = text.substr(at);
    const auto found =
        std::ranges::find_if(values, [&](const auto& value) { return rest.starts_with(value); });
    return found == values.end() ? 0 : found->size();
  }
};

Redactor::Redactor() : secrets_(std::make_shared<const Secrets>()) {}
Redactor::~Redactor() = default;

std::shared_ptr<const Redactor::Secrets> Redactor::secrets() const {
  const std::lock_guard lock(mutex_);
  return secrets_;
}

void Redactor::add_secret(const Secret& secret) {
  if (secret.reveal().size() < kShortestSecret) return;
  const std::lock_guard lock(mutex_);
  auto next = std::make_shared<Secrets>(*secrets_);
  for (const auto& form : {secret.reveal(), percent_encoded(secret.reveal())}) {
    if (std::ranges::count(next->values, form) > 0) continue;
    next->values.push_back(form);
    next->first_two.set(Secrets::pair_at(form, 0));
  }
  std::ranges::sort(next->values, std::ranges::greater{}, &std::string::size);
  secrets_ = std::move(next);
}

std::optional<std::string> Redactor::masked(std::string_view text) const {
  const auto known = secrets();
  const bool has_secrets = !known->values.empty();
  std::optional<std::string> result;
  std::size_t copied = 0;
  for (std::size_t at = 0; at < text.size();) {
    const bool may_be_secret = has_secrets && known->may_begin(text, at);
    const bool is_trigger = kTriggers[static_cast<unsigned char>(text[at])];
    if (!may_be_secret && !is_trigger) {
      ++at;
      continue;
    }
    std::optional<Hit> hit;
    if (const auto length = may_be_secret ? known->match(text, at) : 0)
      hit = Hit{at, at + length, std::string(kMask)};
    if (!hit && is_trigger) hit = hit_at(text, at);
    if (!hit) {
      ++at;
      continue;
    }
    if (!hit->replacement.empty()) {
      if (!result) result.emplace();
      result->append(text.substr(copied, hit->begin - copied)).append(hit->replacement);
      copied = hit->end;
    } else if (has_secrets) {
      hit->end = at + 1;  // a secret may begin inside a run of digits
    }
    at = hit->end;
  }
  if (result) result->append(text.substr(copied));
  return result;
}

std::string Redactor::redact(std::string_view text) const {
  auto result = masked(text);
  return result ? *std::move(result) : std::string(text);
}

void Redactor::redact(boost::json::value& value) const {
  if (value.is_string()) {
    if (auto result = masked(value.get_string())) value = *result;
  } else if (auto* array = value.if_array()) {
    for (auto& element : *array) redact(element);
  } else if (auto* object = value.if_object()) {
    for (auto& member : *object) {
      auto& inner = member.value();
      if (names_account(member.key()) && inner.is_int64())
        inner = mask_phone(std::to_string(inner.get_int64()));
      if (names_account(member.key()) && inner.is_string() && is_phone_like(inner.get_string())) {
        std::string digits;
        std::ranges::copy_if(inner.get_string(), std::back_inserter(digits), is_digit);
        inner = mask_phone(digits);
      }
      redact(inner);
    }
    std::vector<std::pair<std::string, std::string>> renamed;
    for (const auto& member : *object)
      if (auto key = masked(member.key())) renamed.emplace_back(member.key(), *std::move(key));
    for (auto& [from, to] : renamed) {
      auto inner = std::move(object->at(from));
      object->erase(from);
      object->insert_or_assign(to, std::move(inner));
    }
  }
}

Redactor& redactor() {
  static auto* instance = new Redactor;  // never destroyed: the last log lines come from other destructors
  return *instance;
}

}  // namespace payoutd::ops
