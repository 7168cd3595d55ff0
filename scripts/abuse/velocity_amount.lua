-- Too much money to one user.
--
-- Catches: a stolen account that is being emptied, in few payouts or in many.
-- Turn: the amounts, by currency; a currency that is not in a table has no limit in that window. The windows
-- stand in `needs`. A payout counts itself: a limit of "2000000" lets a sum of exactly that through.
local rule = {
  tunables = {
    per_burst = { XOF = "1000000", EUR = "1500", USD = "1500", BAN = "5000" }, -- within one hour
    per_24h = { XOF = "2000000", EUR = "3000", USD = "3000", BAN = "10000" }, -- within any 24 hours
    per_month = { XOF = "20000000", EUR = "30000", USD = "30000", BAN = "100000" }, -- since the first, UTC
    verdict = "hold", -- "hold": a person decides. "deny": it fails at once. "flag": it is paid, and noted.

    -- Users with limits of their own, by currency; what is left out is as above.
    users = {
      -- ["user-17"] = { per_24h = { XOF = "5000000" } },
    },
  },

  needs = {
    sum_burst = { what = "sum", by = "user", window = "1h" },
    sum_24h = { what = "sum", by = "user", window = "24h" },
    sum_month = { what = "sum", by = "user", window = "month" },
  },
}

local function above(payout, sum, name)
  local limit = lib.limits.amount_of(rule.tunables, payout.user, name, payout.currency)
  return limit ~= nil and sum > limit
end

function rule.check(payout, history)
  if payout.user == nil then
    return "allow"
  end
  local verdict = rule.tunables.verdict
  if above(payout, history.sum_burst, "per_burst") then
    return verdict, "velocity_amount_burst", "this user received " .. tostring(history.sum_burst) .. " in a short time"
  end
  if above(payout, history.sum_24h, "per_24h") then
    return verdict, "velocity_amount_24h", "this user received " .. tostring(history.sum_24h) .. " in 24 hours"
  end
  if above(payout, history.sum_month, "per_month") then
    return verdict, "velocity_amount_month", "this user received " .. tostring(history.sum_month) .. " this month"
  end
  return "allow"
end

-- Tests bring tunables of their own, so that turning those above breaks none.
local small = {
  per_burst = { XOF = "100" },
  per_24h = { XOF = "500", BAN = "1.5" },
  per_month = { XOF = "1000" },
  verdict = "hold",
  users = { vip = { per_24h = { XOF = "800" } } },
}

rule.tests = {
  {
    name = "just below every limit",
    payout = { user = "anna", amount = "99" },
    history = { sum_burst = "99", sum_24h = "499", sum_month = "999" },
    tunables = small,
    expect = "allow",
  },
  {
    name = "exactly at every limit",
    payout = { user = "anna", amount = "100" },
    history = { sum_burst = "100", sum_24h = "500", sum_month = "1000" },
    tunables = small,
    expect = "allow",
  },
  {
    name = "just above, in a burst",
    payout = { user = "anna", amount = "101" },
    history = { sum_burst = "101", sum_24h = "101", sum_month = "101" },
    tunables = small,
    expect = "hold",
    code = "velocity_amount_burst",
  },
  {
    name = "just above, in 24 hours",
    payout = { user = "anna", amount = "1" },
    history = { sum_burst = "1", sum_24h = "501", sum_month = "501" },
    tunables = small,
    expect = "hold",
    code = "velocity_amount_24h",
  },
  {
    name = "just above, this month",
    payout = { user = "anna", amount = "1" },
    history = { sum_burst = "1", sum_24h = "1", sum_month = "1001" },
    tunables = small,
    expect = "hold",
    code = "velocity_amount_month",
  },
  {
    name = "the last of eight decimals counts",
    payout = { user = "anna", amount = "1.5", currency = "BAN" },
    history = { sum_burst = "1.5", sum_24h = "1.50000001", sum_month = "1.50000001" },
    tunables = small,
    expect = "hold",
    code = "velocity_amount_24h",
  },
  {
    name = "a currency without a limit",
    payout = { user = "anna", amount = "9000", currency = "EUR" },
    history = { sum_burst = "9000", sum_24h = "9000", sum_month = "9000" },
    tunables = small,
    expect = "allow",
  },
  {
    name = "a user's own limit, exactly at it",
    payout = { user = "vip", amount = "1" },
    history = { sum_burst = "1", sum_24h = "800", sum_month = "800" },
    tunables = small,
    expect = "allow",
  },
  {
    name = "a user's own limit, just above",
    payout = { user = "vip", amount = "1" },
    history = { sum_burst = "1", sum_24h = "801", sum_month = "801" },
    tunables = small,
    expect = "hold",
    code = "velocity_amount_24h",
  },
  { name = "without a user", history = {}, tunables = small, expect = "allow" },
}

return rule
