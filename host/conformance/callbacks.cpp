#include "conformance/callbacks.hpp"

#include <boost/json.hpp>

#include "conformance/exact_json.hpp"

namespace payoutd::conformance {
namespace {

using Kind = WebhookReading::Kind;

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::hint:
      return "hint";
    case Kind::verified:
      return "verified";
    case Kind::rejected:
      return "rejected";
  }
  return "";
}

Webhook render(const CallbackTemplate& callback, const Binding& binding, const Order& order) {
  Webhook webhook;
  webhook.method = callback.method;
  webhook.path = "/v1/webhooks/verify/" + order.reference + "/signature";
  for (const auto& [name, value] : callback.headers)
    webhook.headers.emplace_back(name, expand(value, binding));
  const boost::json::value body = expand_json(callback.body, binding);
  if (!body.is_null()) webhook.body = is_text(body) ? plain_text(body) : serialize_exact(body);
  webhook.reference = order.reference;
  return webhook;
}

/// What the host would believe of a reading.
std::string essence(const WebhookReading& reading) {
  const Found& found = reading.status.found;
  std::string text = std::string(to_string(reading.status.kind)) + "|" + reading.reference + "|" +
                     reading.provider_ref + "|" + reading.status.provider_ref + "|" + reading.status.code;
  text += "|" + (found.amount ? found.amount->to_string() : "") + "|" + found.currency.value_or("");
  return text + "|" + found.destination.value_or("") + "|" + found.reference.value_or("");
}

class Tester {
 public:
  Tester(providers::ProviderHandle* provider, const Transcript* transcript, std::string server)
      : provider_(provider),
        transcript_(transcript),
        binding_(binding_of(*transcript, transcript->order, server)),
        kind_(provider->contract().webhook) {}

  static Awaitable<std::vector<Run>> run(std::shared_ptr<Tester> self, std::string made_up) {
    if (self->transcript_->webhook) {
      co_await genuine(self);
      co_await altered(self);
      co_await at_another_payment(self);
    } else if (self->kind_ == WebhookKind::signed_) {
      self->missing();
    }
    if (self->transcript_->forged_webhook) {
      const Webhook forged =
          render(*self->transcript_->forged_webhook, self->binding_, self->transcript_->order);
      co_await untrue(self, "forged", "the transcript's forgery", forged);
    }
    co_await nonsense(self, std::move(made_up));
    co_return std::move(self->runs_);
  }

 private:
  using Self = std::shared_ptr<Tester>;

  Run& begin(std::string family, std::string fault, std::string truth) {
    Run& run = runs_.emplace_back();
    run.transcript = transcript_->title;
    run.life = "callback";
    run.call = "webhook";
    run.exchange = "callback";
    run.family = std::move(family);
    run.fault = std::move(fault);
    run.truth = std::move(truth);
    return run;
  }

  static Awaitable<std::optional<WebhookReading>> read(Self self, Run* run, Webhook webhook) {
    std::string failure;
    try {
      WebhookReading reading = co_await self->provider_->read_webhook(std::move(webhook));
      run->claim = std::string(name_of(reading.kind));
      if (reading.kind == Kind::verified) run->claim += " " + std::string(to_string(reading.status.kind));
      co_return reading;
    } catch (const std::exception& error) {
      failure = error.what();
    }
    run->claim = "an exception";
    run->notes.push_back(failure);
    if (!self->provider_->ready()) run->wrong.emplace_back("The plugin's process died of a callback.");
    co_return std::nullopt;
  }

  static Awaitable<void> genuine(Self self) {
    const Webhook webhook = render(*self->transcript_->webhook, self->binding_, self->transcript_->order);
    for (const char* text : {"as it was recorded", "the same once more"}) {
      Run run = self->begin(self->first_.has_value() ? "replayed" : "genuine", text, "genuine");
      const auto reading = co_await read(self, &run, webhook);
      self->judge_genuine(run, reading);
      if (!self->first_ && reading) self->first_ = reading;
      self->runs_.back() = std::move(run);
    }
  }

  void judge_genuine(Run& run, const std::optional<WebhookReading>& reading) const {
    if (!reading) return;
    if (kind_ != WebhookKind::signed_) {
      if (reading->kind == Kind::verified)
        run.wrong.push_back("It calls a callback verified; its contract says '" +
                            std::string(to_string(kind_)) + "'.");
      return;
    }
    if (reading->kind != Kind::verified) {
      run.wrong.push_back("It does not verify the transcript's genuine callback" +
                          (reading->reason.empty() ? std::string(".") : ": " + reading->reason));
      return;
    }
    using Say = Status::Kind;
    const Say say = reading->status.kind;
    if (say != Say::confirmed && say != Say::pending && say != Say::cannot_tell)
      run.wrong.push_back("It reads '" + std::string(to_string(say)) +
                          "' from a callback about a payment that was made.");
  }

  /// A verified reading of something that nobody signed.
  static Awaitable<void> untrue(Self self, std::string family, std::string fault, Webhook webhook) {
    Run run = self->begin(std::move(family), std::move(fault), "forged");
    const auto reading = co_await read(self, &run, std::move(webhook));
    if (reading && reading->kind == Kind::verified)
      run.wrong.push_back("It calls a forged callback verified, and claims '" +
                          std::string(to_string(reading->status.kind)) + "' on its word.");
    self->runs_.back() = std::move(run);
  }

