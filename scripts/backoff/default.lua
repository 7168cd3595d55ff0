-- The schedule of every provider that has no file of its own here: backoff/NAME.lua goes before this one, where NAME
-- is the provider's name in the configuration (momo-ci, not the plugin's name momo).
--
-- With these numbers it waits as the settings engine.backoff, engine.query_backoff, engine.poll_interval and
-- engine.unknown_review_after do by default; while this file is here, those settings count only where it fails.
-- Turn: everything in `tunables`; all times are seconds. lib/schedules.lua explains a plan.
local backoff = {
  tunables = {
    retry = { first = 30, factor = 2, limit = 3600, jitter = 0.2, submissions = 5 },
    resend = { first = 2, factor = 2, limit = 300, jitter = 0.2 },
    poll = { spread = 0.2, steps = { { every = 60 } } },
    query = { first = 2, factor = 2, limit = 300, jitter = 0.2 },
    sent_review_after = 259200, -- SENT for three days: a person asks the provider
    unknown_review_after = 86400, -- UNKNOWN for a day: a person decides

    -- Providers whose name ends so are simulators on a developer's machine, and are asked many times a second.
    development_suffix = "-dev",
  },
}

function backoff.next(attempt)
  if ends_with(attempt.provider, backoff.tunables.development_suffix) then
    return lib.schedules.follow(attempt, lib.schedules.presets.development)
  end
  return lib.schedules.follow(attempt, backoff.tunables)
end

-- Tests bring tunables of their own, so that turning those above breaks none.
local plain = {
  retry = { first = 30, factor = 2, limit = 3600, jitter = 0.2, submissions = 5 },
  resend = { first = 2, factor = 2, limit = 300, jitter = 0.2 },
  poll = { spread = 0.2, steps = { { up_to = 600, every = 60 }, { every = 300 } } },
  query = { first = 2, factor = 2, limit = 300, jitter = 0.2 },
  sent_review_after = 259200,
  unknown_review_after = 86400,
  development_suffix = "-dev",
}
local no_limits = {
  retry = { first = 30, factor = 2, limit = 3600, jitter = 0, submissions = 0 },
  query = { first = 2, factor = 2, limit = 300, jitter = 0 },
  sent_review_after = 0,
  unknown_review_after = 0,
}

backoff.tests = {
  {
    name = "the first refusal",
    attempt = { purpose = "retry", count = 1, random = 0.5 },
    tunables = plain,
    expect = 30,
  },
  {
    name = "the least that chance makes of it",
    attempt = { purpose = "retry", count = 1, random = 0 },
    tunables = plain,
    expect = { min = 23.999, max = 24.001 },
  },
  {
    name = "the most that chance makes of it",
    attempt = { purpose = "retry", count = 1, random = 0.999999 },
    tunables = plain,
    expect = { min = 35.99, max = 36 },
  },
  {
    name = "the last refusal before giving up",
    attempt = { purpose = "retry", count = 4, random = 0.5 },
    tunables = plain,
    expect = 240,
  },
  {
    name = "gives up",
    attempt = { purpose = "retry", count = 5, random = 0.5 },
    tunables = plain,
    expect = "give_up",
  },
  {
    name = "no limit of submissions, a limit of the pause",
    attempt = { purpose = "retry", count = 2000, random = 0.5 },
    tunables = no_limits,
    expect = 3600,
  },
  {
    name = "sends again what was not sent",
    attempt = { purpose = "resend", count = 3, random = 0.5 },
    tunables = plain,
    expect = 8,
  },
  {
    name = "asks once a minute",
    attempt = { purpose = "poll", count = 3, in_state = 599, random = 0 },
    tunables = plain,
    expect = 60,
  },
  {
    name = "asks less often later",
    attempt = { purpose = "poll", count = 11, in_state = 600, random = 0 },
    tunables = plain,
    expect = 300,
  },
  {
    name = "just before three days SENT",
    attempt = { purpose = "poll", count = 900, in_state = 259199, random = 0 },
    tunables = plain,
    expect = 300,
  },
  {
    name = "three days SENT",
    attempt = { purpose = "poll", count = 900, in_state = 259200, random = 0 },
    tunables = plain,
    expect = "review",
  },
  {
    name = "UNKNOWN, asks soon",
    attempt = { purpose = "query", count = 1, random = 0.5 },
    tunables = plain,
    expect = 2,
  },
  {
    name = "UNKNOWN, just before a day",
    attempt = { purpose = "query", count = 300, in_state = 86399, random = 0.5 },
    tunables = plain,
    expect = 300,
  },
  {
    name = "UNKNOWN for a day",
    attempt = { purpose = "query", count = 301, in_state = 86400, random = 0.5 },
    tunables = plain,
    expect = "review",
  },
  {
    name = "UNKNOWN for a year, and no limit",
    attempt = { purpose = "query", count = 5000, in_state = 31536000, random = 0.5 },
    tunables = no_limits,
    expect = 300,
  },
  {
    name = "a simulator is asked at once",
    attempt = { provider = "momo-dev", purpose = "query", count = 1, random = 0.5 },
    tunables = plain,
    expect = 0.5,
  },
}

return backoff
