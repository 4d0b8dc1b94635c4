-- KEYS: sessions. ARGV: owner. Answers for each what is left of its life (-1 if it never ends), or -2 if it is not theirs.
local found = {}
for n, key in ipairs(KEYS) do
  local payload = redis.pcall('GET', key)
  local is_theirs = type(payload) == 'string' and owner_of(payload) == ARGV[1]
  found[n] = is_theirs and redis.call('PTTL', key) or -2
end
return found
