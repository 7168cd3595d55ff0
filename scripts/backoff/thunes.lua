-- The schedule of the provider that is called `thunes`: transfers across borders, which take their time.
--
-- For a provider of another name, copy this file to backoff/THAT-NAME.lua. All times are seconds.
-- lib/schedules.lua explains a plan.
local backoff = {
  tunables = {
    -- A refusal that may pass: six retries, after 3, 6, 12, 24, 48 and 96 minutes (2^n · 90 s), a fifth more or less;
    -- then the payout fails.
    retry = { first = 180, factor = 2, jitter = 0.2, submissions = 7 },
    -- Nothing was sent, or nothing was accepted: the same reference goes again.
    resend = { first = 5, factor = 2, limit = 300, jitter = 0.2 },
    -- SENT: once a minute in the first ten, every five minutes up to two hours, then half-hourly, then slower.
    poll = {
      spread = 0.2,
      steps = {
        { up_to = 600, every = 60 },
        { up_to = 7200, every = 300 },
        { up_to = 86400, every = 1800 },
        { every = 7200 },
      },
    },
    -- UNKNOWN: after 2, 4, 8 … seconds, then every five minutes.
    query = { first = 2, factor = 2, limit = 300, jitter = 0.2 },
    sent_review_after = 432000, -- SENT for five days (a bank's weekend): a person asks Thunes
    unknown_review_after = 86400, -- UNKNOWN for a day: a person decides
    -- 1007005 is our own balance, and nothing was accepted: whoever fills it needs longer.
    codes = { ["1007005"] = { wait = 1800, submissions = 40 } },
  },
}

function backoff.next(attempt)
  return lib.schedules.follow(attempt, backoff.tunables)
end

-- Tests bring tunables of their own, so that turning those above breaks none.
local plain = {
  retry = { first = 180, factor = 2, jitter = 0.2, submissions = 7 },
  poll = { spread = 0.2, steps = { { up_to = 600, every = 60 }, { every = 300 } } },
  query = { first = 2, factor = 2, limit = 300, jitter = 0.2 },
  sent_review_after = 1000,
  unknown_review_after = 1000,
  codes = { ["1007005"] = { wait = 1800, submissions = 40 } },
}

backoff.tests = {
  {
    name = "the first retry",
    attempt = { purpose = "retry", count = 1, random = 0.5 },
    tunables = plain,
    expect = 180,
  },
  {
    name = "the sixth retry",
    attempt = { purpose = "retry", count = 6, random = 0.5 },
    tunables = plain,
    expect = 5760,
  },
  {
    name = "the sixth retry, at its soonest",
    attempt = { purpose = "retry", count = 6, random = 0 },
    tunables = plain,
    expect = { min = 4607.9, max = 4608.1 },
  },
  {
    name = "no seventh retry",
    attempt = { purpose = "retry", count = 7, random = 0.5 },
    tunables = plain,
    expect = "give_up",
  },
  {
    name = "our balance: time to fill it",
    attempt = { purpose = "resend", count = 7, code = "1007005" },
    tunables = plain,
    expect = 1800,
  },
  {
    name = "slower with age",
    attempt = { purpose = "poll", count = 11, in_state = 600, random = 0 },
    tunables = plain,
    expect = 300,
  },
  {
    name = "SENT for too long",
    attempt = { purpose = "poll", count = 20, in_state = 1000 },
    tunables = plain,
    expect = "review",
  },
  {
    name = "UNKNOWN for too long",
    attempt = { purpose = "query", count = 13, in_state = 1000 },
    tunables = plain,
    expect = "review",
  },
}

return backoff
