-- The schedule of notifications: how long until an endpoint that did not take one hears it again. No provider uses it.
--
-- With these numbers it waits as the host does without it: 5, 10, 20, 40, 80, 160, then 300 seconds, by chance up to a
-- fifth shorter or longer. The host waits longer where the endpoint asks for it (Retry-After), and gives up by itself
-- after notifications.give_up_after. attempt.purpose is "notify", attempt.code the HTTP status of the answer, or
-- "unreachable", "no_answer" or "address_refused"; attempt.age counts since the notification was wanted.
-- Turn: everything in `tunables`; all times are seconds.
local backoff = {
  tunables = {
    first = 5,
    factor = 2,
    limit = 300,
    jitter = 0.2,
    attempts = 0, -- give up after so many; 0: never, only notifications.give_up_after counts
  },
}

function backoff.next(attempt)
  local tunables = backoff.tunables
  if tunables.attempts > 0 and attempt.count >= tunables.attempts then
    return "give_up"
  end
  return lib.schedules.exponential(attempt, tunables)
end

-- Tests bring tunables of their own, so that turning those above breaks none.
local plain = { first = 5, factor = 2, limit = 300, jitter = 0.2, attempts = 0 }
local few = { first = 5, factor = 2, limit = 300, jitter = 0, attempts = 3 }

backoff.tests = {
  { name = "the first time", attempt = { count = 1, random = 0.5 }, tunables = plain, expect = 5 },
  {
    name = "the least that chance makes of it",
    attempt = { count = 1, random = 0 },
    tunables = plain,
    expect = { min = 3.999, max = 4.001 },
  },
  {
    name = "the most that chance makes of it",
    attempt = { count = 1, random = 0.999999 },
    tunables = plain,
    expect = { min = 5.99, max = 6 },
  },
  { name = "doubles", attempt = { count = 4, code = "503", random = 0.5 }, tunables = plain, expect = 40 },
  { name = "the longest pause", attempt = { count = 8, random = 0.5 }, tunables = plain, expect = 300 },
  {
    name = "an endpoint that is away for days",
    attempt = { count = 900, code = "unreachable", age = 259199, random = 0.5 },
    tunables = plain,
    expect = 300,
  },
  { name = "goes on", attempt = { count = 2, random = 0.5 }, tunables = few, expect = 10 },
  { name = "gives up", attempt = { count = 3, random = 0.5 }, tunables = few, expect = "give_up" },
}

return backoff
