#include "store/decisions.hpp"

#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

// $1 payout, $2 kind, $3 seconds, $4 shadow
constexpr const char* kWhere =
    " where ($1 = '' or payout_id = nullif($1, '')::uuid) and ($2 = '' or kind = $2)"
    " and ($3::bigint = 0 or at > now() - $3::bigint * interval '1 second') and shadow = $4::boolean";

}  // namespace

std::vector<DecisionRow> decisions(pqxx::transaction_base& work, const DecisionFilter& filter) {
  static const std::string sql =
      "select id, " + utc("at") +
      ", payout_id, kind, bundle, verdict, rule, reason, inputs, results, cost_ns, shadow"
      " from app.decisions" +
      kWhere + " and id > $5 order by id limit $6";
  std::vector<DecisionRow> rows;
  for (const auto& r : work.exec_params(sql, filter.payout_id, filter.kind, filter.since_s, filter.shadow,
                                        filter.after_id, filter.limit)) {
    DecisionRow one;
    one.id = std::stoll(text_of(r, 0));
    one.at = text_of(r, 1);
    one.payout_id = text_of(r, 2);
    one.kind = text_of(r, 3);
    one.bundle = text_of(r, 4);
    one.verdict = text_of(r, 5);
    one.rule = text_of(r, 6);
    one.reason = text_of(r, 7);
    one.inputs = text_of(r, 8);
    one.results = text_of(r, 9);
    one.cost_ns = std::stoll(text_of(r, 10));
    one.shadow = text_of(r, 11) == "t";
    rows.push_back(std::move(one));
  }
  return rows;
}

std::int64_t count_decisions(pqxx::transaction_base& work, const DecisionFilter& filter) {
  static const std::string sql = std::string("select count(*) from app.decisions") + kWhere;
  return std::stoll(
      text_of(work.exec_params1(sql, filter.payout_id, filter.kind, filter.since_s, filter.shadow), 0));
}

}  // namespace payoutd::store
