-- A user's region is not the one of the payout before.
--
-- Catches: an account that is used by somebody else, somewhere else.
-- Turn: who changes region within the window of `previous_region` (24 hours) is flagged: paid, and listed. Who does
-- so faster than anybody travels (`travel_s`) is held. `neighbours` names pairs between which people move all day.
-- Payouts that name no region, or no user, are not judged.
local rule = {
  tunables = {
    travel_s = 1800, -- two regions in less time than this cannot be one person; 0: never
    impossible = "hold", -- the verdict on that
    changed = "flag", -- the verdict on any other change within the window; "allow": none

    -- Pairs of regions that are near each other, in any order.
    neighbours = {
      -- { "TG", "GH" },
    },
  },

  needs = {
    previous_region = { what = "previous", of = "region", by = "user", window = "24h" },
    since_previous = { what = "since_previous", by = "user", window = "24h" },
  },
}

local function near(a, b)
  for _, pair in ipairs(rule.tunables.neighbours) do
    if (pair[1] == a and pair[2] == b) or (pair[1] == b and pair[2] == a) then
      return true
    end
  end
  return false
end

function rule.check(payout, history)
  local before = history.previous_region
  if payout.region == nil or before == nil or before == payout.region or near(before, payout.region) then
    return "allow"
  end
  local text = "paid in " .. before .. " before, now in " .. payout.region
  local tunables = rule.tunables
  if history.since_previous ~= nil and history.since_previous < tunables.travel_s then
    return tunables.impossible, "region_impossible", text .. ", " .. history.since_previous .. " s later"
  end
  if tunables.changed ~= "allow" then
    return tunables.changed, "region_mismatch", text
  end
  return "allow"
end

-- Tests bring tunables of their own, so that turning those above breaks none.
local strict = { travel_s = 600, impossible = "hold", changed = "flag", neighbours = { { "TG", "GH" } } }
local lenient = { travel_s = 0, impossible = "hold", changed = "allow", neighbours = {} }

rule.tests = {
  {
    name = "the same region",
    payout = { user = "anna", region = "TG" },
    history = { previous_region = "TG", since_previous = 5 },
    tunables = strict,
    expect = "allow",
  },
  {
    name = "nothing in the window before",
    payout = { user = "anna", region = "TG" },
    history = {},
    tunables = strict,
    expect = "allow",
  },
  {
    name = "faster than possible",
    payout = { user = "anna", region = "FR" },
    history = { previous_region = "TG", since_previous = 599 },
    tunables = strict,
    expect = "hold",
    code = "region_impossible",
  },
  {
    name = "exactly as fast as possible",
    payout = { user = "anna", region = "FR" },
    history = { previous_region = "TG", since_previous = 600 },
    tunables = strict,
    expect = "flag",
    code = "region_mismatch",
  },
  {
    name = "slower than that",
    payout = { user = "anna", region = "FR" },
    history = { previous_region = "TG", since_previous = 601 },
    tunables = strict,
    expect = "flag",
    code = "region_mismatch",
  },
  {
    name = "between neighbours",
    payout = { user = "anna", region = "TG" },
    history = { previous_region = "GH", since_previous = 5 },
    tunables = strict,
    expect = "allow",
  },
  {
    name = "between neighbours, the other way",
    payout = { user = "anna", region = "GH" },
    history = { previous_region = "TG", since_previous = 5 },
    tunables = strict,
    expect = "allow",
  },
  {
    name = "from a neighbour to elsewhere",
    payout = { user = "anna", region = "FR" },
    history = { previous_region = "GH", since_previous = 5 },
    tunables = strict,
    expect = "hold",
    code = "region_impossible",
  },
  {
    name = "both verdicts turned off",
    payout = { user = "anna", region = "FR" },
    history = { previous_region = "TG", since_previous = 0 },
    tunables = lenient,
    expect = "allow",
  },
  { name = "without a region", payout = { user = "anna" }, history = {}, tunables = strict, expect = "allow" },
  { name = "without a user", payout = { region = "FR" }, history = {}, tunables = strict, expect = "allow" },
}

return rule
