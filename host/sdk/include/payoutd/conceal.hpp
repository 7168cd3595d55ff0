#pragma once
#include <payoutd/settings.hpp>
#include <string>
#include <string_view>
#include <vector>

/// What a provider says is shown to people. Should it ever echo one of our secrets, that stops here.
namespace payoutd {

/// `text` with "***" wherever `value` stands in it. Values of fewer than 8 characters (a simulator's) are
/// left alone: they are no secrets, and they would be found in every word.
std::string conceal(std::string text, std::string_view value);

/// The same for every one of `secrets`, those from before a rotation included.
std::string conceal(std::string text, const std::vector<Secret>& secrets);

}  // namespace payoutd
