-- What people have asked with their rights. person_id is the request's own person, under whose key
-- the address and the words lie, until the answer has come and been read.
CREATE TABLE privacy_request (
  id            INTEGER PRIMARY KEY,
  kind          TEXT NOT NULL CHECK (kind IN ('access','export','correct','restrict','unrestrict','object','unobject','withdraw','erase')),
  state         TEXT NOT NULL CHECK (state IN ('asked','waiting','done','refused','cancelled')),
  lang          TEXT NOT NULL,
  token_version INTEGER NOT NULL,
  token_hash    BLOB NOT NULL UNIQUE,
  person_id     INTEGER NOT NULL,
  contact       BLOB,
  mail_index    BLOB,
  answer        BLOB,
  asked_by      TEXT NOT NULL CHECK (asked_by IN ('self','staff')),
  staff_id      INTEGER NOT NULL,
  asked_at      INTEGER NOT NULL,
  due_at        INTEGER NOT NULL,
  extended_at   INTEGER,
  answered_at   INTEGER,
  answered_by   TEXT NOT NULL,
  books_until   INTEGER,
  forgotten_at  INTEGER,
  changed_at    INTEGER NOT NULL,
  version       INTEGER NOT NULL,
  CHECK ((answered_at IS NULL) = (state IN ('asked','waiting'))),
  CHECK ((contact IS NULL) = (forgotten_at IS NOT NULL)),
  CHECK ((mail_index IS NULL) = (forgotten_at IS NOT NULL))
) STRICT;
CREATE INDEX privacy_request_open ON privacy_request (due_at, id) WHERE answered_at IS NULL;
CREATE INDEX privacy_request_waiting ON privacy_request (id) WHERE state = 'waiting';
CREATE INDEX privacy_request_mail ON privacy_request (mail_index, id) WHERE mail_index IS NOT NULL;
CREATE INDEX privacy_request_ended ON privacy_request (answered_at, id) WHERE answered_at IS NOT NULL AND forgotten_at IS NULL;
CREATE INDEX privacy_request_last ON privacy_request (id) WHERE kind = 'erase' AND state = 'done' AND forgotten_at IS NULL;

-- Whom a request was about: persons of the vault, by id.
CREATE TABLE privacy_subject (
  request_id INTEGER NOT NULL REFERENCES privacy_request (id),
  person_id  INTEGER NOT NULL,
  PRIMARY KEY (request_id, person_id)
) STRICT;
CREATE INDEX privacy_subject_person ON privacy_subject (person_id);

-- Who else had the details and is to be told of a correction, a restriction or an erasure (art. 19).
CREATE TABLE privacy_notice (
  request_id INTEGER NOT NULL REFERENCES privacy_request (id),
  recipient  TEXT NOT NULL,
  role       TEXT NOT NULL,
  state      TEXT NOT NULL CHECK (state IN ('to_tell','told','needless')),
  done_by    TEXT NOT NULL,
  changed_at INTEGER NOT NULL,
  PRIMARY KEY (request_id, recipient)
) STRICT;
CREATE INDEX privacy_notice_open ON privacy_notice (changed_at, request_id) WHERE state = 'to_tell';

-- Links under which an export is fetched: once, and soon.
CREATE TABLE privacy_download (
  id         INTEGER PRIMARY KEY,
  hash       BLOB NOT NULL UNIQUE,
  mail_index BLOB NOT NULL,
  made_at    INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at    INTEGER
) STRICT;
CREATE INDEX privacy_download_mail ON privacy_download (mail_index, made_at);
CREATE INDEX privacy_download_end ON privacy_download (expires_at);
