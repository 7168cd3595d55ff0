#include "ctl/token.hpp"

#include <boost/json.hpp>
#include <iostream>

#include "core/ids.hpp"
#include "identity/token.hpp"
#include "ops/config.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
using identity::TokenFault;

ops::AccessConfig load_access(const std::filesystem::path& config) {
  ops::AccessConfig access;
  try {
    access = ops::load_config(config).live_config.access;
  } catch (const ops::ConfigError& error) {
    throw CommandFailed(ExitCode::usage, error.what());
  }
  if (access.keyring.empty())
    throw CommandFailed(ExitCode::usage, config.string() +
                                             ": there are no keys for tokens. Set JWT_SECRET as the host's "
                                             "environment does, or name keys under auth.keys.");
  return access;
}

std::chrono::milliseconds read_ttl(const std::string& text) {
  std::vector<Problem> problems;
  const SettingsSchema schema{{.name = "ttl", .type = SettingType::duration, .min = 1000}};
  const Settings read = Settings::check(schema, {{"ttl", text}}, {}, problems);
  if (!problems.empty()) throw CommandFailed(ExitCode::usage, "--ttl " + problems.front().reason);
  return read.duration("ttl");
}

identity::Roles read_roles(const std::vector<std::string>& names) {
  identity::Roles roles;
  for (const std::string& name : names) {
    const auto role = identity::parse_role(name);
    if (!role) {
      const auto near = nearest_name(name, identity::role_names());
      std::string all;
      for (const std::string& one : identity::role_names()) all += (all.empty() ? "" : ", ") + one;
      throw CommandFailed(ExitCode::usage, "'" + printable(name) + "' is not a role" +
                                               (near ? ", did you mean '" + *near + "'?" : "") +
                                               " There are " + all + ".");
    }
    roles.add(*role);
  }
  return roles;
}

json::object claims_json(const identity::Claims& claims) {
  json::array roles;
  for (const std::string& name : claims.roles.names()) roles.emplace_back(name);
  return {{"sub", claims.subject},
          {"client", claims.client_id},
          {"roles", std::move(roles)},
          {"iat", identity::to_text(claims.issued_at)},
          {"exp", identity::to_text(claims.expires_at)},
          {"jti", claims.id}};
}

const char* sentence(TokenFault fault) {
  switch (fault) {
    case TokenFault::too_large:
      return "it is larger than 4096 bytes";
    case TokenFault::malformed:
      return "it is not a token in three parts of base64url";
    case TokenFault::wrong_algorithm:
      return "it is not signed with HS256";
    case TokenFault::unknown_key:
      return "its key (kid) is not in this configuration";
    case TokenFault::retired_key:
      return "its key is retired";
    case TokenFault::bad_signature:
      return "its signature is wrong: another secret, or a changed token";
    case TokenFault::wrong_issuer:
      return "its issuer (iss) is not payoutd";
    case TokenFault::wrong_audience:
      return "its audience (aud) is not payoutd-api";
    case TokenFault::bad_claims:
      return "a claim is missing or malformed";
    case TokenFault::not_yet_valid:
      return "it is not valid yet; compare the clocks";
    case TokenFault::expired:
      return "it has expired";
    case TokenFault::revoked:
      return "it was revoked";
  }
  return "it is not good";
}

void print_claims(Context& context, const identity::Claims& claims) {
  std::string roles;
  for (const std::string& name : claims.roles.names()) roles += (roles.empty() ? "" : ", ") + name;
  context.out << "subject   " << claims.subject << "\nclient    " << claims.client_id << "\nroles     "
              << (roles.empty() ? "none" : roles) << "\nissued    " << identity::to_text(claims.issued_at)
              << "\nexpires   " << identity::to_text(claims.expires_at) << "\nid        " << claims.id
              << '\n';
}

}  // namespace

ExitCode token_issue(Context& context, const TokenIssueOptions& options) {
  const ops::AccessConfig access = load_access(options.config);
  const identity::Time now = identity::now();
  const auto* key = access.keyring.signer(now);
  if (key == nullptr) throw CommandFailed(ExitCode::usage, "auth.keys: every key is retired, so none signs.");
  identity::Claims claims;
  claims.subject = options.subject;
  claims.client_id = options.client;
  claims.roles = read_roles(options.roles);
  claims.issued_at = now;
  claims.expires_at = now + read_ttl(options.ttl);
  claims.id = core::random_uuid();
  std::string token;
  try {
    token = identity::issue_token(access.keyring, claims, now);
  } catch (const std::invalid_argument& error) {
    throw CommandFailed(ExitCode::usage, error.what());
  }
  if (context.json) {
    context.out << json::serialize(
                       json::object{{"token", token}, {"kid", key->kid}, {"claims", claims_json(claims)}})
                << '\n';
  } else {
    context.out << token << '\n';
  }
  return ExitCode::ok;
}

ExitCode token_inspect(Context& context, const TokenInspectOptions& options) {
  const ops::AccessConfig access = load_access(options.config);
  std::string token = options.token;
  if (token == "-") std::getline(std::cin, token);
  const auto verdict =
      identity::verify_token(access.keyring, token, identity::now(), {access.clock_skew, {}});
  if (context.json) {
    json::object out{{"valid", verdict.good()}};
    out["reason"] = verdict.good() ? json::value(nullptr) : json::value(identity::to_string(*verdict.fault));
    out["kid"] = verdict.kid.empty() ? json::value(nullptr) : json::value(verdict.kid);
    out["claims"] = verdict.claims ? json::value(claims_json(*verdict.claims)) : json::value(nullptr);
    context.out << json::serialize(out) << '\n';
    return verdict.good() ? ExitCode::ok : ExitCode::negative;
  }
  if (!verdict.kid.empty()) context.out << "key       " << verdict.kid << '\n';
  if (verdict.claims) print_claims(context, *verdict.claims);
  if (verdict.good()) {
    context.out << context.style.paint(Colour::green, "valid") << ", unless all sessions were ended since\n";
    return ExitCode::ok;
  }
  context.out << context.style.paint(Colour::red, "not valid") << ": " << sentence(*verdict.fault) << '\n';
  return ExitCode::negative;
}

ExitCode invalidate_sessions(Context& context, const std::string& note) {
  Client client(context.socket);
  const json::value answer = client.post("/v1/admin/sessions/invalidate-all",
                                         note.empty() ? json::object{} : json::object{{"note", note}});
  if (context.json) {
    context.out << json::serialize(answer) << '\n';
  } else {
    context.out << "Tokens issued up to " << answer.at("issued_before").as_string().c_str()
                << " are refused, on all hosts within a second.\n";
  }
  return ExitCode::ok;
}

}  // namespace payoutd::ctl
