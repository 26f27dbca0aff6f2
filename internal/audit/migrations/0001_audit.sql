CREATE TABLE audit_entry (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_id INTEGER NOT NULL,
  actor_name TEXT NOT NULL,
  peer TEXT NOT NULL,
  action TEXT NOT NULL,
  entity TEXT NOT NULL,
  entity_id INTEGER NOT NULL,
  old_value TEXT NOT NULL,
  new_value TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('done', 'refused'))
) STRICT;
CREATE INDEX audit_entry_at ON audit_entry (at);
CREATE INDEX audit_entry_entity ON audit_entry (entity, entity_id, id);
CREATE INDEX audit_entry_actor ON audit_entry (actor_kind, actor_id, id);
CREATE TABLE audit_seal (
  place INTEGER PRIMARY KEY CHECK (place > 0),
  entry_id INTEGER NOT NULL UNIQUE,
  hash BLOB NOT NULL,
  sealed_at INTEGER NOT NULL
) STRICT;
