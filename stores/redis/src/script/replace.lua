-- KEYS: old session, new session[, new owner's index]. ARGV: base, payload, life, tombstone or '', its life,
-- old key, new key, sessions' prefix, owners' prefix, expiry, now.
-- Answers 1 if done, 0 if the old one is missing, 2 if the new one exists, or what is at the old one.
local was = redis.call('GET', KEYS[1])
if not was then return 0 end
if redis.sha1hex(was) ~= ARGV[1] then return { was, redis.call('PTTL', KEYS[1]) } end
if redis.call('EXISTS', KEYS[2]) == 1 then return 2 end
if KEYS[3] then list(KEYS[3], ARGV[8], ARGV[7], ARGV[10], ARGV[11]) end
put(KEYS[2], ARGV[2], ARGV[3])
if ARGV[4] ~= '' then
  put(KEYS[1], ARGV[4], ARGV[5])
else
  redis.call('DEL', KEYS[1])
end
local owner = owner_of(was)
if owner then unlist(ARGV[9] .. owner, ARGV[6]) end
return 1
