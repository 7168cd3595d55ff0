#include <payoutd/http.hpp>

namespace payoutd {
namespace {

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::string_view HttpResponse::header(std::string_view name) const noexcept {
  for (const auto& [key, value] : headers)
    if (std::ranges::equal(key, name, {}, lower, lower)) return value;
  return {};
}

std::string_view to_string(HttpStage stage) noexcept {
  switch (stage) {
    case HttpStage::resolve:
      return "resolve";
    case HttpStage::connect:
      return "connect";
    case HttpStage::handshake:
      return "handshake";
    case HttpStage::write:
      return "write";
    case HttpStage::read:
      return "read";
  }
  return "invalid";
}

}  // namespace payoutd
