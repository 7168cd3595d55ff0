#include <catch2/catch.hpp>
#include <payoutd/contract.hpp>

using namespace payoutd;
using namespace std::chrono_literals;

namespace {

Contract sound() {
  Contract contract;
  contract.repeat = Repeat::harmless;
  contract.repeat_window = 24h;
  contract.lookup_by_reference = true;
  contract.absence_is_proof_after = 10min;
  contract.submit_codes = {{"NO_PAYEE", CodeMeaning::refused},
                           {"BUSY", CodeMeaning::not_accepted},
                           {"DUP", CodeMeaning::duplicate}};
  contract.webhook = WebhookKind::hint;
  contract.concurrency = 8;
  contract.currencies = {{"XOF", 0}, {"EUR", 2}};
  contract.reversal_window = 48h;
  return contract;
}

template <class Change>
std::vector<std::string> problems_after(Change change) {
  auto contract = sound();
  change(contract);
  std::vector<std::string> texts;
  for (const auto& problem : validate(contract)) texts.push_back(problem.field + ": " + problem.reason);
  return texts;
}

using Texts = std::vector<std::string>;

template <class Change>
std::string json_problem(Change change) {
  auto object = to_json(sound());
  change(object);
  const auto contract = contract_from_json(object);
  return contract ? "accepted" : contract.error().field + ": " + contract.error().reason;
}

}  // namespace

TEST_CASE("a sound contract passes, and says what its codes and currencies mean", "[contract]") {
  CHECK(validate(sound()).empty());
  CHECK(sound().meaning_of("NO_PAYEE") == CodeMeaning::refused);
  CHECK_FALSE(sound().meaning_of("no_payee"));
  CHECK(sound().decimals_of("EUR") == 2);
  CHECK_FALSE(sound().decimals_of("USD"));
  CHECK(sound().can_look_up());
}

TEST_CASE("contradictions in a contract are refused", "[contract]") {
  CHECK(problems_after([](Contract& c) { c.lookup_by_reference = false; }) ==
        Texts{"webhook: hints are useless where a payment cannot be looked up",
              "absence_is_proof_after: needs a way to look a payment up"});
  CHECK(problems_after([](Contract& c) { c.repeat = Repeat::unknown; }) ==
        Texts{"repeat_window: limits a promise that repeat: unknown does not make"});
  CHECK(problems_after([](Contract& c) { c.repeat_window = 0s; }) ==
        Texts{"repeat_window: must be longer than 0"});
  CHECK(problems_after([](Contract& c) {
          c.repeat = Repeat::refused_as_duplicate;
          c.submit_codes.pop_back();
        }) == Texts{"submit_codes: must list the code by which a repeat is refused as duplicate"});
  CHECK(problems_after([](Contract& c) { c.concurrency = 0; }) == Texts{"concurrency: must be at least 1"});
  CHECK(problems_after([](Contract& c) { c.concurrency = 5000; }) ==
        Texts{"concurrency: must be at most 1024"});
  CHECK(problems_after([](Contract& c) { c.query_rate_per_s = -1; }) ==
        Texts{"query_rate_per_s: must not be negative"});
  CHECK(problems_after([](Contract& c) { c.submit_codes.push_back({"BUSY", CodeMeaning::refused}); }) ==
        Texts{"submit_codes[3]: lists the code 'BUSY' twice"});
  CHECK(problems_after([](Contract& c) { c.submit_codes[0].code = ""; }) ==
        Texts{"submit_codes[0]: has no code"});
  CHECK(problems_after([](Contract& c) { c.currencies.clear(); }) ==
        Texts{"currencies: must name at least one currency"});
  CHECK(problems_after([](Contract& c) { c.currencies = {{"XOF", 2}}; }) ==
        Texts{"currencies[0]: XOF has only 0 decimals"});
  CHECK(problems_after([](Contract& c) { c.currencies = {{"FOO", 2}}; }) ==
        Texts{"currencies[0]: 'FOO' is not a currency that payoutd knows"});
  CHECK(problems_after([](Contract& c) { c.currencies.push_back({"EUR", 2}); }) ==
        Texts{"currencies[2]: lists the currency EUR twice"});
  CHECK(problems_after([](Contract& c) { c.submit_window = 0ms; }) ==
        Texts{"submit_window: must be longer than 0"});
  CHECK(problems_after([](Contract& c) { c.response_timeout = -1ms; }) ==
        Texts{"response_timeout: must be longer than 0"});
  CHECK(problems_after([](Contract& c) { c.artefact_format = 2; }) ==
        Texts{"readable_formats: must contain the artefact_format 2"});
}

