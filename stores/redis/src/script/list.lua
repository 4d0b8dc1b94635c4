-- KEYS: owner's index. ARGV: key, its score, the session's expiry, now[, a key to strike out]. Answers 1 if it was not there
-- before, else 0.
-- For a cluster, where the sessions are elsewhere: what nobody has put right for so long is gone, so it is struck out.
local added = redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
if ARGV[5] then redis.call('ZREM', KEYS[1], ARGV[5]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], MARKS, tonumber(ARGV[4]) - GRACE)
local life = tonumber(ARGV[3]) - tonumber(ARGV[4]) + GRACE
if redis.call('PTTL', KEYS[1]) < life then redis.call('PEXPIRE', KEYS[1], life) end
return added
