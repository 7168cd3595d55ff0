-- A new user's payout above a limit.
--
-- Catches: an account that is made, filled by fraud and emptied at once.
-- Turn: the amounts, by currency; a currency that is not listed has no limit. `new_for_s` makes the limit hold
-- for later payouts too, until the user's first one is so many seconds old.
local rule = {
  tunables = {
    limit = { XOF = "500000", EUR = "750", USD = "750", BAN = "1000" },
    new_for_s = 0, -- 0: only the very first payout. 604800: everything in the first week.
    verdict = "hold", -- "hold": a person decides. "deny": it fails at once. "flag": it is paid, and noted.

    -- Users with limits of their own, by currency; what is left out is as above.
    users = {
      -- ["partner-1"] = { limit = { XOF = "50000000" } },
    },
  },

  needs = {
    since_first = { what = "since_first", by = "user" }, -- seconds; nil before the first payout
  },
}

function rule.check(payout, history)
  if payout.user == nil then
    return "allow"
  end
  local tunables = rule.tunables
  local new = history.since_first == nil or history.since_first < tunables.new_for_s
  local limit = lib.limits.amount_of(tunables, payout.user, "limit", payout.currency)
  if new and limit ~= nil and payout.amount > limit then
    return tunables.verdict, "first_payout", tostring(payout.amount) .. " to a new user"
  end
  return "allow"
end

-- Tests bring tunables of their own, so that turning those above breaks none.
local once = {
  limit = { XOF = "1000" },
  new_for_s = 0,
  verdict = "hold",
  users = { partner = { limit = { XOF = "5000" } } },
}
local first_hour = { limit = { XOF = "1000" }, new_for_s = 3600, verdict = "hold", users = {} }

rule.tests = {
  { name = "just below the limit", payout = { user = "anna", amount = "999" }, tunables = once, expect = "allow" },
  { name = "exactly at the limit", payout = { user = "anna", amount = "1000" }, tunables = once, expect = "allow" },
  {
    name = "just above the limit",
    payout = { user = "anna", amount = "1001" },
    tunables = once,
    expect = "hold",
    code = "first_payout",
  },
  {
    name = "above the limit, but not the first",
    payout = { user = "anna", amount = "1001" },
    history = { since_first = 0 },
    tunables = once,
    expect = "allow",
  },
  {
    name = "still new, a second before the hour is over",
    payout = { user = "anna", amount = "1001" },
    history = { since_first = 3599 },
    tunables = first_hour,
    expect = "hold",
    code = "first_payout",
  },
  {
    name = "no longer new when the hour is over",
    payout = { user = "anna", amount = "1001" },
    history = { since_first = 3600 },
    tunables = first_hour,
    expect = "allow",
  },
  {
    name = "a user's own limit",
    payout = { user = "partner", amount = "5000" },
    tunables = once,
    expect = "allow",
  },
  {
    name = "above a user's own limit",
    payout = { user = "partner", amount = "5001" },
    tunables = once,
    expect = "hold",
  },
  {
    name = "a currency without a limit",
    payout = { user = "anna", amount = "9000", currency = "EUR" },
    tunables = once,
    expect = "allow",
  },
  { name = "without a user", payout = { amount = "9000" }, tunables = once, expect = "allow" },
}

return rule
