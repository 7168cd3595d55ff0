-- Which provider pays a payout that names none.
--
-- Called only then. `providers` are all that pay the payout's currency. The first route whose conditions hold says
-- which of them may pay; of these the cheapest is taken that is ready, not paused and does not keep failing. If all of
-- them are away, the payout waits for the cheapest.
-- Turn: the routes, the costs, `max_failures`. A payout that no route fits is refused, and its client is told why.
local routing = {
  tunables = {
    -- Conditions: `country` (the number begins so, after + or 00), `begins` (the digits after the country),
    -- `currency`. `pays`: providers' names, or plugins' names for all providers of that plugin.
    routes = {
      { currency = "BAN", pays = { "banano" } },
      -- Togo
      { country = "228", begins = { "90", "91", "92", "93", "70", "71" }, pays = { "tmoney", "thunes" } },
      { country = "228", begins = { "96", "97", "98", "99", "78", "79" }, pays = { "flooz", "thunes" } },
      -- { country = "225", pays = { "momo-ci", "thunes" } }, -- Côte d'Ivoire
      -- { country = "229", pays = { "momo-bj", "thunes" } }, -- Benin
      -- Every other number
      { pays = { "momo", "thunes" } },
    },

    -- What a payout costs, by provider's or plugin's name: a share in thousandths, and a fixed part by currency.
    -- Who is not listed is taken only if nobody else can. Equal costs: fewer failures, fewer waiting, by name.
    costs = {
      banano = { per_thousand = 0 },
      tmoney = { per_thousand = 10 },
      flooz = { per_thousand = 10 },
      momo = { per_thousand = 15 },
      thunes = { per_thousand = 20, fixed = { XOF = "300", EUR = "0.5", USD = "0.5" } },
    },

    -- A provider of whose recent calls more than so many percent failed is taken only if no other can pay, so
    -- that there is always somebody who finds out that it works again.
    max_failures = 50,
  },
}

-- The number without + or 00 in front.
local function digits_of(destination)
  if starts_with(destination, "+") then
    return destination:sub(2)
  elseif starts_with(destination, "00") then
    return destination:sub(3)
  end
  return destination
end

local function begins_with_any(text, beginnings)
  for _, beginning in ipairs(beginnings) do
    if starts_with(text, beginning) then
      return true
    end
  end
  return false
end

