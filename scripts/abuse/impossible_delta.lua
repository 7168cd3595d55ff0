-- The amount cannot be right by what the client itself reports.
--
-- Catches: a tampered or broken client: a balance that does not fall by what is paid out, more than was expected,
-- more things than can be done in the time, or more money than that many things are worth.
--
-- The client reports in the payout's metadata; each check is made only where its fields are there:
--   balance_before, balance_after  the user's balance, in the payout's currency. What is paid must be the difference.
--   expected                       what should be paid. More than that and `tolerance_percent` is impossible.
--   units, span_s                  how many things (kills, tasks, rides) are paid for, done in how many seconds.
-- Turn: the names in `fields`, if your client uses others; the rates.
local rule = {
  tunables = {
    fields = {
      before = "balance_before",
      after = "balance_after",
      expected = "expected",
      units = "units",
      span_s = "span_s",
    },
    tolerance_percent = 0, -- by so much, a whole number, may a payout exceed `expected`
    units_per_minute = 10, -- more than that in one span is impossible
    shortest_span_s = 900, -- a shorter span counts as this long, so that a short burst is no crime
    per_unit = { BAN = "10", XOF = "5000", EUR = "10" }, -- the most that one thing is worth
    verdict = "hold", -- "hold": a person decides. "deny": it fails at once. "flag": it is paid, and noted.
  },
}

-- Metadata comes from outside: what does not look like an amount is reported as such, and is no error of the rule.
local function amount_of(value, currency)
  local text = tostring(value)
  if not matches(text, "^(0|[1-9][0-9]{0,8})(\\.[0-9]{1,8})?$") then
    return nil
  end
  return money(text, currency)
end

local function whole_of(value)
  local number = tonumber(value)
  if number == nil or number < 0 or number > 1000000 or number ~= math.floor(number) then
    return nil
  end
  return math.tointeger(number)
end

local function check_balance(payout, reported_before, reported_after)
  local before = amount_of(reported_before, payout.currency)
  local after = amount_of(reported_after, payout.currency)
  if before == nil or after == nil then
    return "reported_balance_unreadable", "the reported balances are no amounts"
  end
  if after > before then
    return "impossible_balance", "the reported balance rose from " .. before:amount() .. " to " .. after:amount()
  end
  if before - after ~= payout.amount then
    return "impossible_balance", "the reported balance fell by " .. tostring(before - after)
  end
end

local function check_expected(payout, reported)
  local expected = amount_of(reported, payout.currency)
  if expected == nil then
    return "reported_amount_unreadable", "the reported amount is none"
  end
  if payout.amount > expected:per(100 + rule.tunables.tolerance_percent, 100) then
    return "impossible_amount", tostring(expected) .. " was expected"
  end
end

local function check_units(payout, reported_units, reported_span)
  local tunables = rule.tunables
  local units = whole_of(reported_units)
  local span_s = reported_span == nil and 0 or whole_of(reported_span)
  if units == nil or span_s == nil then
    return "reported_units_unreadable", "the reported units or their time are no whole numbers"
  end
  if units * 60 > tunables.units_per_minute * math.max(span_s, tunables.shortest_span_s) then
    return "impossible_rate", units .. " units in " .. span_s .. " s"
  end
  local worth = tunables.per_unit[payout.currency]
  if worth ~= nil and payout.amount > money(worth, payout.currency):times(units) then
    return "impossible_worth", tostring(payout.amount) .. " for " .. units .. " units"
  end
end

function rule.check(payout)
  local fields = rule.tunables.fields
  local reported = payout.metadata
  local code, text
  if reported[fields.before] ~= nil and reported[fields.after] ~= nil then
    code, text = check_balance(payout, reported[fields.before], reported[fields.after])
  end
  if code == nil and reported[fields.expected] ~= nil then
    code, text = check_expected(payout, reported[fields.expected])
  end
  if code == nil and reported[fields.units] ~= nil then
    code, text = check_units(payout, reported[fields.units], reported[fields.span_s])
  end
  if code ~= nil then
    return rule.tunables.verdict, code, text
  end
  return "allow"
