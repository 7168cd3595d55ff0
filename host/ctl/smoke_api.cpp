#include "ctl/smoke_api.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <optional>

#include "providers/http_client.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;

providers::HttpOptions options_of(const SmokeApi::Where& where) {
  providers::HttpOptions options;
  options.ca_file = where.ca_file;
  options.response_timeout = where.timeout;
  options.max_body_bytes = 8U << 20;
  return options;
}

Answer answer_of(HttpResponse response) {
  Answer answer;
  answer.status = response.status;
  for (const auto& [name, value] : response.headers) {
    std::string lower = name;
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    answer.headers[lower] = value;
  }
  json::error_code unreadable;
  answer.body = json::parse(response.body, unreadable);
  if (unreadable) answer.body = std::move(response.body);
  return answer;
}

}  // namespace

struct SmokeApi::Wire {
  explicit Wire(const Where& where)
      : client(providers::make_http_client(io.get_executor(), options_of(where), {})) {}

  HttpResponse exchange(HttpRequest request) {
    std::optional<HttpResponse> response;
    std::exception_ptr failure;
    boost::asio::co_spawn(io, client->send(std::move(request)),
                          [&](std::exception_ptr error, HttpResponse answer) {
                            failure = error;
                            response = std::move(answer);
                          });
    io.restart();
    while (!response && io.run_one() > 0) {
    }
    if (failure) std::rethrow_exception(failure);
    return std::move(response).value();
  }

  boost::asio::io_context io{1};
  std::shared_ptr<HttpClient> client;
};

SmokeApi::SmokeApi(Where where) : where_(std::move(where)), wire_(std::make_unique<Wire>(where_)) {
  while (where_.base_url.ends_with('/')) where_.base_url.pop_back();
}
SmokeApi::~SmokeApi() = default;

Answer SmokeApi::send_without_token(const std::string& method, const std::string& path,
                                    const std::string& body, const Headers& headers) {
  HttpRequest request(method, where_.base_url + path);
  for (const auto& [name, value] : headers) request.header(name, value);
  if (!body.empty()) request.body(body, "application/json");
  try {
    return answer_of(wire_->exchange(std::move(request)));
  } catch (const HttpFailure& failure) {
    throw HostUnreachable("no answer from " + where_.base_url + path + ": " + failure.what());
  }
}

Answer SmokeApi::send(const std::string& method, const std::string& path, const std::string& body,
                      const Headers& headers) {
  Headers all = headers;
  if (has_token()) all["Authorization"] = "Bearer " + token_;
  return send_without_token(method, path, body, all);
}

Answer SmokeApi::operate(const std::string& method, const std::string& path, const json::object& body) {
  const std::string text = body.empty() ? std::string() : json::serialize(body);
  if (has_token() || where_.control_socket.empty()) return send(method, path, text);
  return Client(where_.control_socket, where_.timeout).send(method, path, text);
}

}  // namespace payoutd::ctl
