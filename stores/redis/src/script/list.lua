-- KEYS: owner's index. ARGV: key, its score, the session's expiry[, a key to strike out].
-- For a cluster, where the sessions are elsewhere: what nobody has put right for so long is gone, so it is struck out.
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
if ARGV[4] then redis.call('ZREM', KEYS[1], ARGV[4]) end
local now = redis.call('TIME')[1] * 1000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - GRACE)
local keep = tonumber(ARGV[3]) + GRACE
if redis.call('PEXPIRETIME', KEYS[1]) < keep then redis.call('PEXPIREAT', KEYS[1], keep) end
return 1
