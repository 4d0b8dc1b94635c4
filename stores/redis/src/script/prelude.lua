-- Shared by the scripts that write. KEYS are the session's key(s); the keys of owners' indexes are made here, from
-- the prefix in ARGV and the owner that the payload names, and so are the keys of an index's sessions.
--
-- The server's clock may be wrong: lives are milliseconds from now on both ways (PX, PTTL), and whatever is a point in
-- time, in an index, is so by the clock of who calls. No command is newer than Redis 6.2.

-- How long an index outlives the last expiry that was put in it: servers that know nothing of it extend sessions too.
local GRACE = 30 * 24 * 3600 * 1000
-- The expiry that stands for none: 9999-12-31T23:59:59.999Z.
local NEVER = '253402300799999'
-- An index has at most one member that is no session, '', whose score says whether the index can be trusted: PROVEN if a
-- walk over all sessions has filled it, LOST if a session was missing in it, anything else while such a walk is under way.
-- Members above MARKS are sessions.
local MARKS = '(1000000000'
local LOST, PROVEN = '0', '1'

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

-- Puts a mark on an index: see MARKS.
local function mark(index, score)
  redis.call('ZADD', index, score, '')
  if redis.call('PTTL', index) < 0 then redis.call('PEXPIRE', index, GRACE) end
end

-- Looks at up to `most` members whose time is over by the index's account. Drops those whose session is gone, gives
-- the others their session's expiry; answers how many were dropped.
local function tidy(index, sessions, now, most)
  local dropped = 0
  for _, key in ipairs(redis.call('ZRANGE', index, MARKS, now, 'BYSCORE', 'LIMIT', 0, most)) do
    local left = redis.call('PTTL', sessions .. key)
    if left == -2 then
      dropped = dropped + redis.call('ZREM', index, key)
    else
      redis.call('ZADD', index, left == -1 and NEVER or tonumber(now) + left, key)
    end
  end
  return dropped
end

-- Puts a session in an owner's index, or moves its expiry there. One that was this owner's before (`known`) and is not
-- in the index says that the index has lost something.
local function list(index, sessions, key, ends, now, known)
  local is_new = redis.call('ZADD', index, ends, key) == 1
  if is_new and known then mark(index, LOST) end
  tidy(index, sessions, now, 2)
  local life = tonumber(ends) - tonumber(now) + GRACE
  if redis.call('PTTL', index) < life then redis.call('PEXPIRE', index, life) end
end

-- Takes a session that was this owner's out of its index.
local function unlist(index, key)
  if redis.call('ZREM', index, key) == 0 then mark(index, LOST) end
end

-- Writes a session that lives for so many milliseconds from now. Redis refuses a life that is over already.
local function put(key, payload, life)
  if tonumber(life) > 0 then
    redis.call('SET', key, payload, 'PX', life)
  else
    redis.call('DEL', key)
  end
end
