#include "conformance/fault.hpp"

#include <boost/json.hpp>

#include "conformance/exact_json.hpp"

namespace payoutd::conformance {
namespace {

namespace json = boost::json;
using Kind = Fault::Kind;

constexpr std::size_t kHugeBytes = 2u << 20;        // the HTTP client takes 1 MiB at most
constexpr std::size_t kMostPlacesOfOneAnswer = 48;  // an answer with more fields is sampled evenly

// ---- answers that prove nothing
// --------------------------------------------------------------------------------------

struct Page {
  const char* family;
  const char* text;
  int status;
  const char* content_type;
  const char* body;
};

constexpr const char* kHtml =
    "<html><head><title>Error</title></head><body><h1>Something is not right</h1></body></html>";
constexpr const char* kHtmlLogin =
    "<!DOCTYPE html><html><body><form action=\"/login\">Welcome! Please log in to the "
    "network.</form></body></html>";
constexpr const char* kJsonNoCode = R"({"message":"The request could not be handled."})";
constexpr const char* kSoapFault =
    R"(<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault>)"
    R"(<faultcode>soap:Server</faultcode><faultstring>unexpected</faultstring></soap:Fault></soap:Body></soap:Envelope>)";

/// What proxies, gateways and confused servers answer. None has a code that a contract could list.
constexpr std::array kPages{
    Page{"4xx without a known code", "400 with a message in JSON", 400, "application/json", kJsonNoCode},
    Page{"4xx without a known code", "401 without a body", 401, "", ""},
    Page{"4xx without a known code", "403 with a page", 403, "text/html", kHtml},
    Page{"4xx without a known code", "404 with a page", 404, "text/html", kHtml},
    Page{"4xx without a known code", "404 without a body", 404, "", ""},
    Page{"4xx without a known code", "404 with an empty object", 404, "application/json", "{}"},
    Page{"4xx without a known code", "409 with a message in JSON", 409, "application/json", kJsonNoCode},
    Page{"4xx without a known code", "422 with a message in JSON", 422, "application/json", kJsonNoCode},
    Page{"4xx without a known code", "429 without a body", 429, "", ""},
    Page{"5xx without a known code", "500 with a message in JSON", 500, "application/json", kJsonNoCode},
    Page{"5xx without a known code", "500 with a SOAP fault", 500, "text/xml", kSoapFault},
    Page{"5xx without a known code", "500 without a body", 500, "", ""},
    Page{"5xx without a known code", "502 with a page", 502, "text/html", kHtml},
    Page{"5xx without a known code", "503 with a page", 503, "text/html", kHtml},
    Page{"5xx without a known code", "504 without a body", 504, "", ""},
    Page{"somebody else answers", "302 to another page", 302, "text/html", kHtmlLogin},
    Page{"somebody else answers", "200 with a log-in page", 200, "text/html", kHtmlLogin},
};

WireAnswer page_answer(const Page& page) {
  WireAnswer answer{page.status, page.content_type, {}, page.body};
  if (page.status == 302) answer.headers.emplace_back("Location", "/login");
  return answer;
}

// ---- other values in a JSON body
// -------------------------------------------------------------------------------------

using Step = std::variant<std::string, std::size_t>;
using Path = std::vector<Step>;

std::string text_of(const Path& path) {
  std::string text;
  for (const Step& step : path) {
    if (const auto* index = std::get_if<std::size_t>(&step)) {
      text += "[" + std::to_string(*index) + "]";
    } else {
      text += (text.empty() ? "" : ".") + std::get<std::string>(step);
    }
  }
  return text;
}

void collect_paths(const json::value& value, const Path& here, std::vector<Path>& out) {
  if (!here.empty()) out.push_back(here);
  if (const json::object* object = value.if_object()) {
    for (const auto& member : *object) {
      Path path = here;
      path.emplace_back(std::string(member.key()));
      collect_paths(member.value(), path, out);
    }
  } else if (const json::array* items = value.if_array()) {
    for (std::size_t i = 0; i < items->size(); ++i) {
      Path path = here;
      path.emplace_back(i);
      collect_paths((*items)[i], path, out);
    }
  }
}

json::value* find_path(json::value& root, const Path& path) {
  json::value* at = &root;
  for (const Step& step : path) {
    if (const auto* index = std::get_if<std::size_t>(&step)) {
      if (!at->is_array() || *index >= at->get_array().size()) return nullptr;
      at = &at->get_array()[*index];
    } else {
      json::object* object = at->if_object();
      at = object == nullptr ? nullptr : object->if_contains(std::get<std::string>(step));
      if (at == nullptr) return nullptr;
    }
  }
  return at;
}

std::optional<json::value> json_body(const std::string& body) {
  try {
    json::value value = parse_exact(body);
    if (value.is_object() || value.is_array()) return value;
  } catch (const NotJson&) {
  }
  return std::nullopt;
}

/// `change` sees the value at the path; an answer that has no such value stays as it is.
std::function<WireAnswer(WireAnswer)> changing(Path path, std::function<void(json::value&)> change) {
  return [path = std::move(path), change = std::move(change)](WireAnswer answer) {
    auto body = json_body(answer.body);
    if (!body) return answer;
    if (json::value* value = find_path(*body, path)) change(*value);
    answer.body = serialize_exact(*body);
    return answer;
  };
}

std::function<WireAnswer(WireAnswer)> removing(Path path) {
  const std::string name = std::get<std::string>(path.back());
  path.pop_back();
  return changing(std::move(path), [name](json::value& value) {
    if (json::object* object = value.if_object()) object->erase(name);
  });
}

bool looks_like_number(const std::string& text) {
  return !text.empty() && text.size() <= 18 && (text == "0" || text[0] != '0') &&
         text.find_first_not_of("0123456789") == std::string::npos;
}

/// The same place with a value of another type. What could be a true answer is left out: an empty list where
/// a list stood may well mean "nothing found".
std::vector<std::pair<std::string, json::value>> other_types(const json::value& value) {
  std::vector<std::pair<std::string, json::value>> out;
  if (is_number(value)) {
    out.emplace_back("a text", json::value(plain_text(value)));
  } else if (is_text(value)) {
    const std::string text = plain_text(value);
    out.emplace_back("a number", number_of(looks_like_number(text) ? text : "1"));
  } else if (value.is_bool()) {
    out.emplace_back("a text", json::value(value.get_bool() ? "true" : "false"));
  } else {
    out.emplace_back("a text", json::value("text"));
  }
  out.emplace_back("null", json::value(nullptr));
  if (!value.is_array()) out.emplace_back("a list", json::array{value});
  if (!value.is_object()) out.emplace_back("an object", json::object{{"value", value}});
  return out;
}

// ---- other values in an XML body
// --------------------------------------------------------------------------------------

struct XmlText {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string element;
};

/// The texts between tags, good enough for the small documents of a transcript.
std::vector<XmlText> xml_texts(const std::string& body) {
  std::vector<XmlText> texts;
  for (auto close = body.find('>'); close != std::string::npos; close = body.find('>', close + 1)) {
    const auto open = body.find('<', close);
    if (open == std::string::npos) break;
    const auto tag = body.rfind('<', close);
    const bool blank = body.find_first_not_of(" \t\r\n", close + 1) >= open;
    if (blank || tag == std::string::npos || body.compare(open, 2, "</") != 0) continue;
    const auto name_end = body.find_first_of(" />", tag + 1);
    texts.push_back({close + 1, open, body.substr(tag + 1, name_end - tag - 1)});
  }
  return texts;
}

std::function<WireAnswer(WireAnswer)> with_xml_text(std::size_t index, std::string replacement) {
  return [index, replacement = std::move(replacement)](WireAnswer answer) {
    const auto texts = xml_texts(answer.body);
    if (index < texts.size())
      answer.body.replace(texts[index].begin, texts[index].end - texts[index].begin, replacement);
    return answer;
  };
}

// ---- the list
// ------------------------------------------------------------------------------------------------------------

class Maker {
 public:
  explicit Maker(const FaultPlace& place) : place_(place), has_effect_(place.has_effect) {}

