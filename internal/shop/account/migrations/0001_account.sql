CREATE TABLE account_account (
  id            INTEGER PRIMARY KEY,
  person_id     INTEGER NOT NULL,
  email_index   BLOB,
  profile       BLOB,
  state         TEXT NOT NULL CHECK (state IN ('active','closed')),
  password      TEXT NOT NULL,
  password_long INTEGER NOT NULL CHECK (password_long IN (0,1)),
  totp          BLOB,
  totp_next     BLOB,
  totp_step     INTEGER NOT NULL,
  totp_at       INTEGER,
  lang          TEXT NOT NULL,
  version       INTEGER NOT NULL,
  created_at    INTEGER NOT NULL,
  closed_at     INTEGER,
  CHECK ((state = 'closed') = (email_index IS NULL)),
  CHECK ((state = 'closed') = (profile IS NULL)),
  CHECK (state = 'active' OR (password = '' AND totp IS NULL AND totp_next IS NULL))
) STRICT;
CREATE UNIQUE INDEX account_account_email ON account_account (email_index) WHERE email_index IS NOT NULL;

CREATE TABLE account_session (
  id          INTEGER PRIMARY KEY,
  account_id  INTEGER NOT NULL,
  person_id   INTEGER NOT NULL,
  email       BLOB,
  email_index BLOB,
  hash        BLOB NOT NULL UNIQUE,
  peer        TEXT NOT NULL,
  agent       TEXT NOT NULL,
  method      TEXT NOT NULL CHECK (method IN ('code','password','passkey')),
  created_at  INTEGER NOT NULL,
  seen_at     INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL,
  fresh_until INTEGER NOT NULL,
  CHECK ((account_id = 0) = (email IS NOT NULL)),
  CHECK ((account_id = 0) = (email_index IS NOT NULL))
) STRICT;
CREATE INDEX account_session_account ON account_session (account_id, id) WHERE account_id > 0;
CREATE INDEX account_session_email ON account_session (email_index) WHERE email_index IS NOT NULL;

CREATE TABLE account_code (
  id          INTEGER PRIMARY KEY,
  browser     BLOB NOT NULL UNIQUE,
  step        TEXT NOT NULL CHECK (step IN ('code','factor')),
  method      TEXT NOT NULL CHECK (method IN ('code','password')),
  account_id  INTEGER NOT NULL,
  person_id   INTEGER NOT NULL,
  email       BLOB,
  email_index BLOB,
  tries       INTEGER NOT NULL CHECK (tries BETWEEN 0 AND 5),
  lang        TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL,
  CHECK ((step = 'code') = (email IS NOT NULL)),
  CHECK ((step = 'factor') = (account_id > 0))
) STRICT;
CREATE INDEX account_code_email ON account_code (email_index) WHERE email_index IS NOT NULL;
CREATE INDEX account_code_account ON account_code (account_id) WHERE account_id > 0;

CREATE TABLE account_passkey (
  id              INTEGER PRIMARY KEY,
  account_id      INTEGER NOT NULL,
  credential_hash BLOB NOT NULL UNIQUE,
  credential      BLOB NOT NULL,
  name            TEXT NOT NULL,
  sign_count      INTEGER NOT NULL,
  created_at      INTEGER NOT NULL,
  used_at         INTEGER
) STRICT;
CREATE INDEX account_passkey_account ON account_passkey (account_id);

CREATE TABLE account_challenge (
  id         INTEGER PRIMARY KEY,
  hash       BLOB NOT NULL UNIQUE,
  kind       TEXT NOT NULL CHECK (kind IN ('register','signin')),
  account_id INTEGER NOT NULL,
  data       BLOB NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE account_recovery (
  account_id INTEGER NOT NULL,
  n          INTEGER NOT NULL CHECK (n BETWEEN 0 AND 9),
  hash       TEXT NOT NULL,
  PRIMARY KEY (account_id, n)
) STRICT;

CREATE TABLE account_move (
  id         INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL,
  person_id  INTEGER NOT NULL,
  old        BLOB NOT NULL,
  old_index  BLOB NOT NULL,
  new        BLOB NOT NULL,
  new_index  BLOB NOT NULL,
  state      TEXT NOT NULL CHECK (state IN ('asked','done','stopped')),
  tries      INTEGER NOT NULL CHECK (tries BETWEEN 0 AND 5),
  token_hash BLOB NOT NULL UNIQUE,
  lang       TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  stop_until INTEGER NOT NULL
) STRICT;
CREATE INDEX account_move_account ON account_move (account_id, id);
CREATE UNIQUE INDEX account_move_one ON account_move (account_id) WHERE state = 'asked';

CREATE TABLE account_change (
  id         INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL,
  person_id  INTEGER NOT NULL,
  email      BLOB NOT NULL,
  what       TEXT NOT NULL CHECK (what IN ('opened','password','password_removed','passkey_added','passkey_removed','app_added','app_removed','recovery','recovery_used','moved','closed')),
  lang       TEXT NOT NULL,
  made_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX account_change_account ON account_change (account_id);
