/// libFuzzer over callbacks: head and body through the route and the verification. Nothing proves itself
/// without the secret, what is signed rightly does, and a changed byte, a second signature, an expired secret
/// or another provider's secret undoes it.
///
/// The input is header lines, an empty line, and the body.
#include "core/ids.hpp"
#include "core/text.hpp"
#include "engine/callback_proof.hpp"
#include "fuzz_host.hpp"

namespace {

using namespace payoutd;
using engine::CallbackProof;
using fuzz::expect;

const Secret kInstanceKey("the instance key of the fuzz targets");
const Secret kSecret("a webhook secret of the fuzz targets");

fuzz::FuzzHost& host() {
  static auto* one = new fuzz::FuzzHost;
  return *one;
}

http::Request request_of(std::string_view text) {
  http::Request request;
  request.method = "POST";
  request.target = "/v1/webhooks/momo-ci";
  request.headers.emplace_back("host", "pay.example");
  request.flow_id = "flow";
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) break;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || request.headers.size() > 120) continue;
    std::string name(line.substr(0, colon));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    request.headers.emplace_back(std::move(name), std::string(line.substr(colon + 1)));
  }
  request.body = std::string(text);
  request.has_body = !request.body.empty();
  return request;
}

store::InboxEvent event_of(const engine::Callback& callback) {
  store::InboxEvent event;
  event.provider = callback.provider;
  event.method = callback.webhook.method;
  event.path = callback.webhook.path;
  event.headers = callback.webhook.headers;
  event.body = callback.webhook.body;
  return event;
}

core::WebhookKey key(std::string id, Secret secret, bool expired = false) {
  core::WebhookKey out{std::move(id), std::move(secret), std::nullopt};
  if (expired) out.expires_at = std::chrono::system_clock::now() - std::chrono::hours(1);
  return out;
}

CallbackProof prove(const store::InboxEvent& event, const std::vector<core::WebhookKey>& keys) {
  return engine::prove_callback(event, {}, {}, keys, kInstanceKey);
}

void check_signed(store::InboxEvent event) {
  const std::vector<core::WebhookKey> keys{key("new", Secret("another secret of the provider")),
                                           key("old", kSecret)};
  const bool had_one =
      std::ranges::any_of(event.headers, [](const auto& h) { return h.first == "x-signature"; });
  const std::string good = core::hmac_sha256_hex(kSecret, event.body);
  event.headers.emplace_back("x-signature", "sha256=" + good);
  const CallbackProof proof = prove(event, keys);
  if (had_one) return expect(!proof.valid, "two signatures are none");
  expect(proof.valid && proof.kind == "signature" && proof.key_id == "old", "what is signed proves itself");
  expect(!prove(event, {key("new", Secret("another secret of the provider"))}).valid,
         "another secret proves nothing");
  expect(!prove(event, {key("old", kSecret, true)}).valid, "an expired secret proves nothing");
  expect(!prove(event, {}).valid, "without a secret a signature proves nothing");
  store::InboxEvent changed = event;
  changed.body += ' ';
  expect(!prove(changed, keys).valid, "a longer body proves nothing");
  if (!event.body.empty()) {
    changed.body = event.body;
    changed.body[event.body.size() / 2] = static_cast<char>(changed.body[event.body.size() / 2] ^ 1);
    expect(!prove(changed, keys).valid, "a changed body proves nothing");
  }
  for (const std::size_t at : {std::size_t{0}, good.size() / 2, good.size() - 1}) {
    std::string bad = good;
    bad[at] = bad[at] == '0' ? '1' : '0';
    event.headers.back().second = bad;
    expect(!prove(event, keys).valid, "a changed signature proves nothing");
  }
  event.headers.back().second = good.substr(1);
  expect(!prove(event, keys).valid, "a short signature proves nothing");
}

void check_stored(const store::InboxEvent& event) {
  const auto round = [](const std::string& bytes) {
    const std::string text = store::text_of_bytes(bytes);
    expect(core::is_utf8(text) && text.find('\0') == std::string::npos, "what is stored is text");
    if (bytes.find('\0') == std::string::npos)
      expect(store::bytes_of_text(text) == bytes, "what was stored is what came");
  };
  round(event.body);
  for (const auto& [name, value] : event.headers) round(value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  host().host.last_callback = {};
  const http::Response response = host().ask(request_of({reinterpret_cast<const char*>(data), size}));
  expect(response.status != 500, "no callback is an internal error");
  const engine::Callback& callback = host().host.last_callback;
  if (callback.provider.empty()) return 0;
  const store::InboxEvent event = event_of(callback);
  expect(!prove(event, {key("old", kSecret)}).valid, "nothing proves itself without the secret");
  check_signed(event);
  check_stored(event);
  const bool is_json = engine::callback_json(event.body).has_value();
  const std::vector<std::string> names = engine::texts_of_callback(event.body);
  expect(names.size() <= 24 && (is_json || names.empty()), "only JSON names anything, and not without end");
  for (const std::string& name : names) {
    expect(name.size() >= 6 && name.size() <= 128, "a name is neither short nor long");
    expect(std::ranges::all_of(name, [](char c) { return c > ' ' && c < '\x7f'; }), "a name is visible text");
  }
  host().forget();
  return 0;
}
