#include "ctl/secrets_commands.hpp"

#include <boost/json.hpp>
#include <map>
#include <ostream>
#include <set>

#include "ctl/client.hpp"
#include "ctl/health.hpp"
#include "ctl/json_view.hpp"
#include "ctl/output.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;

constexpr std::int64_t kSoon_s = 14 * 24 * 3600;

void print_json(Context& context, const json::value& value) {
  context.out << json::serialize(value) << '\n';
}

json::value ask(Context& context, const std::string& secret, bool all) {
  std::string query = all ? "?all=true" : "?all=false";
  if (!secret.empty()) query += "&secret=" + percent_encoded(secret);
  return Client(context.socket).get("/v1/admin/secrets" + query);
}

std::string hosts_text(const json::object& version) {
  std::string text;
  for (const json::value& value : array_at(version, "hosts"))
    text += (text.empty() ? "" : ", ") + text_at(value.as_object(), "host");
  return text;
}

bool is_current(const json::object& version) {
  for (const json::value& value : array_at(version, "hosts"))
    if (text_at(value.as_object(), "role") == "current") return true;
  return false;
}

std::string days_text(std::int64_t seconds) {
  const std::int64_t days = seconds / 86'400;
  return days > 0 ? std::to_string(days) + " d" : duration_text(std::chrono::seconds(seconds));
}

std::string name_of(const json::object& version) {
  const std::string key = text_at(version, "key_id");
  return text_at(version, "secret") + (key.empty() ? "" : "/" + key);
}

}  // namespace

ExitCode secrets_list(Context& context) {
  const json::value answer = ask(context, "", false);
  if (context.json) {
    print_json(context, answer);
    return ExitCode::ok;
  }
  Table table(
      {{"SECRET"}, {"FINGERPRINT"}, {"IS"}, {"AGE", true}, {"EXPIRES (UTC)"}, {"HOSTS"}, {"PURPOSE"}});
  for (const json::value& value : array_at(answer.as_object(), "secrets")) {
    const json::object& version = value.as_object();
    const bool current = is_current(version);
    table.add({name_of(version),
               text_at(version, "fingerprint"),
               {current ? "current" : "accepted too", current ? Colour::green : Colour::dim},
               days_text(number_at(version, "age_s")),
               time_text(text_at(version, "expires_at")),
               hosts_text(version),
               text_at(version, "purpose")});
  }
  if (table.empty()) {
    context.out << "No host has recorded its secrets yet.\n";
  } else {
    table.print(context.out, context.style);
  }
  return ExitCode::ok;
}

ExitCode secrets_history(Context& context, const std::string& secret) {
  const json::value answer = ask(context, secret, true);
  const json::array& versions = array_at(answer.as_object(), "secrets");
  if (versions.empty() && !secret.empty())
    throw CommandFailed(ExitCode::refused, "No host ever used a secret " + printable(secret) +
                                               ". `payoutctl secrets list` names them.");
  if (context.json) {
    print_json(context, answer);
    return ExitCode::ok;
  }
  Table table({{"SECRET"},
               {"FINGERPRINT"},
               {"FIRST SEEN (UTC)"},
               {"BY"},
               {"CURRENT SINCE"},
               {"BY"},
               {"RETIRED"},
               {"BY"}});
  for (const json::value& value : versions) {
    const json::object& version = value.as_object();
    table.add({name_of(version),
               text_at(version, "fingerprint"),
               time_text(text_at(version, "created_at")),
               text_at(version, "created_by"),
               time_text(text_at(version, "activated_at")),
               text_at(version, "activated_by"),
               {time_text(text_at(version, "retired_at")), Colour::dim},
               text_at(version, "retired_by")});
  }
  table.print(context.out, context.style);
  return ExitCode::ok;
}

namespace {

/// All versions of one secret that a host uses.
class Rotation {
 public:
  Rotation(std::string secret, std::int64_t max_age_s, std::int64_t overlap_s, std::int64_t now_ms)
      : secret_(std::move(secret)), max_age_s_(max_age_s), overlap_s_(overlap_s), now_ms_(now_ms) {}

  void add(const json::object& version) {
    versions_.push_back(&version);
    for (const json::value& value : array_at(version, "hosts")) {
      const json::object& host = value.as_object();
      hosts_[text_at(version, "fingerprint")].insert(text_at(host, "host"));
      if (text_at(host, "role") == "current") current_[text_at(host, "host")] = &version;
    }
  }

  void check(std::vector<RotationFinding>& found) {
    check_hosts(found);
    for (const json::object* version : versions_) check_version(*version, found);
  }

