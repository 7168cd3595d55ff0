#include "store/screening.hpp"

#include <algorithm>
#include <map>

#include "store/column.hpp"
#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

using policy::Feature;
using policy::Field;
using policy::Window;

constexpr int kLockClass = 0x70617963;  // any number of its own
constexpr std::uint64_t kLockBuckets = 64;
constexpr const char* kLargestSum = "9999999999.99999999";

// The same in every build and on every host.
std::uint64_t bucket_of(std::string_view subject) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : subject) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return (hash ^ (hash >> 32)) % kLockBuckets;
}

const char* column_of(Field field) {
  switch (field) {
    case Field::user:
      return "user_ref";
    case Field::client:
      return "client_id";
    case Field::destination:
      return "destination";
    case Field::region:
      return "region";
    case Field::provider:
      return "provider";
  }
  return "";
}

std::string since(const Window& window) {
  switch (window.kind) {
    case Window::Kind::sliding:
      return " and a.at > n.now - interval '" + std::to_string(window.length.count()) + " seconds'";
    case Window::Kind::calendar_day:
      return " and a.at >= n.day";
    case Window::Kind::calendar_week:
      return " and a.at >= n.week";
    case Window::Kind::calendar_month:
      return " and a.at >= n.month";
    case Window::Kind::ever:
      return "";
  }
  return "";
}

// Two columns for each feature: its value, and for distinct whether the payout's own value is among them.
std::string columns_of(const Feature& feature) {
  std::string rows = " from app.allowances a where ";
  for (std::size_t i = 0; i < feature.by.size(); ++i) {
    const std::string column = column_of(feature.by[i]);
    rows += (i == 0 ? "a." : " and a.") + column + " = i." + column;
  }
  rows += since(feature.window);
  const std::string of = column_of(feature.of);
  switch (feature.what) {
    case Feature::What::count:
      return "(select count(*)" + rows + "), null";
    case Feature::What::sum:
      return "(select least(coalesce(sum(a.amount), 0), " + std::string(kLargestSum) + ")" + rows +
             " and a.currency = i.currency), null";
    case Feature::What::distinct:
      return "(select count(distinct a." + of + ")" + rows + "), exists (select 1" + rows + " and a." + of +
             " = i." + of + ")";
    case Feature::What::previous:
      return "(select a." + of + rows + " and a." + of + " is not null order by a.at desc limit 1), null";
    case Feature::What::since_previous:
      return "(select floor(extract(epoch from n.now - max(a.at)))::bigint" + rows + "), null";
    case Feature::What::since_first:
      return "(select floor(extract(epoch from n.now - min(a.at)))::bigint" + rows + "), null";
  }
  return "null, null";
}

LedgerValue read_value(const pqxx::row& row, int column, Feature::What what) {
  LedgerValue value;
  const std::string text = text_of(row, column);
  switch (what) {
    case Feature::What::count:
      value.count = std::stoll(text);
      break;
    case Feature::What::distinct:
      value.count = std::stoll(text);
      value.present = text_of(row, column + 1) == "t";
      break;
    case Feature::What::sum:
      value.sum = text;
      break;
    case Feature::What::previous:
      value.previous = text;
      break;
    case Feature::What::since_previous:
    case Feature::What::since_first:
      if (!text.empty()) value.since_s = std::max<std::int64_t>(0, std::stoll(text));
      break;
  }
  return value;
}

std::string id_array(std::span<const Payout* const> payouts) {
  Column ids;
  for (const Payout* payout : payouts) ids.add(payout->id);
  return ids.take();
}

Amount amount_of(const std::string& text) {
  const auto amount = Amount::parse(text);
  return amount ? *amount : Amount();
}

// Trailing zeros of numeric(…,8) are no digits of the amount.
std::string plain(const std::string& column) {
  return "trim_scale(least(greatest(coalesce(" + column + ", 0), 0), " + kLargestSum + "))";
}

}  // namespace

void lock_subjects(pqxx::transaction_base& work, const std::vector<std::string>& subjects) {
  std::set<std::uint64_t> buckets;
  for (const std::string& subject : subjects) buckets.insert(bucket_of(subject));
  if (buckets.empty()) return;
  Column column;
  for (const std::uint64_t bucket : buckets) column.add(static_cast<std::int64_t>(bucket));
  // In the order of the array, which is the same for everybody: two transactions never wait in a circle.
  work.exec_params(
      "select pg_advisory_xact_lock($1, bucket) from unnest($2::integer[]) with ordinality as b(bucket, n)",
      kLockClass, column.take());
}

