-- KEYS: an owner's index. ARGV: the mark it gets, or '' if it is to be proven[, the mark it must have for that].
-- Answers the mark it had, or nil.
local was = redis.call('ZSCORE', KEYS[1], '')
if ARGV[1] ~= '' then
  mark(KEYS[1], ARGV[1])
elseif was == ARGV[2] then
  mark(KEYS[1], PROVEN)
end
return was
