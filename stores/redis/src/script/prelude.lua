-- Shared by the scripts that write. KEYS are the session's key(s); the keys of owners' indexes are made here, from
-- the prefix in ARGV and the owner that the payload names, and so are the keys of an index's sessions.

-- How long an index outlives the last expiry that was put in it: servers that know nothing of it extend sessions too.
local GRACE = 30 * 24 * 3600 * 1000
-- The expiry that stands for none: 9999-12-31T23:59:59.999Z.
local NEVER = '253402300799999'

-- The JSON text of the member `name` of a JSON object, or nil. Only the text up to that member is looked at, so what
-- cjson refuses elsewhere (half of a surrogate pair, deep nesting) does no harm.
local function member(json, name)
  local at = string.match(json, '^%s*{()')
  local depth, from = 1, nil
  while at do
    local here = string.find(json, from and depth == 1 and '["{}%[%],]' or '["{}%[%]]', at)
    if not here then return nil end
    local byte = string.byte(json, here)
    at = here + 1
    if byte == 34 then -- a string: to its end
      local stop = string.find(json, '["\\]', at)
      while stop and string.byte(json, stop) == 92 do
        stop = string.find(json, '["\\]', stop + 2)
      end
      if not stop then return nil end
      if depth == 1 and not from and string.sub(json, at, stop - 1) == name then
        from = string.match(json, '^%s*:()', stop + 1)
      end
      at = stop + 1
    elseif byte == 123 or byte == 91 then -- { [
      depth = depth + 1
    elseif byte == 44 then -- the comma after the member
      return string.sub(json, from, here - 1)
    else -- } ]
      depth = depth - 1
      if depth == 0 then return from and string.sub(json, from, here - 1) end
    end
  end
end

-- The object that a payload has under `name`, or nil.
local function object(payload, name)
  local text = member(payload, name)
  if not text then return nil end
  local sound, value = pcall(cjson.decode, text)
  return sound and type(value) == 'table' and value or nil
end

-- Whose session a payload is, or nil.
local function owner_of(payload)
  if not string.find(payload, '"_session"', 1, true) then return nil end
  local facts = object(payload, '_session')
  local owner = facts and facts.owner
  local sound = type(owner) == 'string' and owner ~= '' and #owner <= 255 and not string.find(owner, '\0', 1, true)
  return sound and owner or nil
end

-- Looks at up to `most` members whose time is over by the index's account. Drops those whose session is gone, gives
-- the others their session's expiry; answers how many were dropped.
local function tidy(index, sessions, most)
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local dropped = 0
  for _, key in ipairs(redis.call('ZRANGE', index, '-inf', now, 'BYSCORE', 'LIMIT', 0, most)) do
    local ends = redis.call('PEXPIRETIME', sessions .. key)
    if ends == -2 then
      dropped = dropped + redis.call('ZREM', index, key)
    else
      redis.call('ZADD', index, ends == -1 and NEVER or ends, key)
    end
  end
  return dropped
end

-- Puts a session in an owner's index, or moves its expiry there.
local function list(index, sessions, key, ends)
  redis.call('ZADD', index, ends, key)
  tidy(index, sessions, 2)
  local keep = tonumber(ends) + GRACE
  if redis.call('PEXPIRETIME', index) < keep then redis.call('PEXPIREAT', index, keep) end
end
