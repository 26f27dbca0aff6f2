CREATE TABLE auth_caller (
  id INTEGER PRIMARY KEY,
  person_id INTEGER NOT NULL,
  entity TEXT NOT NULL,
  entity_id INTEGER NOT NULL,
  staff_id INTEGER NOT NULL,
  session_id INTEGER NOT NULL,
  mail_index BLOB NOT NULL,
  tries INTEGER NOT NULL CHECK (tries >= 0 AND tries <= 3),
  sent_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  ended_at INTEGER,
  verified_at INTEGER,
  until_at INTEGER,
  CHECK ((verified_at IS NULL) = (until_at IS NULL))
) STRICT;
CREATE UNIQUE INDEX auth_caller_open ON auth_caller (entity, entity_id) WHERE ended_at IS NULL AND verified_at IS NULL;
CREATE INDEX auth_caller_entity ON auth_caller (entity, entity_id, id);
CREATE INDEX auth_caller_mail ON auth_caller (mail_index, sent_at);
CREATE INDEX auth_caller_sent ON auth_caller (sent_at);
