#pragma once
#include <set>
#include <string>
#include <vector>

#include "http/message.hpp"

namespace payoutd::http {

/// Which web pages may read the API's answers (the Fetch standard's CORS protocol): those of the origins that
/// the configuration names, letter by letter. Cookies are not used here, so credentials are never allowed.
class Cors {
 public:
  Cors() = default;
  explicit Cors(std::vector<std::string> origins) : origins_(origins.begin(), origins.end()) {}

  /// For every answer to this request; none if no origin is allowed at all.
  Pairs headers(const Request& request) const;
  /// The answer to a browser that asks beforehand; nullopt if this is no such question, or not of an allowed
  /// origin.
  std::optional<Response> preflight(const Request& request, const std::string& methods) const;

 private:
  bool allows(const Request& request) const;

  std::set<std::string, std::less<>> origins_;
};

}  // namespace payoutd::http
