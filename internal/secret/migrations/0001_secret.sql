CREATE TABLE secret_person (
  id INTEGER PRIMARY KEY,
  wrapped BLOB,
  epoch INTEGER NOT NULL CHECK (epoch >= 0),
  created_at INTEGER NOT NULL,
  erased_at INTEGER,
  CHECK ((wrapped IS NULL AND epoch = 0 AND erased_at IS NOT NULL) OR (wrapped IS NOT NULL AND epoch > 0 AND erased_at IS NULL))
) STRICT;
CREATE INDEX secret_person_epoch ON secret_person (epoch, id) WHERE erased_at IS NULL;
CREATE TABLE secret_check (
  name TEXT PRIMARY KEY,
  fingerprint BLOB NOT NULL,
  made_at INTEGER NOT NULL
) STRICT;
