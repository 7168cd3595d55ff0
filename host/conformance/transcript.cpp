#include "conformance/transcript.hpp"

#include <boost/json.hpp>
#include <fstream>
#include <payoutd/settings.hpp>
#include <sstream>

#include "conformance/exact_json.hpp"

namespace payoutd::conformance {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

const std::vector<std::string>& variable_names() {
  static const std::vector<std::string> names{"server",   "reference",   "payout_id", "amount",
                                              "currency", "destination", "note",      "lane"};
  return names;
}

bool equal_without_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

bool text_mentions(std::string_view text, std::string_view variable) {
  return text.find("${" + std::string(variable) + "}") != std::string_view::npos;
}

bool value_mentions(const json::value& value, std::string_view variable) {
  return text_mentions(serialize_exact(value), variable);
}

bool headers_mention(const Headers& headers, std::string_view variable) {
  return std::ranges::any_of(headers,
                             [&](const auto& header) { return text_mentions(header.second, variable); });
}

/// Why `actual` does not hold what is expected, with the path; empty if it does.
std::string subset_difference(const json::value& expected, const json::value& actual,
                              const std::string& path) {
  const std::string here = path.empty() ? "its body" : path;
  if (const json::object* wanted = expected.if_object()) {
    const json::object* object = actual.if_object();
    if (object == nullptr) return here + " is not an object";
    for (const auto& member : *wanted) {
      const std::string name =
          path.empty() ? std::string(member.key()) : path + "." + std::string(member.key());
      const json::value* found = object->if_contains(member.key());
      if (found == nullptr) return name + " is missing";
      if (auto why = subset_difference(member.value(), *found, name); !why.empty()) return why;
    }
    return {};
  }
  if (const json::array* wanted = expected.if_array()) {
    const json::array* items = actual.if_array();
    if (items == nullptr || items->size() != wanted->size())
      return here + " is not a list of " + std::to_string(wanted->size());
    for (std::size_t i = 0; i < items->size(); ++i) {
      auto why = subset_difference((*wanted)[i], (*items)[i], path + "[" + std::to_string(i) + "]");
      if (!why.empty()) return why;
    }
    return {};
  }
  const bool both_plain = expected.is_string() && actual.is_string();
  const bool equal = both_plain ? plain_text(expected) == plain_text(actual) : expected == actual;
  if (equal) return {};
  return here + " is " + serialize_exact(actual) + " instead of " + serialize_exact(expected);
}

std::string header_difference(const Headers& wanted, const Headers& actual, const Binding& binding) {
  for (const auto& [name, value] : wanted) {
    const auto found = std::ranges::find_if(actual, [&, n = std::string_view(name)](const auto& header) {
      return equal_without_case(header.first, n);
    });
    if (found == actual.end()) return "it has no header " + name;
    const std::string expected = expand(value, binding);
    if (found->second != expected)
      return "its header " + name + " is '" + found->second + "' instead of '" + expected + "'";
  }
  return {};
}

std::string body_difference(const json::value& wanted, const std::string& body, const Binding& binding) {
  if (wanted.is_null()) return {};
  const json::value expected = expand_json(wanted, binding);
  if (is_text(expected)) {
    const std::string part = plain_text(expected);
    return body.find(part) == std::string::npos ? "its body does not contain '" + part + "'" : std::string();
  }
  try {
    return subset_difference(expected, parse_exact(body), {});
  } catch (const NotJson&) {
    return "its body is not JSON";
  }
}

/// Where a transcript comes from, and the variables that it may use.
struct Source {
  fs::path file;
  std::vector<std::string> variables = variable_names();
};

/// Reads the members of one object strictly; every error names the file and the path.
class Fields {
 public:
  Fields(const json::value& value, const Source& source, std::string path)
      : object_(value.if_object()), source_(source), path_(std::move(path)) {
    if (object_ == nullptr) refuse("", "must be an object");
  }

