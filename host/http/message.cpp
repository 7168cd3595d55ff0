#include "http/message.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "core/ids.hpp"

namespace payoutd::http {
namespace {

bool is_flow_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == ':' || c == '-';
  });
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

std::size_t Request::count(std::string_view name) const {
  return static_cast<std::size_t>(std::count_if(headers.begin(), headers.end(),
                                                [&](const auto& header) { return header.first == name; }));
}

std::string Request::parameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return {};
}

Response answer(int status, const boost::json::value& json) {
  Response response;
  response.status = status;
  response.body = boost::json::serialize(json);
  response.body += '\n';
  return response;
}

Response refuse(int status, std::string code, std::string message, std::string field) {
  Response response;
  response.status = status;
  response.error = ErrorBody{std::move(code), std::move(message), std::move(field), {}};
  return response;
}

boost::json::object error_json(const ErrorBody& error, std::string_view flow_id) {
  boost::json::object inner{{"code", error.code}, {"message", error.message}};
  if (!error.field.empty()) inner["field"] = error.field;
  if (!error.problems.empty()) inner["problems"] = error.problems;
  inner["flow_id"] = flow_id;
  return boost::json::object{{"error", std::move(inner)}};
}

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 207:
      return "Multi-Status";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

std::string flow_id_of(const Request& request) {
  if (const auto id = request.header("x-request-id"); is_flow_id(id)) return std::string(id);
  if (const auto caller = core::parse_traceparent(request.header("traceparent"))) return caller->trace_id;
  return core::random_uuid();
}

core::RequestTrace trace_of(const Request& request) {
  if (request.count("traceparent") != 1) return {};
  auto caller = core::parse_traceparent(request.header("traceparent"));
  if (!caller) return {};
  std::string states;
  for (const auto& [name, value] : request.headers)
    if (name == "tracestate") states.append(states.empty() ? "" : ",").append(value);
  caller->state = core::read_tracestate(states);
  return {*std::move(caller), core::random_span_id()};
}

std::string traceparent_of_answer(const Request& request) {
  const core::TraceContext& caller = request.trace.caller;
  if (!caller.known()) return {};
  return core::to_traceparent({caller.trace_id, request.trace.span_id, caller.sampled, {}});
}

std::string trace_id_of(const Request& request) {
  const core::TraceContext& caller = request.trace.caller;
  return caller.known() ? caller.trace_id : core::trace_id_of_flow(request.flow_id);
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kShown = 32;
  std::string out = "'";
  for (const char c : text.substr(0, kShown)) out += c >= 0x20 && c < 0x7f && c != '\'' ? c : '?';
  if (text.size() > kShown) out += "…";
  return out + "'";
}

}  // namespace payoutd::http
