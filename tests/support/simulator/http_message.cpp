#include "http_message.hpp"

#include "text.hpp"

namespace simulator {
namespace {

constexpr std::size_t kTruncatedBytes = 512;  // announced beyond what is sent

std::string_view reason_phrase(unsigned status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 307:
      return "Temporary Redirect";
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
    case 409:
      return "Conflict";
    case 415:
      return "Unsupported Media Type";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

}  // namespace

std::optional<std::string> Request::parameter(std::string_view name) const {
  std::string_view rest = query;
  while (!rest.empty()) {
    const auto pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const auto equals = pair.find('=');
    if (pair.substr(0, equals) != name) continue;
    return equals == std::string_view::npos ? std::string{} : percent_decoded(pair.substr(equals + 1));
  }
  return std::nullopt;
}

Answer json_answer(unsigned status, std::string body) {
  Answer answer;
  answer.status = status;
  answer.body = std::move(body);
  return answer;
}

std::string serialize_answer(const Answer& answer, bool keep_alive) {
  std::string bytes;
  bytes.reserve(160 + answer.body.size());
  bytes.append("HTTP/1.1 ").append(std::to_string(answer.status)).append(" ");
  bytes.append(reason_phrase(answer.status)).append("\r\n");
  if (!answer.body.empty() || answer.source) {
    bytes.append("Content-Type: ").append(answer.content_type).append("\r\n");
  }
  for (const auto& [name, value] : answer.headers)
    bytes.append(name).append(": ").append(value).append("\r\n");
  if (!keep_alive) bytes.append("Connection: close\r\n");
  if (answer.source) {
    bytes.append("Transfer-Encoding: chunked\r\n\r\n");
    return bytes;
  }
  const auto announced = answer.body.size() + (answer.delivery == Delivery::kTruncate ? kTruncatedBytes : 0);
  bytes.append("Content-Length: ").append(std::to_string(announced)).append("\r\n\r\n").append(answer.body);
  return bytes;
}

}  // namespace simulator