  const json::value* find(const char* name) {
    known_.emplace_back(name);
    const json::value* value = object_->if_contains(name);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  const json::value& at(const char* name) {
    const json::value* value = find(name);
    if (value == nullptr) refuse(name, "is missing");
    return *value;
  }
  std::string text(const char* name, std::string otherwise) {
    const json::value* value = find(name);
    if (value == nullptr) return otherwise;
    return text_of(*value, name);
  }
  std::string text(const char* name) { return text_of(at(name), name); }
  int integer(const char* name, int otherwise) {
    const json::value* value = find(name);
    if (value == nullptr) return otherwise;
    int number = 0;
    const std::string digits = is_number(*value) ? plain_text(*value) : std::string();
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size())
      refuse(name, "must be a whole number");
    return number;
  }
  bool boolean(const char* name) {
    const json::value* value = find(name);
    if (value == nullptr) return false;
    if (!value->is_bool()) refuse(name, "must be true or false");
    return value->get_bool();
  }
  Headers headers(const char* name) {
    Headers headers;
    const json::value* value = find(name);
    if (value == nullptr) return headers;
    if (!value->is_object()) refuse(name, "must be an object");
    for (const auto& member : value->get_object()) {
      if (!member.value().is_string()) refuse(name, "must hold texts");
      headers.emplace_back(std::string(member.key()), plain_text(member.value()));
      check_variables(headers.back().second, name);
    }
    return headers;
  }
  json::value body(const char* name) {
    const json::value* value = find(name);
    if (value == nullptr) return nullptr;
    check_variables(serialize_exact(*value), name);
    return *value;
  }

  void finish() {
    for (const auto& member : *object_) {
      const std::string name(member.key());
      if (name == "comment" || std::ranges::count(known_, name) > 0) continue;
      const auto near = nearest_name(name, known_);
      refuse(name, near ? "is not known, did you mean '" + *near + "'?" : "is not known");
    }
  }

  std::string path_of(std::string_view name) const {
    return path_.empty() || name.empty() ? path_ + std::string(name) : path_ + "." + std::string(name);
  }
  [[noreturn]] void refuse(std::string_view name, const std::string& reason) const {
    const std::string path = path_of(name);
    throw TranscriptError(source_.file.string() + ": " + (path.empty() ? "the transcript" : path) + " " +
                          reason);
  }
  void check_variables(std::string_view text, std::string_view name) const {
    for (auto at = text.find("${"); at != std::string_view::npos; at = text.find("${", at + 2)) {
      const auto end = text.find('}', at);
      const std::string variable(text.substr(at + 2, end == std::string_view::npos ? end : end - at - 2));
      if (std::ranges::count(source_.variables, variable) > 0) continue;
      const auto near = nearest_name(variable, source_.variables);
      refuse(name, "uses the variable '" + variable + "', which is not known" +
                       (near ? "; did you mean '" + *near + "'?" : ""));
    }
  }

 private:
  std::string text_of(const json::value& value, const char* name) const {
    if (!is_text(value)) refuse(name, "must be a text");
    std::string text = plain_text(value);
    check_variables(text, name);
    return text;
  }

