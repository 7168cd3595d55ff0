-- Many users, one destination.
--
-- Catches: one person behind many accounts who collects on one number, wallet or account.
-- Turn: `max_users`, and the window in `needs`. A family that shares a phone is two or three users; put shops and
-- other shared destinations into `known`.
local rule = {
  tunables = {
    max_users = 5, -- different users paid at one destination, within the window of `users_7d`
    verdict = "hold", -- "hold": a person decides. "deny": it fails at once. "flag": it is paid, and noted.

    -- Destinations that many users share rightly.
    known = {
      -- ["22890000000"] = true,
    },
  },

  needs = {
    users_7d = { what = "distinct", of = "user", by = "destination", window = "7d" },
  },
}

function rule.check(payout, history)
  local tunables = rule.tunables
  if payout.user == nil or tunables.known[payout.destination] then
    return "allow"
  end
  if history.users_7d > tunables.max_users then
    return tunables.verdict, "shared_destination", history.users_7d .. " users are paid at this destination"
  end
  return "allow"
end

-- Tests bring tunables of their own, so that turning those above breaks none.
local small = { max_users = 3, verdict = "hold", known = { ["22890000009"] = true } }

rule.tests = {
  {
    name = "just below the limit",
    payout = { user = "anna" },
    history = { users_7d = 2 },
    tunables = small,
    expect = "allow",
  },
  {
    name = "exactly at the limit",
    payout = { user = "anna" },
    history = { users_7d = 3 },
    tunables = small,
    expect = "allow",
  },
  {
    name = "one above the limit",
    payout = { user = "anna" },
    history = { users_7d = 4 },
    tunables = small,
    expect = "hold",
    code = "shared_destination",
  },
  {
    name = "a known destination",
    payout = { user = "anna", destination = "22890000009" },
    history = { users_7d = 400 },
    tunables = small,
    expect = "allow",
  },
  { name = "without a user", history = {}, tunables = small, expect = "allow" },
}

return rule