  std::vector<Fault> make() {
    connections();
    broken_answers();
    pages();
    garbage();
    truncated();
    if (const auto body = json_body(place_.answer.body)) {
      wrong_json(*body);
    } else if (place_.answer.body.starts_with('<')) {
      wrong_xml();
    }
    other_records();
    return std::move(faults_);
  }

 private:
  void add(Kind kind, std::string family, std::string text, bool processed) {
    Fault fault;
    fault.kind = kind;
    fault.family = std::move(family);
    fault.text = std::move(text);
    fault.processed = processed;
    faults_.push_back(std::move(fault));
  }
  /// Once with the request processed and, where that makes a difference, once without.
  void add_both(Kind kind, const std::string& family, const std::string& text) {
    add(kind, family, text, true);
    if (has_effect_) add(kind, family, text, false);
  }
  void add_rewrite(std::string family, std::string text, bool processed,
                   std::function<WireAnswer(WireAnswer)> rewrite) {
    add(Kind::rewrite, std::move(family), std::move(text), processed);
    faults_.back().rewrite = std::move(rewrite);
  }

  void connections() {
    add(Kind::refused, "connection refused", "nobody listens", false);
    add(Kind::connect_timeout, "time-out before a byte left", "the connection is never taken", false);
    add(Kind::reset_at_accept, "reset", "as soon as it is connected", false);
    add(Kind::reset_after_head, "reset", "in the middle of the request", false);
    add(Kind::never_read, "time-out after the bytes left", "nobody reads the request", false);
    add_both(Kind::silent, "time-out after the bytes left", "no answer comes");
    add_both(Kind::reset, "reset", "instead of an answer");
    add_both(Kind::closed, "reset", "closed instead of an answer");
  }