  const json::object* object_;
  const Source& source_;
  std::string path_;
  std::vector<std::string> known_;
};

AnswerTemplate read_answer(const json::value& value, const Source& source, const std::string& path) {
  Fields fields(value, source, path);
  AnswerTemplate answer;
  answer.status = fields.integer("status", 200);
  if (answer.status < 200 || answer.status > 599) fields.refuse("status", "must be from 200 to 599");
  answer.content_type = fields.text("content_type", answer.content_type);
  answer.headers = fields.headers("headers");
  answer.body = fields.body("body");
  fields.finish();
  return answer;
}

Exchange read_exchange(const json::value& value, const Source& source, const std::string& path) {
  Fields fields(value, source, path);
  Exchange exchange;
  exchange.name = fields.text("name");
  exchange.moves_money = fields.boolean("moves_money");
  Fields request(fields.at("request"), source, path + ".request");
  exchange.request.method = request.text("method");
  exchange.request.path = request.text("path");
  if (!exchange.request.path.starts_with('/')) request.refuse("path", "must begin with '/'");
  exchange.request.headers = request.headers("headers");
  exchange.request.body = request.body("body");
  request.finish();
  exchange.response = read_answer(fields.at("response"), source, path + ".response");
  const auto optional = [&](const char* name) -> std::optional<AnswerTemplate> {
    const json::value* answer = fields.find(name);
    if (answer == nullptr) return std::nullopt;
    return read_answer(*answer, source, path + "." + name);
  };
  exchange.repeat = optional("repeat");
  exchange.unpaid = optional("unpaid");
  exchange.spent = optional("spent");
  exchange.after = fields.text("after", {});
  exchange.before = optional("before");
  if (exchange.after.empty() == exchange.before.has_value())
    fields.refuse("after", "and before must be given together");
  if (exchange.moves_money && exchange.unpaid)
    fields.refuse("unpaid", "is for look-ups: the money-moving exchange has response, repeat and spent");
  fields.finish();
  return exchange;
}

CallbackTemplate read_callback(const json::value& value, const Source& source, const std::string& path,
                               std::optional<CallbackTemplate>* forged, const CallbackTemplate& otherwise) {
  Fields fields(value, source, path);
  CallbackTemplate callback = otherwise;
  callback.method = fields.text("method", otherwise.method);
  if (fields.find("headers") != nullptr) callback.headers = fields.headers("headers");
  if (fields.find("body") != nullptr) callback.body = fields.body("body");
  const json::value* lie = forged == nullptr ? nullptr : fields.find("forged");
  if (lie != nullptr) *forged = read_callback(*lie, source, path + ".forged", nullptr, callback);
  fields.finish();
  return callback;
}

Order read_order(const json::value& value, const Source& source) {
  Fields fields(value, source, "order");
  Order order;
  order.payout_id = fields.text("payout_id");
  order.reference = fields.text("reference");
  const auto money = parse_money(fields.text("amount"), fields.text("currency"));
  if (!money) fields.refuse(money.error().field, money.error().reason);
  order.money = *money;
  order.destination = fields.text("destination");
  order.note = fields.text("note", {});
  order.lane = fields.text("lane", {});
  order.callback_url = fields.text("callback_url", {});
  if (const json::value* state = fields.find("lane_state")) {
    if (!state->is_object()) fields.refuse("lane_state", "must be an object");
    order.lane_state = json::parse(serialize_exact(*state)).as_object();
  }
  fields.finish();
  return order;
}

/// Settings as a configuration file would give them: texts, truth values and lists of texts.
json::object read_settings(Fields& fields, const char* name) {
  json::object settings;
  const json::value* given = fields.find(name);
  if (given == nullptr) return settings;
  if (!given->is_object()) fields.refuse(name, "must be an object");
  for (const auto& member : given->get_object()) {
    json::value value = member.value();
    if (value.is_string()) value = json::value(plain_text(value));
    if (json::array* items = value.if_array()) {
      for (json::value& item : *items)
        if (item.is_string()) item = json::value(plain_text(item));
    }
    fields.check_variables(serialize_exact(value), name);
    settings[member.key()] = std::move(value);
  }
  return settings;
}

/// Variables of the transcript's own: texts or numbers, one for `order` and one for the next payout.
std::map<std::string, Transcript::Values> read_values(const json::value& given, Fields& fields) {
  if (!given.is_object()) fields.refuse("values", "must be an object");
  std::map<std::string, Transcript::Values> values;
  for (const auto& member : given.get_object()) {
    const std::string name(member.key());
    const json::array* pair = member.value().if_array();
    if (pair == nullptr || pair->size() != 2 || !pair->front().is_string() || !pair->back().is_string())
      fields.refuse("values." + name,
                    "must be two texts or numbers: for this payment and for the next payout");
    if (std::ranges::count(variable_names(), name) > 0)
      fields.refuse("values." + name, "is a variable that every transcript has");
    values[name] = {std::string(pair->front().get_string()), std::string(pair->back().get_string())};
  }
  return values;
}

void check_exchanges(const Transcript& transcript, Fields& fields) {
  std::set<std::string> names;
  int moving = 0;
  for (const Exchange& exchange : transcript.exchanges) {
    if (!names.insert(exchange.name).second) fields.refuse("exchanges", "name '" + exchange.name + "' twice");
    moving += exchange.moves_money ? 1 : 0;
    if (!exchange.after.empty() && transcript.find(exchange.after) == nullptr)
      fields.refuse("exchanges", "name '" + exchange.after + "' in after, but there is no such exchange");
  }
  if (moving != 1)
    fields.refuse("exchanges", "must have one with moves_money, and have " + std::to_string(moving));
}

}  // namespace

// ---- variables
// -------------------------------------------------------------------------------------------------------

Binding binding_of(const Order& order, const std::string& server) {
  return {{"server", server},
          {"reference", order.reference},
          {"payout_id", order.payout_id},
          {"amount", order.money.amount.to_string()},
          {"currency", order.money.currency},
          {"destination", order.destination},
          {"note", order.note},
          {"lane", order.lane}};
}

Binding binding_of(const Transcript& transcript, const Order& order, const std::string& server) {
  Binding binding = binding_of(order, server);
  const bool is_first = order.payout_id == transcript.order.payout_id;
  for (const auto& [name, values] : transcript.values) binding[name] = is_first ? values.first : values.next;
  return binding;
}

std::string expand(std::string_view text, const Binding& binding) {
  std::string out;
  for (;;) {
    const auto at = text.find("${");
    const auto end = at == std::string_view::npos ? at : text.find('}', at);
    if (end == std::string_view::npos) return out.append(text);
    out.append(text.substr(0, at));
    const auto found = binding.find(text.substr(at + 2, end - at - 2));
    if (found == binding.end())
      out.append(text.substr(at, end + 1 - at));
    else
      out.append(plain_text(json::value(found->second)));
    text.remove_prefix(end + 1);
  }
}

