#include "store/drains.hpp"

#include "store/row_reader.hpp"

namespace payoutd::store {

bool set_drained(pqxx::transaction_base& work, const std::string& host, bool drained,
                 const std::string& actor, const std::string& note) {
  if (drained) {
    return work.exec_params(
                   "insert into app.drained_hosts (host, drained_by, note) values ($1, $2, nullif($3, ''))"
                   " on conflict do nothing",
                   host, actor, note)
               .affected_rows() > 0;
  }
  // Whoever resumes all hosts means all of them.
  return work.exec_params("delete from app.drained_hosts where host = $1 or $1 = '*'", host).affected_rows() >
         0;
}

std::vector<DrainRow> drains(pqxx::transaction_base& work) {
  std::vector<DrainRow> rows;
  for (const auto& r : work.exec("select host, note, drained_by, " + utc("drained_at") +
                                 " from app.drained_hosts order by host"))
    rows.push_back({text_of(r, 0), text_of(r, 1), text_of(r, 2), text_of(r, 3)});
  return rows;
}

}  // namespace payoutd::store
