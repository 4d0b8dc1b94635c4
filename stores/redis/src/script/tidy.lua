-- KEYS: an owner's index. ARGV: sessions' prefix, how many at most, now. Answers how many members were dropped.
return tidy(KEYS[1], ARGV[1], ARGV[3], ARGV[2])
