#include "store/flags.hpp"

#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

const std::string& columns() {
  static const std::string sql = " id, user_ref, rule, reason, text, count, first_payout, last_payout, " +
                                 utc("first_at") + ", " + utc("last_at") + ", note, noted_by, " +
                                 utc("cleared_at") + ", cleared_by";
  return sql;
}

FlagRow read_flag(const pqxx::row& r) {
  FlagRow one;
  one.id = std::stoll(text_of(r, 0));
  one.user = text_of(r, 1);
  one.rule = text_of(r, 2);
  one.reason = text_of(r, 3);
  one.text = text_of(r, 4);
  one.count = std::stoll(text_of(r, 5));
  one.first_payout = text_of(r, 6);
  one.last_payout = text_of(r, 7);
  one.first_at = text_of(r, 8);
  one.last_at = text_of(r, 9);
  one.note = text_of(r, 10);
  one.noted_by = text_of(r, 11);
  one.cleared_at = text_of(r, 12);
  one.cleared_by = text_of(r, 13);
  return one;
}

}  // namespace

std::vector<FlagRow> flags(pqxx::transaction_base& work, const FlagFilter& filter) {
  std::vector<FlagRow> rows;
  for (const auto& row :
       work.exec_params("select" + columns() +
                            " from app.flags where ($1 = '' or user_ref = $1)"
                            " and ($2 = '' or rule = $2) and (not $3::boolean or cleared_at is null)"
                            " order by last_at desc, id desc limit $4",
                        filter.user, filter.rule, filter.open, filter.limit))
    rows.push_back(read_flag(row));
  return rows;
}

std::optional<FlagRow> change_flag(pqxx::transaction_base& work, std::int64_t id, bool clear,
                                   const std::string& actor, const std::string& note) {
  const auto rows = work.exec_params(
      "update app.flags set note = coalesce(nullif($4, ''), note),"
      " noted_by = case when $4 <> '' then $3 else noted_by end,"
      " cleared_at = case when $2::boolean then now() end, cleared_by = case when $2::boolean then $3 end"
      " where id = $1 and cleared_at is null returning" +
          columns(),
      id, clear, actor, note);
  if (rows.empty()) return std::nullopt;
  return read_flag(rows[0]);
}

std::vector<HaltRow> halts(pqxx::transaction_base& work) {
  std::vector<HaltRow> rows;
  for (const auto& r :
       work.exec("select provider, currency, span, trim_scale(allowed), trim_scale(reached), " + utc("at") +
                 " from app.outflow_halts where lifted_at is null order by at"))
    rows.push_back(
        {text_of(r, 0), text_of(r, 1), text_of(r, 2), text_of(r, 3), text_of(r, 4), text_of(r, 5)});
  return rows;
}

bool lift_halt(pqxx::transaction_base& work, const std::string& provider, const std::string& currency,
               const std::string& actor, const std::string& note) {
  return work.exec_params(
                 "update app.outflow_halts set lifted_at = clock_timestamp(), lifted_by = $3,"
                 " note = nullif($4, '') where provider = $1 and currency = $2 and lifted_at is null",
                 provider, currency, actor, note)
             .affected_rows() > 0;
}

}  // namespace payoutd::store