local function fits(route, payout, digits)
  if route.currency ~= nil and route.currency ~= payout.currency then
    return false
  end
  local country = route.country or ""
  if not starts_with(digits, country) then
    return false
  end
  return route.begins == nil or begins_with_any(digits:sub(#country + 1), route.begins)
end

local function route_of(payout)
  local digits = digits_of(payout.destination)
  for _, route in ipairs(routing.tunables.routes) do
    if fits(route, payout, digits) then
      return route
    end
  end
  return nil
end

local function may_pay(route, provider)
  for _, name in ipairs(route.pays) do
    if name == provider.name or name == provider.plugin then
      return true
    end
  end
  return false
end

-- What this payout costs through the provider; nil if nobody said.
local function cost_of(payout, provider)
  local costs = routing.tunables.costs
  local cost = costs[provider.name] or costs[provider.plugin]
  if cost == nil then
    return nil
  end
  local sum = payout.amount:per(cost.per_thousand or 0, 1000)
  local fixed = cost.fixed ~= nil and cost.fixed[payout.currency] or nil
  if fixed ~= nil then
    sum = sum + money(fixed, payout.currency)
  end
  return sum
end

-- True if `a` is to be taken before `b`, which comes earlier by name.
local function is_better(a, b)
  if a.away ~= b.away then
    return b.away
  end
  if a.failing ~= b.failing then
    return b.failing
  end
  if a.cost ~= b.cost then
    return b.cost == nil or (a.cost ~= nil and a.cost < b.cost)
  end
  if a.provider.failures ~= b.provider.failures then
    return a.provider.failures < b.provider.failures
  end
  return a.provider.waiting < b.provider.waiting
end

function routing.choose(payout, providers)
  local route = route_of(payout)
  if route == nil then
    return nil, "no route fits this destination and currency"
  end
  local best
  for _, provider in ipairs(providers) do
    if may_pay(route, provider) then
      local candidate = {
        provider = provider,
        away = provider.paused or not provider.ready,
        failing = provider.failures > routing.tunables.max_failures,
        cost = cost_of(payout, provider),
      }
      if best == nil or is_better(candidate, best) then
        best = candidate
      end
    end
  end
  if best == nil then
    return nil, "its route names " .. table.concat(route.pays, ", ") .. ", and none of them is there"
  end
  return best.provider.name
end

-- Tests bring tunables of their own, so that turning those above breaks none.
local plain = {
  routes = {
    { currency = "BAN", pays = { "banano" } },
    { country = "228", begins = { "90", "91", "92", "93", "70", "71" }, pays = { "tmoney", "thunes" } },
    { country = "228", begins = { "96", "97", "98", "99", "78", "79" }, pays = { "flooz", "thunes" } },
    { country = "225", pays = { "momo-ci", "thunes" } },
  },
  costs = {
    banano = { per_thousand = 0 },
    tmoney = { per_thousand = 10 },
    flooz = { per_thousand = 10 },
    ["momo-ci"] = { per_thousand = 10 },
    thunes = { per_thousand = 5, fixed = { XOF = "50" } },
  },
  max_failures = 50,
}
local all = {
  { name = "flooz", plugin = "flooz" },
  { name = "momo-bj", plugin = "momo" },
  { name = "momo-ci", plugin = "momo" },
  { name = "thunes", plugin = "thunes" },
  { name = "tmoney", plugin = "tmoney" },
}

-- The five providers with one of them changed.
local function with(name, changes)
  local list = {}
  for i, provider in ipairs(all) do
    local copy = { name = provider.name, plugin = provider.plugin }
    if provider.name == name then
      for key, value in pairs(changes) do
        copy[key] = value
      end
    end
    list[i] = copy
  end
  return list
end

-- One test for each beginning of Togo's numbers.
local function togo(beginning, expected)
  return {
    name = "Togo " .. beginning,
    payout = { amount = "1000", destination = "228" .. beginning .. "123456" },
    providers = all,
    tunables = plain,
    expect = expected,
  }
end

routing.tests = {
  togo("89", false),
  togo("90", "tmoney"),
  togo("91", "tmoney"),
  togo("92", "tmoney"),
  togo("93", "tmoney"),
  togo("94", false),
  togo("95", false),
  togo("96", "flooz"),
  togo("97", "flooz"),
  togo("98", "flooz"),
  togo("99", "flooz"),
  togo("69", false),
  togo("70", "tmoney"),
  togo("71", "tmoney"),
  togo("72", false),
  togo("77", false),
  togo("78", "flooz"),
  togo("79", "flooz"),
  togo("80", false),
  {
    name = "a number with a plus",
    payout = { amount = "1000", destination = "+22890123456" },
    providers = all,
    tunables = plain,
    expect = "tmoney",
  },
  {
    name = "a number with two zeros",
    payout = { amount = "1000", destination = "0022896123456" },
    providers = all,
    tunables = plain,
    expect = "flooz",
  },
  {
    name = "a provider's name is narrower than its plugin's",
    payout = { amount = "1000", destination = "2250701020304" },
    providers = all,
    tunables = plain,
    expect = "momo-ci",
  },
  {
    name = "a plugin's name means all its providers",
    payout = { amount = "1", currency = "BAN", destination = "ban_3nipm75wmj6499uf9dhn44mqqoc8yq1m" },
    providers = { { name = "banano-hot", plugin = "banano" } },
    tunables = plain,
    expect = "banano-hot",
  },
  {
    name = "just where the fixed part no longer outweighs the share",
    payout = { amount = "10001", destination = "22890123456" },
    providers = all,
    tunables = plain,
    expect = "thunes",
  },
  {
    name = "equal costs: the first by name",
    payout = { amount = "10000", destination = "22890123456" },
    providers = all,
    tunables = plain,
    expect = "thunes",
  },
  {
    name = "equal costs: fewer failures",
    payout = { amount = "10000", destination = "22890123456" },
    providers = with("thunes", { failures = 1 }),
    tunables = plain,
    expect = "tmoney",
  },
  {
    name = "equal costs: fewer waiting",
    payout = { amount = "10000", destination = "22890123456" },
    providers = with("thunes", { waiting = 3 }),
    tunables = plain,
    expect = "tmoney",
  },
  {
    name = "one that is not ready is passed over",
    payout = { amount = "1000", destination = "22890123456" },
    providers = with("tmoney", { ready = false }),
    tunables = plain,
    expect = "thunes",
  },
  {
    name = "one that is paused is passed over",
    payout = { amount = "1000", destination = "22890123456" },
    providers = with("tmoney", { paused = true }),
    tunables = plain,
    expect = "thunes",
  },
  {
    name = "as many failures as allowed",
    payout = { amount = "1000", destination = "22890123456" },
    providers = with("tmoney", { failures = 50 }),
    tunables = plain,
    expect = "tmoney",
  },
  {
    name = "more failures than allowed",
    payout = { amount = "1000", destination = "22890123456" },
    providers = with("tmoney", { failures = 51 }),
    tunables = plain,
    expect = "thunes",
  },
  {
    name = "one that fails is better than none",
    payout = { amount = "1000", destination = "22890123456" },
    providers = { { name = "tmoney", plugin = "tmoney", failures = 100 } },
    tunables = plain,
    expect = "tmoney",
  },
  {
    name = "one of unknown cost comes last",
    payout = { amount = "1000", destination = "22890123456" },
    providers = all,
    tunables = { routes = plain.routes, costs = { tmoney = { per_thousand = 900 } }, max_failures = 50 },
    expect = "tmoney",
  },
  {
    name = "all are away: it waits for the cheapest",
    payout = { amount = "1000", destination = "22890123456" },
    providers = {
      { name = "thunes", plugin = "thunes", ready = false },
      { name = "tmoney", plugin = "tmoney", paused = true },
    },
    tunables = plain,
    expect = "tmoney",
  },
  {
    name = "one that fails is better than one that is away",
    payout = { amount = "1000", destination = "22890123456" },
    providers = {
      { name = "thunes", plugin = "thunes", failures = 100 },
      { name = "tmoney", plugin = "tmoney", ready = false },
    },
    tunables = plain,
    expect = "thunes",
  },
  {
    name = "no provider at all",
    payout = { amount = "1000", destination = "22890123456" },
    providers = {},
    tunables = plain,
    expect = false,
  },
  {
    name = "no route",
    payout = { amount = "1000", destination = "33612345678" },
    providers = all,
    tunables = plain,
    expect = false,
  },
}

return routing
