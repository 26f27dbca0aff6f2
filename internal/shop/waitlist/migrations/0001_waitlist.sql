CREATE TABLE waitlist_entry (
  id INTEGER PRIMARY KEY,
  variant_id INTEGER NOT NULL,
  person_id INTEGER NOT NULL,
  sealed BLOB,
  mail_index BLOB,
  token_hash BLOB NOT NULL UNIQUE,
  token_version INTEGER NOT NULL,
  lang TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'told', 'forgotten')),
  created_at INTEGER NOT NULL,
  told_at INTEGER,
  forgotten_at INTEGER,
  CHECK ((sealed IS NULL) = (state = 'forgotten')),
  CHECK ((mail_index IS NULL) = (state = 'forgotten'))
) STRICT;
CREATE UNIQUE INDEX waitlist_entry_once ON waitlist_entry (variant_id, mail_index) WHERE state = 'waiting';
CREATE INDEX waitlist_entry_mail ON waitlist_entry (mail_index) WHERE mail_index IS NOT NULL;
CREATE INDEX waitlist_entry_state ON waitlist_entry (state, id);
