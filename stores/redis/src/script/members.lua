-- KEYS: owner's index. ARGV: nothing for all members, or now, and how many at most of those whose time is over by the
-- index's account. Answers its mark or nil, key, score, key, score …
local found
if ARGV[1] then
  found = redis.call('ZRANGE', KEYS[1], MARKS, ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2], 'WITHSCORES')
else
  found = redis.call('ZRANGE', KEYS[1], MARKS, '+inf', 'BYSCORE', 'WITHSCORES')
end
table.insert(found, 1, redis.call('ZSCORE', KEYS[1], ''))
return found
