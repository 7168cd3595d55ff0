#include "store/seeds.hpp"

#include "store/column.hpp"
#include "store/row_reader.hpp"

namespace payoutd::store {

SeededAdmin seed_admin(pqxx::transaction_base& work, const SeededAdmin& admin) {
  Column roles;
  for (const std::string& role : admin.roles) roles.add(role);
  const auto inserted = work.exec_params(
      "insert into app.seeded_admins (subject, roles, environment, seeded_by) values ($1, $2::text[], $3, $4)"
      " on conflict do nothing",
      admin.subject, roles.take(), admin.environment, admin.seeded_by);
  const pqxx::row row = work.exec_params1("select array_to_string(roles, ' '), environment, seeded_by, " +
                                              utc("seeded_at") + " from app.seeded_admins where subject = $1",
                                          admin.subject);
  SeededAdmin stands;
  stands.subject = admin.subject;
  std::string word;
  for (const char c : text_of(row, 0) + " ") {
    if (c != ' ') {
      word += c;
    } else if (!word.empty()) {
      stands.roles.push_back(std::exchange(word, {}));
    }
  }
  stands.environment = text_of(row, 1);
  stands.seeded_by = text_of(row, 2);
  stands.seeded_at = text_of(row, 3);
  stands.created = inserted.affected_rows() > 0;
  return stands;
}

}  // namespace payoutd::store
