-- The log's identity (empty until the first checkpoint) and the row that sealers take turns by.
CREATE TABLE audit_log_tree (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  origin TEXT NOT NULL,
  version INTEGER NOT NULL
) STRICT;
INSERT INTO audit_log_tree (id, origin, version) VALUES (1, '', 0);
-- A leaf is written with its row, and gets its place from the sealer. It outlives a
-- reading that has expired.
CREATE TABLE audit_log_leaf (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('chain', 'act', 'reading')),
  at INTEGER NOT NULL,
  digest BLOB,
  place INTEGER UNIQUE CHECK (place >= 0),
  CHECK (place IS NULL OR digest IS NOT NULL)
) STRICT;
CREATE INDEX audit_log_leaf_waiting ON audit_log_leaf (id) WHERE place IS NULL;
CREATE TABLE audit_log_tile (
  level INTEGER NOT NULL,
  n INTEGER NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (level, n)
) STRICT;
CREATE TABLE audit_log_checkpoint (
  size INTEGER PRIMARY KEY CHECK (size > 0),
  at INTEGER NOT NULL,
  note TEXT NOT NULL
) STRICT;
CREATE TABLE audit_log_cosignature (
  size INTEGER NOT NULL,
  name TEXT NOT NULL,
  key_id INTEGER NOT NULL,
  line TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (size, name, key_id)
) STRICT;
-- What was there before the log becomes its first leaves: the end of the chain as it
-- was, then every act and reading in the order of their ids. The sealer adds the digests.
INSERT INTO audit_log_leaf (id, kind, at, digest) SELECT place, 'chain', sealed_at, hash FROM audit_seal WHERE place = (SELECT max(place) FROM audit_seal);
INSERT INTO audit_log_leaf (id, kind, at) SELECT id, 'act', at FROM audit_entry;
INSERT INTO audit_log_leaf (id, kind, at) SELECT id, 'reading', at FROM audit_access;
CREATE INDEX audit_log_leaf_old ON audit_log_leaf (id) WHERE digest IS NULL;
