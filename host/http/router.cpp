#include "http/router.hpp"

#include <boost/json.hpp>
#include <payoutd/settings.hpp>

#include "core/text.hpp"
#include "http/json_input.hpp"
#include "http/routes.hpp"
#include "ops/log.hpp"
#include "ops/redact.hpp"
#include "providers/provider_handle.hpp"
#include "store/errors.hpp"

namespace payoutd::http {
namespace {

std::optional<std::string> decode(std::string_view text, bool plus_is_space) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size() || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) return std::nullopt;
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  if (!core::is_utf8(out) || core::has_control_character(out)) return std::nullopt;
  return out;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0;;) {
    const auto end = text.find(separator, begin);
    parts.emplace_back(text.substr(begin, end == std::string_view::npos ? end : end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{';
}

bool matches(const Route& route, const std::vector<std::string>& path) {
  if (route.segments.size() != path.size()) return false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (is_parameter(route.segments[i]) ? path[i].empty() : route.segments[i] != path[i]) return false;
  }
  return true;
}

/// The role of the hosts that serve a route; nullopt: all hosts do.
std::optional<core::HostRole> serving_role(std::string_view pattern) {
  if (pattern.starts_with("/v1/payouts")) return core::HostRole::api;
  if (pattern.starts_with("/v1/webhooks/")) return core::HostRole::webhooks;
  for (const char* of_operators : {"/v1/admin/", "/admin/", "/api/admin/"})
    if (pattern.starts_with(of_operators)) return core::HostRole::admin;
  return std::nullopt;
}

Response refuse_role(core::HostRole role) {
  return refuse(404, "ROLE_OFF",
                "This host does not serve it: it has not the role " + std::string(core::to_string(role)) +
                    ". Ask a host that has.");
}

bool is_loopback_host(std::string_view host) {
  if (host.starts_with("[::1]")) return host.size() == 5 || host[5] == ':';
  const std::string_view name = host.substr(0, host.find(':'));
  if (name == "localhost") return true;
  return name.starts_with("127.") && name.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::string media_type(const Request& request) {
  std::string_view text = request.header("content-type");
  text = text.substr(0, text.find(';'));
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  std::string type(text);
  for (char& c : type) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return type;
}

// A charset other than UTF-8 would make other text of the same bytes.
bool is_utf8_charset(const Request& request) {
  std::string text(request.header("content-type"));
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  const auto at = text.find("charset=");
  if (at == std::string::npos) return true;
  std::string_view charset = std::string_view(text).substr(at + 8);
  charset = charset.substr(0, charset.find(';'));
  if (charset.starts_with('"')) charset = charset.substr(1, charset.find('"', 1) - 1);
  return charset == "utf-8" || charset == "utf8" || charset == "us-ascii";
}

std::optional<Response> refuse_body(const Route& route, const Request& request) {
  if (route.body == BodyForm::raw) return std::nullopt;
  if (route.body == BodyForm::none) {
    if (!request.has_body) return std::nullopt;
    return refuse(400, "UNEXPECTED_BODY", request.method + " " + route.pattern + " takes no body.");
  }
  if (!request.has_body) {
    if (route.body == BodyForm::optional_json) return std::nullopt;
    return refuse(400, "BODY_MISSING", "A JSON body is expected.");
  }
  const std::string type = media_type(request);
  const bool lines = route.body == BodyForm::json_or_lines;
  if (request.count("content-type") == 1 && is_utf8_charset(request) &&
      (type == "application/json" || (lines && type == "application/x-ndjson"))) {
    return std::nullopt;
  }
  const std::string accepted = lines ? "application/json or application/x-ndjson" : "application/json";
  return refuse(415, "UNSUPPORTED_MEDIA_TYPE",
                "The body must be " + accepted + " in UTF-8, said in Content-Type.");
}

std::optional<Response> read_query(const Route& route, Request& request, std::string_view text) {
  if (text.empty()) return std::nullopt;
  for (const std::string& part : split(text, '&')) {
    if (part.empty()) continue;
    const auto equals = part.find('=');
    const auto name = decode(part.substr(0, equals), true);
    const auto value = decode(equals == std::string::npos ? std::string() : part.substr(equals + 1), true);
    if (!name || !value) {
      return refuse(400, "BAD_URL", "The URL's query has a part that is not percent-encoded UTF-8 text.");
    }
    if (std::find(route.query.begin(), route.query.end(), *name) == route.query.end()) {
      const auto near = nearest_name(*name, route.query);
      return refuse(400, "UNKNOWN_PARAMETER",
                    in_quotes(*name) + " is not a parameter of " + route.pattern +
                        (near ? ", did you mean '" + *near + "'?" : std::string(".")));
    }
    if (!request.parameter(*name).empty()) {
      return refuse(400, "DUPLICATE_PARAMETER", "The parameter stands twice in the URL.", *name);
    }
    request.query.emplace_back(*name, *value);
  }
  return std::nullopt;
}

Response unavailable(std::string code, std::string message) {
  Response response = refuse(503, std::move(code), std::move(message));
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

void report(const Request& request, const std::exception& failure, log::Level level) {
  log::write(level, "http.request_failed", "A request could not be answered as it should.",
             {{"route", request.route == nullptr ? "" : request.route->pattern},
              {"flow_id", request.flow_id},
              {"trace_id", trace_id_of(request)},
              {"error", failure.what()}});
}

// What monitors ask every few seconds, and whatever was refused before anybody knew whose it is, leaves no
// span: a stranger could fill the queue with them.
void trace_request(trace::Tracer& tracer, const Request& head, int status,
                   std::chrono::nanoseconds duration) {
  if (!tracer.enabled() || head.route == nullptr || status == 401 || status == 429) return;
  const std::string& pattern = head.route->pattern;
  if (!pattern.starts_with("/v1/") && !pattern.starts_with("/admin/")) return;
  core::TraceContext context = tracer.trace_of(head.trace.caller, head.flow_id);
  context.span_id = head.trace.span_id;
  trace::Moment began;
  began.wall -= std::chrono::duration_cast<std::chrono::system_clock::duration>(duration);
  began.steady -= duration;
  trace::Span span(tracer, std::move(context), head.trace.caller.span_id, "request", trace::Kind::server,
                   began);
  if (head.trace.caller.known()) span.remote_parent();
  span.with("trace.flow_id", head.flow_id)
      .with("http.request.method", head.method)
      .with("http.route", pattern)
      .with("http.response.status_code", status);
  span.end(std::to_string(status), status >= 500);
}

}  // namespace

Router::Router(HostView& host, RouterOptions options)
    : host_(host), options_(std::move(options)), gate_(host, options_.gate) {
  add(export_routes(host));
  add(payouts_routes(host, options_));
  add(admin_routes(host));
  add(policy_routes(host));
  add(throttle_routes(host));
  add(idempotency_routes(host));
  add(session_routes(host));
  add(retry_routes(host));
  add(support_routes(host));
  add(audit_routes(host));
  add(accepted_routes(host));
  add(reload_routes(host));
  add(operations_routes(host));
  add(database_routes(host));
  add(health_routes(host));
  add(webhook_routes(host));
  add(inbox_routes(host));
  add(notification_routes(host));
  add(openapi_routes());
}

void Router::add(std::vector<Route> routes) {
  for (Route& route : routes) {
    route.segments = split(std::string_view(route.pattern).substr(1), '/');
    if (route.body_limit == 0) route.body_limit = options_.max_body_bytes;
    routes_.push_back(std::move(route));
  }
}

std::vector<std::string> Router::patterns() const {
  std::set<std::string> all;
  for (const Route& route : routes_) all.insert(route.pattern);
  return {all.begin(), all.end()};
}

Service::Screening Router::screen(Request& head) {
  Screening screening;
  if (head.trace.span_id.empty() && host_.tracer().enabled()) head.trace.span_id = core::random_span_id();
  if (auto refusal = gate_.count_address(head)) {
    screening.refusal = std::move(refusal);
  } else {
    screening = screen_route(head);
  }
  screening.headers = gate_.cors().headers(head);
  if (std::string trace = traceparent_of_answer(head); !trace.empty())
    screening.headers.emplace_back("traceparent", std::move(trace));
  return screening;
}

/// Sets the request's route; the refusal if there is none, or the answer to a browser's question about it.
std::optional<Response> Router::find_route(Request& head, const std::vector<std::string>& path) const {
  const std::string method = head.method == "HEAD" ? "GET" : head.method;
  std::set<std::string> allowed;
  for (const Route& route : routes_) {
    if (!matches(route, path)) continue;
    if (const auto role = serving_role(route.pattern);
        role && !options_.host_roles.has(*role) && !head.peer.control)
      return refuse_role(*role);
    if (route.method == method) {
      head.route = &route;
      return std::nullopt;
    }
    allowed.insert(route.method);
  }
  if (allowed.empty())
    return refuse(404, "NOT_FOUND", "There is nothing at this URL. /openapi.json lists what there is.");
  if (allowed.contains("GET")) allowed.insert("HEAD");
  std::string list;
  for (const std::string& one : allowed) list += (list.empty() ? "" : ", ") + one;
  if (auto preflight = gate_.cors().preflight(head, list)) return preflight;
  Response response = refuse(405, "METHOD_NOT_ALLOWED", "This URL takes " + list + " only.");
  response.headers.emplace_back("Allow", list);
  return response;
}

Service::Screening Router::screen_route(Request& head) {
  const std::string_view target = head.target;
  const auto question = target.find('?');
  const std::string_view path_text = target.substr(0, question);
  if (path_text.empty() || path_text.front() != '/') {
    return {refuse(400, "BAD_URL", "The URL must begin with a slash."), 0};
  }
  std::vector<std::string> path;
  for (const std::string& segment : split(path_text.substr(1), '/')) {
    const auto decoded = decode(segment, false);
    if (!decoded) return {refuse(400, "BAD_URL", "The URL's path is not percent-encoded UTF-8 text."), 0};
    path.push_back(*decoded);
  }
  if (auto answered = find_route(head, path)) return {std::move(answered), 0};
  const Route& route = *head.route;
  if (route.control_only && !head.peer.control) {
    return {refuse(403, "CONTROL_SOCKET_ONLY",
                   "This is done over the host's control socket only (payoutctl does), where the kernel says "
                   "who asks."),
            0};
  }
  if (!route.any_host && !head.peer.control && !gate_.auth_required() && !head.header("host").empty() &&
      !is_loopback_host(head.header("host"))) {
    return {
        refuse(
            421, "HOST_NOT_SERVED",
            "The API is served under loopback names (localhost, 127.0.0.1) only. Have the proxy in front of "
            "it send such a Host header."),
        0};
  }
  if (auto refusal = gate_.admit(head)) return {std::move(refusal), 0};
  for (std::size_t i = 0; i < path.size(); ++i) {
    const std::string& segment = route.segments[i];
    if (is_parameter(segment)) head.parameters[segment.substr(1, segment.size() - 2)] = path[i];
  }
  if (question != std::string_view::npos &&
      route.body != BodyForm::raw) {  // a webhook belongs to its provider
    if (auto refusal = read_query(route, head, target.substr(question + 1))) return {std::move(refusal), 0};
  }
  return {refuse_body(route, head), route.body_limit};
}

namespace {

bool is_audited(const Request& request) {
  const std::string& pattern = request.route->pattern;
  return request.method != "GET" && request.method != "HEAD" &&
         (pattern.starts_with("/v1/admin/") || pattern.starts_with("/admin/"));
}

/// The fields of the body as they came, but for secrets and what is too long to keep.
std::string audited_detail(const std::string& body) {
  constexpr std::size_t kLongest = 4096;
  if (body.empty()) return "{}";
  boost::system::error_code failed;
  const boost::json::value value = boost::json::parse(ops::redactor().redact(body), failed);
  if (failed || body.size() > kLongest)
    return boost::json::serialize(boost::json::object{{"body_bytes", body.size()}});
  return boost::json::serialize(value);
}

store::AuditEntry audit_entry(const Request& request) {
  store::AuditEntry entry;
  entry.actor = request.peer.actor;
  entry.token = request.peer.token;
  entry.action = request.method + " " + request.route->pattern;
  for (const auto& [name, value] : request.parameters)
    entry.subject += (entry.subject.empty() ? "" : " ") + value;
  entry.flow_id = request.flow_id;
  entry.detail = audited_detail(request.body);
  return entry;
}

}  // namespace

Awaitable<Response> Router::handle(Request request) {
  if (!is_audited(request)) co_return co_await answered_by_route(std::move(request));
  store::AuditEntry entry = audit_entry(request);
  const std::string trace_id = trace_id_of(request);
  Response response = co_await answered_by_route(std::move(request));
  entry.status = response.status;
  std::string failure;
  try {
    co_await host_.append_audit(entry);
  } catch (const std::exception& error) {
    failure = error.what();
  }
  if (!failure.empty()) {
    log::error("http.audit_lost", "What somebody did could not be written into the audit log.",
               {{"actor", entry.actor},
                {"action", entry.action},
                {"subject", entry.subject},
                {"status", entry.status},
                {"flow_id", entry.flow_id},
                {"trace_id", trace_id},
                {"error", failure}});
  }
  co_return response;
}

Awaitable<Response> Router::answered_by_route(Request request) {
  const Request head{
      .method = request.method, .flow_id = request.flow_id, .trace = request.trace, .route = request.route};
  try {
    co_return co_await request.route->handle(std::move(request));
  } catch (const store::InDoubt& failure) {
    report(head, failure, log::Level::warning);
    co_return unavailable(
        "OUTCOME_IN_DOUBT",
        "The database did not say whether it stored this. Send the same request with the same key "
        "again: it finds out and does nothing twice.");
  } catch (const store::Unavailable& failure) {
    report(head, failure, log::Level::warning);
    co_return unavailable("DATABASE_UNAVAILABLE",
                          "The database is not available at the moment; nothing was changed. Try again.");
  } catch (const store::Conflict& failure) {
    report(head, failure, log::Level::warning);
    co_return unavailable("BUSY", "Others are changing the same rows; nothing was changed. Try again.");
  } catch (const store::DataError& failure) {
    report(head, failure, log::Level::warning);
    co_return refuse(400, "BAD_VALUE", "The database does not take one of the values.");
  } catch (const providers::CallFailed& failure) {
    co_return refuse(502, "PROVIDER_CALL_FAILED", ops::redactor().redact(failure.what()));
  } catch (const std::exception& failure) {
    report(head, failure, log::Level::error);
    co_return refuse(500, "INTERNAL",
                     "Something is wrong in the host; its log says what, under this flow id.");
  }
}

void Router::answered(const Request& head, int status, std::chrono::nanoseconds duration) {
  host_.count_request(head.route == nullptr ? "other" : std::string_view(head.route->pattern), head.method,
                      status, std::chrono::duration<double>(duration).count());
  trace_request(host_.tracer(), head, status, duration);
}

BodyObject read_body_object(const Request& request, const std::vector<std::string>& known_fields) {
  BodyObject out;
  if (request.body.empty()) return out;
  JsonInput input = read_json(request.body);
  if (input.problem) {
    out.refusal = refuse(400, input.problem->code, input.problem->message, input.problem->field);
  } else if (!input.value.is_object()) {
    out.refusal = refuse(400, "MALFORMED_JSON", "A JSON object is expected.");
  } else {
    out.object = std::move(input.value.get_object());
    for (const auto& [key, value] : out.object) {
      if (std::find(known_fields.begin(), known_fields.end(), std::string_view(key)) != known_fields.end())
        continue;
      const auto near = nearest_name(key, known_fields);
      out.refusal = refuse(400, "UNKNOWN_FIELD",
                           in_quotes(key) + " is not a field here" +
                               (near ? ", did you mean '" + *near + "'?" : std::string(".")));
      break;
    }
  }
  return out;
}

}  // namespace payoutd::http
