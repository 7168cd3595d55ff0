-- How long to wait: what the files in backoff/ are made of.
--
-- A plan is a table:
--   retry    after a refusal that may pass; the next submit has a new reference
--              { first = 30, factor = 2, limit = 3600, jitter = 0.2, never_above = 4000, submissions = 5 }
--   resend   nothing was sent or accepted; the same reference goes again. As retry, without `submissions`
--   poll     SENT: ask how it is going. { spread = 0.1, steps = { { up_to = 600, every = 60 }, { every = 300 } } }
--   query    UNKNOWN: ask what happened. As resend
--   sent_review_after, unknown_review_after   seconds, then a person decides; 0: never
--   codes    optional: refusals (retry, resend) with a pace of their own, by the provider's code
--              { ["10"] = { wait = 900, submissions = 40 }, ["14"] = "review" }
-- All times are in seconds.
local schedules = {}

local longest = 604800 -- a week: the host waits no longer, whatever a script says

-- first · factor^(n−1), at most `limit`, then made shorter or longer by chance by at most the share `jitter`, then at
-- most `never_above`. Chance is attempt.random, which is recorded: the same question has the same answer for ever.
function schedules.exponential(attempt, options)
  local delay = options.first * (options.factor or 2) ^ (attempt.count - 1)
  delay = math.min(delay, options.limit or longest)
  local jitter = options.jitter or 0
  delay = delay * (1 - jitter + 2 * jitter * attempt.random)
  return math.min(delay, options.never_above or longest)
end

-- As exponential, and gives up when `options.submissions` submissions were refused (nil or 0: never).
function schedules.retry(attempt, options)
  local submissions = options.submissions or 0
  if submissions > 0 and attempt.count >= submissions then
    return "give_up"
  end
  return schedules.exponential(attempt, options)
end

-- Slower with age: the pace of the first step whose `up_to` is not reached. `spread` makes a pause longer by at most
-- that share, never shorter, so that `every` is a promise to the provider.
function schedules.by_age(attempt, options)
  local every = longest
  for _, step in ipairs(options.steps) do
    if step.up_to == nil or attempt.in_state < step.up_to then
      every = step.every
      break
    end
  end
  return every * (1 + (options.spread or 0) * attempt.random)
end

local function is_over(attempt, after)
  return after ~= nil and after > 0 and attempt.in_state >= after
end

-- The pace that plan.codes sets for the provider's code, or nil.
local function own_pace(attempt, plan)
  local own = plan.codes ~= nil and attempt.code ~= nil and plan.codes[attempt.code] or nil
  if own == nil or own == "review" or own == "give_up" then
    return own
  end
  return schedules.retry(attempt, { first = own.wait, factor = 1, submissions = own.submissions })
end

-- What a plan says to an attempt, whatever it is for.
function schedules.follow(attempt, plan)
  if attempt.purpose == "retry" then
    return own_pace(attempt, plan) or schedules.retry(attempt, plan.retry)
  elseif attempt.purpose == "resend" then
    return own_pace(attempt, plan) or schedules.exponential(attempt, plan.resend)
  elseif attempt.purpose == "poll" then
    return is_over(attempt, plan.sent_review_after) and "review" or schedules.by_age(attempt, plan.poll)
  end
  return is_over(attempt, plan.unknown_review_after) and "review" or schedules.exponential(attempt, plan.query)
end

-- Ready-made plans: local p = lib.schedules.presets; return lib.schedules.follow(attempt, p.mobile_money)
schedules.presets = {
  -- Mobile money: five submissions, with 30, 60, 120, 240 s between them; asked at most once a minute.
  mobile_money = {
    retry = { first = 30, factor = 2, submissions = 5 },
    resend = { first = 2, factor = 2, limit = 300, jitter = 0.2 },
    poll = {
      spread = 0.1,
      steps = {
        { up_to = 600, every = 60 },
        { up_to = 3600, every = 300 },
        { up_to = 86400, every = 1800 },
        { every = 7200 },
      },
    },
    query = { first = 2, factor = 2, limit = 300, jitter = 0.2 },
    sent_review_after = 259200,
    unknown_review_after = 86400,
  },

  -- A faucet: three retries, min(0.5 · 2^(n−1) · U(0.5, 1.5), 5) s. Networks that settle in a second.
  faucet = {
    retry = { first = 0.5, factor = 2, jitter = 0.5, never_above = 5, submissions = 4 },
    resend = { first = 0.5, factor = 2, limit = 30, jitter = 0.2 },
    poll = {
      spread = 0.2,
      steps = {
        { up_to = 10, every = 1 },
        { up_to = 60, every = 5 },
        { up_to = 3600, every = 60 },
        { every = 600 },
      },
    },
    query = { first = 0.5, factor = 2, limit = 60, jitter = 0.2 },
    sent_review_after = 259200,
    unknown_review_after = 86400,
  },

  -- An operations queue: six retries, after 2^n · 90 s and some chance: 3, 6, 12, 24, 48, 96 minutes.
  ops_queue = {
    retry = { first = 180, factor = 2, jitter = 0.2, submissions = 7 },
    resend = { first = 5, factor = 2, limit = 300, jitter = 0.2 },
    poll = {
      spread = 0.2,
      steps = {
        { up_to = 600, every = 60 },
        { up_to = 7200, every = 300 },
        { up_to = 86400, every = 1800 },
        { every = 7200 },
      },
    },
    query = { first = 2, factor = 2, limit = 300, jitter = 0.2 },
    sent_review_after = 259200,
    unknown_review_after = 86400,
  },

  -- Simulators on this machine answer at once.
  development = {
    retry = { first = 1, factor = 2, limit = 5, jitter = 0.2, submissions = 3 },
    resend = { first = 0.5, factor = 2, limit = 5, jitter = 0.2 },
    poll = { spread = 0.2, steps = { { up_to = 10, every = 1 }, { up_to = 60, every = 2 }, { every = 10 } } },
    query = { first = 0.5, factor = 2, limit = 5, jitter = 0.2 },
    sent_review_after = 259200,
    unknown_review_after = 86400,
  },
}

return schedules
