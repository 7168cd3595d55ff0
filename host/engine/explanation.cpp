#include "engine/explanation.hpp"

#include <boost/json.hpp>
#include <map>

#include "core/text.hpp"

namespace payoutd::engine {
namespace {

namespace json = boost::json;
using core::State;

std::string text_at(const json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::string seconds(std::int64_t ms) {
  if (ms < 60'000) return std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100) + " s";
  if (ms < 3'600'000)
    return std::to_string(ms / 60'000) + " min " + std::to_string(ms % 60'000 / 1000) + " s";
  return std::to_string(ms / 3'600'000) + " h " + std::to_string(ms % 3'600'000 / 60'000) + " min";
}

std::string owed(const store::Payout& p) {
  return p.money.amount.to_string() + " " + p.money.currency + " to " + core::shorten_account(p.destination);
}

std::string with_code(std::string sentence, const json::object& data) {
  const std::string code = text_at(data, "code");
  const std::string message = text_at(data, "message");
  if (!code.empty()) sentence += " Code: " + code + ".";
  if (!message.empty() && message != code) sentence += " \"" + message + "\"";
  return sentence;
}

// What each kind of event means, in a sentence that needs no other to be understood.
const std::map<std::string, std::string, std::less<>>& sentences() {
  static const std::map<std::string, std::string, std::less<>> all{
      {"admitted", "The payout was admitted: key and payload are stored, nothing was sent."},
      {"journaled", "The attempt was journaled: reference and artefact were committed before any byte left."},
      {"submit_confirmed", "The provider answered the submit: paid."},
      {"submit_accepted", "The provider accepted the request; it is not final yet."},
      {"submit_refused", "The provider refused the request for good."},
      {"submit_refused_for_now", "The provider refused the request for now; this reference is used up."},
      {"submit_not_accepted",
       "Nothing was accepted by the provider: the reference is unspent, the same one is used again."},
      {"submit_duplicate",
       "The provider says that a request under this reference arrived before: it is asked what became of "
       "it."},
      {"submit_unknown",
       "The submit ended without an answer that settles anything. It may have arrived, so it is not sent "
       "again; the provider is asked."},
      {"query_confirmed", "Asked, the provider says: paid."},
      {"query_pending", "Asked, the provider says: known, not final yet."},
      {"query_refused", "Asked, the provider says: not paid, and it never will be."},
      {"query_refused_for_now",
       "Asked, the provider says: not paid under this reference; a later try needs a new one."},
      {"query_reversed", "Asked, the provider says: it was paid and came back."},
      {"query_absent", "Asked, the provider does not know the payment."},
      {"query_cannot_tell", "Asked, the provider gave no usable answer."},
      {"query_mismatch", "Asked, the provider knows a payment under our reference that is not what is owed."},
      {"prepare_failed", "Preparing the payment failed; nothing was sent."},
      {"prepare_impossible", "This payment can never be made through this provider; nothing was sent."},
      {"reference_spent", "The reference turned out to be used up; the next one is taken. Nothing was sent."},
      {"recovered", "The host that worked on it was gone; another one took the payout over."},
      {"contradiction", "The provider's news contradicts what was recorded; nothing more is submitted."},
      {"simulated", "Dry run: prepared, and not sent."},
      {"held", "It is held before anything was sent."},
      {"denied", "A rule denied it; nothing was sent."},
      {"flagged", "A rule flagged it, which stops nothing."},
      {"operator_cancel", "An operator cancelled it; nothing was sent."},
      {"operator_hold", "An operator holds it."},
      {"operator_release", "An operator released it."},
      {"operator_retry", "An operator wanted it done now instead of at its time."},
      {"approval", "Somebody approved it."},
      {"operator_approve", "With that it has all the approval that it needs."},
      {"operator_reject", "Somebody rejected it; nothing was sent."},
      {"operator_paid", "An operator found that it was paid."},
      {"operator_not_paid", "An operator found that it was not paid, and released it to be paid again."},
      {"operator_ask_again", "An operator had the provider asked again."},
  };
  return all;
}

// Kinds whose sentence says what was seen, while what follows from it depends on what was known before.
bool depends_on_standing(std::string_view kind) {
  return kind == "query_absent" || kind == "query_cannot_tell" || kind == "contradiction" ||
         kind == "recovered" || kind.starts_with("submit_refused");
}

json::object timeline_entry(const store::Event& event) {
  const json::value parsed = json::parse(event.data);
  const json::object data = parsed.is_object() ? parsed.get_object() : json::object{};
  const auto known = sentences().find(event.kind);
  json::object entry;
  entry["at"] = event.at;
  entry["by"] = event.actor;
  entry["event"] = event.kind;
  if (!event.from_state.empty()) entry["from"] = event.from_state;
  if (!event.to_state.empty()) entry["to"] = event.to_state;
  std::string what = with_code(known != sentences().end() ? known->second : event.kind, data);
  if (known == sentences().end() || depends_on_standing(event.kind)) {
    if (const std::string text = text_at(data, "text"); !text.empty()) what += " " + text;
  }
  if (event.kind == "held" || event.kind == "denied" || event.kind == "flagged") {
    if (const std::string rule = text_at(data, "rule"); !rule.empty()) what += " Rule " + rule + ":";
    if (const std::string text = text_at(data, "text"); !text.empty()) what += " " + text;
  }
  if (const std::string note = text_at(data, "note"); !note.empty()) what += " Note: " + note;
  entry["what"] = what;
  if (!event.attempt_id.empty()) entry["attempt"] = event.attempt_id;
  if (!event.host.empty()) entry["host"] = event.host;
  entry["data"] = data;
  return entry;
}

json::array evidence(const Dossier& dossier) {
  json::array out;
  for (const store::Attempt& a : dossier.attempts) {
    std::string line = "Attempt " + std::to_string(a.n) + ": reference " + a.reference + " at " + a.provider +
                       ", journaled " + a.journaled_at + ", nothing could be sent after " +
                       a.submit_deadline + ".";
    if (a.acceptance_sign) line += " The provider showed that it has it.";
    if (!a.provider_ref.empty()) line += " Its name there: " + a.provider_ref + ".";
    const bool paid = a.outcome.ends_with("_confirmed");  // then an earlier answer's code is beside the point
    if (!a.outcome.empty())
      line += " Last word: " + a.outcome + (a.code.empty() || paid ? "" : " (" + a.code + ")") + ".";
    if (!paid && !a.message.empty() && a.message != a.code) line += " \"" + a.message + "\"";
    line += a.live ? " It is the live attempt." : " It is closed.";
    out.emplace_back(line);
  }
  if (dossier.attempts.empty())
    out.emplace_back("No attempt was ever journaled: no byte of a payment left for this payout.");
  return out;
}

struct Outlook {
  std::string headline;
  std::string next;
  std::string who;
  std::vector<std::string> commands;
};

/// The weightiest thing that a payout waits for, or that decides what becomes of it.
const Obstacle* obstacle(const Dossier& dossier) {
  return dossier.obstacles.empty() || !dossier.payout.lease.empty() ? nullptr : &dossier.obstacles.front();
}

Outlook behind(const Dossier& dossier, const Obstacle& first, const std::string& what) {
  const store::Payout& p = dossier.payout;
  Outlook view;
  view.headline = what + " is waiting to be submitted. " + first.text;
  view.next = first.blocks
                  ? "Nothing is submitted while that is so. Then a host claims it, screens, prepares, "
                    "journals and submits it."
                  : "A host claims it when its turn comes.";
  view.who = first.blocks ? "An operator must lift what stands in the way, or it ends by itself."
                          : "Nobody has to act. An operator may cancel or hold it.";
  for (const Obstacle& one : dossier.obstacles)
    if (!one.command.empty()) view.commands.push_back(one.command);
  view.commands.insert(view.commands.end(), {"payoutctl cancel " + p.id, "payoutctl hold " + p.id});
  return view;
}

/// What is said of a SENT or UNKNOWN payout, with what lies in the way of asking about it.
Outlook unasked(const Dossier& dossier, Outlook view) {
  const Obstacle* first = obstacle(dossier);
  if (first == nullptr) return view;
  view.headline += " " + first->text;
  if (first->blocks) {
    view.next = "Nobody asks the provider while that is so.";
    view.who = "An operator must lift what stands in the way, or it ends by itself.";
    view.commands.clear();
  }
  for (const Obstacle& one : dossier.obstacles)
    if (!one.command.empty()) view.commands.push_back(one.command);
  return view;
}

Outlook outlook(const Dossier& dossier) {
  const store::Payout& p = dossier.payout;
  const std::string what = owed(p) + " through " + p.provider;
  const std::string due = p.next_action_at.empty() ? std::string("at no set time") : "at " + p.next_action_at;
  const std::string why = p.reason_text.empty() ? p.reason : p.reason_text;
  const std::string since = seconds(p.in_state_ms);
  switch (p.state) {
    case State::pending:
      if (const Obstacle* first = obstacle(dossier)) return behind(dossier, *first, what);
      return {what + " is waiting to be submitted." + (why.empty() ? "" : " " + why),
              !p.lease.empty() ? "A host is working on it now."
                               : "A host claims it " + due + ", screens, prepares, journals and submits it.",
              "Nobody has to act. An operator may cancel or hold it.",
              {"payoutctl cancel " + p.id, "payoutctl hold " + p.id}};
    case State::held:
      if (p.reason == "operator") {
        return {what + " is held: " + why,
                "Nothing happens until it is released; then the rules judge it.",
                "An operator must release or cancel it.",
                {"payoutctl release " + p.id, "payoutctl cancel " + p.id}};
      }
      return {what + " is held: " + why,
              "Nothing happens until somebody decides. Approved, it is paid whatever the rules say; "
              "released, they judge it "
              "again.",
              p.reason == "needs_approval" ? "Two different people must approve it, or one rejects it."
                                           : "An operator must approve or reject it.",
              {"payoutctl approve " + p.id, "payoutctl reject " + p.id, "payoutctl decisions " + p.id}};
    case State::submitting:
      return {what + " is being submitted; the provider may be hearing of it now.",
              "Its answer is recorded. If none comes, the payout becomes UNKNOWN and the provider is asked.",
              "Nobody has to act. It cannot be cancelled any more.",
              {}};
    case State::sent:
      return unasked(dossier,
                     {what + " was accepted by the provider and is not final yet (since " + since + ").",
                      "The provider is asked again " + due + ", or as soon as it calls back.",
                      "Nobody has to act. An operator may have it asked now.",
                      {"payoutctl review " + p.id + " --ask-again"}});
    case State::unknown:
      return unasked(dossier, {what + " may or may not have been paid (unknown since " + since +
                                   "). It is not sent again on hope. " + why,
                               "The provider is asked again " + due + ".",
                               "Nobody has to act yet. An operator may have it asked now.",
                               {"payoutctl review " + p.id + " --ask-again"}});
    case State::review:
      return {what + " needs a human: " + why,
              "Nothing happens until somebody decides.",
              "An operator must find out at the provider whether it was paid, and say so.",
              {"payoutctl review " + p.id + " --paid --note '…'",
               "payoutctl review " + p.id + " --not-paid --note '…'",
               "payoutctl review " + p.id + " --ask-again"}};
    case State::confirmed:
      return {what + " was paid, once.",
              p.next_action_at.empty()
                  ? "Nothing more happens."
                  : "It is watched for a reversal; the provider is asked again " + due + ".",
              "Nobody has to act.",
              {}};
    case State::failed:
      return {
          what + " was not paid" +
              (why.empty() ? "."
                           : ": " + why + (p.reason.empty() || p.reason == why ? "" : " (" + p.reason + ")")),
          "Nothing more happens. To pay it after all, post it under a new key.",
          "Nobody has to act.",
          {}};
    case State::cancelled:
      return {what + " was cancelled before anything was sent.",
              "Nothing more happens.",
              "Nobody has to act.",
              {}};
    case State::reversed:
      return {what + " was paid and came back.",
              "Nothing more happens. To pay it again, post it under a new key.",
              "Whoever owes it must decide what to do.",
              {}};
    case State::simulated:
      return {what + " was only simulated: a dry run. No money was involved.",
              "Nothing more happens. To pay it, post it under a new key without dry run.",
              "Nobody has to act.",
              {}};
  }
  return {};
}

}  // namespace

json::object explain(const Dossier& dossier) {
  const store::Payout& p = dossier.payout;
  const Outlook view = outlook(dossier);
  json::array timeline;
  for (const store::Event& event : dossier.events) timeline.push_back(timeline_entry(event));
  json::array commands;
  for (const std::string& command : view.commands) commands.emplace_back(command);
  json::object out;
  out["headline"] = std::string(core::to_string(p.state)) + ": " + view.headline;
  out["payout"] = json::object{{"id", p.id},
                               {"state", core::to_string(p.state)},
                               {"provider", p.provider},
                               {"amount", p.money.amount.to_string()},
                               {"currency", p.money.currency},
                               {"destination", core::shorten_account(p.destination)},
                               {"idempotency_key", p.idempotency_key},
                               {"flow_id", p.flow_id},
                               {"attempts", p.attempt_count},
                               {"created_at", p.created_at},
                               {"finished_at", p.finished_at}};
  out["timeline"] = std::move(timeline);
  out["evidence"] = evidence(dossier);
  json::array waits_for;
  for (const Obstacle& one : dossier.obstacles)
    waits_for.push_back(json::object{{"kind", one.kind}, {"text", one.text}});
  out["waits_for"] = std::move(waits_for);
  out["next"] = view.next;
  out["who_may_act"] = view.who;
  out["commands"] = std::move(commands);
  return out;
}

}  // namespace payoutd::engine
