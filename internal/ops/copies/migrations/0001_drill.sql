CREATE TABLE copies_drill (
  id         INTEGER PRIMARY KEY,
  site       TEXT NOT NULL,
  cold       INTEGER NOT NULL CHECK (cold IN (0, 1)),
  state      TEXT NOT NULL CHECK (state IN ('ok','failed','inconclusive')),
  started_at INTEGER NOT NULL,
  took       INTEGER NOT NULL CHECK (took >= 0),
  epoch      INTEGER NOT NULL,
  tx         INTEGER NOT NULL,
  newest_at  INTEGER,
  rpo        INTEGER NOT NULL,
  rto        INTEGER NOT NULL,
  size       INTEGER NOT NULL,
  fetched    INTEGER NOT NULL,
  objects    INTEGER NOT NULL,
  told       TEXT NOT NULL,
  CHECK (state <> 'ok' OR newest_at IS NOT NULL)
) STRICT;
CREATE INDEX copies_drill_started ON copies_drill (started_at, id);
CREATE INDEX copies_drill_site ON copies_drill (site, started_at);
