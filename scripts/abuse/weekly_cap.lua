-- The most that one user is paid in a calendar week.
--
-- The week begins on Monday at midnight UTC. Unlike the limits in velocity_amount, which look back over the last
-- hours, a cap is what you can promise to users: "at most so much a week".
-- Turn: the amounts, by currency; a currency that is not listed has no cap. A payout counts itself: a cap of
-- "1000" lets a week's sum of exactly that through.
local rule = {
  tunables = {
    cap = { XOF = "7000000", EUR = "10000", USD = "10000", BAN = "35000" },
    verdict = "hold", -- "hold": a person decides. "deny": it fails at once. "flag": it is paid, and noted.

    -- Users with caps of their own, by currency; what is left out is as above.
    users = {
      -- ["user-17"] = { cap = { XOF = "20000000" } },
    },
  },

  needs = {
    sum_week = { what = "sum", by = "user", window = "week" },
  },
}

function rule.check(payout, history)
  if payout.user == nil then
    return "allow"
  end
  local cap = lib.limits.amount_of(rule.tunables, payout.user, "cap", payout.currency)
  if cap ~= nil and history.sum_week > cap then
    return rule.tunables.verdict, "weekly_cap", tostring(history.sum_week) .. " this week, the cap is " .. cap:amount()
  end
  return "allow"
end

-- Tests bring tunables of their own, so that turning those above breaks none.
local small = { cap = { XOF = "1000" }, verdict = "hold", users = { vip = { cap = { XOF = "2000" } } } }

rule.tests = {
  {
    name = "just below the cap",
    payout = { user = "anna" },
    history = { sum_week = "999" },
    tunables = small,
    expect = "allow",
  },
  {
    name = "exactly at the cap",
    payout = { user = "anna" },
    history = { sum_week = "1000" },
    tunables = small,
    expect = "allow",
  },
  {
    name = "just above the cap",
    payout = { user = "anna" },
    history = { sum_week = "1000.00000001" },
    tunables = small,
    expect = "hold",
    code = "weekly_cap",
  },
  {
    name = "a user's own cap",
    payout = { user = "vip" },
    history = { sum_week = "2000" },
    tunables = small,
    expect = "allow",
  },
  {
    name = "above a user's own cap",
    payout = { user = "vip" },
    history = { sum_week = "2001" },
    tunables = small,
    expect = "hold",
  },
  {
    name = "a currency without a cap",
    payout = { user = "anna", currency = "EUR" },
    history = { sum_week = "5000" },
    tunables = small,
    expect = "allow",
  },
  { name = "without a user", history = {}, tunables = small, expect = "allow" },
}

return rule