  void broken_answers() {
    add(Kind::cut_head, "reset", "in the middle of the answer's head", true);
    add(Kind::drip, "slow drip", "a byte of the answer at a time", true);
    add(Kind::twice, "repeated answer", "the answer comes twice", true);
    if (!place_.answer.body.empty()) {
      add(Kind::cut_reset, "reset", "in the middle of the answer's body", true);
      add(Kind::cut, "truncated", "closed in the middle of the answer's body", true);
    }
    if (place_.exchange->repeat)
      add(Kind::delivered_twice, "request delivered twice", "the answer is that to the second arrival", true);
    add_rewrite("huge body", "2 MiB", true, [](WireAnswer answer) {
      answer.body += std::string(kHugeBytes, ' ');
      return answer;
    });
  }

  void pages() {
    for (const Page& page : kPages) {
      const auto rewrite = [answer = page_answer(page)](const WireAnswer&) { return answer; };
      add_rewrite(page.family, page.text, true, rewrite);
      if (has_effect_) add_rewrite(page.family, page.text, false, rewrite);
    }
  }

  /// With the status of the good answer, so that only the body can tell.
  void garbage() {
    if (place_.answer.body.empty()) return;
    const std::string nested = std::string(5'000, '[') + std::string(5'000, ']');
    std::string noise;
    for (unsigned i = 0; i < 400; ++i) noise += static_cast<char>((i * i * 7 + i * 31 + 13) % 256);
    const bool list = place_.answer.body.starts_with('[');
    const std::vector<std::pair<std::string, std::string>> bodies{
        {"an empty body", ""},        {"bytes without meaning", noise},
        {"an empty object", "{}"},    {"null", "null"},
        {"a text", "\"OK\""},         {"nested 5000 deep", nested},
        {"an empty element", "<a/>"}, {"an empty list", "[]"}};
    for (const auto& [text, body] : bodies) {
      if (list && body == "[]") continue;  // it may mean "nothing found"
      add_rewrite("garbage", text, true, [other = body](WireAnswer answer) {
        answer.body = other;
        return answer;
      });
    }
  }

  /// The answer is whole for HTTP, and its body ends too early.
  void truncated() {
    const std::size_t size = place_.answer.body.size();
    if (size < 2) return;
    for (const std::size_t keep : std::set<std::size_t>{1, size / 4, size / 2, size * 3 / 4, size - 1}) {
      if (keep == 0) continue;
      add_rewrite("truncated", "after " + std::to_string(keep) + " of " + std::to_string(size) + " bytes",
                  true, [keep](WireAnswer answer) {
                    answer.body.resize(std::min(answer.body.size(), keep));
                    return answer;
                  });
    }
  }

  void wrong_json(const json::value& body) {
    std::vector<Path> paths;
    collect_paths(body, {}, paths);
    const std::size_t stride = 1 + (paths.size() - (paths.empty() ? 0 : 1)) / kMostPlacesOfOneAnswer;
    json::value copy = body;
    for (std::size_t i = 0; i < paths.size(); i += stride) {
      const Path& path = paths[i];
      for (auto& [what, value] : other_types(*find_path(copy, path))) {
        add_rewrite("wrong types", text_of(path) + " is " + what, true,
                    changing(path, [other = value](json::value& at) { at = other; }));
      }
      if (std::holds_alternative<std::string>(path.back()))
        add_rewrite("missing field", text_of(path) + " is left out", true, removing(path));
    }
  }

  void wrong_xml() {
    const auto texts = xml_texts(place_.answer.body);
    for (std::size_t i = 0; i < std::min(texts.size(), kMostPlacesOfOneAnswer); ++i) {
      add_rewrite("wrong types", texts[i].element + " is '###'", true, with_xml_text(i, "###"));
      add_rewrite("missing field", texts[i].element + " is empty", true, with_xml_text(i, ""));
    }
  }

  void add_record(const char* variable, std::string value) {
    add(Kind::another_record, "another payment's record", std::string("its ") + variable + " is another",
        true);
    faults_.back().lie[variable] = std::move(value);
  }

  /// A look-up that finds somebody else's payment: the plugin must report what it read, not what it asked
  /// for.
  void other_records() {
    if (place_.call != "query") return;
    const AnswerTemplate& answer = place_.exchange->response;
    const Order& order = place_.order;
    if (answer.mentions("amount")) {
      const auto more = Amount::from_units(order.money.amount.units() + Amount::kUnitsPerOne);
      add_record("amount", more.to_string());
    }
    const std::string destination = another_destination(order);
    if (!destination.empty() && answer.mentions("destination")) add_record("destination", destination);
    if (answer.mentions("currency")) add_record("currency", order.money.currency == "XOF" ? "XAF" : "XOF");
  }

  const FaultPlace& place_;
  bool has_effect_;
  std::vector<Fault> faults_;
};

}  // namespace

std::string another_destination(const Order& order) {
  std::string other = order.destination;
  if (other.empty() || other.find_first_not_of("0123456789+") != std::string::npos) return {};
  other.back() = other.back() == '0' ? '1' : '0';
  return other;
}

std::vector<Fault> faults_at(const FaultPlace& place) {
  return Maker(place).make();
}

}  // namespace payoutd::conformance
