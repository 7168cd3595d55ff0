#include "openapi/api_contract.hpp"

#include <boost/json.hpp>
#include <charconv>
#include <iostream>
#include <optional>
#include <set>

#include "http/openapi.hpp"

namespace payoutd::test {
namespace {

namespace json = boost::json;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return out;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ptr == text.data() + i + 3) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

/// `parts` are the decoded segments of a path: a slash in one of them separates nothing.
bool is_like(const std::vector<std::string>& parts, std::string_view pattern) {
  const auto wanted = split(pattern, '/');
  if (parts.size() != wanted.size()) return false;
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (wanted[i].starts_with('{') ? parts[i].empty() : parts[i] != wanted[i]) return false;
  return true;
}

std::string media_type(std::string_view text) {
  text = text.substr(0, text.find(';'));
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return lower(text);
}

/// A parameter's text as the JSON value that its schema speaks of.
json::value value_of(const json::value& schema, const std::string& text) {
  const auto* type = schema.as_object().if_contains("type");
  if (type == nullptr || !type->is_string()) return json::value(text);
  if (type->get_string() == "boolean" && (text == "true" || text == "false"))
    return json::value(text == "true");
  std::int64_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = ec == std::errc() && end == text.data() + text.size();
  return type->get_string() == "integer" && is_number ? json::value(number) : json::value(text);
}

const json::value* find_content(const json::object& content, const std::string& type) {
  if (const auto* exact = content.if_contains(type)) return exact;
  return content.if_contains("*/*");
}

}  // namespace

ApiContract::ApiContract(json::value document) : document_(std::move(document)), schemas_(document_) {}

const ApiContract& ApiContract::of_this_build() {
  static const ApiContract contract(http::openapi_document());
  return contract;
}

ApiContract::Found ApiContract::find(const ApiRequest& request) const {
  Found found;
  if (!request.target.starts_with('/')) return found;
  std::vector<std::string> path;
  const std::string_view target = request.target;
  for (const std::string_view part : split(target.substr(0, target.find('?')), '/'))
    path.push_back(decoded(part));
  const json::object& paths = document_.at("paths").as_object();
  const auto consider = [&](std::string_view pattern, const json::value& operations) {
    const std::string method = request.method == "HEAD" ? "get" : lower(request.method);
    if (found.operation == nullptr) found.template_path = pattern;
    if (const auto* operation = operations.as_object().if_contains(method)) {
      found.operation = &operation->as_object();
      found.template_path = pattern;
    }
  };
  // What has no parameters goes before what has.
  for (const bool with_parameters : {false, true}) {
    for (const auto& [pattern, operations] : paths) {
      const std::string_view text = pattern;
      if ((text.find('{') != std::string_view::npos) != with_parameters || !is_like(path, text)) continue;
      consider(text, operations);
      if (found.operation != nullptr) return found;
    }
  }
  return found;
}

std::vector<std::string> ApiContract::problems(const ApiRequest& request, const ApiAnswer& answer) const {
  std::vector<std::string> wrong;
  const Found found = find(request);
  const json::object& any_url = document_.at("x-payoutd-any-url").as_object();
  const std::string status = std::to_string(answer.status);
  if (found.operation == nullptr) {
    if (request.method == "OPTIONS" && answer.status == 200 && !found.template_path.empty()) {
      check_response(any_url.at("preflight"), request, answer, wrong);
      return wrong;
    }
    const auto* response = any_url.at("responses").as_object().if_contains(status);
    if (response == nullptr) {
      wrong.push_back("no operation of the document answers this request, and " + status +
                      " is not what is answered then");
    } else {
      check_response(*response, request, answer, wrong);
    }
    return wrong;
  }
  const auto* response = found.operation->at("responses").as_object().if_contains(status);
  if (response == nullptr) {
    wrong.push_back("the document does not list " + status + " for this operation");
    return wrong;
  }
  check_response(*response, request, answer, wrong);
  const bool taken = answer.status >= 200 && answer.status < 300;
  if (taken) check_request(found, request, wrong);
  const auto* listener = found.operation->if_contains("x-payoutd-listener");
  if (taken && listener != nullptr && listener->as_string() == "control" && !request.control)
    wrong.push_back("it was done by TCP, and the document says that it is done by the control socket only");
  return wrong;
}

