-- KEYS: an owner's index. ARGV: sessions' prefix, how many at most. Answers how many members were dropped.
return tidy(KEYS[1], ARGV[1], ARGV[2])
