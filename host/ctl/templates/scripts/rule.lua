-- my_rule: say in a sentence what it catches.
--
-- Turn: say which number an operator may change, and what happens then.
local rule = {
  enabled = false, -- the tests run all the same; `true` lets it judge payouts

  tunables = {
    max = 10, -- this many are allowed
    verdict = "hold", -- "hold": a person decides. "deny": it fails at once. "flag": it is paid, and noted.
  },

  -- What it wants to know of the past. `what`: count, sum, distinct, previous, since_previous, since_first.
  -- `by`: user or destination, or a list of one of them with client, region or provider. `window`: "10m", "24h",
  -- "7d", or the calendar's "day", "week", "month". Counts and sums include the payout itself.
  needs = {
    count_24h = { what = "count", by = "user", window = "24h" },
  },
}

-- payout: id, client, provider, amount, currency, destination, user, region, batch, metadata, at, age.
-- Money is compared with money: payout.amount > money("5000", "XOF").
function rule.check(payout, history)
  if payout.user == nil then
    return "allow"
  end
  local tunables = rule.tunables
  if history.count_24h > tunables.max then
    return tunables.verdict, "my_rule", history.count_24h .. " payouts of this user in 24 hours"
  end
  return "allow"
end

-- They run whenever the scripts are loaded. Each brings the tunables that it means, so that turning those above
-- breaks none.
local small = { max = 3, verdict = "hold" }

rule.tests = {
  {
    name = "exactly at the limit",
    payout = { user = "anna", amount = "100", currency = "XOF" },
    history = { count_24h = 3 },
    tunables = small,
    expect = "allow",
  },
  {
    name = "one above the limit",
    payout = { user = "anna", amount = "100", currency = "XOF" },
    history = { count_24h = 4 },
    tunables = small,
    expect = "hold",
    code = "my_rule",
  },
  { name = "without a user", history = {}, tunables = small, expect = "allow" },
}

return rule
