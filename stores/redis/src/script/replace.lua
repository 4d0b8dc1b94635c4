-- KEYS: old session, new session[, new owner's index]. ARGV: base, payload, expiry, tombstone or '', its expiry,
-- old key, new key, sessions' prefix, owners' prefix.
-- Answers 1 if done, 0 if the old one is missing, 2 if the new one exists, or what is at the old one.
local was = redis.call('GET', KEYS[1])
if not was then return 0 end
if redis.sha1hex(was) ~= ARGV[1] then return { was, redis.call('PEXPIRETIME', KEYS[1]) } end
if redis.call('EXISTS', KEYS[2]) == 1 then return 2 end
if KEYS[3] then list(KEYS[3], ARGV[8], ARGV[7], ARGV[3]) end
local owner = owner_of(was)
if owner then redis.call('ZREM', ARGV[9] .. owner, ARGV[6]) end
redis.call('SET', KEYS[2], ARGV[2], 'PXAT', ARGV[3])
if ARGV[4] ~= '' then
  redis.call('SET', KEYS[1], ARGV[4], 'PXAT', ARGV[5])
else
  redis.call('DEL', KEYS[1])
end
return 1
