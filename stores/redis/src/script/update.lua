-- KEYS: session[, new owner's index]. ARGV: payload, expiry, base or ''[, key, sessions' prefix, owners' prefix].
-- Answers 0 if missing, or what is there; 1 if done, or, where the index lies elsewhere and so no prefixes are given,
-- whose it was ('' for nobody's).
local was = redis.call('GET', KEYS[1])
if not was then return 0 end
if ARGV[3] ~= '' and redis.sha1hex(was) ~= ARGV[3] then return { was, redis.call('PEXPIRETIME', KEYS[1]) } end
-- The index goes first: should a command be refused, nothing that is listed nowhere has been written.
if KEYS[2] then list(KEYS[2], ARGV[5], ARGV[4], ARGV[2]) end
local owner = owner_of(was)
if owner and ARGV[6] and ARGV[6] .. owner ~= KEYS[2] then redis.call('ZREM', ARGV[6] .. owner, ARGV[4]) end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
return ARGV[6] and 1 or owner or ''
