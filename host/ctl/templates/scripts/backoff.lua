-- How long the provider my_provider is left alone before the next submit or the next question.
--
-- Whatever stands here, a payout that may have been paid is never sent again: these are waiting times only.
local backoff = {
  tunables = {
    submissions = 5, -- after so many refusals that may pass, the payout fails; nothing was paid
    first_retry_s = 30, -- the pause after the first refusal; it doubles each time
    longest_retry_s = 3600,
    jitter = 0.2, -- by this share chance makes a pause shorter or longer
    poll_s = 60, -- SENT: asked this often
    longest_query_s = 300, -- UNKNOWN: asked after 1, 2, 4 … seconds, at most this many
    unknown_review_s = 86400, -- UNKNOWN for so long: a person decides
  },
}

local function doubled(first, count, longest)
  return math.min(first * 2 ^ (count - 1), longest)
end

-- attempt: provider, purpose, count (from 1), in_state and age (seconds), code, random (0 to 1).
-- Return seconds, or "give_up" (believed only where nothing was paid), or "review" (a person decides).
function backoff.next(attempt)
  local tunables = backoff.tunables
  local chance = 1 - tunables.jitter + 2 * tunables.jitter * attempt.random
  if attempt.purpose == "retry" then -- refused for now: the next submit has a new reference
    if attempt.count >= tunables.submissions then
      return "give_up"
    end
    return doubled(tunables.first_retry_s, attempt.count, tunables.longest_retry_s) * chance
  elseif attempt.purpose == "poll" then -- SENT: accepted, not final
    return tunables.poll_s * (1 + tunables.jitter * attempt.random)
  elseif attempt.purpose == "query" and attempt.in_state >= tunables.unknown_review_s then -- UNKNOWN
    return "review"
  end
  return doubled(1, attempt.count, tunables.longest_query_s) * chance -- and "resend": nothing was sent
end

-- They run whenever the scripts are loaded. Each brings the tunables that it means, so that turning those above
-- breaks none.
local plain = {
  submissions = 3,
  first_retry_s = 30,
  longest_retry_s = 40,
  jitter = 0.2,
  poll_s = 60,
  longest_query_s = 300,
  unknown_review_s = 86400,
}

backoff.tests = {
  { name = "first refusal", attempt = { purpose = "retry", count = 1, random = 0.5 }, tunables = plain, expect = 30 },
  { name = "second refusal", attempt = { purpose = "retry", count = 2, random = 0.5 }, tunables = plain, expect = 40 },
  { name = "third refusal", attempt = { purpose = "retry", count = 3 }, tunables = plain, expect = "give_up" },
  {
    name = "never asked more than once a minute",
    attempt = { purpose = "poll", count = 1, random = 0 },
    tunables = plain,
    expect = 60,
  },
  {
    name = "unknown, asked soon",
    attempt = { purpose = "query", count = 2, random = 0 },
    tunables = plain,
    expect = { min = 1.5, max = 1.7 },
  },
  {
    name = "unknown for a day",
    attempt = { purpose = "query", count = 400, in_state = 86400 },
    tunables = plain,
    expect = "review",
  },
}

return backoff