/// A text that is nothing but a variable becomes what the variable is: a number, too.
json::value expand_text(std::string_view text, const Binding& binding) {
  if (text.starts_with("${") && text.find('}') == text.size() - 1) {
    const auto found = binding.find(text.substr(2, text.size() - 3));
    if (found != binding.end()) return json::value(found->second);
  }
  return json::value(expand(text, binding));
}

json::value expand_json(const json::value& value, const Binding& binding) {
  if (value.is_string()) return expand_text(std::string_view(value.get_string()), binding);
  if (const json::array* items = value.if_array()) {
    json::array out;
    for (const json::value& item : *items) out.push_back(expand_json(item, binding));
    return out;
  }
  if (const json::object* object = value.if_object()) {
    json::object out;
    for (const auto& member : *object)
      out[expand(member.key(), binding)] = expand_json(member.value(), binding);
    return out;
  }
  return value;
}

WireAnswer AnswerTemplate::render(const Binding& binding) const {
  WireAnswer answer{status, content_type, {}, {}};
  for (const auto& [name, value] : headers) answer.headers.emplace_back(name, expand(value, binding));
  if (body.is_null()) return answer;
  const json::value expanded = expand_json(body, binding);
  answer.body = is_text(expanded) ? plain_text(expanded) : serialize_exact(expanded);
  return answer;
}

bool AnswerTemplate::mentions(std::string_view variable) const {
  return value_mentions(body, variable) || headers_mention(headers, variable);
}

bool RequestPattern::mentions(std::string_view variable) const {
  return text_mentions(path, variable) || headers_mention(headers, variable) ||
         value_mentions(body, variable);
}

std::string RequestPattern::difference(const ReceivedRequest& request, const Binding& binding) const {
  if (request.method != method) return "its method is " + request.method + " instead of " + method;
  const std::string wanted = expand(path, binding);
  std::string_view actual = request.target;
  if (wanted.find('?') == std::string::npos) actual = actual.substr(0, actual.find('?'));
  if (actual != wanted) return "its path is " + std::string(actual) + " instead of " + wanted;
  if (auto why = header_difference(headers, request.headers, binding); !why.empty()) return why;
  return body_difference(body, request.body, binding);
}

// ---- transcripts
// -----------------------------------------------------------------------------------------------------

const Exchange* Transcript::find(std::string_view name) const {
  const auto found = std::ranges::find(exchanges, name, &Exchange::name);
  return found == exchanges.end() ? nullptr : &*found;
}

const Exchange* Transcript::money_moving() const {
  const auto found = std::ranges::find(exchanges, true, &Exchange::moves_money);
  return found == exchanges.end() ? nullptr : &*found;
}

Transcript parse_transcript(std::string_view text, const fs::path& file) {
  json::value document;
  try {
    document = parse_exact(text);
  } catch (const NotJson& error) {
    throw TranscriptError(file.string() + ": " + error.what());
  }
  Source source{.file = file};
  Fields fields(document, source, {});
  Transcript transcript;
  transcript.file = file;
  transcript.title = fields.text("title");
  transcript.settings = read_settings(fields, "settings");
  transcript.secrets = read_settings(fields, "secrets");
  for (auto& secret : transcript.secrets)
    if (secret.value().is_string()) secret.value() = json::array{secret.value()};
  transcript.order = read_order(fields.at("order"), source);
  if (const json::value* values = fields.find("values")) transcript.values = read_values(*values, fields);
  for (const auto& [name, ignored] : transcript.values) source.variables.push_back(name);
  const json::value& exchanges = fields.at("exchanges");
  if (!exchanges.is_array()) fields.refuse("exchanges", "must be a list");
  for (std::size_t i = 0; i < exchanges.get_array().size(); ++i) {
    transcript.exchanges.push_back(
        read_exchange(exchanges.get_array()[i], source, "exchanges[" + std::to_string(i) + "]"));
  }
  if (const json::value* webhook = fields.find("webhook")) {
    transcript.webhook = read_callback(*webhook, source, "webhook", &transcript.forged_webhook, {});
  }
  fields.finish();
  check_exchanges(transcript, fields);
  return transcript;
}

Transcript read_transcript(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw TranscriptError(file.string() + ": cannot be read");
  return parse_transcript(text.str(), file);
}

std::vector<Transcript> read_transcripts(const fs::path& folder) {
  std::error_code failed;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder, failed))
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  if (failed) throw TranscriptError(folder.string() + ": " + failed.message());
  if (files.empty()) throw TranscriptError(folder.string() + ": there is no transcript (*.json)");
  std::ranges::sort(files);
  std::vector<Transcript> transcripts;
  for (const fs::path& file : files) transcripts.push_back(read_transcript(file));
  return transcripts;
}

}  // namespace payoutd::conformance
