#include <catch2/catch.hpp>

#include "running_server.hpp"
#include "signed_token.hpp"

using namespace payoutd;
using namespace payoutd::test;
using identity::Role;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr const char* kPayout = R"({"amount":"100","currency":"XOF","destination":"22507000001"})";

http::RouterOptions secured() {
  http::RouterOptions options;
  options.gate.auth_required = true;
  options.gate.keyring = keyring();
  return options;
}

std::map<std::string, std::string> bearer(const std::string& token) {
  return {{"Authorization", "Bearer " + token}};
}

RawResponse get(const RunningServer& running, const std::string& target, const std::string& token) {
  return running.ask(request("GET", target, {}, bearer(token)));
}

RawResponse create(const RunningServer& running, const std::string& key, const std::string& token) {
  auto headers = bearer(token);
  headers["Idempotency-Key"] = key;
  return running.ask(request("POST", "/v1/payouts", kPayout, headers));
}

}  // namespace

TEST_CASE("without a good token nothing of the API is reached") {
  RunningServer running({}, secured());
  const identity::Time now = identity::now();
  const std::string good = token_for({Role::payouts_read});
  REQUIRE(get(running, "/v1/payouts", good).status == 200);
  struct Case {
    std::string headers;
    std::string code;
    std::string reason;
  };
  const auto line = [](const std::string& token) { return "Authorization: Bearer " + token + "\r\n"; };
  const auto bad = GENERATE_COPY(values<Case>({
      {"", "TOKEN_MISSING", "no_token"},
      {"Authorization: Basic dXNlcjpwYXNz\r\n", "TOKEN_INVALID", "wrong_scheme"},
      {"Authorization: Bearer\r\n", "TOKEN_INVALID", "wrong_scheme"},
      {line(good) + line(good), "TOKEN_INVALID", "duplicate_header"},
      {line("nonsense"), "TOKEN_INVALID", "malformed"},
      {line(std::string(8000, 'a')), "TOKEN_INVALID", "too_large"},
      {line(signed_token(R"({"alg":"none","kid":"a"})", claims_text(now, now + seconds(60)))),
       "TOKEN_INVALID", "wrong_algorithm"},
      {line(signed_token(kHead, claims_text(now, now + seconds(60)), "not the secret of this host, no!")),
       "TOKEN_INVALID", "bad_signature"},
      {line(signed_token(R"({"alg":"HS256","kid":"z"})", claims_text(now, now + seconds(60)))),
       "TOKEN_INVALID", "unknown_key"},
      {line(signed_token(kHead, claims_text(now - seconds(600), now - seconds(60)))), "TOKEN_EXPIRED",
       "expired"},
      {line(signed_token(kHead, claims_text(now + seconds(600), now + seconds(900)))), "TOKEN_NOT_YET_VALID",
       "not_yet_valid"},
  }));
  INFO(bad.reason);
  const RawResponse response =
      running.ask("GET /v1/payouts HTTP/1.1\r\nHost: localhost\r\n" + bad.headers + "\r\n");
  CHECK(response.status == 401);
  CHECK(response.code() == bad.code);
  CHECK(response.headers.at("www-authenticate").starts_with("Bearer realm=\"payoutd\""));
  CHECK(running.host.auth_refusals[bad.reason] == 1);
  CHECK(running.host.counted_requests("GET /v1/payouts 401") == 1);
}

TEST_CASE("a body is not read for somebody without a token") {
  RunningServer running({}, secured());
  RawClient client = running.client();
  client.send(
      "POST /v1/payouts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Idempotency-Key: k\r\nContent-Length: 1073741824\r\n\r\n");
  CHECK(client.receive().status == 401);
  CHECK(client.closed());
  CHECK(running.host.admissions == 0);
}

