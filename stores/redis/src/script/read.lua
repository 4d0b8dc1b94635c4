-- KEYS: sessions. Answers payload, what is left of its life, payload …, and nil, 0 for what is not there.
local found = {}
for n, key in ipairs(KEYS) do
  local payload = redis.pcall('GET', key)
  found[2 * n - 1] = type(payload) == 'string' and payload
  found[2 * n] = payload and redis.call('PTTL', key) or 0
end
return found
