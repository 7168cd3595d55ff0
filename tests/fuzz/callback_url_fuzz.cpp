/// libFuzzer over callback URLs: no path that this instance did not mint proves anything, however it is
/// encoded or cut; what it minted proves its own provider and payment, and nothing else.
///
/// The input is a path, or a provider and a reference with a NUL between them.
#include "core/ids.hpp"
#include "engine/callback_proof.hpp"
#include "fuzz_host.hpp"

namespace {

using namespace payoutd;
using engine::CallbackProof;
using fuzz::expect;

const Secret kInstanceKey("the instance key of the fuzz targets");
const std::vector<core::WebhookKey> kKeys{
    {"a", Secret("a webhook secret of the fuzz targets"), std::nullopt}};

fuzz::FuzzHost& host() {
  static auto* one = new fuzz::FuzzHost;
  return *one;
}

std::string percent_encoded(std::string_view text, bool all) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.';
    if (plain && !all)
      out += c;
    else
      out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
  }
  return out;
}

struct Called {
  bool arrived = false;
  engine::Callback callback;
  CallbackProof proof;
};

/// What the route makes of the URL, and what that proves.
Called call(const std::string& target) {
  host().host.last_callback = {};
  http::Request request;
  request.method = "POST";
  request.target = target;
  request.headers = {{"host", "pay.example"}};
  request.flow_id = "flow";
  expect(host().ask(std::move(request)).status != 500, "no URL is an internal error");
  Called called;
  called.callback = host().host.last_callback;
  called.arrived = !called.callback.provider.empty();
  if (!called.arrived) return called;
  store::InboxEvent event;
  event.provider = called.callback.provider;
  event.path = called.callback.webhook.path;
  called.proof = engine::prove_callback(event, called.callback.webhook.reference, called.callback.signature,
                                        kKeys, kInstanceKey);
  // What operators verify later is read from the stored path.
  const engine::SignedUrl url = engine::signed_url_of_path(event.path);
  const bool by_path = engine::prove_callback(event, url.reference, url.signature, kKeys, kInstanceKey).valid;
  expect(!by_path || called.proof.valid, "the stored path proves no more than the call did");
  return called;
}

void check_minted(const std::string& provider, const std::string& reference, bool encode_all,
                  std::size_t change) {
  const bool by_own_key = change % 2 == 0;
  const Secret& secret = by_own_key ? kKeys[0].secret : kInstanceKey;
  const std::string signature =
      core::sign_callback(by_own_key ? core::callback_url_key(secret) : secret, provider, reference);
  const auto target_of = [&](const std::string& of_provider, const std::string& of_reference,
                             const std::string& of_signature) {
    return "/v1/webhooks/" + percent_encoded(of_provider, encode_all) + "/" +
           percent_encoded(of_reference, encode_all) + "/" + of_signature;
  };
  const Called minted = call(target_of(provider, reference, signature));
  if (!minted.arrived) return;  // no text, or empty
  expect(minted.callback.provider == provider && minted.callback.webhook.reference == reference,
         "a URL says whom it is about");
  expect(minted.proof.valid && minted.proof.kind == "url", "what was minted proves itself");
  expect(minted.proof.url_reference == reference, "and its own payment only");

  const auto refused = [&](const std::string& target, std::string_view why) {
    const Called other = call(target);
    expect(!other.arrived || !other.proof.valid, why);
  };
  refused(target_of(provider + "x", reference, signature), "another provider's URL proves nothing");
  refused(target_of(provider, reference + "x", signature), "another payment's URL proves nothing");
  if (provider.size() > 1)
    refused(target_of(provider.substr(0, provider.size() - 1), provider.back() + reference, signature),
            "a name that is cut elsewhere proves nothing");
  std::string changed = signature;
  char& digit = changed[change % changed.size()];
  digit = digit == '0' ? '1' : '0';
  refused(target_of(provider, reference, changed), "a changed signature proves nothing");
  refused(target_of(provider, reference, signature.substr(0, signature.size() - 1)),
          "a short signature proves nothing");
  refused(target_of(provider, reference, signature + "0"), "a long signature proves nothing");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Called guessed = call(std::string(text));
  expect(!guessed.arrived || !guessed.proof.valid, "nothing proves itself that was not minted");
  const Called below = call("/v1/webhooks/" + std::string(text));
  expect(!below.arrived || !below.proof.valid, "nothing proves itself that was not minted");
  const auto middle = text.find('\0');
  if (middle != std::string_view::npos && middle > 0)
    check_minted(std::string(text.substr(0, middle)), std::string(text.substr(middle + 1)),
                 (data[0] & 1) != 0, size);
  host().forget();
  return 0;
}
