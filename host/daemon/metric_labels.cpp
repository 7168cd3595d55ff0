#include "daemon/metric_labels.hpp"

#include <payoutd/money.hpp>

#include "core/state.hpp"

namespace payoutd::daemon {
namespace {

// ISO 3166-1 alpha-2, without the reserved ones: the closed set of the region label.
constexpr std::string_view kCountries =
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ "
    "BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM "
    "DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS "
    "GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN "
    "KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ "
    "MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM "
    "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV "
    "SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI "
    "VN VU WF WS YE YT ZA ZM ZW ";

/// Every code of three letters that money can be in: the closed set of the currency label.
std::vector<std::string> known_currencies() {
  std::vector<std::string> all;
  for (char a = 'A'; a <= 'Z'; ++a)
    for (char b = 'A'; b <= 'Z'; ++b)
      for (char c = 'A'; c <= 'Z'; ++c)
        if (std::string code{a, b, c}; currency_decimals(code)) all.push_back(std::move(code));
  return all;
}

}  // namespace

ops::MetricsLabels metric_labels(const ops::Config& config, std::vector<std::string> routes) {
  ops::MetricsLabels out;
  for (std::size_t i = 0; i < kCountries.size(); i += 3) out.regions.emplace_back(kCountries.substr(i, 2));
  for (const auto& [name, p] : config.live_config.providers) out.providers.push_back(name);
  out.routes = std::move(routes);
  for (const core::State state : core::kAllStates) out.states.emplace_back(core::to_string(state));
  out.currencies = known_currencies();
  return out;
}

}  // namespace payoutd::daemon
