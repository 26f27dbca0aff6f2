CREATE TABLE support_case (
  id            INTEGER PRIMARY KEY,
  number        INTEGER NOT NULL UNIQUE,
  token_version INTEGER NOT NULL,
  token_hash    BLOB NOT NULL UNIQUE,
  client_key    BLOB UNIQUE,
  person_id     INTEGER NOT NULL,
  order_id      INTEGER,
  kind          TEXT NOT NULL CHECK (kind IN ('order','product','claim','safety','privacy','other')),
  state         TEXT NOT NULL CHECK (state IN ('open','answered','solved','reopened')),
  lang          TEXT NOT NULL,
  contact       BLOB NOT NULL,
  mail_index    BLOB NOT NULL,
  opened_at     INTEGER NOT NULL,
  due_at        INTEGER,
  late          INTEGER NOT NULL CHECK (late IN (0,1,2)),
  messages      INTEGER NOT NULL CHECK (messages BETWEEN 0 AND 200),
  changed_at    INTEGER NOT NULL,
  version       INTEGER NOT NULL,
  CHECK ((due_at IS NOT NULL) = (state IN ('open','reopened')))
) STRICT;
CREATE INDEX support_case_due ON support_case (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX support_case_mail ON support_case (mail_index, opened_at);
CREATE INDEX support_case_order ON support_case (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX support_case_kind ON support_case (kind, id);

CREATE TABLE support_message (
  id        INTEGER PRIMARY KEY,
  case_id   INTEGER NOT NULL REFERENCES support_case (id),
  author    TEXT NOT NULL CHECK (author IN ('buyer','staff','note')),
  staff_id  INTEGER NOT NULL,
  rejection INTEGER NOT NULL CHECK (rejection IN (0,1)),
  body      BLOB NOT NULL,
  at        INTEGER NOT NULL
) STRICT;
CREATE INDEX support_message_case ON support_message (case_id, id);

CREATE TABLE support_event (
  id      INTEGER PRIMARY KEY,
  case_id INTEGER NOT NULL REFERENCES support_case (id),
  kind    TEXT NOT NULL,
  actor   TEXT NOT NULL,
  at      INTEGER NOT NULL
) STRICT;
CREATE INDEX support_event_case ON support_event (case_id, id);
