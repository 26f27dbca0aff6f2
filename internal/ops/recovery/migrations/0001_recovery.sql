CREATE TABLE recovery_plan (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  said       BLOB NOT NULL,
  changed_at INTEGER NOT NULL,
  printed_at INTEGER,
  version    INTEGER NOT NULL
) STRICT;

CREATE TABLE recovery_proof (
  id     INTEGER PRIMARY KEY,
  day    INTEGER NOT NULL,
  try    INTEGER NOT NULL CHECK (try BETWEEN 1 AND 5),
  proven INTEGER NOT NULL CHECK (proven IN (0, 1)),
  at     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX recovery_proof_try ON recovery_proof (day, try);
CREATE INDEX recovery_proof_proven ON recovery_proof (at) WHERE proven = 1;
