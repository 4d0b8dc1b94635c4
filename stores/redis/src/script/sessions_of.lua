-- KEYS: owner's index. ARGV: owner, sessions' prefix. Answers key, payload, expiry, key, payload, expiry …
-- Drops what is no session of this owner any more. The index is a hint; the sessions are the truth.
local found = {}
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local payload = redis.pcall('GET', ARGV[2] .. key)
  if type(payload) == 'string' and owner_of(payload) == ARGV[1] then
    found[#found + 1] = key
    found[#found + 1] = payload
    found[#found + 1] = redis.call('PEXPIRETIME', ARGV[2] .. key)
  else
    redis.call('ZREM', KEYS[1], key)
  end
end
return found
