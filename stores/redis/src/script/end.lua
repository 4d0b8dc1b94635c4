-- KEYS: session. ARGV: owner. Removes the session if it is this owner's.
-- Answers 1 if it did, 0 if there is none, 2 if it is none of theirs, or the key that it has moved to.
local payload = redis.pcall('GET', KEYS[1])
if not payload then return 0 end
if type(payload) ~= 'string' then return 2 end
if owner_of(payload) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
local facts = string.find(payload, '"moved"', 1, true) and object(payload, '_session')
local moved = facts and facts.moved
return type(moved) == 'string' and moved or 2
