#include <payoutd/conceal.hpp>

namespace payoutd {
namespace {

constexpr std::string_view kHidden = "***";
constexpr std::size_t kShortestSecret = 8;

}  // namespace

std::string conceal(std::string text, std::string_view value) {
  if (value.size() < kShortestSecret) return text;
  for (auto at = text.find(value); at != std::string::npos; at = text.find(value, at)) {
    text.replace(at, value.size(), kHidden);
    at += kHidden.size();
  }
  return text;
}

std::string conceal(std::string text, const std::vector<Secret>& secrets) {
  for (const Secret& secret : secrets) text = conceal(std::move(text), secret.reveal());
  return text;
}

}  // namespace payoutd
