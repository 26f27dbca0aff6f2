CREATE TABLE audit_access (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_id INTEGER NOT NULL,
  person_id INTEGER NOT NULL,
  kinds TEXT NOT NULL,
  entity TEXT NOT NULL,
  entity_id INTEGER NOT NULL,
  reason TEXT NOT NULL
) STRICT;
CREATE INDEX audit_access_person ON audit_access (person_id, id);
CREATE INDEX audit_access_actor ON audit_access (actor_kind, actor_id, id);
