#pragma once
#include <boost/json/value.hpp>
#include <span>
#include <string_view>

namespace payoutd::http {

/// The lines of openapi.json, which the build embeds.
std::span<const std::string_view> openapi_lines();

/// The document at /openapi.json: OpenAPI 3.1 of every route, those of the control socket included. That is
/// openapi.json, and in each operation what all of its kind have in common: the answers of the server and the
/// router around it, and the flow id.
boost::json::value openapi_document();

}  // namespace payoutd::http
