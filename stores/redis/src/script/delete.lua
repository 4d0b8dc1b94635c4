-- KEYS: session. ARGV: base or ''[, key, owners' prefix]. Answers 0 if missing, or what is there; 1 if done, or, where
-- the index lies elsewhere and so no prefix is given, whose it was ('' for nobody's).
local was = redis.call('GET', KEYS[1])
if not was then return 0 end
if ARGV[1] ~= '' and redis.sha1hex(was) ~= ARGV[1] then return { was, redis.call('PTTL', KEYS[1]) } end
redis.call('DEL', KEYS[1])
local owner = owner_of(was)
if not ARGV[3] then return owner or '' end
if owner then unlist(ARGV[3] .. owner, ARGV[2]) end
return 1
