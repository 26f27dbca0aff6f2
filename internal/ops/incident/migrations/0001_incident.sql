CREATE TABLE incident_record (
  id          INTEGER PRIMARY KEY,
  person_id   INTEGER NOT NULL,
  kind        TEXT NOT NULL CHECK (kind IN ('felt','readings','sealed','signin','other')),
  state       TEXT NOT NULL CHECK (state IN ('open','working','closed')),
  severity    TEXT NOT NULL CHECK (severity IN ('low','high','critical')),
  place       TEXT NOT NULL,
  opener_kind TEXT NOT NULL,
  opener_id   INTEGER NOT NULL,
  opened_at   INTEGER NOT NULL,
  taken_by    INTEGER,
  taken_at    INTEGER,
  closed_at   INTEGER,
  personal    TEXT NOT NULL CHECK (personal IN ('no','suspected','reported','cleared')),
  aware_at    INTEGER,
  line_count  INTEGER NOT NULL CHECK (line_count BETWEEN 0 AND 500),
  swept_at    INTEGER,
  version     INTEGER NOT NULL,
  CHECK ((state = 'open') = (taken_at IS NULL)),
  CHECK ((taken_at IS NULL) = (taken_by IS NULL)),
  CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
  CHECK ((personal = 'no') = (aware_at IS NULL)),
  CHECK (state <> 'closed' OR personal <> 'suspected')
) STRICT;
CREATE INDEX incident_record_live ON incident_record (id) WHERE state <> 'closed';
CREATE INDEX incident_record_opener ON incident_record (opener_id, id);
CREATE INDEX incident_record_sweep ON incident_record (closed_at) WHERE closed_at IS NOT NULL AND swept_at IS NULL;

CREATE TABLE incident_line (
  id          INTEGER PRIMARY KEY,
  incident_id INTEGER NOT NULL REFERENCES incident_record (id),
  kind        TEXT NOT NULL CHECK (kind IN ('opened','again','taken','note','severity','suspected','reported','cleared','closed','reopened')),
  fact        TEXT NOT NULL,
  said        BLOB,
  actor_kind  TEXT NOT NULL,
  actor_id    INTEGER NOT NULL,
  at          INTEGER NOT NULL
) STRICT;
CREATE INDEX incident_line_incident ON incident_line (incident_id, id);

CREATE TABLE incident_gate (
  gate_key    TEXT PRIMARY KEY,
  incident_id INTEGER NOT NULL,
  until_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE incident_letter (
  id          INTEGER PRIMARY KEY,
  incident_id INTEGER NOT NULL,
  member_id   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX incident_letter_one ON incident_letter (incident_id, member_id);

CREATE TABLE incident_contact (
  id      INTEGER PRIMARY KEY CHECK (id = 1),
  said    BLOB NOT NULL,
  version INTEGER NOT NULL
) STRICT;
