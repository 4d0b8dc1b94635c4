-- KEYS: session. ARGV: base or '', key, owners' prefix. Answers 1 if done, 0 if missing, or what is there.
local was = redis.call('GET', KEYS[1])
if not was then return 0 end
if ARGV[1] ~= '' and redis.sha1hex(was) ~= ARGV[1] then return { was, redis.call('PEXPIRETIME', KEYS[1]) } end
redis.call('DEL', KEYS[1])
local owner = owner_of(was)
if owner then redis.call('ZREM', ARGV[3] .. owner, ARGV[2]) end
return 1
