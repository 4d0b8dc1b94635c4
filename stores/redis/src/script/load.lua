-- KEYS: session. ARGV: [now, due before, new expiry, life or 'null'[, key, sessions' prefix, owners' prefix]]
-- Answers nil, or the payload and its expiry (-1 for none).
local payload = redis.call('GET', KEYS[1])
if not payload then return false end
local ends = redis.call('PEXPIRETIME', KEYS[1])
if #ARGV > 0 and ends > tonumber(ARGV[1]) and ends < tonumber(ARGV[2]) then
  local cookie = object(payload, 'cookie')
  local life = cookie and cookie.originalMaxAge
  -- cjson.null is JSON's null; an absent member is nil and matches neither.
  local same
  if ARGV[4] == 'null' then
    same = life == cjson.null
  else
    same = type(life) == 'number' and math.floor(life) == tonumber(ARGV[4])
  end
  if same then
    -- Before the index: a full server refuses what needs memory, but not in a script that has begun to write.
    redis.call('PEXPIREAT', KEYS[1], ARGV[3])
    local owner = owner_of(payload)
    if owner and ARGV[7] then list(ARGV[7] .. owner, ARGV[6], ARGV[5], ARGV[3]) end
    ends = tonumber(ARGV[3])
  end
end
return { payload, ends }