void ApiContract::require(const ApiRequest& request, const ApiAnswer& answer) const {
  const std::vector<std::string> wrong = problems(request, answer);
  if (wrong.empty()) return;
  constexpr std::size_t kShown = 2000;
  std::string text =
      "The API's document does not describe what happened: " +
      (request.method.empty() ? "(unreadable request)" : request.method + " " + request.target) +
      " was answered with " + std::to_string(answer.status) + ".";
  for (const std::string& one : wrong) text += "\n  - " + one;
  text += "\n  request: " + request.body.substr(0, kShown) + "\n  answer: " + answer.body.substr(0, kShown);
  std::cerr << text << std::endl;  // a thread that this ends has no other way to tell
  throw ContractBroken{text};
}

void ApiContract::check_response(const json::value& response, const ApiRequest& request,
                                 const ApiAnswer& answer, std::vector<std::string>& wrong) const {
  const json::object& said = schemas_.resolved(response).as_object();
  if (const auto* headers = said.if_contains("headers")) {
    for (const auto& [name, header] : headers->as_object()) {
      const json::object& rule = schemas_.resolved(header).as_object();
      const auto given = answer.headers.find(lower(name));
      const auto* required = rule.if_contains("required");
      if (given != answer.headers.end()) {
        for (const std::string& problem : schemas_.problems(rule.at("schema"), json::value(given->second)))
          wrong.push_back("header " + std::string(name) + problem);
      } else if (required != nullptr && required->as_bool()) {
        wrong.push_back("the header " + std::string(name) + " is missing");
      }
    }
  }
  const auto* content = said.if_contains("content");
  if (request.method == "HEAD") {
    if (!answer.body.empty()) wrong.push_back("an answer to HEAD has a body");
  } else if (content != nullptr) {
    check_body(content->as_object(), answer, wrong);
  } else if (!answer.body.empty()) {
    wrong.push_back("there is a body, and the document says of none");
  }
}

void ApiContract::check_body(const json::object& content, const ApiAnswer& answer,
                             std::vector<std::string>& wrong) const {
  const auto header = answer.headers.find("content-type");
  const std::string type = header == answer.headers.end() ? "" : media_type(header->second);
  const auto* media = find_content(content, type);
  if (media == nullptr) {
    wrong.push_back("the content type '" + type + "' is not listed");
    return;
  }
  json::value body(answer.body);
  if (type == "application/json") {
    json::error_code unreadable;
    body = json::parse(answer.body, unreadable);
    if (unreadable) {
      wrong.push_back("the body is not JSON");
      return;
    }
  }
  for (const std::string& problem : schemas_.problems(media->at("schema"), body))
    wrong.push_back("body" + problem);
}

