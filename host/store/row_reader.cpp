#include "store/row_reader.hpp"

#include "core/assert.hpp"

namespace payoutd::store {
namespace {

std::string millis_since(const std::string& expression) {
  return "(extract(epoch from clock_timestamp() - " + expression + ") * 1000)::bigint";
}

std::string shown(const std::string& expression, Times times) {
  return times == Times::printed ? utc(expression) : "null";
}

}  // namespace

std::string utc(const std::string& expression) {
  return "to_char(" + expression + " at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')";
}

std::string payout_columns(const std::string& alias, Times times) {
  const std::string p = alias + ".";
  return p + "id, " + p + "client_id, " + p + "idempotency_key, " + p + "provider, " + p + "state, " + p +
         "reason, " + p + "reason_text, " + p + "version, " + p + "amount, " + p + "currency, " + p +
         "destination, " + p + "user_ref, " + p + "region, " + p + "note, " + p + "metadata, " + p +
         "batch, " + p + "flow_id, " + p + "attempt_count, " + p + "reference_n, " + p + "query_count, " + p +
         "refusal_count, " + p + "defer_count, " + p + "verify_first, " + p + "lane, " + p +
         "provider_ref, " + shown(p + "next_action_at", times) + ", " + p + "lease, " +
         shown(p + "created_at", times) + ", " + shown(p + "updated_at", times) + ", " +
         shown(p + "finished_at", times) + ", " + millis_since(p + "created_at") + ", " +
         millis_since(p + "updated_at");
}

std::string attempt_columns(const std::string& alias, Times times) {
  const std::string a = alias + ".";
  return a + "id, " + a + "payout_id, " + a + "n, " + a + "provider, " + a + "contract_id, " + a +
         "plugin_version, " + a + "reference, " + a + "reference_n, " + a + "lane, " + a + "artefact, " + a +
         "artefact_format, " + a + "lookup, " + a + "host, " + a + "live, " + a + "outcome, " + a + "code, " +
         a + "message, " + a + "provider_ref, " + a + "acceptance_sign, " + a + "absent_count, " + a +
         "repeats, coalesce(" + a + "valid_until <= now(), false), " + shown(a + "valid_until", times) +
         ", " + shown(a + "journaled_at", times) + ", " + shown(a + "submit_deadline", times) + ", " +
         shown(a + "answer_deadline", times) + ", " + shown(a + "closed_at", times) + ", " +
         millis_since(a + "answer_deadline") + ", " + millis_since(a + "reference_first_at");
}

std::string attempt_row() {
  return "id, payout_id, n, provider, contract_id, plugin_version, reference, reference_n, lane, artefact,"
         " artefact_format, lookup, host, live, outcome, code, message, provider_ref, acceptance_sign, "
         "absent_count, repeats, valid_until,"
         " journaled_at, reference_first_at, submit_deadline, answer_deadline, closed_at";
}

std::string text_of(const pqxx::row& row, int column) {
  const auto field = row[static_cast<pqxx::row::size_type>(column)];
  return field.is_null() ? std::string() : std::string(field.c_str(), field.size());
}

std::string from_bytea(const std::string& text) {
  PAYOUTD_ASSERT(text.size() >= 2 && text[0] == '\\' && text[1] == 'x', "bytea is sent in hex");
  const auto nibble = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 2; i + 1 < text.size(); i += 2) {
    out += static_cast<char>(nibble(text[i]) * 16 + nibble(text[i + 1]));
  }
  return out;
}

Payout read_payout(const pqxx::row& row, int& first) {
  int& c = first;
  Payout p;
  p.id = text_of(row, c++);
  p.client_id = text_of(row, c++);
  p.idempotency_key = text_of(row, c++);
  p.provider = text_of(row, c++);
  const auto state = core::parse_state(text_of(row, c++));
  PAYOUTD_ASSERT(state.has_value(), "the database has only states that this version knows");
  p.state = *state;
  p.reason = text_of(row, c++);
  p.reason_text = text_of(row, c++);
  p.version = std::stoll(text_of(row, c++));
  p.money.amount = Amount::parse(text_of(row, c++)).value();
  p.money.currency = text_of(row, c++);
  p.destination = text_of(row, c++);
  p.user_ref = text_of(row, c++);
  p.region = text_of(row, c++);
  p.note = text_of(row, c++);
  p.metadata = text_of(row, c++);
  p.batch = text_of(row, c++);
  p.flow_id = text_of(row, c++);
  p.attempt_count = std::stoi(text_of(row, c++));
  p.reference_n = std::stoi(text_of(row, c++));
  p.query_count = std::stoi(text_of(row, c++));
  p.refusal_count = std::stoi(text_of(row, c++));
  p.defer_count = std::stoi(text_of(row, c++));
  p.verify_first = text_of(row, c++) == "t";
  p.lane = text_of(row, c++);
  p.provider_ref = text_of(row, c++);
  p.next_action_at = text_of(row, c++);
  p.lease = text_of(row, c++);
  p.created_at = text_of(row, c++);
  p.updated_at = text_of(row, c++);
  p.finished_at = text_of(row, c++);
  p.age_ms = std::stoll(text_of(row, c++));
  p.in_state_ms = std::stoll(text_of(row, c++));
  return p;
}

std::optional<Attempt> read_attempt(const pqxx::row& row, int& first) {
  constexpr int kColumns = 29;
  int c = first;
  first += kColumns;
  if (row[static_cast<pqxx::row::size_type>(c)].is_null()) return std::nullopt;
  Attempt a;
  a.id = text_of(row, c++);
  a.payout_id = text_of(row, c++);
  a.n = std::stoi(text_of(row, c++));
  a.provider = text_of(row, c++);
  a.contract_id = text_of(row, c++);
  a.plugin_version = text_of(row, c++);
  a.reference = text_of(row, c++);
  a.reference_n = std::stoi(text_of(row, c++));
  a.lane = text_of(row, c++);
  a.artefact = from_bytea(text_of(row, c++));
  a.artefact_format = std::stoi(text_of(row, c++));
  a.lookup = text_of(row, c++);
  a.host = text_of(row, c++);
  a.live = text_of(row, c++) == "t";
  a.outcome = text_of(row, c++);
  a.code = text_of(row, c++);
  a.message = text_of(row, c++);
  a.provider_ref = text_of(row, c++);
  a.acceptance_sign = text_of(row, c++) == "t";
  a.absent_count = std::stoi(text_of(row, c++));
  a.repeats = text_of(row, c++) == "t";
  a.expired = text_of(row, c++) == "t";
  a.valid_until = text_of(row, c++);
  a.journaled_at = text_of(row, c++);
  a.submit_deadline = text_of(row, c++);
  a.answer_deadline = text_of(row, c++);
  a.closed_at = text_of(row, c++);
  a.since_answer_deadline_ms = std::stoll(text_of(row, c++));
  a.since_first_submit_ms = std::stoll(text_of(row, c++));
  PAYOUTD_ASSERT(c == first, "the reader and the select list agree");
  return a;
}

}  // namespace payoutd::store
