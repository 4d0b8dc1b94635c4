-- KEYS: session[, owner's index]. ARGV: payload, life[, key, sessions' prefix, expiry, now]. Answers whether it was stored,
-- as 1 or 0.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
if KEYS[2] then list(KEYS[2], ARGV[4], ARGV[3], ARGV[5], ARGV[6]) end
put(KEYS[1], ARGV[1], ARGV[2])
return 1
