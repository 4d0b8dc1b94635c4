-- KEYS: an owner's index. ARGV: sessions' prefix. Drops the members whose session is gone, whatever their time, and its mark.
local dropped = 0
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if redis.call('EXISTS', ARGV[1] .. key) == 0 then dropped = dropped + redis.call('ZREM', KEYS[1], key) end
end
return dropped
