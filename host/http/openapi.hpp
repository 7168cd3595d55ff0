#pragma once
#include <boost/json/value.hpp>
#include <vector>

#include "http/router.hpp"

namespace payoutd::http {

/// The document at /openapi.json for these routes and itself.
Route openapi_route(const std::vector<Route>& routes);
/// OpenAPI 3.1 of all routes that are not the control socket's alone: written out for what clients use, made
/// from the table of routes for the rest; who may call an operation always comes from the table.
boost::json::value openapi_document(const std::vector<Route>& routes);

}  // namespace payoutd::http
