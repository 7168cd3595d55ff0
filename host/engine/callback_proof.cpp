#include "engine/callback_proof.hpp"

#include <boost/json.hpp>

#include "core/ids.hpp"

namespace payoutd::engine {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostTexts = 24;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return out;
}

}  // namespace

CallbackHeader callback_header(const store::InboxEvent& event, std::string_view name) {
  CallbackHeader header;
  for (const auto& [key, value] : event.headers) {
    if (lower(key) != name) continue;
    header.value = value;
    ++header.count;
  }
  return header;
}

std::string signature_digits(std::string_view value) {
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  std::string digits = lower(value);
  constexpr std::string_view kScheme = "sha256=";
  if (digits.starts_with(kScheme)) digits.erase(0, kScheme.size());
  return digits;
}

CallbackProof prove_callback(const store::InboxEvent& event, const std::string& reference,
                             const std::string& signature, const std::vector<core::WebhookKey>& keys,
                             const Secret& instance_key) {
  CallbackProof proof;
  const CallbackHeader header = callback_header(event, "x-signature");
  const std::string digits = header.count == 1 ? signature_digits(header.value) : std::string();
  proof.offered = header.count > 0 || !signature.empty();
  CallbackProof by_url = proof;
  const auto try_url = [&](const Secret& key, const std::string& id) {
    if (signature.empty() || reference.empty()) return;
    if (!core::equal_constant_time(core::sign_callback(key, event.provider, reference), signature)) return;
    if (by_url.valid) return;
    by_url.valid = true;
    by_url.kind = "url";
    by_url.key_id = id;
    by_url.url_reference = reference;
  };
  const auto now = std::chrono::system_clock::now();
  for (const core::WebhookKey& key : keys) {
    if (key.expired(now)) continue;
    const bool matches = core::equal_constant_time(core::hmac_sha256_hex(key.secret, event.body), digits);
    if (matches && !proof.valid) {
      proof.valid = true;
      proof.kind = "signature";
      proof.key_id = key.id;
    }
    try_url(core::callback_url_key(key.secret), key.id);
  }
  try_url(instance_key, kInstanceKeyId);
  if (!proof.valid) return by_url;
  proof.url_reference = by_url.url_reference;
  return proof;
}

SignedUrl signed_url_of_path(std::string_view target) {
  std::vector<std::string> parts;
  const std::string_view path = target.substr(0, target.find('?'));
  for (std::size_t at = 0; at < path.size();) {
    const auto end = std::min(path.find('/', at + 1), path.size());
    parts.emplace_back(path.substr(at + 1, end - at - 1));
    at = end;
  }
  if (parts.size() != 5) return {};
  return {parts[3], parts[4]};
}

bool should_be_json(const store::InboxEvent& event) {
  if (event.body.empty()) return false;
  const std::string type = lower(callback_header(event, "content-type").value);
  for (const char* other : {"xml", "x-www-form-urlencoded", "multipart/", "text/html"})
    if (type.find(other) != std::string::npos) return false;
  return true;
}

std::optional<json::value> callback_json(const std::string& body) {
  json::parse_options options;
  options.max_depth = 32;
  json::error_code ec;
  json::value value = json::parse(body, ec, {}, options);
  if (ec) return std::nullopt;
  return value;
}

std::vector<std::string> texts_of_callback(const std::string& body) {
  std::vector<std::string> texts;
  const auto read = callback_json(body);
  if (!read || !read->is_object()) return texts;
  const auto collect = [&](const json::object& object) {
    for (const auto& [name, value] : object) {
      if (texts.size() >= kMostTexts) return;
      std::string text;
      if (value.is_string()) text = std::string(value.get_string());
      if (value.is_int64()) text = std::to_string(value.get_int64());
      const bool printable =
          std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
      if (text.size() >= 6 && text.size() <= 128 && printable) texts.push_back(std::move(text));
    }
  };
  collect(read->get_object());
  if (const auto* data = read->get_object().if_contains("data"); data != nullptr && data->is_object())
    collect(data->get_object());
  return texts;
}

}  // namespace payoutd::engine
