-- Whose turn it is to record a reading: a row stands here only while its transaction runs.
CREATE TABLE audit_turn (
  digest BLOB PRIMARY KEY
) STRICT;
