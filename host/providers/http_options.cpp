#include <payoutd/settings.hpp>

#include "providers/http_client.hpp"

namespace payoutd::providers {
namespace {

namespace json = boost::json;

/// Reads the members that it is told about and reports everything else as unknown.
class Section {
 public:
  Section(const json::object& values, std::vector<Problem>& problems)
      : values_(values), problems_(problems) {}

  void text(const char* name, std::string& into) {
    const json::value* value = find(name);
    if (value == nullptr) return;
    if (!value->is_string()) return wrong(name, "must be a text");
    into = std::string(value->get_string());
  }

  void duration(const char* name, std::chrono::milliseconds& into) {
    const json::value* value = find(name);
    if (value == nullptr) return;
    if (!value->is_string()) return wrong(name, "must be a duration such as 5s");
    const auto parsed = parse_duration(std::string_view(value->get_string()));
    if (!parsed) return wrong(name, parsed.error().reason);
    if (parsed->count() < 1) return wrong(name, "must be at least 1ms");
    into = *parsed;
  }

  template <class Number>
  void count(const char* name, Number& into, std::int64_t min, std::int64_t max) {
    const json::value* value = find(name);
    if (value == nullptr) return;
    if (!value->is_int64() || value->get_int64() < min || value->get_int64() > max) {
      return wrong(name, "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
    }
    into = static_cast<Number>(value->get_int64());
  }

  void wrong(const std::string& name, const std::string& reason) {
    problems_.push_back({"http." + name, reason});
  }

  void report_unknown() {
    for (const auto& member : values_) {
      const std::string name(member.key());
      if (std::find(names_.begin(), names_.end(), name) != names_.end()) continue;
      const auto nearest = nearest_name(name, names_);
      wrong(name, nearest ? "is not known, did you mean '" + *nearest + "'?" : "is not known");
    }
  }

 private:
  const json::value* find(const char* name) {
    names_.emplace_back(name);
    return values_.if_contains(name);
  }

  const json::object& values_;
  std::vector<Problem>& problems_;
  std::vector<std::string> names_;
};

}  // namespace

HttpOptions HttpOptions::parse(const json::object& values, std::vector<Problem>& problems) {
  HttpOptions options;
  Section section(values, problems);
  section.text("ca_file", options.ca_file);
  section.text("client_certificate_file", options.client_certificate_file);
  section.text("client_key_file", options.client_key_file);
  section.text("proxy", options.proxy);
  section.duration("resolve_timeout", options.resolve_timeout);
  section.duration("connect_timeout", options.connect_timeout);
  section.duration("handshake_timeout", options.handshake_timeout);
  section.duration("write_timeout", options.write_timeout);
  section.duration("response_limit", options.response_limit);
  section.duration("idle_timeout", options.idle_timeout);
  section.duration("dns_cache_time", options.dns_cache_time);
  section.count("max_connections", options.max_connections, 1, 10'000);
  section.count("max_body_bytes", options.max_body_bytes, 1024, 16 << 20);
  section.count("max_header_bytes", options.max_header_bytes, 1024, 1 << 20);
  section.report_unknown();
  if (options.client_certificate_file.empty() != options.client_key_file.empty()) {
    section.wrong("client_certificate_file", "and http.client_key_file must be given together");
  }
  if (!options.proxy.empty() && !options.proxy.starts_with("http://")) {
    section.wrong("proxy", "must be a URL such as http://proxy.example:3128");
  }
  return options;
}

}  // namespace payoutd::providers
