-- The schedule of the provider that is called `tmoney`: mobile money.
--
-- For a provider of another name, copy this file to backoff/THAT-NAME.lua. All times are seconds.
-- lib/schedules.lua explains a plan.
local backoff = {
  tunables = {
    -- A refusal that may pass: five submissions in all, 30, 60, 120 and 240 seconds apart; then the payout fails.
    retry = { first = 30, factor = 2, submissions = 5 },
    -- Nothing was sent, or nothing was accepted: the same reference goes again.
    resend = { first = 2, factor = 2, limit = 300, jitter = 0.2 },
    -- SENT: at most once a minute in the first ten minutes, every five up to an hour, then half-hourly, then slower.
    poll = {
      spread = 0.1,
      steps = {
        { up_to = 600, every = 60 },
        { up_to = 3600, every = 300 },
        { up_to = 86400, every = 1800 },
        { every = 7200 },
      },
    },
    -- UNKNOWN: after 2, 4, 8 … seconds, then every five minutes.
    query = { first = 2, factor = 2, limit = 300, jitter = 0.2 },
    sent_review_after = 259200, -- SENT for three days: a person asks the operator
    unknown_review_after = 86400, -- UNKNOWN for a day: a person decides
    -- Refusals with a pace of their own: { ["CODE"] = { wait = 900, submissions = 40 } }, by TMoney's code.
    codes = {},
  },
}

function backoff.next(attempt)
  return lib.schedules.follow(attempt, backoff.tunables)
end

-- Tests bring tunables of their own, so that turning those above breaks none.
local plain = {
  retry = { first = 30, factor = 2, submissions = 5 },
  poll = { spread = 0.1, steps = { { up_to = 600, every = 60 }, { every = 300 } } },
  query = { first = 2, factor = 2, limit = 300, jitter = 0.2 },
  sent_review_after = 1000,
  unknown_review_after = 1000,
  codes = { ["7"] = { wait = 900, submissions = 40 } },
}

backoff.tests = {
  { name = "the first refusal", attempt = { purpose = "retry", count = 1 }, tunables = plain, expect = 30 },
  { name = "the fourth refusal", attempt = { purpose = "retry", count = 4 }, tunables = plain, expect = 240 },
  { name = "the fifth refusal", attempt = { purpose = "retry", count = 5 }, tunables = plain, expect = "give_up" },
  {
    name = "never more than once a minute",
    attempt = { purpose = "poll", count = 1, in_state = 0, random = 0 },
    tunables = plain,
    expect = { min = 60, max = 60 },
  },
  {
    name = "slower with age",
    attempt = { purpose = "poll", count = 11, in_state = 600, random = 0.999999 },
    tunables = plain,
    expect = { min = 300, max = 330 },
  },
  {
    name = "SENT for too long",
    attempt = { purpose = "poll", count = 20, in_state = 1000 },
    tunables = plain,
    expect = "review",
  },
  {
    name = "UNKNOWN, asks soon",
    attempt = { purpose = "query", count = 1, in_state = 0, random = 0.5 },
    tunables = plain,
    expect = 2,
  },
  {
    name = "UNKNOWN, then slower",
    attempt = { purpose = "query", count = 12, in_state = 999, random = 0.5 },
    tunables = plain,
    expect = 300,
  },
  {
    name = "UNKNOWN for too long",
    attempt = { purpose = "query", count = 13, in_state = 1000 },
    tunables = plain,
    expect = "review",
  },
  {
    name = "a code with a pace of its own",
    attempt = { purpose = "retry", count = 7, code = "7" },
    tunables = plain,
    expect = 900,
  },
}

return backoff
