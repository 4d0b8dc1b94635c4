-- KEYS: session. ARGV: due if less than this is left, new life, life in the payload or 'null'[, key, sessions' prefix,
-- owners' prefix, new expiry, now]
-- Answers nil, or the payload and what is left of its life (-1 if it never ends).
local payload = redis.call('GET', KEYS[1])
if not payload then return false end
local left = redis.call('PTTL', KEYS[1])
if left > 0 and left < tonumber(ARGV[1]) then
  local cookie = object(payload, 'cookie')
  local life = cookie and cookie.originalMaxAge
  -- cjson.null is JSON's null; an absent member is nil and matches neither.
  local same
  if ARGV[3] == 'null' then
    same = life == cjson.null
  else
    same = type(life) == 'number' and math.floor(life) == tonumber(ARGV[3])
  end
  -- A server that takes no writes now still serves the session, with the life it has.
  -- Before the index: a full server refuses what needs memory, but not in a script that has begun to write.
  local moved = same and redis.pcall('PEXPIRE', KEYS[1], ARGV[2])
  if moved and type(moved) ~= 'table' then
    local owner = owner_of(payload)
    if owner and ARGV[6] then list(ARGV[6] .. owner, ARGV[5], ARGV[4], ARGV[7], ARGV[8], true) end
    left = tonumber(ARGV[2])
  end
end
return { payload, left }
