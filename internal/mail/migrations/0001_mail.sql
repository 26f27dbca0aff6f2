-- state: queued; sent; failed (refused for good); dead (tries used up); dropped (no longer wanted)
CREATE TABLE mail_message (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  ref_kind TEXT NOT NULL,
  ref_id INTEGER NOT NULL,
  person_id INTEGER NOT NULL CHECK (person_id >= 0),
  lang TEXT NOT NULL,
  once_key TEXT,
  message_id TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL CHECK (state IN ('queued', 'sent', 'failed', 'dead', 'dropped')),
  attempts INTEGER NOT NULL,
  sealed BLOB,
  last_code TEXT NOT NULL,
  relay TEXT NOT NULL,
  queued_at INTEGER NOT NULL,
  until_at INTEGER,
  sent_at INTEGER
) STRICT;
CREATE UNIQUE INDEX mail_message_once ON mail_message (once_key) WHERE once_key IS NOT NULL;
CREATE INDEX mail_message_ref ON mail_message (ref_kind, ref_id);
CREATE INDEX mail_message_person ON mail_message (person_id);
CREATE INDEX mail_message_trouble ON mail_message (id) WHERE state IN ('queued', 'failed', 'dead');
