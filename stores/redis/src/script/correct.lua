-- KEYS: owner's index. ARGV: key, the score it was seen with, its new score or '' to strike it out, key, … Leaves what
-- has another score by now: somebody has just listed it anew. Answers how many were struck out.
local struck = 0
for n = 1, #ARGV, 3 do
  if redis.call('ZSCORE', KEYS[1], ARGV[n]) == ARGV[n + 1] then
    if ARGV[n + 2] == '' then
      struck = struck + redis.call('ZREM', KEYS[1], ARGV[n])
    else
      redis.call('ZADD', KEYS[1], ARGV[n + 2], ARGV[n])
    end
  end
end
return struck
