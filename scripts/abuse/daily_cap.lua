-- The most that one user is paid in a calendar day.
--
-- The day begins at midnight UTC. Unlike the limits in velocity_amount, which look back over the last hours, a cap
-- is what you can promise to users: "at most so much a day".
-- Turn: the amounts, by currency; a currency that is not listed has no cap. A payout counts itself: a cap of
-- "1000" lets a day's sum of exactly that through.
local rule = {
  tunables = {
    cap = { XOF = "2000000", EUR = "3000", USD = "3000", BAN = "10000" },
    verdict = "hold", -- "hold": a person decides. "deny": it fails at once. "flag": it is paid, and noted.

    -- Users with caps of their own, by currency; what is left out is as above.
    users = {
      -- ["user-17"] = { cap = { XOF = "5000000" } },
    },
  },

  needs = {
    sum_day = { what = "sum", by = "user", window = "day" },
  },
}

function rule.check(payout, history)
  if payout.user == nil then
    return "allow"
  end
  local cap = lib.limits.amount_of(rule.tunables, payout.user, "cap", payout.currency)
  if cap ~= nil and history.sum_day > cap then
    return rule.tunables.verdict, "daily_cap", tostring(history.sum_day) .. " today, the cap is " .. cap:amount()
  end
  return "allow"
end

-- Tests bring tunables of their own, so that turning those above breaks none.
local small = { cap = { XOF = "1000" }, verdict = "hold", users = { vip = { cap = { XOF = "2000" } } } }

rule.tests = {
  {
    name = "just below the cap",
    payout = { user = "anna" },
    history = { sum_day = "999" },
    tunables = small,
    expect = "allow",
  },
  {
    name = "exactly at the cap",
    payout = { user = "anna" },
    history = { sum_day = "1000" },
    tunables = small,
    expect = "allow",
  },
  {
    name = "just above the cap",
    payout = { user = "anna" },
    history = { sum_day = "1000.00000001" },
    tunables = small,
    expect = "hold",
    code = "daily_cap",
  },
  {
    name = "a user's own cap",
    payout = { user = "vip" },
    history = { sum_day = "2000" },
    tunables = small,
    expect = "allow",
  },
  {
    name = "above a user's own cap",
    payout = { user = "vip" },
    history = { sum_day = "2001" },
    tunables = small,
    expect = "hold",
  },
  {
    name = "a currency without a cap",
    payout = { user = "anna", currency = "EUR" },
    history = { sum_day = "5000" },
    tunables = small,
    expect = "allow",
  },
  { name = "without a user", history = {}, tunables = small, expect = "allow" },
}

return rule