TEST_CASE("a reference must be unique", "[contract]") {
  const auto with = [](ReferenceFormat format) {
    return problems_after([&](Contract& c) { c.reference = format; });
  };
  CHECK(with({false, "0123456789", 20}).empty());
  CHECK(with({false, "0123456789", 19}) ==
        Texts{"reference: is too short to be unique: it has 63 bits, 64 are needed"});
  CHECK(with({false, "", 20}) == Texts{"reference: is too short to be unique: it has 0 bits, 64 are needed"});
  CHECK(with({false, "a", 200}) ==
        Texts{"reference: is too short to be unique: it has 0 bits, 64 are needed"});
  CHECK(with({false, "00123456789", 30}) == Texts{"reference.charset: names a character twice"});
  CHECK(with({false, "0123456789 ", 30}) ==
        Texts{"reference.charset: must consist of printable ASCII characters"});
  CHECK(with({true, "abc", 0}) == Texts{"reference: is a UUID: charset and length must be left out"});
}

TEST_CASE("the stricter of two contracts grants only what both grant", "[contract]") {
  const auto stored = sound();
  auto current = sound();
  CHECK(stricter(stored, current) == current);

  SECTION("repeats") {
    current.repeat = Repeat::refused_as_duplicate;
    current.repeat_window = 1h;
    CHECK(stricter(stored, current).repeat == Repeat::refused_as_duplicate);
    CHECK(stricter(current, stored).repeat == Repeat::refused_as_duplicate);
    CHECK(stricter(stored, current).repeat_window == 1h);
    current.repeat_window.reset();
    CHECK(stricter(stored, current).repeat_window == 24h);
    current.repeat = Repeat::unknown;
    CHECK(stricter(stored, current).repeat == Repeat::unknown);
    CHECK_FALSE(stricter(stored, current).repeat_window);
  }
  SECTION("absence") {
    current.absence_is_proof_after = 20min;
    CHECK(stricter(stored, current).absence_is_proof_after == 20min);
    CHECK(stricter(current, stored).absence_is_proof_after == 20min);
    current.absence_is_proof_after.reset();
    CHECK_FALSE(stricter(stored, current).absence_is_proof_after);
    CHECK_FALSE(stricter(current, stored).absence_is_proof_after);
  }
  SECTION("no common look-up leaves no proof by absence") {
    current.lookup_by_reference = false;
    current.lookup_by_artefact = true;
    CHECK_FALSE(stricter(stored, current).can_look_up());
    CHECK_FALSE(stricter(stored, current).absence_is_proof_after);
  }
  SECTION("codes") {
    current.submit_codes = {{"NO_PAYEE", CodeMeaning::not_accepted},
                            {"BUSY", CodeMeaning::not_accepted},
                            {"NEW", CodeMeaning::duplicate}};
    const auto both = stricter(stored, current);
    CHECK_FALSE(both.meaning_of("NO_PAYEE"));  // the two disagree
    CHECK(both.meaning_of("BUSY") == CodeMeaning::not_accepted);
    CHECK(both.meaning_of("DUP") == CodeMeaning::duplicate);  // a sign of acceptance is never forgotten
    CHECK(both.meaning_of("NEW") == CodeMeaning::duplicate);
  }
  SECTION("a code that either calls duplicate is one") {
    current.submit_codes = {{"DUP", CodeMeaning::refused}};
    CHECK(stricter(stored, current).meaning_of("DUP") == CodeMeaning::duplicate);
    CHECK(stricter(current, stored).meaning_of("DUP") == CodeMeaning::duplicate);
    CHECK(stricter(current, stored).submit_codes.size() == 1);
  }
  SECTION("load, webhooks, currencies, times") {
    current.concurrency = 2;
    current.serial = true;
    current.query_rate_per_s = 10;
    current.webhook = WebhookKind::signed_;
    current.currencies = {{"EUR", 1}, {"USD", 2}};
    current.reversal_window.reset();
    current.submit_window = 5s;
    current.response_timeout = 60s;
    const auto both = stricter(stored, current);
    CHECK(both.concurrency == 2);
    CHECK(both.serial);
    CHECK(both.query_rate_per_s == 10);  // 0 means no limit
    CHECK(both.webhook == WebhookKind::hint);
    CHECK(both.currencies == std::vector<CurrencyRule>{{"EUR", 1}});
    CHECK(both.reversal_window == 48h);
    CHECK(both.submit_window == 5s);
    CHECK(both.response_timeout == 60s);
  }
}

