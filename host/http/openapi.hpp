#pragma once
#include "http/router.hpp"

namespace payoutd::http {

/// GET /openapi.json: what the public routes take and answer.
std::vector<Route> openapi_routes();

/// The document itself, in OpenAPI 3.1.
const boost::json::value& openapi_document();

}  // namespace payoutd::http
