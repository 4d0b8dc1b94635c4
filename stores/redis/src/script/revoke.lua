-- KEYS: owner's index. ARGV: owner, sessions' prefix, 1 if only a proven index is trusted, else 0[, key to keep].
-- Answers how many sessions were removed, and what speaks against the index: 0 for nothing, 1 if there is none, 2 if it may
-- lack sessions.
local score = redis.call('ZSCORE', KEYS[1], '')
local doubt = 0
if score and score ~= PROVEN or not score and ARGV[3] == '1' then
  doubt = 2
elseif redis.call('EXISTS', KEYS[1]) == 0 then
  doubt = 1
end
if ARGV[4] and not redis.call('ZSCORE', KEYS[1], ARGV[4]) then
  local payload = redis.pcall('GET', ARGV[2] .. ARGV[4])
  if type(payload) == 'string' and owner_of(payload) == ARGV[1] then doubt = 2 end
end
local removed = 0
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], MARKS, '+inf', 'BYSCORE')) do
  if key ~= ARGV[4] then
    local payload = redis.pcall('GET', ARGV[2] .. key)
    if type(payload) == 'string' and owner_of(payload) == ARGV[1] then
      removed = removed + redis.call('DEL', ARGV[2] .. key)
    end
    redis.call('ZREM', KEYS[1], key)
  end
end
return { removed, doubt }
