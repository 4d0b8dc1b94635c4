-- KEYS: owner's index. ARGV: owner, sessions' prefix[, key to keep]. Answers how many sessions were removed.
local removed = 0
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if key ~= ARGV[3] then
    local payload = redis.pcall('GET', ARGV[2] .. key)
    if type(payload) == 'string' and owner_of(payload) == ARGV[1] then
      removed = removed + redis.call('DEL', ARGV[2] .. key)
    end
    redis.call('ZREM', KEYS[1], key)
  end
end
return removed
