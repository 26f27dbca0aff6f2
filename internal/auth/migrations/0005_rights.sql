-- Own roles: a set of rights with a name. Built-in ones stand in the program.
CREATE TABLE auth_role (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  name_key TEXT NOT NULL UNIQUE,
  rights TEXT NOT NULL,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;
-- From when a member counts as a second person; when his role was given; until when an
-- outside person may be here; since when he waits for an owner; when he was last awake.
ALTER TABLE auth_staff ADD COLUMN standing_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE auth_staff ADD COLUMN granted_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE auth_staff ADD COLUMN ends_at INTEGER;
ALTER TABLE auth_staff ADD COLUMN suspended_at INTEGER;
ALTER TABLE auth_staff ADD COLUMN awake_at INTEGER;
ALTER TABLE auth_staff ADD COLUMN warned_at INTEGER;
ALTER TABLE auth_session ADD COLUMN via TEXT NOT NULL DEFAULT '';
ALTER TABLE auth_token ADD COLUMN networks TEXT NOT NULL DEFAULT '';
ALTER TABLE auth_token ADD COLUMN suspended_at INTEGER;
ALTER TABLE auth_token ADD COLUMN warned_at INTEGER;
-- A dangerous act that waits for a second person, or for time where there is none.
CREATE TABLE auth_approval (
  id INTEGER PRIMARY KEY,
  act TEXT NOT NULL,
  entity TEXT NOT NULL,
  entity_id INTEGER NOT NULL,
  digest BLOB NOT NULL,
  old_value TEXT NOT NULL,
  new_value TEXT NOT NULL,
  payload BLOB NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'done', 'refused', 'withdrawn', 'stopped', 'expired', 'void')),
  asked_by INTEGER NOT NULL,
  asked_at INTEGER NOT NULL,
  due_at INTEGER,
  expires_at INTEGER NOT NULL,
  approved_by INTEGER,
  ended_at INTEGER,
  stop_hash BLOB NOT NULL UNIQUE,
  CHECK (approved_by IS NULL OR approved_by <> asked_by),
  CHECK (state NOT IN ('approved', 'done') OR approved_by IS NOT NULL OR due_at IS NOT NULL)
) STRICT;
CREATE INDEX auth_approval_open ON auth_approval (expires_at) WHERE ended_at IS NULL;
-- One act is asked for once at a time.
CREATE UNIQUE INDEX auth_approval_same ON auth_approval (asked_by, digest) WHERE ended_at IS NULL;
-- Letters to members about rights; a row is one letter.
CREATE TABLE auth_letter (
  id INTEGER PRIMARY KEY,
  staff_id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  ref INTEGER NOT NULL,
  made_at INTEGER NOT NULL
) STRICT;
CREATE INDEX auth_letter_made ON auth_letter (made_at);
-- Each quarter the rights of every member and token are confirmed or lapse.
CREATE TABLE auth_review (
  id INTEGER PRIMARY KEY,
  quarter TEXT NOT NULL UNIQUE,
  opened_at INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  lapse_at INTEGER NOT NULL,
  told INTEGER NOT NULL,
  ended_at INTEGER
) STRICT;
CREATE TABLE auth_review_item (
  review_id INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('staff', 'token')),
  subject_id INTEGER NOT NULL,
  rights TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('waiting', 'confirmed', 'lapsed', 'kept', 'gone')),
  decided_by INTEGER,
  decided_at INTEGER,
  PRIMARY KEY (review_id, kind, subject_id)
) STRICT;
-- One-time codes for a lost phone: shown once, each used once.
CREATE TABLE auth_recovery (
  staff_id INTEGER NOT NULL,
  place INTEGER NOT NULL CHECK (place BETWEEN 0 AND 9),
  hash TEXT NOT NULL,
  made_at INTEGER NOT NULL,
  used_at INTEGER,
  PRIMARY KEY (staff_id, place)
) STRICT;
-- A new code app that waits for its first code.
CREATE TABLE auth_totp_next (
  staff_id INTEGER PRIMARY KEY,
  id INTEGER NOT NULL,
  totp BLOB NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
-- Single sign-on: who at the provider is which member, and sign-ins under way.
CREATE TABLE auth_sso (
  id INTEGER PRIMARY KEY,
  staff_id INTEGER NOT NULL,
  subject_hash BLOB NOT NULL UNIQUE,
  made_at INTEGER NOT NULL,
  used_at INTEGER
) STRICT;
CREATE UNIQUE INDEX auth_sso_staff ON auth_sso (staff_id);
CREATE TABLE auth_sso_flow (
  id INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  browser_hash BLOB NOT NULL,
  staff_id INTEGER NOT NULL,
  nonce TEXT NOT NULL,
  verifier TEXT NOT NULL,
  next TEXT NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
