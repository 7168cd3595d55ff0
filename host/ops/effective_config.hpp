#pragma once
#include <optional>
#include <payoutd/settings.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace payoutd::ops {

/// A place in a file, counted from 1; line 0: the whole file, or an environment variable.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;

  friend bool operator==(const Place&, const Place&) = default;
};

/// What one setting is, and where that was said.
struct EffectiveSetting {
  enum class Source {
    unset,     ///< may be left out, and is
    fallback,  ///< the default
    file,
    environment,
  };
  std::string path{};                  ///< `providers.momo-ci.settings.base_url`, list items as `[2]`
  std::optional<std::string> value{};  ///< as text for people; of a secret `***` and where it is read from
  Source source = Source::unset;
  Place place{};
  bool live = false;  ///< taken over by a reload
  bool is_secret = false;
  std::vector<Secret> secrets{};  ///< the values of a secret, to be compared and never shown

  /// `config/payoutd.yaml:12`, `environment variable ENV`, `default`, or `not set`.
  std::string source_text() const;
};
std::string_view to_string(EffectiveSetting::Source source) noexcept;

struct SettingDifference {
  std::string path;
  std::optional<std::string> left;  ///< nullopt: not set there
  std::optional<std::string> right;
  bool is_secret = false;  ///< then the values differ though they may look the same
  bool needs_restart = false;
};

/// What differs between two configurations, by path; `left` is what runs, for needs_restart.
std::vector<SettingDifference> differences(const std::vector<EffectiveSetting>& left,
                                           const std::vector<EffectiveSetting>& right);

/// What runs after `fresh` was taken over as far as that goes without a restart; what is `kept` (paths) was
/// refused.
std::vector<EffectiveSetting> taken_over(const std::vector<EffectiveSetting>& running,
                                         const std::vector<EffectiveSetting>& fresh,
                                         const std::vector<std::string>& kept = {});

/// A name under which a secret stands in plain, wherever it is: `password`, `api_key`, …
bool names_a_secret(std::string_view path) noexcept;

/// Keyed hash of a secret, cut to 64 bits and in hex: tells two values apart and says nothing about either.
/// The key is derived from the instance key, so that fingerprints of two installations cannot be compared.
class Fingerprints {
 public:
  explicit Fingerprints(const Secret& instance_key);
  std::string of(const Secret& value) const;

 private:
  Secret key_;
};

/// `text` with what stands between the lines `<!-- begin NAME -->` and `<!-- end NAME -->` replaced; nullopt:
/// it has no such lines.
std::optional<std::string> with_section(std::string_view text, std::string_view name,
                                        std::string_view section);

}  // namespace payoutd::ops
