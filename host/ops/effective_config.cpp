#include "ops/effective_config.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <map>

#include "core/assert.hpp"

namespace payoutd::ops {
namespace {

constexpr std::size_t kFingerprintBytes = 8;

std::string hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  const auto* bytes =
      ::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  PAYOUTD_ASSERT(bytes != nullptr, "HMAC-SHA256 works");
  return {reinterpret_cast<const char*>(digest.data()), size};
}

bool same_secrets(const std::vector<Secret>& a, const std::vector<Secret>& b) {
  return std::ranges::equal(a, b, [](const Secret& x, const Secret& y) { return x.reveal() == y.reveal(); });
}

/// `momo-ci` of `providers.momo-ci.settings.base_url`; empty for other paths.
std::string provider_of(const std::string& path) {
  constexpr std::string_view kProviders = "providers.";
  if (!path.starts_with(kProviders)) return {};
  const auto rest = path.substr(kProviders.size());
  return rest.substr(0, rest.find('.'));
}

}  // namespace

std::string EffectiveSetting::source_text() const {
  switch (source) {
    case Source::unset:
      return "not set";
    case Source::fallback:
      return "default";
    case Source::file:
    case Source::environment:
      break;
  }
  return place.line > 0 ? place.file + ":" + std::to_string(place.line) : place.file;
}

std::string_view to_string(EffectiveSetting::Source source) noexcept {
  switch (source) {
    case EffectiveSetting::Source::unset:
      return "unset";
    case EffectiveSetting::Source::fallback:
      return "default";
    case EffectiveSetting::Source::file:
      return "file";
    case EffectiveSetting::Source::environment:
      return "environment";
  }
  return "invalid";
}

std::vector<SettingDifference> differences(const std::vector<EffectiveSetting>& left,
                                           const std::vector<EffectiveSetting>& right) {
  std::map<std::string, std::pair<const EffectiveSetting*, const EffectiveSetting*>> both;
  std::map<std::string, bool> providers_left;
  std::map<std::string, bool> providers_right;
  for (const auto& one : left) {
    both[one.path].first = &one;
    if (auto name = provider_of(one.path); !name.empty()) providers_left[name] = true;
  }
  for (const auto& one : right) {
    both[one.path].second = &one;
    if (auto name = provider_of(one.path); !name.empty()) providers_right[name] = true;
  }
  std::vector<SettingDifference> found;
  for (const auto& [path, pair] : both) {
    const auto* was = pair.first;
    const auto* is = pair.second;
    SettingDifference one{path, was == nullptr ? std::nullopt : was->value,
                          is == nullptr ? std::nullopt : is->value, false, false};
    one.is_secret = (was != nullptr && was->is_secret) || (is != nullptr && is->is_secret);
    static const std::vector<Secret> none;
    const auto& secrets_left = was == nullptr ? none : was->secrets;
    const auto& secrets_right = is == nullptr ? none : is->secrets;
    // A secret that moved to another file and kept its value is the same one.
    const bool same = one.is_secret && !(secrets_left.empty() && secrets_right.empty())
                          ? same_secrets(secrets_left, secrets_right)
                          : one.left == one.right;
    if (same) continue;
    one.needs_restart = !((was == nullptr || was->live) && (is == nullptr || is->live));
    // Providers are started and stopped with the host.
    const std::string provider = provider_of(path);
    if (!provider.empty() &&
        (!providers_left[provider] || !providers_right[provider] || path.ends_with(".enabled")))
      one.needs_restart = true;
    found.push_back(std::move(one));
  }
  return found;
}

std::vector<EffectiveSetting> taken_over(const std::vector<EffectiveSetting>& running,
                                         const std::vector<EffectiveSetting>& fresh,
                                         const std::vector<std::string>& kept) {
  std::vector<EffectiveSetting> now = fresh;
  for (const SettingDifference& one : differences(running, fresh)) {
    if (!one.needs_restart && std::ranges::count(kept, one.path) == 0) continue;
    std::erase_if(now, [&](const EffectiveSetting& setting) { return setting.path == one.path; });
    const auto was = std::ranges::find(running, one.path, &EffectiveSetting::path);
    if (was != running.end()) now.push_back(*was);
  }
  std::ranges::sort(now, {}, &EffectiveSetting::path);
  return now;
}

bool names_a_secret(std::string_view path) noexcept {
  const auto dot = path.rfind('.');
  std::string_view name = dot == std::string_view::npos ? path : path.substr(dot + 1);
  name = name.substr(0, name.find('['));
  for (const std::string_view word :
       {"secret", "password", "passphrase", "token", "api_key", "private_key", "seed"})
    if (name == word || name.ends_with(std::string("_") + std::string(word))) return true;
  return false;
}

Fingerprints::Fingerprints(const Secret& instance_key)
    : key_(hmac(instance_key.reveal(), "payoutd fingerprints of secrets")) {}

std::string Fingerprints::of(const Secret& value) const {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (const char c : hmac(key_.reveal(), value.reveal()).substr(0, kFingerprintBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    text.append({kHex[byte >> 4], kHex[byte & 15]});
  }
  return text;
}

std::optional<std::string> with_section(std::string_view text, std::string_view name,
                                        std::string_view section) {
  const std::string begin = "<!-- begin " + std::string(name) + " -->\n";
  const std::string end = "<!-- end " + std::string(name) + " -->";
  const auto from = text.find(begin);
  if (from == std::string_view::npos) return std::nullopt;
  const auto to = text.find(end, from);
  if (to == std::string_view::npos) return std::nullopt;
  std::string out(text.substr(0, from + begin.size()));
  out.append(section);
  out.append(text.substr(to));
  return out;
}

}  // namespace payoutd::ops
