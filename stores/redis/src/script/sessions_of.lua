-- KEYS: owner's index. ARGV: owner, sessions' prefix, 1 if only a proven index is trusted, else 0.
-- Answers what speaks against the index, as revoke does, then key, payload, what is left of its life, key, payload …
-- Drops what is no session of this owner any more. The index is a hint; the sessions are the truth.
local score = redis.call('ZSCORE', KEYS[1], '')
local found = { 0 }
if score and score ~= PROVEN or not score and ARGV[3] == '1' then
  found[1] = 2
elseif redis.call('EXISTS', KEYS[1]) == 0 then
  found[1] = 1
end
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], MARKS, '+inf', 'BYSCORE')) do
  local payload = redis.pcall('GET', ARGV[2] .. key)
  if type(payload) == 'string' and owner_of(payload) == ARGV[1] then
    found[#found + 1] = key
    found[#found + 1] = payload
    found[#found + 1] = redis.call('PTTL', ARGV[2] .. key)
  else
    -- Where nothing can be written, it stays.
    redis.pcall('ZREM', KEYS[1], key)
  end
end
return found
