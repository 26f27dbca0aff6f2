CREATE TABLE auth_root (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  version INTEGER NOT NULL
) STRICT;
INSERT INTO auth_root (id, version) VALUES (1, 0);
CREATE TABLE auth_staff (
  id INTEGER PRIMARY KEY,
  person_id INTEGER NOT NULL,
  email_index BLOB NOT NULL,
  profile BLOB NOT NULL,
  role TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('invited', 'active', 'closed')),
  password TEXT NOT NULL,
  totp BLOB,
  totp_step INTEGER NOT NULL,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  signed_in_at INTEGER,
  closed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX auth_staff_email ON auth_staff (email_index) WHERE state <> 'closed';
CREATE TABLE auth_invite (
  id INTEGER PRIMARY KEY,
  staff_id INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('invite', 'recover')),
  hash BLOB NOT NULL UNIQUE,
  totp BLOB,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX auth_invite_newest ON auth_invite (staff_id);
CREATE TABLE auth_session (
  id INTEGER PRIMARY KEY,
  staff_id INTEGER NOT NULL,
  hash BLOB NOT NULL UNIQUE,
  peer TEXT NOT NULL,
  agent TEXT NOT NULL,
  method TEXT NOT NULL CHECK (method IN ('password', 'passkey')),
  created_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  fresh_until INTEGER NOT NULL
) STRICT;
CREATE INDEX auth_session_staff ON auth_session (staff_id);
CREATE TABLE auth_token (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  hash BLOB NOT NULL UNIQUE,
  rights TEXT NOT NULL,
  made_by INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER,
  revoked_at INTEGER
) STRICT;
CREATE INDEX auth_token_maker ON auth_token (made_by);
CREATE TABLE auth_passkey (
  id INTEGER PRIMARY KEY,
  staff_id INTEGER NOT NULL,
  credential_hash BLOB NOT NULL UNIQUE,
  credential BLOB NOT NULL,
  name TEXT NOT NULL,
  sign_count INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  used_at INTEGER
) STRICT;
CREATE INDEX auth_passkey_staff ON auth_passkey (staff_id);
CREATE TABLE auth_challenge (
  id INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('register', 'signin', 'stepup')),
  staff_id INTEGER NOT NULL,
  data BLOB NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE TABLE auth_try (
  hash BLOB PRIMARY KEY,
  fails INTEGER NOT NULL CHECK (fails >= 0),
  since INTEGER NOT NULL
) STRICT;