TEST_CASE("health, the document and callbacks ask nobody who they are, and answer under any name") {
  RunningServer running({}, secured());
  for (const char* path : {"/livez", "/healthz", "/readyz", "/metrics", "/openapi.json"})
    CHECK(running.ask(request("GET", path, {}, {{"Host", "pay.example"}})).status == 200);
}

TEST_CASE("with tokens the API is served under any name") {
  RunningServer running({}, secured());
  auto headers = bearer(token_for({Role::payouts_read}));
  headers["Host"] = "pay.example";
  CHECK(running.ask(request("GET", "/v1/payouts", {}, headers)).status == 200);
}

TEST_CASE("every route outside of health and callbacks asks for a role, and refuses a token without it") {
  RunningServer running({}, secured());
  const std::set<std::string> open{"/livez", "/healthz", "/readyz", "/metrics", "/openapi.json"};
  for (const http::Route& route : running.router.routes()) {
    const bool is_open = open.contains(route.pattern) || route.pattern.starts_with("/v1/webhooks/");
    INFO(route.method << " " << route.pattern);
    CHECK(route.any_host == is_open);
    if (is_open) continue;
    std::string path = route.pattern;
    for (auto at = path.find('{'); at != std::string::npos; at = path.find('{'))
      path.replace(at, path.find('}') - at + 1, "1");
    const RawResponse without = running.ask(request(route.method, path));
    CHECK(without.status == (route.control_only ? 403 : 401));
    identity::Roles others;
    for (const std::string& name : identity::role_names()) {
      const Role role = *identity::parse_role(name);
      if (role != route.role && role != Role::admin) others.add(role);
    }
    const RawResponse wrong = running.ask(request(route.method, path, {}, bearer(token_for(others))));
    CHECK(wrong.status == 403);
    CHECK(wrong.code() == (route.control_only ? "CONTROL_SOCKET_ONLY" : "ROLE_MISSING"));
  }
}

TEST_CASE("a client makes and sees its own payouts only; administrators see all") {
  RunningServer running({}, secured());
  const std::string shop = token_for({Role::payouts_read, Role::payouts_write}, "shop", "shop-1");
  const std::string other = token_for({Role::payouts_read, Role::payouts_write}, "other", "other-1");
  const std::string admin = token_for({Role::admin}, "default", "awa");
  const RawResponse made = create(running, "k", shop);
  REQUIRE(made.status == 201);
  const std::string self(made.json().at("links").at("self").as_string());
  const auto& request_made = running.host.entries.begin()->second.request;
  CHECK(request_made.client_id == "shop");
  CHECK(request_made.actor == "client:shop-1");
  for (const std::string& path : {self, self + "/events", self + "/explain"}) {
    CHECK(get(running, path, shop).status == 200);
    CHECK(get(running, path, other).status == 404);
    CHECK(get(running, path, admin).status == 200);
  }
  get(running, "/v1/payouts", shop);
  CHECK(running.host.last_filter.client_id == "shop");
  get(running, "/v1/payouts", admin);
  CHECK(running.host.last_filter.client_id.empty());
  // An administrator alone makes no payouts.
  CHECK(create(running, "k2", admin).code() == "ROLE_MISSING");
}

TEST_CASE("approving takes the approver's role; what touches the machine takes the machine") {
  RunningServer running({}, secured());
  const std::string admin = token_for({Role::admin}, "default", "awa");
  const std::string approver = token_for({Role::approver}, "default", "kofi");
  const RawResponse made = create(running, "k", token_for({Role::payouts_write}));
  const std::string id(made.json().at("id").as_string());
  const std::string path = "/v1/admin/payouts/" + id;
  CHECK(running.ask(request("POST", path + "/approve", {}, bearer(admin))).code() == "ROLE_MISSING");
  CHECK(running.ask(request("POST", path + "/approve", {}, bearer(approver))).status == 200);
  CHECK(running.host.last_decision.actor == "operator:kofi");
  CHECK(running.ask(request("POST", path + "/cancel", {}, bearer(approver))).code() == "ROLE_MISSING");
  CHECK(running.ask(request("POST", path + "/cancel", {}, bearer(admin))).status == 200);
  const std::string all = token_for(identity::Roles::all());
  for (const char* local :
       {"/v1/admin/drain", "/v1/admin/reload", "/v1/admin/plugins/momo/upgrade",
        "/v1/admin/plugins/momo/rollback", "/v1/admin/scripts/shadow", "/v1/admin/scripts/promote"})
    CHECK(running.ask(request("POST", local, "{}", bearer(all))).code() == "CONTROL_SOCKET_ONLY");
  CHECK(running.host.drained_by.empty());
  CHECK(running.host.reloaded_by.empty());
  CHECK(running.ask_as_operator(request("POST", path + "/approve")).status == 200);
}