end

-- Tests bring tunables of their own, so that turning those above breaks none.
local small = {
  fields = { before = "before", after = "after", expected = "expected", units = "kills", span_s = "span_s" },
  tolerance_percent = 10,
  units_per_minute = 10,
  shortest_span_s = 900,
  per_unit = { XOF = "5" },
  verdict = "hold",
}

rule.tests = {
  { name = "nothing is reported", tunables = small, expect = "allow" },
  {
    name = "the balance falls by the amount",
    payout = { amount = "100", metadata = { before = "250.5", after = "150.50" } },
    tunables = small,
    expect = "allow",
  },
  {
    name = "the balance falls by one less",
    payout = { amount = "100", metadata = { before = 250, after = 151 } },
    tunables = small,
    expect = "hold",
    code = "impossible_balance",
  },
  {
    name = "the balance falls by one more",
    payout = { amount = "100", metadata = { before = 250, after = 149 } },
    tunables = small,
    expect = "hold",
    code = "impossible_balance",
  },
  {
    name = "the balance rises",
    payout = { amount = "100", metadata = { before = 0, after = 100 } },
    tunables = small,
    expect = "hold",
    code = "impossible_balance",
  },
  {
    name = "a balance that is no amount",
    payout = { metadata = { before = "-5", after = "0100" } },
    tunables = small,
    expect = "hold",
    code = "reported_balance_unreadable",
  },
  {
    name = "only one balance is readable",
    payout = { metadata = { before = "250", after = "little" } },
    tunables = small,
    expect = "hold",
    code = "reported_balance_unreadable",
  },
  {
    name = "only one balance is reported",
    payout = { metadata = { before = "250" } },
    tunables = small,
    expect = "allow",
  },
  {
    name = "as much above what was expected as is tolerated",
    payout = { amount = "110", metadata = { expected = "100" } },
    tunables = small,
    expect = "allow",
  },
  {
    name = "just above what is tolerated",
    payout = { amount = "111", metadata = { expected = "100" } },
    tunables = small,
    expect = "hold",
    code = "impossible_amount",
  },
  {
    name = "as many in the time as possible",
    payout = { amount = "100", metadata = { kills = 200, span_s = 1200 } },
    tunables = small,
    expect = "allow",
  },
  {
    name = "one more in the time than possible",
    payout = { amount = "100", metadata = { kills = 201, span_s = 1200 } },
    tunables = small,
    expect = "hold",
    code = "impossible_rate",
  },
  {
    name = "a burst counts as a quarter of an hour",
    payout = { amount = "100", metadata = { kills = 150, span_s = 1 } },
    tunables = small,
    expect = "allow",
  },
  {
    name = "as much money as they are worth",
    payout = { amount = "100", metadata = { kills = 20, span_s = 900 } },
    tunables = small,
    expect = "allow",
  },
  {
    name = "more money than they are worth",
    payout = { amount = "101", metadata = { kills = 20, span_s = 900 } },
    tunables = small,
    expect = "hold",
    code = "impossible_worth",
  },
  {
    name = "half a kill",
    payout = { metadata = { kills = "0.5" } },
    tunables = small,
    expect = "hold",
    code = "reported_units_unreadable",
  },
  {
    name = "less than no kill",
    payout = { metadata = { kills = -1, span_s = 900 } },
    tunables = small,
    expect = "hold",
    code = "reported_units_unreadable",
  },
  {
    name = "some kills",
    payout = { metadata = { kills = "some", span_s = 900 } },
    tunables = small,
    expect = "hold",
    code = "reported_units_unreadable",
  },
  {
    name = "a time that is none",
    payout = { metadata = { kills = 1, span_s = "long" } },
    tunables = small,
    expect = "hold",
    code = "reported_units_unreadable",
  },
}

return rule
