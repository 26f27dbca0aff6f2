CREATE TABLE audit_alarm (
  id INTEGER PRIMARY KEY,
  rule TEXT NOT NULL CHECK (rule IN ('hour', 'day', 'idle', 'backdated', 'broken')),
  actor_kind TEXT NOT NULL,
  actor_id INTEGER NOT NULL,
  actor_name TEXT NOT NULL,
  from_at INTEGER NOT NULL,
  to_at INTEGER NOT NULL,
  persons INTEGER NOT NULL,
  bound INTEGER NOT NULL,
  about_id INTEGER NOT NULL,
  raised_at INTEGER NOT NULL,
  acknowledged_at INTEGER,
  acknowledged_by INTEGER NOT NULL DEFAULT 0,
  note TEXT NOT NULL DEFAULT '',
  UNIQUE (rule, actor_kind, actor_id, to_at, about_id),
  CHECK ((acknowledged_at IS NULL) = (note = ''))
) STRICT;
CREATE INDEX audit_alarm_open ON audit_alarm (id) WHERE acknowledged_at IS NULL;
-- Readings of persons who had no business with the shop when they were read.
CREATE TABLE audit_idle (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_id INTEGER NOT NULL,
  person_id INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_idle_actor ON audit_idle (actor_kind, actor_id, id);
-- Whom a letter about an alarm goes to.
CREATE TABLE audit_told (
  id INTEGER PRIMARY KEY,
  alarm_id INTEGER NOT NULL,
  staff_id INTEGER NOT NULL,
  UNIQUE (alarm_id, staff_id)
) STRICT;
