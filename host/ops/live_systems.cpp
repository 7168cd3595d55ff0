#include "ops/live_systems.hpp"

#include <array>
#include <payoutd/url.hpp>

namespace payoutd::ops {
namespace {

struct System {
  std::string_view domain;
  std::string_view except;  ///< below it and no live system; may be empty
  std::string_view name;
};

// As the providers' documents and contracts name them; whoever has another address says `environment: live`.
constexpr auto kSystems = std::to_array<System>({
    {"momoapi.mtn.com", "", "MTN MoMo"},
    {"thunes.com", "pre.thunes.com", "Thunes"},
    {"apimarchand.moov-africa.bj", "", "Moov Flooz"},
    {"tgpp-mbanking-stp-gw-gen.togocom.tg", "", "TMoney"},
});

}  // namespace

std::optional<std::string_view> live_system(std::string_view url) noexcept {
  if (!url.starts_with("http://") && !url.starts_with("https://")) return std::nullopt;
  try {
    const std::string host = host_of(url);
    for (const System& system : kSystems)
      if (is_domain_or_below(host, system.domain) &&
          (system.except.empty() || !is_domain_or_below(host, system.except)))
        return system.name;
  } catch (const std::exception&) {
    // What is no URL leads nowhere.
  }
  return std::nullopt;
}

}  // namespace payoutd::ops