Standings standings(pqxx::transaction_base& work, std::span<const Payout* const> payouts) {
  Standings result;
  const std::string ids = id_array(payouts);
  const auto rows = work.exec_params(
      "select clock_timestamp()::text, floor(extract(epoch from clock_timestamp()))::bigint, null, null"
      " union all select null, null, payout_id::text, null from app.allowances where payout_id = "
      "any($1::uuid[])"
      " union all select null, null, payout_id::text, actor from app.approvals where payout_id = "
      "any($1::uuid[])",
      ids);
  for (const auto& row : rows) {
    if (const std::string now = text_of(row, 0); !now.empty()) {
      result.now = now;
      result.now_s = std::stoll(text_of(row, 1));
    } else if (const std::string actor = text_of(row, 3); !actor.empty()) {
      result.approvals[text_of(row, 2)].insert(actor);
    } else {
      result.allowed.insert(text_of(row, 2));
    }
  }
  return result;
}

std::string ledger_sql(std::span<const Feature> features) {
  std::string sql = "select i.ord";
  for (const Feature& feature : features) sql += ", " + columns_of(feature);
  return sql +
         " from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) with "
         "ordinality"
         " as i(user_ref, client_id, destination, region, provider, currency, ord)"
         " cross join (select $7::timestamptz as now,"
         " date_trunc('day', $7::timestamptz, 'UTC') as day, date_trunc('week', $7::timestamptz, 'UTC') as "
         "week,"
         " date_trunc('month', $7::timestamptz, 'UTC') as month) n order by i.ord";
}

std::vector<std::vector<LedgerValue>> ledger_values(pqxx::transaction_base& work,
                                                    std::span<const Payout* const> payouts,
                                                    std::span<const Feature> features,
                                                    const std::string& now) {
  std::vector<std::vector<LedgerValue>> values(payouts.size());
  if (features.empty() || payouts.empty()) return values;
  std::array<Column, 6> c;
  for (const Payout* payout : payouts) {
    c[0].add_or_null(payout->user_ref);
    c[1].add(payout->client_id);
    c[2].add(payout->destination);
    c[3].add_or_null(payout->region);
    c[4].add(payout->provider);
    c[5].add(payout->money.currency);
  }
  const auto rows = work.exec_params(ledger_sql(features), c[0].take(), c[1].take(), c[2].take(), c[3].take(),
                                     c[4].take(), c[5].take(), now);
  for (std::size_t i = 0; i < payouts.size(); ++i) {
    const auto row = rows[static_cast<pqxx::result::size_type>(i)];
    values[i].reserve(features.size());
    for (std::size_t f = 0; f < features.size(); ++f)
      values[i].push_back(read_value(row, 1 + 2 * static_cast<int>(f), features[f].what));
  }
  return values;
}

Outflow outflow(pqxx::transaction_base& work, const std::string& provider, const std::string& currency) {
  // Whole minutes: the one that the span begins in counts, so that the limit is reached too early rather than
  // too late. What was allowed before a halt was lifted is forgiven.
  static const std::string sql =
      "with lifted as (select coalesce(max(lifted_at), '-infinity') as at from app.outflow_halts"
      "  where provider = $1 and currency = $2),"
      " recent as (select minute, amount from app.outflow, lifted where provider = $1 and currency = $2"
      "  and minute > clock_timestamp() - interval '24 hours 1 minute' and minute > lifted.at)"
      " select " +
      plain("sum(amount) filter (where minute > clock_timestamp() - interval '61 minutes')") + ", " +
      plain("sum(amount)") +
      ", exists (select 1 from app.outflow_halts where provider = $1 and currency = $2 and lifted_at is null)"
      " from recent";
  const pqxx::row row = work.exec_params1(sql, provider, currency);
  return {amount_of(text_of(row, 0)), amount_of(text_of(row, 1)), text_of(row, 2) == "t"};
}

bool halt_outflow(pqxx::transaction_base& work, const NewHalt& halt) {
  return work.exec_params(
                 "insert into app.outflow_halts (provider, currency, span, allowed, reached)"
                 " values ($1, $2, $3, $4::numeric, $5::numeric) on conflict do nothing",
                 halt.provider, halt.currency, halt.span, halt.allowed.to_string(), halt.reached.to_string())
             .affected_rows() > 0;
}

