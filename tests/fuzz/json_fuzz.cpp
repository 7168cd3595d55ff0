/// libFuzzer over JSON bodies: of payouts, single and in bulk, and of every administrative route. None may
/// crash or be an internal error, what is admitted is what was asked for to the last digit, and whatever is
/// refused is refused in the one shape of errors.
///
/// The first byte chooses the route, the second the form; the rest is the body.
#include "core/text.hpp"
#include "engine/admission.hpp"
#include "fuzz_host.hpp"
#include "http/json_input.hpp"

namespace {

using namespace payoutd;
using fuzz::expect;
namespace json = boost::json;

fuzz::FuzzHost& host() {
  static auto* one = new fuzz::FuzzHost;
  return *one;
}

const std::vector<const http::Route*>& routes() {
  static const std::vector<const http::Route*> all = [] {
    std::vector<const http::Route*> with_body;
    for (const http::Route& route : host().router.routes())
      if (route.body != http::BodyForm::none && route.body != http::BodyForm::raw)
        with_body.push_back(&route);
    return with_body;
  }();
  return all;
}

std::string target_of(const http::Route& route) {
  std::string target;
  for (const std::string& segment : route.segments)
    target += "/" + (segment.starts_with('{') ? std::string("momo-ci") : segment);
  return target;
}

void check_error(const http::Response& response) {
  expect(response.error.has_value(), "what is refused says why");
  expect(!response.error->code.empty() && !response.error->message.empty(), "an error has code and message");
  const std::string text = json::serialize(http::error_json(*response.error, "flow"));
  expect(core::is_utf8(text), "an error is UTF-8, whatever was sent");
}

/// What was admitted is read again from its own canonical form.
void check_admitted(const engine::PayoutRequest& request) {
  expect(request.money.amount.units() > 0, "an amount is above zero");
  const std::string canonical = request.canonical();
  const http::JsonInput again = http::read_json(canonical);
  expect(!again.problem, "the canonical form is JSON");
  const auto read = engine::read_payout(again.value, false);
  expect(bool(read), "the canonical form is a payout");
  expect(read->canonical() == canonical, "the canonical form is its own canonical form");
  expect(read->money.amount == request.money.amount && read->money.currency == request.money.currency,
         "no digit of money is lost");
  expect(read->destination == request.destination, "the payee stays the payee");
}

/// The money in the text is the money that was read, by its digits.
void check_payout(std::string_view body, bool key_inside) {
  const http::JsonInput input = http::read_json(body);
  if (input.problem) return;
  const auto read = engine::read_payout(input.value, key_inside);
  if (!read) {
    expect(core::is_utf8(read.error().field) && core::is_utf8(read.error().reason), "a problem is UTF-8");
    return;
  }
  check_admitted(*read);
  const auto& text = input.value.get_object().at("amount").get_string();
  const auto amount = Amount::parse(std::string_view(text));
  expect(bool(amount) && *amount == read->money.amount, "the amount is what stands there");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
  check_payout(body, (data[1] & 1) != 0);

  const http::Route& route = *routes()[data[0] % routes().size()];
  http::Request request;
  request.method = route.method;
  request.target = target_of(route);
  request.headers = {{"host", "localhost"},
                     {"content-type", (data[1] & 2) != 0 ? "application/x-ndjson" : "application/json"},
                     {"idempotency-key", "the-key"}};
  request.body = std::string(body);
  request.has_body = !body.empty();
  request.peer = {.control = true, .actor = "operator:fuzz", .roles = identity::Roles::all()};
  request.flow_id = "flow";
  host().host.entries.clear();
  host().host.by_key.clear();
  const http::Response response = host().ask(std::move(request));
  expect(response.status != 500 || fuzz::asks_for_trouble(body), "no body is an internal error");
  if (response.status >= 400 && response.status != 503 && response.body.empty()) check_error(response);
  for (const auto& [id, entry] : host().host.entries) check_admitted(entry.request);
  host().forget();
  return 0;
}
