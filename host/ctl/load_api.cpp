#include "ctl/load_api.hpp"

#include <boost/json.hpp>

#include "ctl/api_access.hpp"
#include "ctl/json_view.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;

std::string code_of(const Answer& answer) {
  return answer.code().empty() ? "HTTP_" + std::to_string(answer.status) : answer.code();
}

}  // namespace

LoadApi::LoadApi(const Where& where) {
  if (where.base_url.empty()) {
    by_socket_ = std::make_unique<Client>(where.control_socket, where.timeout);
    return;
  }
  by_url_ = std::make_unique<SmokeApi>(SmokeApi::Where{
      where.base_url, where.ca_file, socket_beside(where.base_url, where.control_socket), where.timeout});
  by_url_->use_token(where.token);
}

// The control socket's client has no headers of its own, and in bulk the key stands in the body.
Answer LoadApi::send(const json::array& payouts) {
  if (payouts.size() > 1 || by_socket_) {
    const std::string body = json::serialize(json::object{{"payouts", payouts}});
    return by_socket_ ? by_socket_->send("POST", "/v1/payouts/bulk", body)
                      : by_url_->send("POST", "/v1/payouts/bulk", body);
  }
  json::object one = payouts.at(0).as_object();
  const std::string key = text_at(one, "idempotency_key");
  one.erase("idempotency_key");
  return by_url_->send("POST", "/v1/payouts", json::serialize(one), {{"Idempotency-Key", key}});
}

std::vector<LoadApi::Posted> LoadApi::post(const json::array& payouts) {
  std::vector<Posted> posted(payouts.size());
  const auto all_failed = [&posted](const std::string& code) {
    for (Posted& one : posted) one.error = code;
    return posted;
  };
  Answer answer;
  try {
    answer = send(payouts);
  } catch (const HostUnreachable&) {
    return all_failed("NO_ANSWER");
  }
  if (!answer.body.is_object()) return all_failed(code_of(answer));
  const json::object& body = answer.body.get_object();
  if (!body.contains("results")) {
    if (!answer.ok()) return all_failed(code_of(answer));
    posted.front().id = text_at(body, "id");
    return posted;
  }
  for (const json::value& value : array_at(body, "results")) {
    const json::object& result = value.as_object();
    const auto index = static_cast<std::size_t>(number_at(result, "index"));
    if (index >= posted.size()) continue;
    posted[index] = {text_at(object_at(result, "payout"), "id"), text_at(object_at(result, "error"), "code")};
  }
  for (Posted& one : posted)
    if (one.id.empty() && one.error.empty()) one.error = code_of(answer);
  return posted;
}

json::value LoadApi::get(const std::string& path) {
  if (by_socket_) return by_socket_->get(path);
  Answer answer = by_url_->send("GET", path);
  if (!answer.ok()) fail(answer);
  return std::move(answer.body);
}

Answer LoadApi::operate(const std::string& path) {
  return by_socket_ ? by_socket_->send("GET", path) : by_url_->operate("GET", path);
}

}  // namespace payoutd::ctl
