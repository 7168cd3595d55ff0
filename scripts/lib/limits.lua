-- What the rules about limits have in common.
local limits = {}

-- The limit called `name` for this user: the user's own, where tunables.users has one, else everybody's.
function limits.of(tunables, user, name)
  local own = user ~= nil and tunables.users[user] or nil
  if own ~= nil and own[name] ~= nil then
    return own[name]
  end
  return tunables[name]
end

-- As `of`, for limits that are tables of amounts by currency, { XOF = "500000", EUR = "750" }: the amount in
-- `currency`, or nil where that currency has no limit. A user's own table is asked first, currency by currency.
function limits.amount_of(tunables, user, name, currency)
  local own = user ~= nil and tunables.users[user] or nil
  local text = own ~= nil and own[name] ~= nil and own[name][currency] or tunables[name][currency]
  if text == nil then
    return nil
  end
  return money(text, currency)
end

return limits
