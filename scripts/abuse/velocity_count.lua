-- Too many payouts to one user.
--
-- Catches: an account that was taken over, or a client that repeats itself under new keys.
-- Turn: the three limits; the windows stand in `needs`. A payout counts itself, so `per_24h = 100` lets the
-- hundredth through and holds the next. Payouts that name no user are not counted: see docs/lua-guide.md.
local rule = {
  tunables = {
    per_burst = 30, -- within the window of `count_burst`, ten minutes
    per_24h = 100, -- within any 24 hours
    per_month = 1000, -- since the first of the month, UTC
    verdict = "hold", -- "hold": a person decides. "deny": it fails at once. "flag": it is paid, and noted.

    -- Users with limits of their own; what is left out is as above.
    users = {
      -- ["user-17"] = { per_24h = 500, per_month = 5000 },
    },
  },

  needs = {
    count_burst = { what = "count", by = "user", window = "10m" },
    count_24h = { what = "count", by = "user", window = "24h" },
    count_month = { what = "count", by = "user", window = "month" },
  },
}

function rule.check(payout, history)
  if payout.user == nil then
    return "allow"
  end
  local tunables = rule.tunables
  local limit = lib.limits.of(tunables, payout.user, "per_burst")
  if history.count_burst > limit then
    return tunables.verdict, "velocity_count_burst", "more than " .. limit .. " payouts of this user in a short time"
  end
  limit = lib.limits.of(tunables, payout.user, "per_24h")
  if history.count_24h > limit then
    return tunables.verdict, "velocity_count_24h", "more than " .. limit .. " payouts of this user in 24 hours"
  end
  limit = lib.limits.of(tunables, payout.user, "per_month")
  if history.count_month > limit then
    return tunables.verdict, "velocity_count_month", "more than " .. limit .. " payouts of this user this month"
  end
  return "allow"
end

-- Tests bring tunables of their own, so that turning those above breaks none.
local small = {
  per_burst = 2,
  per_24h = 5,
  per_month = 10,
  verdict = "hold",
  users = { vip = { per_24h = 8 } },
}

rule.tests = {
  {
    name = "just below every limit",
    payout = { user = "anna" },
    history = { count_burst = 1, count_24h = 4, count_month = 9 },
    tunables = small,
    expect = "allow",
  },
  {
    name = "exactly at every limit",
    payout = { user = "anna" },
    history = { count_burst = 2, count_24h = 5, count_month = 10 },
    tunables = small,
    expect = "allow",
  },
  {
    name = "one above, in a burst",
    payout = { user = "anna" },
    history = { count_burst = 3, count_24h = 5, count_month = 10 },
    tunables = small,
    expect = "hold",
    code = "velocity_count_burst",
  },
  {
    name = "one above, in 24 hours",
    payout = { user = "anna" },
    history = { count_burst = 2, count_24h = 6, count_month = 10 },
    tunables = small,
    expect = "hold",
    code = "velocity_count_24h",
  },
  {
    name = "one above, this month",
    payout = { user = "anna" },
    history = { count_burst = 2, count_24h = 5, count_month = 11 },
    tunables = small,
    expect = "hold",
    code = "velocity_count_month",
  },
  {
    name = "a user's own limit, exactly at it",
    payout = { user = "vip" },
    history = { count_burst = 1, count_24h = 8, count_month = 8 },
    tunables = small,
    expect = "allow",
  },
  {
    name = "a user's own limit, one above",
    payout = { user = "vip" },
    history = { count_burst = 1, count_24h = 9, count_month = 9 },
    tunables = small,
    expect = "hold",
    code = "velocity_count_24h",
  },
  { name = "without a user", history = {}, tunables = small, expect = "allow" },
}

return rule