std::int64_t write_screened(pqxx::transaction_base& work, std::span<const Screened> screened,
                            const std::string& now, const std::string& host) {
  Column allowed;
  std::array<Column, 2> decisions;
  std::array<Column, 4> told;
  struct Sum {
    const NewFlag* flag = nullptr;
    std::string first;
    std::string last;
    std::int64_t count = 0;
  };
  std::map<std::pair<std::string, std::string>, Sum> sums;  // a statement touches one row once
  for (const Screened& one : screened) {
    if (one.allow) allowed.add(one.payout->id);
    for (const std::string& decision : one.decisions) {
      decisions[0].add(one.payout->id);
      decisions[1].add(decision);
    }
    for (const NewFlag& flag : one.flags) {
      told[0].add(one.payout->id);
      told[1].add(flag.rule);
      told[2].add_or_null(flag.reason);
      told[3].add_or_null(flag.text);
      Sum& sum = sums[{flag.user, flag.rule}];
      if (sum.count++ == 0) sum.first = one.payout->id;
      sum.last = one.payout->id;
      sum.flag = &flag;
    }
  }
  std::array<Column, 7> flags;
  for (const auto& [key, sum] : sums) {
    flags[0].add(key.first);
    flags[1].add(key.second);
    flags[2].add_or_null(sum.flag->reason);
    flags[3].add_or_null(sum.flag->text);
    flags[4].add(sum.first);
    flags[5].add(sum.last);
    flags[6].add(sum.count);
  }
  // Only what this host still holds enters the ledger: a payout that was cancelled meanwhile is not paid.
  static const std::string sql =
      "with allowed as (insert into app.allowances"
      "  (payout_id, client_id, user_ref, destination, region, provider, currency, amount, at)"
      "  select p.id, p.client_id, p.user_ref, p.destination, p.region, p.provider, p.currency, p.amount, "
      "$1::timestamptz"
      "  from app.payouts p where p.id = any($2::uuid[]) and p.state = 'PENDING' and p.lease = $3::uuid"
      "  order by p.id on conflict do nothing returning provider, currency, amount, at),"
      " flowed as (insert into app.outflow select provider, currency, date_trunc('minute', at), sum(amount)"
      "  from allowed group by 1, 2, 3),"
      " decided as (insert into app.decisions (payout_id, kind, bundle, verdict, rule, reason, inputs, "
      "results, cost_ns, shadow)"
      "  select d.id, d.what->>'kind', d.what->>'bundle', d.what->>'verdict', d.what->>'rule', "
      "d.what->>'reason',"
      "  d.what->'inputs', d.what->'results', (d.what->>'cost_ns')::bigint, "
      "coalesce((d.what->>'shadow')::boolean, false)"
      "  from unnest($4::uuid[], $5::jsonb[]) with ordinality as d(id, what, ord) order by d.ord),"
      " told as (insert into app.events (payout_id, kind, actor, host, data) select f.id, 'flagged', "
      "'policy', $3::uuid,"
      "  jsonb_strip_nulls(jsonb_build_object('rule', f.rule, 'reason', f.reason, 'text', f.text))"
      "  from unnest($6::uuid[], $7::text[], $8::text[], $9::text[]) as f(id, rule, reason, text)),"
      " flagged as (insert into app.flags as l (user_ref, rule, reason, text, first_payout, last_payout, "
      "count)"
      "  select * from unnest($10::text[], $11::text[], $12::text[], $13::text[], $14::uuid[], $15::uuid[], "
      "$16::bigint[])"
      "  on conflict (user_ref, rule) where cleared_at is null"
      "  do update set count = l.count + excluded.count, last_payout = excluded.last_payout, last_at = now(),"
      "  reason = excluded.reason, text = excluded.text returning xmax = 0 as fresh, user_ref)"
      " select count(distinct user_ref) filter (where fresh) from flagged";
  std::vector<std::string> arguments{now, allowed.take(), host};
  for (Column& column : decisions) arguments.push_back(column.take());
  for (Column& column : told) arguments.push_back(column.take());
  for (Column& column : flags) arguments.push_back(column.take());
  const auto rows = work.exec_params(sql, pqxx::prepare::make_dynamic_params(arguments));
  return std::stoll(text_of(rows[0], 0));
}

}  // namespace payoutd::store
