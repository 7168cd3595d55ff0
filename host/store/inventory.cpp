#include "store/inventory.hpp"

#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

struct Rule {
  const char* name;
  const char* meaning;
  const char* violators;  // SQL that selects an id for each violation
};

constexpr Rule kRules[] = {
    {"one_live_attempt", "No payout has two attempts that may still pay.",
     "select payout_id from (select payout_id, live from app.attempts union all select payout_id, live from"
     " app.attempts_history) a where live group by payout_id having count(*) > 1"},
    {"attempts_counted",
     "A payout's counter is the number of its attempts, and they are numbered without gaps.",
     "select p.id from app.all_payouts p left join (select payout_id, count(*) as count, max(n) as last from"
     " (select payout_id, n from app.attempts union all select payout_id, n from app.attempts_history) a "
     "group by 1) a"
     " on a.payout_id = p.id where p.attempt_count <> coalesce(a.count, 0) or p.attempt_count <> "
     "coalesce(a.last, 0)"},
    {"attempts_have_payouts", "Every attempt belongs to a payout that stands beside it.",
     "select payout_id from app.attempts a where not exists (select 1 from app.payouts p where p.id = "
     "a.payout_id)"
     " union all select payout_id from app.attempts_history a where not exists (select 1 from "
     "app.payouts_history p"
     " where p.id = a.payout_id)"},
    {"nowhere_twice", "No payout stands among the live ones and in history.",
     "select id from app.payouts join app.payouts_history using (id)"},
    {"keys_agree", "Every payout has its idempotency key, and the key names it.",
     "select p.id from app.all_payouts p left join app.idempotency_keys k on k.client_id = p.client_id and"
     " k.key = p.idempotency_key where k.payout_id is distinct from p.id"},
    {"keys_have_payouts", "Every key that was not pruned has its payout.",
     "select k.payout_id from app.idempotency_keys k where k.pruned_at is null and not exists (select 1 from"
     " app.payouts p where p.id = k.payout_id) and not exists (select 1 from app.payouts_history p where"
     " p.id = k.payout_id)"},
    {"amounts_as_asked", "What is owed is what the client asked for.",
     "select p.id from app.all_payouts p join app.idempotency_keys k on k.payout_id = p.id and k.client_id ="
     " p.client_id and k.key = p.idempotency_key where k.pruned_at is null and "
     "((k.payload->>'amount')::numeric <>"
     " p.amount or k.payload->>'currency' <> p.currency)"},
    {"submits_journaled", "What is being submitted stands in the journal.",
     "select p.id from app.payouts p where p.state = 'SUBMITTING' and not exists (select 1 from app.attempts "
     "a"
     " where a.payout_id = p.id and a.live)"},
    {"confirmed_was_tried", "Nothing is confirmed that was never tried.",
     "select p.id from app.all_payouts p where p.state in ('CONFIRMED', 'REVERSED') and p.attempt_count = 0"},
    {"events_tell_states", "The last change of state that was recorded led to the state that stands.",
     "select p.id from app.all_payouts p where p.state is distinct from (select e.to_state from app.events e "
     "where"
     " e.payout_id = p.id and e.to_state is not null order by e.id desc limit 1)"},
    {"allowances_as_owed", "What rules counted for a payout is what is owed.",
     "select p.id from app.all_payouts p join app.allowances l on l.payout_id = p.id where l.amount <> "
     "p.amount or"
     " l.currency <> p.currency"},
};

constexpr const char* kTables[] = {"payouts",       "payouts_history", "attempts",       "attempts_history",
                                   "events",        "decisions",       "allowances",     "idempotency_keys",
                                   "webhook_inbox", "approvals",       "flags",          "contracts",
                                   "audit",         "lanes",           "script_bundles", "outflow_halts"};

}  // namespace

