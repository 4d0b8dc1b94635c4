-- KEYS: owner's index. ARGV: nothing for all members, or how many at most of those whose time is over by the index's
-- account. Answers the time in milliseconds, key, score, key, score …
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found
if ARGV[1] then
  found = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[1], 'WITHSCORES')
else
  found = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
end
table.insert(found, 1, now)
return found
