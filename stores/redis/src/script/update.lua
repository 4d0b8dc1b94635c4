-- KEYS: session[, new owner's index]. ARGV: payload, life, base or ''[, key, sessions' prefix, owners' prefix, expiry, now].
-- Answers 0 if missing, or what is there; 1 if done, or, where the index lies elsewhere and so no prefixes are given,
-- whose it was ('' for nobody's).
local was = redis.call('GET', KEYS[1])
if not was then return 0 end
if ARGV[3] ~= '' and redis.sha1hex(was) ~= ARGV[3] then return { was, redis.call('PTTL', KEYS[1]) } end
local owner = owner_of(was)
local old = owner and ARGV[6] and ARGV[6] .. owner
-- The index goes first: should a command be refused, nothing that is listed nowhere has been written.
if KEYS[2] then list(KEYS[2], ARGV[5], ARGV[4], ARGV[7], ARGV[8], old == KEYS[2]) end
put(KEYS[1], ARGV[1], ARGV[2])
if old and old ~= KEYS[2] then unlist(old, ARGV[4]) end
return ARGV[6] and 1 or owner or ''