Inventory take_inventory(pqxx::transaction_base& work) {
  Inventory all;
  for (const auto& row :
       work.exec("select version, name, checksum from app.schema_migrations order by version")) {
    all.migrations.push_back({text_of(row, 0), text_of(row, 1), text_of(row, 2), {}, {}});
    all.revision = text_of(row, 0);
  }
  for (const auto& row :
       work.exec("select state::text, currency, count(*), sum(amount)::text from app.all_payouts"
                 " group by 1, 2 order by 1, 2"))
    all.stocks.push_back({text_of(row, 0), text_of(row, 1), std::stoll(text_of(row, 2)), text_of(row, 3)});
  for (const char* table : kTables)
    all.tables[table] = std::stoll(text_of(work.exec1(std::string("select count(*) from app.") + table), 0));
  all.audit_rows = all.tables["audit"];
  const auto marks = work.exec1(
      "select coalesce((select max(id) from app.events), 0), coalesce((select encode(hash, 'hex') from "
      "app.audit"
      " order by id desc limit 1), ''), (select system_identifier::text from pg_control_system()),"
      " (select timeline_id::text from pg_control_checkpoint())");
  all.last_event = std::stoll(text_of(marks, 0));
  all.audit_hash = text_of(marks, 1);
  all.system_identifier = text_of(marks, 2);
  all.timeline = text_of(marks, 3);
  return all;
}

std::vector<std::string> compare_inventories(const Inventory& written, const Inventory& found) {
  std::vector<std::string> differences;
  const auto expect = [&](const std::string& what, const std::string& wanted, const std::string& there) {
    if (wanted != there)
      differences.push_back(what + ": " + wanted + " were written down, " + there + " are there");
  };
  expect("migrations up to", written.revision, found.revision);
  expect("highest event id", std::to_string(written.last_event), std::to_string(found.last_event));
  expect("hash of the last audit row", written.audit_hash, found.audit_hash);
  for (const auto& [table, rows] : written.tables) {
    const auto there = found.tables.find(table);
    expect("rows of app." + table, std::to_string(rows),
           there == found.tables.end() ? "none" : std::to_string(there->second));
  }
  const auto as_map = [](const Inventory& one) {
    std::map<std::pair<std::string, std::string>, std::string> map;
    for (const auto& stock : one.stocks)
      map[{stock.state, stock.currency}] = std::to_string(stock.count) + " of " + stock.sum;
    return map;
  };
  const auto wanted = as_map(written);
  auto there = as_map(found);
  for (const auto& [key, text] : wanted) {
    expect("payouts " + key.first + " in " + key.second, text, there.contains(key) ? there.at(key) : "none");
    there.erase(key);
  }
  for (const auto& [key, text] : there) expect("payouts " + key.first + " in " + key.second, "none", text);
  return differences;
}

std::vector<InvariantCheck> check_invariants(pqxx::transaction_base& work) {
  std::vector<InvariantCheck> checks;
  for (const Rule& rule : kRules) {
    const auto row =
        work.exec1(std::string("select count(*), min(id::text) from (") + rule.violators + ") v(id)");
    checks.push_back({rule.name, rule.meaning, std::stoll(text_of(row, 0)), text_of(row, 1)});
  }
  return checks;
}

void record_maintenance(pqxx::transaction_base& work, const std::string& name, const std::string& by,
                        const std::string& detail_json) {
  work.exec_params(
      "insert into app.maintenance (name, by, detail) values ($1, $2, $3::jsonb) on conflict (name) do "
      "update set"
      " succeeded_at = now(), by = excluded.by, detail = excluded.detail",
      name, by, detail_json);
}

std::vector<Maintenance> maintenance(pqxx::transaction_base& work) {
  std::vector<Maintenance> all;
  for (const auto& row :
       work.exec("select name, extract(epoch from succeeded_at)::bigint from app.maintenance order by 1"))
    all.push_back({text_of(row, 0), std::stoll(text_of(row, 1))});
  return all;
}

}  // namespace payoutd::store
