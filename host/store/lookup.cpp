#include "store/lookup.hpp"

#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

Event read_event(const pqxx::row& row) {
  Event event;
  event.id = std::stoll(text_of(row, 0));
  event.at = text_of(row, 1);
  event.kind = text_of(row, 2);
  event.from_state = text_of(row, 3);
  event.to_state = text_of(row, 4);
  event.actor = text_of(row, 5);
  event.host = text_of(row, 6);
  event.attempt_id = text_of(row, 7);
  event.data = text_of(row, 8);
  return event;
}

// A cursor is the sort key of the last row: "created_at,id", with microseconds.
struct Cursor {
  std::string created_at;
  std::string id;
};

Cursor parse_cursor(const std::string& text) {
  const auto comma = text.find(',');
  if (comma == std::string::npos || text.size() - comma - 1 != 36) {
    throw std::invalid_argument("cursor: is not one that this host gave out");
  }
  return {text.substr(0, comma), text.substr(comma + 1)};
}

}  // namespace

std::optional<Payout> find_payout(pqxx::transaction_base& work, const std::string& id) {
  static const std::string sql =
      "select " + payout_columns("p") + ", p.archived from app.all_payouts p where p.id = $1::uuid limit 1";
  const auto rows = work.exec_params(sql, id);
  if (rows.empty()) return std::nullopt;
  int column = 0;
  Payout payout = read_payout(rows[0], column);
  payout.archived = text_of(rows[0], column) == "t";
  return payout;
}

std::vector<Attempt> attempts_of(pqxx::transaction_base& work, const std::string& payout_id) {
  static const std::string sql = "select " + attempt_columns("a") +
                                 " from app.attempts a where a.payout_id = $1::uuid union all select " +
                                 attempt_columns("h") +
                                 " from app.attempts_history h where h.payout_id = $1::uuid order by 3";
  std::vector<Attempt> attempts;
  for (const auto& row : work.exec_params(sql, payout_id)) {
    int column = 0;
    attempts.push_back(*read_attempt(row, column));
  }
  return attempts;
}

std::vector<Event> events_of(pqxx::transaction_base& work, const std::string& payout_id) {
  static const std::string sql = "select e.id, " + utc("e.at") +
                                 ", e.kind, e.from_state, e.to_state, e.actor, e.host, e.attempt_id, e.data"
                                 " from app.events e where e.payout_id = $1::uuid order by e.at, e.id";
  std::vector<Event> events;
  for (const auto& row : work.exec_params(sql, payout_id)) events.push_back(read_event(row));
  return events;
}

Page list_payouts(pqxx::transaction_base& work, const ListFilter& filter) {
  std::vector<std::string> arguments;
  std::string where = " where true";
  const auto add = [&](const std::string& condition, const std::string& value) {
    if (value.empty()) return;
    arguments.push_back(value);
    where += " and " + condition + "$" + std::to_string(arguments.size());
  };
  add("p.client_id = ", filter.client_id);
  add("p.state::text = ", filter.state);
  add("p.provider = ", filter.provider);
  add("p.batch = ", filter.batch);
  add("p.user_ref = ", filter.user_ref);
  add("p.destination = ", filter.destination);
  add("p.idempotency_key = ", filter.idempotency_key);
  add("p.reason = ", filter.reason);
  if (!filter.created_after.empty()) {
    arguments.push_back(filter.created_after);
    where += " and p.created_at > $" + std::to_string(arguments.size()) + "::timestamptz";
  }
  if (!filter.created_before.empty()) {
    arguments.push_back(filter.created_before);
    where += " and p.created_at < $" + std::to_string(arguments.size()) + "::timestamptz";
  }
  if (!filter.cursor.empty()) {
    const Cursor cursor = parse_cursor(filter.cursor);
    arguments.push_back(cursor.created_at);
    arguments.push_back(cursor.id);
    where += " and (p.created_at, p.id) < ($" + std::to_string(arguments.size() - 1) + "::timestamptz, $" +
             std::to_string(arguments.size()) + "::uuid)";
  }
  const std::string sql = "select " + payout_columns("p") +
                          ", p.archived, to_char(p.created_at at time zone 'utc',"
                          " 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') from app.all_payouts p" +
                          where + " order by p.created_at desc, p.id desc limit " +
                          std::to_string(filter.limit + 1);
  const auto rows = work.exec_params(sql, pqxx::prepare::make_dynamic_params(arguments));
  Page page;
  std::string last;
  for (const auto& row : rows) {
    if (static_cast<int>(page.payouts.size()) == filter.limit) {
      page.next = last;
      break;
    }
    int column = 0;
    Payout payout = read_payout(row, column);
    payout.archived = text_of(row, column++) == "t";
    last = text_of(row, column) + "," + payout.id;
    page.payouts.push_back(std::move(payout));
  }
  return page;
}