TEST_CASE("a contract survives JSON", "[contract]") {
  CHECK(contract_from_json(to_json(sound())).value() == sound());
  CHECK(contract_from_json(to_json(Contract{})).value() == Contract{});
  auto other = sound();
  other.reference = {false, "abcdefghij", 30};
  other.webhook = WebhookKind::signed_;
  other.repeat_window.reset();
  other.readable_formats = {1, 2};
  CHECK(contract_from_json(to_json(other)).value() == other);
  CHECK(boost::json::serialize(to_json(other)).find("\"webhook\":\"signed\"") != std::string::npos);
}

TEST_CASE("a contract is read strictly", "[contract]") {
  CHECK(json_problem([](auto& o) { o["repeat"] = "always"; }) ==
        "repeat: must be one of harmless, refused_as_duplicate, unknown");
  CHECK(json_problem([](auto& o) { o["surprise"] = 1; }) == "surprise: is not a known field");
  CHECK(json_problem([](auto& o) { o.erase("serial"); }) == "serial: is missing");
  CHECK(json_problem([](auto& o) { o["serial"] = "yes"; }) == "serial: must be true or false");
  CHECK(json_problem([](auto& o) { o["concurrency"] = 1.5; }) == "concurrency: must be an integer");
  CHECK(json_problem([](auto& o) { o["concurrency"] = 0; }) == "concurrency: must be at least 1");
  CHECK(json_problem([](auto& o) { o["repeat_window_s"] = -1; }) == "repeat_window_s: must be at least 0");
  CHECK(json_problem([](auto& o) { o["repeat_window_s"] = 18446744073709551615u; }) ==
        "repeat_window_s: must be an integer");
  CHECK(json_problem([](auto& o) { o["reference"] = "uuid4"; }) == "reference: must be an object");
  CHECK(json_problem([](auto& o) { o["reference"].as_object()["size"] = 3; }) ==
        "reference.size: is not a known field");
  CHECK(json_problem([](auto& o) { o["submit_codes"].as_array()[1].as_object()["meaning"] = "paid"; }) ==
        "submit_codes[1].meaning: must be one of refused, refused_for_now, not_accepted, duplicate");
  CHECK(json_problem([](auto& o) { o["currencies"].as_array()[0] = "XOF"; }) ==
        "currencies[0]: must be an object");
  CHECK(json_problem([](auto& o) { o["readable_formats"] = boost::json::array{1, "2"}; }) ==
        "readable_formats[1]: must be an integer");
  CHECK(json_problem([](auto& o) { o["readable_formats"] = 1; }) == "readable_formats: must be an array");
}