 private:
  void say(std::vector<RotationFinding>& found, const json::object& version, std::string text) {
    found.push_back({name_of(version), std::move(text)});
  }

  void check_hosts(std::vector<RotationFinding>& found) {
    std::map<std::string, std::string> by_print;
    for (const auto& [host, version] : current_) {
      std::string& names = by_print[text_at(*version, "fingerprint")];
      names += (names.empty() ? "" : ", ") + host;
    }
    if (by_print.size() > 1) {
      std::string text = "hosts do not agree which one is current:";
      for (const auto& [print, names] : by_print) text += " " + names + " has " + print + ";";
      found.push_back({secret_, text + " reload those that have the old one"});
    }
    // A host that verifies fewer refuses what another has signed.
    if (secret_ != "auth.keys" && !secret_.ends_with(".webhooks")) return;
    std::set<std::string> all;
    for (const auto& [host, version] : current_) all.insert(host);
    for (const json::object* version : versions_) {
      const auto& known = hosts_[text_at(*version, "fingerprint")];
      for (const std::string& host : all)
        if (!known.empty() && !known.contains(host))
          say(found, *version, "host " + host + " does not have it: reload it");
    }
  }

  void check_version(const json::object& version, std::vector<RotationFinding>& found) {
    if (array_at(version, "hosts").empty()) return;
    const std::string expires = text_at(version, "expires_at");
    const std::int64_t expires_ms = expires.empty() ? 0 : time_ms(expires);
    const bool current = is_current(version);
    if (!expires.empty() && expires_ms <= now_ms_) {
      say(found, version, "it expired at " + expires + ": take it out of the configuration");
    } else if (!expires.empty() && current && expires_ms - now_ms_ < kSoon_s * 1000) {
      say(found, version, "it is the current one and expires at " + expires + ": put a new one in front");
    } else if (current && number_at(version, "age_s") > max_age_s_ && secret_ != "instance_key") {
      say(found, version,
          "it has been current for " + days_text(number_at(version, "age_s")) + ": rotate it");
    } else if (!current && expires.empty() && number_at(version, "age_s") > overlap_s_ && !current_.empty()) {
      say(found, version,
          "it is accepted besides the current one without an end: take it out, or give it one");
    }
  }

  std::string secret_;
  std::int64_t max_age_s_;
  std::int64_t overlap_s_;
  std::int64_t now_ms_;
  std::vector<const json::object*> versions_;
  std::map<std::string, const json::object*> current_;  ///< by host
  std::map<std::string, std::set<std::string>> hosts_;  ///< by fingerprint
};

}  // namespace

std::vector<RotationFinding> check_rotation(const json::array& versions, std::int64_t max_age_s,
                                            std::int64_t overlap_s, std::int64_t now_ms) {
  std::map<std::string, Rotation> rotations;
  for (const json::value& value : versions) {
    const json::object& version = value.as_object();
    const std::string secret = text_at(version, "secret");
    rotations.try_emplace(secret, secret, max_age_s, overlap_s, now_ms).first->second.add(version);
  }
  std::vector<RotationFinding> found;
  for (auto& [secret, rotation] : rotations) rotation.check(found);
  return found;
}

ExitCode secrets_rotate_check(Context& context, const RotateCheckOptions& options) {
  const json::value answer = ask(context, options.secret, false);
  const json::array& versions = array_at(answer.as_object(), "secrets");
  if (versions.empty())
    throw CommandFailed(ExitCode::refused, options.secret.empty()
                                               ? "No host has recorded its secrets yet."
                                               : "No host uses a secret " + printable(options.secret) + ".");
  const std::int64_t now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                                  std::chrono::system_clock::now().time_since_epoch())
                                  .count();
  const auto found = check_rotation(versions, span_s("--max-age", options.max_age),
                                    span_s("--overlap", options.overlap), now_ms);
  if (context.json) {
    json::array rows;
    for (const RotationFinding& one : found)
      rows.push_back(json::object{{"secret", one.secret}, {"text", one.text}});
    print_json(context, json::object{{"ok", found.empty()}, {"findings", std::move(rows)}});
  } else {
    for (const RotationFinding& one : found)
      context.out << context.style.paint(Colour::yellow, one.secret) << ": " << one.text << '\n';
    if (found.empty())
      context.out << context.style.paint(Colour::green, "Every rotation is complete")
                  << ", and none is due.\n";
  }
  return found.empty() ? ExitCode::ok : ExitCode::negative;
}

}  // namespace payoutd::ctl
