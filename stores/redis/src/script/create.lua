-- KEYS: session, owner's index. ARGV: payload, expiry, key, sessions' prefix. Answers whether it was stored, as 1 or 0.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
list(KEYS[2], ARGV[4], ARGV[3], ARGV[2])
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
return 1
