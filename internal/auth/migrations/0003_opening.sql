CREATE TABLE auth_opening (
  id INTEGER PRIMARY KEY,
  staff_id INTEGER NOT NULL,
  session_id INTEGER NOT NULL,
  person_id INTEGER NOT NULL,
  entity TEXT NOT NULL,
  entity_id INTEGER NOT NULL,
  reason TEXT NOT NULL,
  note BLOB,
  opened_at INTEGER NOT NULL,
  until_at INTEGER NOT NULL CHECK (until_at > opened_at),
  shut_at INTEGER
) STRICT;
CREATE INDEX auth_opening_session ON auth_opening (session_id, entity, entity_id);
CREATE INDEX auth_opening_thing ON auth_opening (entity, reason, until_at);
CREATE INDEX auth_opening_until ON auth_opening (until_at);
ALTER TABLE auth_token ADD COLUMN purpose TEXT NOT NULL DEFAULT 'other';
