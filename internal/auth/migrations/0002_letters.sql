ALTER TABLE auth_staff ADD COLUMN lang TEXT NOT NULL DEFAULT 'sv';
CREATE TABLE auth_change (
  id INTEGER PRIMARY KEY,
  staff_id INTEGER NOT NULL,
  what TEXT NOT NULL CHECK (what IN ('password', 'recovered', 'passkey_added', 'passkey_removed', 'role')),
  made_at INTEGER NOT NULL
) STRICT;