std::vector<Tally> tally(pqxx::transaction_base& work, const TallyFilter& filter) {
  // Of a batch all payouts, finished ones in history included; without a batch those in the live table, whose
  // number stays small.
  const std::string live =
      filter.through_views ? "(select * from app.all_payouts where not archived) p" : "app.payouts";
  const std::string table = filter.batch.empty() ? live : "app.all_payouts";
  const std::string sql =
      "select provider, state, coalesce(reason, ''), count(*), sum(amount)::text, currency,"
      " coalesce((extract(epoch from now() - min(updated_at)) * 1000)::bigint, 0),"
      " coalesce((avg(extract(epoch from finished_at - created_at)) * 1000)::bigint, 0),"
      " coalesce((max(extract(epoch from finished_at - created_at)) * 1000)::bigint, 0)"
      " from " +
      table +
      " where ($1 = '' or batch = $1) and ($2 = '' or provider = $2)"
      " group by provider, state, coalesce(reason, ''), currency order by 1, 2, 3, 6";
  std::vector<Tally> tallies;
  for (const auto& row : work.exec_params(sql, filter.batch, filter.provider)) {
    Tally one;
    one.provider = text_of(row, 0);
    one.state = text_of(row, 1);
    one.reason = text_of(row, 2);
    one.count = std::stoll(text_of(row, 3));
    one.sum = text_of(row, 4);
    if (one.sum.find('.') != std::string::npos) {
      while (one.sum.back() == '0') one.sum.pop_back();
      if (one.sum.back() == '.') one.sum.pop_back();
    }
    one.currency = text_of(row, 5);
    one.oldest_ms = std::stoll(text_of(row, 6));
    one.mean_ms = std::stoll(text_of(row, 7));
    one.slowest_ms = std::stoll(text_of(row, 8));
    tallies.push_back(std::move(one));
  }
  return tallies;
}

std::vector<FinishRate> finish_rates(pqxx::transaction_base& work) {
  std::vector<FinishRate> rates;
  for (const auto& row :
       work.exec("select provider, count(*) from app.payouts"
                 " where finished_at > now() - interval '5 minutes' group by provider order by 1"))
    rates.push_back({text_of(row, 0), std::stoll(text_of(row, 1))});
  return rates;
}

std::int64_t count_under_way(pqxx::transaction_base& work, const std::string& provider, std::int64_t most) {
  // Whoever is under way is either due at some time or leased, and for both there is an index.
  const pqxx::row row = work.exec_params1(
      "select count(*) from (select 1 from app.payouts where provider = $1"
      "  and state in ('PENDING', 'SUBMITTING', 'SENT', 'UNKNOWN') and lease is null and next_action_at is "
      "not null"
      " union all select 1 from app.payouts where provider = $1"
      "  and state in ('PENDING', 'SUBMITTING', 'SENT', 'UNKNOWN') and lease is not null limit $2) n",
      provider, most);
  return std::stoll(text_of(row, 0));
}

std::int64_t count_due_before(pqxx::transaction_base& work, const std::string& payout_id) {
  const auto rows = work.exec_params(
      "select count(*) from (select 1 from app.payouts p, (select provider, next_action_at from app.payouts"
      "  where id = $1::uuid) own where p.provider = own.provider and p.state = 'PENDING' and p.lease is null"
      "  and p.next_action_at < own.next_action_at limit 100000) n",
      payout_id);
  return std::stoll(text_of(rows[0], 0));
}

std::vector<int> live_artefact_formats(pqxx::transaction_base& work, const std::string& provider) {
  std::vector<int> formats;
  for (const auto& row : work.exec_params(
           "select distinct artefact_format from app.attempts where provider = $1 and live order by 1",
           provider)) {
    formats.push_back(std::stoi(text_of(row, 0)));
  }
  return formats;
}

}  // namespace payoutd::store