TEST_CASE("ending all sessions refuses what was issued before, and nothing issued after") {
  RunningServer running({}, secured());
  const std::string before = token_for({Role::admin, Role::payouts_read}, "default", "awa");
  const auto* path = GENERATE("/admin/sessions/invalidate-all", "/v1/admin/sessions/invalidate-all");
  REQUIRE(get(running, "/v1/payouts", before).status == 200);
  CHECK(running.ask(request("POST", path, {}, bearer(token_for({Role::payouts_read})))).status == 403);
  CHECK(running.ask(request("POST", path, R"({"note":"a laptop is lost"})", bearer(before))).status == 200);
  CHECK(running.host.invalidated_by == "operator:awa");
  const RawResponse refused = get(running, "/v1/payouts", before);
  CHECK(refused.status == 401);
  CHECK(refused.code() == "TOKEN_REVOKED");
  std::string after = token_for({Role::payouts_read});
  while (get(running, "/v1/payouts", after).status == 401)
    after = token_for({Role::payouts_read});  // the same millisecond
  CHECK(get(running, "/v1/payouts", after).status == 200);
}

TEST_CASE("keys change while the host runs") {
  RunningServer running({}, secured());
  const std::string token = token_for({Role::payouts_read});
  REQUIRE(get(running, "/v1/payouts", token).status == 200);
  std::promise<void> changed;
  boost::asio::post(running.io, [&] {
    http::GateOptions options = secured().gate;
    options.keyring = identity::Keyring({{"b", Secret(kSecretB), {}, {}}});
    running.router.gate().configure(std::move(options));
    changed.set_value();
  });
  changed.get_future().wait();
  CHECK(get(running, "/v1/payouts", token).code() == "TOKEN_INVALID");
}

TEST_CASE("in development a token counts where one is shown") {
  http::RouterOptions options;
  options.gate.keyring = keyring();
  RunningServer running({}, options);
  CHECK(running.ask(request("GET", "/v1/payouts")).status == 200);
  CHECK(running.host.last_filter.client_id == "default");
  CHECK(get(running, "/v1/payouts", token_for({Role::payouts_read}, "shop")).status == 200);
  CHECK(running.host.last_filter.client_id == "shop");
  CHECK(get(running, "/v1/payouts", "nonsense").status == 401);
  CHECK(running.ask(request("GET", "/v1/admin/hosts")).status == 401);
  CHECK(get(running, "/v1/admin/hosts", token_for({Role::admin})).status == 200);
}

TEST_CASE("a trace context is taken over and answered with a span of this host") {
  RunningServer running;
  const std::string given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const RawResponse response = running.ask(request("GET", "/v1/payouts", {}, {{"traceparent", given}}));
  const std::string answered = response.headers.at("traceparent");
  CHECK(answered.substr(0, 36) == given.substr(0, 36));
  CHECK(answered.substr(36, 16) != given.substr(36, 16));
  CHECK(answered.substr(52) == "-01");
  CHECK(answered.size() == given.size());
  CHECK_FALSE(
      running.ask(request("GET", "/v1/payouts", {}, {{"traceparent", "x"}})).headers.contains("traceparent"));
}
