-- The schedule of the provider that is called `banano`: a network that confirms in a second or so.
--
-- For a provider of another name, copy this file to backoff/THAT-NAME.lua. All times are seconds.
-- lib/schedules.lua explains a plan.
local backoff = {
  tunables = {
    -- A refusal that may pass: three retries, min(0.5 · 2^(n−1) · U(0.5, 1.5), 5) s apart; then the payout fails.
    retry = { first = 0.5, factor = 2, jitter = 0.5, never_above = 5, submissions = 4 },
    -- Nothing was sent, or nothing was accepted: the same block goes again.
    resend = { first = 0.5, factor = 2, limit = 30, jitter = 0.2 },
    -- SENT: every second at first. A block that is not confirmed after an hour waits for the network.
    poll = {
      spread = 0.2,
      steps = {
        { up_to = 10, every = 1 },
        { up_to = 60, every = 5 },
        { up_to = 3600, every = 60 },
        { every = 600 },
      },
    },
    -- UNKNOWN: after 0.5, 1, 2 … seconds, then every minute.
    query = { first = 0.5, factor = 2, limit = 60, jitter = 0.2 },
    sent_review_after = 259200, -- SENT for three days: a person looks at the chain
    unknown_review_after = 86400, -- UNKNOWN for a day: a person decides
  },
}

function backoff.next(attempt)
  return lib.schedules.follow(attempt, backoff.tunables)
end

-- Tests bring tunables of their own, so that turning those above breaks none.
local plain = {
  retry = { first = 0.5, factor = 2, jitter = 0.5, never_above = 5, submissions = 4 },
  poll = { spread = 0.2, steps = { { up_to = 10, every = 1 }, { every = 5 } } },
  query = { first = 0.5, factor = 2, limit = 60, jitter = 0.2 },
  sent_review_after = 1000,
  unknown_review_after = 1000,
}
local many = { retry = { first = 0.5, factor = 2, jitter = 0.5, never_above = 5, submissions = 0 } }

backoff.tests = {
  {
    name = "the first retry, at its soonest",
    attempt = { purpose = "retry", count = 1, random = 0 },
    tunables = plain,
    expect = 0.25,
  },
  {
    name = "the first retry, at its latest",
    attempt = { purpose = "retry", count = 1, random = 0.999999 },
    tunables = plain,
    expect = { min = 0.7499, max = 0.75 },
  },
  {
    name = "the third retry",
    attempt = { purpose = "retry", count = 3, random = 0.5 },
    tunables = plain,
    expect = 2,
  },
  {
    name = "no fourth retry",
    attempt = { purpose = "retry", count = 4, random = 0.5 },
    tunables = plain,
    expect = "give_up",
  },
  {
    name = "never above five seconds, chance included",
    attempt = { purpose = "retry", count = 5, random = 0.9 },
    tunables = many,
    expect = 5,
  },
  {
    name = "asks every second",
    attempt = { purpose = "poll", count = 9, in_state = 9, random = 0 },
    tunables = plain,
    expect = 1,
  },
  {
    name = "then more slowly",
    attempt = { purpose = "poll", count = 11, in_state = 10, random = 0 },
    tunables = plain,
    expect = 5,
  },
  {
    name = "SENT for too long",
    attempt = { purpose = "poll", count = 90, in_state = 1000 },
    tunables = plain,
    expect = "review",
  },
  {
    name = "UNKNOWN, asks at once",
    attempt = { purpose = "query", count = 1, in_state = 0, random = 0.5 },
    tunables = plain,
    expect = 0.5,
  },
  {
    name = "UNKNOWN for too long",
    attempt = { purpose = "query", count = 30, in_state = 1000 },
    tunables = plain,
    expect = "review",
  },
}

return backoff
