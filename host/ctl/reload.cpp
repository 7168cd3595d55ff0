#include "ctl/reload.hpp"

#include <boost/json.hpp>
#include <ostream>

namespace payoutd::ctl {
namespace {

namespace json = boost::json;

// Another version of a plugin is started, compared and probed before it is taken over.
constexpr std::chrono::minutes kLongest{5};

std::string text_at(const json::value& value, const char* name) {
  const auto* object = value.if_object();
  const auto* found = object == nullptr ? nullptr : object->if_contains(name);
  return found == nullptr || !found->is_string() ? std::string()
                                                 : printable(std::string_view(found->get_string()));
}

json::array problems_of(const Answer& answer) {
  const auto* body = answer.body.if_object();
  const auto* error = body == nullptr ? nullptr : body->if_contains("error");
  const auto* problems =
      error == nullptr || !error->is_object() ? nullptr : error->get_object().if_contains("problems");
  return problems == nullptr || !problems->is_array() ? json::array() : problems->get_array();
}

ExitCode refused(Context& context, const Answer& answer) {
  const json::array problems = problems_of(answer);
  if (context.json) {
    context.out << json::serialize(json::object{
                       {"reloaded", false}, {"message", answer.message()}, {"problems", problems}})
                << '\n';
    return ExitCode::refused;
  }
  for (const json::value& problem : problems) context.err << text_at(problem, "reason") << '\n';
  context.err << printable(answer.message()) << '\n';
  return ExitCode::refused;
}

}  // namespace

ExitCode reload(Context& context) {
  const Answer answer = Client(context.socket, kLongest).send("POST", "/v1/admin/reload", "{}");
  if (answer.code() == "RELOAD_REFUSED") return refused(context, answer);
  if (!answer.ok()) fail(answer);
  if (context.json) {
    context.out << json::serialize(answer.body) << '\n';
    return ExitCode::ok;
  }
  for (const json::value& part : answer.body.at("parts").as_array())
    context.out << text_at(part, "part") << ": " << text_at(part, "message") << '\n';
  return ExitCode::ok;
}

}  // namespace payoutd::ctl
