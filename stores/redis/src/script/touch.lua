-- KEYS: session. ARGV: life, base or ''[, key, sessions' prefix, owners' prefix, expiry, now].
-- Answers 0 if missing, 2 if it is at another version; 1 if done, or, where the index lies elsewhere and so no prefixes
-- are given, whose it is ('' for nobody's).
local was = redis.call('GET', KEYS[1])
if not was then return 0 end
if ARGV[2] ~= '' and redis.sha1hex(was) ~= ARGV[2] then return 2 end
-- Before the index: a full server refuses what needs memory, but not in a script that has begun to write.
redis.call('PEXPIRE', KEYS[1], ARGV[1])
local owner = owner_of(was)
if not ARGV[5] then return owner or '' end
if owner then list(ARGV[5] .. owner, ARGV[4], ARGV[3], ARGV[6], ARGV[7], true) end
return 1