void ApiContract::check_parameters(const json::object& operation, const ApiRequest& request,
                                   std::vector<std::string>& wrong) const {
  std::map<std::string, const json::object*> query;
  if (const auto* parameters = operation.if_contains("parameters")) {
    for (const json::value& one : parameters->as_array()) {
      const json::object& parameter = schemas_.resolved(one).as_object();
      const std::string name(parameter.at("name").as_string());
      const std::string_view in = parameter.at("in").as_string();
      if (in == "query") query[name] = &parameter;
      const auto* required = parameter.if_contains("required");
      if (in == "header" && required != nullptr && required->as_bool() &&
          !request.headers.contains(lower(name)))
        wrong.push_back("it was taken without the header " + name + ", which the document requires");
    }
  }
  const auto question = request.target.find('?');
  if (question == std::string::npos) return;
  for (const std::string_view part : split(std::string_view(request.target).substr(question + 1), '&')) {
    const auto equals = part.find('=');
    const std::string name = decoded(part.substr(0, equals));
    if (part.empty()) continue;
    const auto known = query.find(name);
    if (known == query.end()) {
      wrong.push_back("the parameter " + name + " was taken, and the document does not know it");
      continue;
    }
    const std::string text = equals == std::string_view::npos ? "" : decoded(part.substr(equals + 1));
    if (text.empty()) continue;  // the same as none
    const json::value& schema = schemas_.resolved(known->second->at("schema"));
    for (const std::string& problem : schemas_.problems(schema, value_of(schema, text)))
      wrong.push_back("parameter " + name + problem);
  }
}

void ApiContract::check_request(const Found& found, const ApiRequest& request,
                                std::vector<std::string>& wrong) const {
  const bool is_callback = found.template_path.starts_with("/v1/webhooks/");
  if (!is_callback) check_parameters(*found.operation, request, wrong);
  const auto* stated = found.operation->if_contains("requestBody");
  if (!request.whole) return;
  if (stated == nullptr) {
    if (!request.body.empty()) wrong.push_back("a body was taken, and the document knows none");
    return;
  }
  const json::object& rule = schemas_.resolved(*stated).as_object();
  const auto* required = rule.if_contains("required");
  if (request.body.empty()) {
    if (required != nullptr && required->as_bool())
      wrong.push_back("it was taken without the body that the document requires");
    return;
  }
  const auto header = request.headers.find("content-type");
  const std::string type = header == request.headers.end() ? "" : media_type(header->second);
  const auto* media = find_content(rule.at("content").as_object(), type);
  if (media == nullptr) {
    wrong.push_back("a body of type '" + type + "' was taken, which the document does not list");
    return;
  }
  if (is_callback || type != "application/json") return;
  json::error_code unreadable;
  const json::value body = json::parse(request.body, unreadable);
  if (unreadable) return;
  for (const std::string& problem : schemas_.problems(media->at("schema"), body))
    wrong.push_back("the request's body, which was taken," + problem);
}

ApiRequest take_request(std::string& bytes) {
  ApiRequest request;
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string::npos) {
    bytes.clear();
    request.whole = false;
    return request;
  }
  const std::string head = bytes.substr(0, end);
  bytes.erase(0, end + 4);
  const auto lines = split(head, '\n');
  const auto words = split(lines.front().substr(0, lines.front().find('\r')), ' ');
  if (words.size() == 3 && words[2].starts_with("HTTP/1.")) {
    request.method = words[0];
    request.target = words[1];
    // Of a whole URL what follows its authority (RFC 9112, 3.2.2).
    if (const auto scheme = request.target.find("://"); scheme == 4 || scheme == 5) {
      const auto path = request.target.find('/', scheme + 3);
      request.target = path == std::string::npos ? "/" : request.target.substr(path);
    }
  }
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto colon = lines[i].find(':');
    if (colon == std::string_view::npos) continue;
    std::string_view value = lines[i].substr(colon + 1);
    while (!value.empty() && (value.front() == ' ')) value.remove_prefix(1);
    while (!value.empty() && (value.back() == '\r' || value.back() == ' ')) value.remove_suffix(1);
    request.headers[lower(lines[i].substr(0, colon))] = std::string(value);
  }
  std::size_t length = 0;
  if (const auto stated = request.headers.find("content-length"); stated != request.headers.end())
    std::from_chars(stated->second.data(), stated->second.data() + stated->second.size(), length);
  request.whole = length <= bytes.size() && !request.headers.contains("transfer-encoding");
  request.body = bytes.substr(0, length);
  bytes.erase(0, request.headers.contains("transfer-encoding") ? bytes.size() : length);
  return request;
}

}  // namespace payoutd::test
