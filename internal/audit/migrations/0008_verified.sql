-- When the whole log was last computed anew, how long it was, and how much did not agree.
CREATE TABLE audit_log_verified (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  at INTEGER NOT NULL,
  size INTEGER NOT NULL,
  found INTEGER NOT NULL
) STRICT;
-- How many readings of persons' details there were in the 30 days before an instant.
CREATE TABLE audit_log_counted (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  at INTEGER NOT NULL,
  readings INTEGER NOT NULL
) STRICT;