  /// What changes the meaning must not be verified; what leaves it as it was may be.
  static Awaitable<void> changed(Self self, std::string fault, Webhook webhook) {
    Run run = self->begin("altered", std::move(fault), "forged");
    const auto reading = co_await read(self, &run, std::move(webhook));
    const bool same = reading && self->first_ && self->first_->kind == Kind::verified &&
                      essence(*reading) == essence(*self->first_);
    if (reading && reading->kind == Kind::verified && !same)
      run.wrong.push_back("It verifies an altered callback, and claims '" +
                          std::string(to_string(reading->status.kind)) + "' on its word.");
    self->runs_.back() = std::move(run);
  }

  static Awaitable<void> altered(Self self) {
    const Webhook webhook = render(*self->transcript_->webhook, self->binding_, self->transcript_->order);
    constexpr std::size_t kPlaces = 12;
    for (std::size_t i = 0; i < kPlaces && !webhook.body.empty(); ++i) {
      Webhook other = webhook;
      const std::size_t at = webhook.body.size() * i / kPlaces;
      other.body[at] = webhook.body[at] == '7' ? '8' : '7';
      co_await changed(self, "byte " + std::to_string(at) + " of the body", std::move(other));
    }
    for (std::size_t i = 0; i < webhook.headers.size(); ++i) {
      if (webhook.headers[i].second.empty()) continue;
      Webhook other = webhook;
      char& last = other.headers[i].second.back();
      last = last == '7' ? '8' : '7';
      co_await changed(self, "the header " + webhook.headers[i].first, std::move(other));
    }
    if (webhook.headers.empty() || self->kind_ != WebhookKind::signed_) co_return;
    Webhook bare = webhook;
    bare.headers.clear();
    co_await changed(self, "without its headers", std::move(bare));
  }

  /// Genuine, but about another payment than the one whose URL it comes to.
  static Awaitable<void> at_another_payment(Self self) {
    Webhook webhook = render(*self->transcript_->webhook, self->binding_, self->transcript_->order);
    webhook.reference = other_reference(self->transcript_->order.reference);
    Run run = self->begin("replayed", "at another payment's URL", "not paid");
    const auto reading = co_await read(self, &run, webhook);
    if (reading && reading->kind == Kind::verified && reading->status.kind == Status::Kind::confirmed) {
      const auto& named = reading->status.found.reference;
      if (!named || *named == webhook.reference)
        run.wrong.emplace_back(
            "It verifies a callback of another payment and does not say whose it is: found.reference must "
            "name it.");
    }
    self->runs_.back() = std::move(run);
  }

  static std::string other_reference(std::string reference) {
    for (char& c : reference) {
      if (c == '0')
        c = '1';
      else if (c >= '1' && c <= '9')
        c = static_cast<char>(c - 1);
    }
    return reference;
  }

  static Awaitable<void> nonsense(Self self, std::string made_up) {
    const std::string deep = std::string(5'000, '[') + std::string(5'000, ']');
    const std::vector<std::pair<const char*, std::string>> bodies{{"an empty body", ""},
                                                                  {"no JSON", "status=SUCCESSFUL&amount=1"},
                                                                  {"an empty object", "{}"},
                                                                  {"a list", "[]"},
                                                                  {"null", "null"},
                                                                  {"nested 5000 deep", deep},
                                                                  {"bytes", "\xff\xfe\x00\x01"}};
    for (const auto& [text, body] : bodies) {
      Webhook webhook;
      webhook.method = "POST";
      webhook.path = "/v1/webhooks/verify/x/signature";
      webhook.headers = {{"Content-Type", "application/json"}};
      webhook.body = body;
      webhook.reference = self->transcript_->order.reference;
      co_await untrue(self, "meaningless", text, std::move(webhook));
    }
    if (made_up.empty()) co_return;
    Webhook webhook;
    webhook.method = "POST";
    webhook.path = "/v1/webhooks/verify/x/signature";
    webhook.headers = {{"Content-Type", "application/json"}};
    webhook.body = std::move(made_up);
    webhook.reference = self->transcript_->order.reference;
    co_await untrue(self, "forged", "a look-up's answer, sent by a stranger", std::move(webhook));
  }

  void missing() {
    Run& run = begin("genuine", "there is none", "genuine");
    run.notes.emplace_back(
        "The contract says that callbacks are signed, but the transcript has none: whether a genuine one is "
        "verified "
        "was not tried.");
  }

  providers::ProviderHandle* provider_;
  const Transcript* transcript_;
  Binding binding_;
  WebhookKind kind_;
  std::optional<WebhookReading> first_;
  std::vector<Run> runs_;
};

}  // namespace

Awaitable<std::vector<Run>> try_callbacks(providers::ProviderHandle* provider, const Transcript* transcript,
                                          std::string server, std::string made_up) {
  co_return co_await Tester::run(std::make_shared<Tester>(provider, transcript, std::move(server)),
                                 std::move(made_up));
}

}  // namespace payoutd::conformance
