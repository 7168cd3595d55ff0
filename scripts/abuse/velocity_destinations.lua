-- One user, too many different destinations.
--
-- Catches: one account that pays out to a crowd: mules, or an account that is resold.
-- Turn: the three limits; the windows stand in `needs`. The payout's own destination counts, so a limit of 10
-- lets the tenth through and holds the eleventh. The same destination again never counts twice.
local rule = {
  tunables = {
    per_burst = 15, -- within the window of `destinations_burst`, one hour
    per_24h = 20, -- within any 24 hours
    per_month = 100, -- since the first of the month, UTC
    verdict = "hold", -- "hold": a person decides. "deny": it fails at once. "flag": it is paid, and noted.

    -- Users with limits of their own; what is left out is as above.
    users = {
      -- ["payroll-1"] = { per_burst = 5000, per_24h = 5000, per_month = 20000 },
    },
  },

  needs = {
    destinations_burst = { what = "distinct", of = "destination", by = "user", window = "1h" },
    destinations_24h = { what = "distinct", of = "destination", by = "user", window = "24h" },
    destinations_month = { what = "distinct", of = "destination", by = "user", window = "month" },
  },
}

function rule.check(payout, history)
  if payout.user == nil then
    return "allow"
  end
  local tunables = rule.tunables
  local limit = lib.limits.of(tunables, payout.user, "per_burst")
  if history.destinations_burst > limit then
    return tunables.verdict, "velocity_destinations_burst", "more than " .. limit .. " destinations in a short time"
  end
  limit = lib.limits.of(tunables, payout.user, "per_24h")
  if history.destinations_24h > limit then
    return tunables.verdict, "velocity_destinations_24h", "more than " .. limit .. " destinations in 24 hours"
  end
  limit = lib.limits.of(tunables, payout.user, "per_month")
  if history.destinations_month > limit then
    return tunables.verdict, "velocity_destinations_month", "more than " .. limit .. " destinations this month"
  end
  return "allow"
end

-- Tests bring tunables of their own, so that turning those above breaks none.
local small = {
  per_burst = 2,
  per_24h = 5,
  per_month = 10,
  verdict = "hold",
  users = { payroll = { per_burst = 50, per_24h = 50, per_month = 50 } },
}

rule.tests = {
  {
    name = "just below every limit",
    payout = { user = "anna" },
    history = { destinations_burst = 1, destinations_24h = 4, destinations_month = 9 },
    tunables = small,
    expect = "allow",
  },
  {
    name = "exactly at every limit",
    payout = { user = "anna" },
    history = { destinations_burst = 2, destinations_24h = 5, destinations_month = 10 },
    tunables = small,
    expect = "allow",
  },
  {
    name = "one above, in a burst",
    payout = { user = "anna" },
    history = { destinations_burst = 3, destinations_24h = 3, destinations_month = 3 },
    tunables = small,
    expect = "hold",
    code = "velocity_destinations_burst",
  },
  {
    name = "one above, in 24 hours",
    payout = { user = "anna" },
    history = { destinations_burst = 1, destinations_24h = 6, destinations_month = 6 },
    tunables = small,
    expect = "hold",
    code = "velocity_destinations_24h",
  },
  {
    name = "one above, this month",
    payout = { user = "anna" },
    history = { destinations_burst = 1, destinations_24h = 1, destinations_month = 11 },
    tunables = small,
    expect = "hold",
    code = "velocity_destinations_month",
  },
  {
    name = "a user's own limits, exactly at them",
    payout = { user = "payroll" },
    history = { destinations_burst = 50, destinations_24h = 50, destinations_month = 50 },
    tunables = small,
    expect = "allow",
  },
  { name = "without a user", history = {}, tunables = small, expect = "allow" },
}

return rule
