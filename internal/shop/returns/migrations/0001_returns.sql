CREATE TABLE returns_return (
  id           INTEGER PRIMARY KEY,
  order_id     INTEGER NOT NULL,
  person_id    INTEGER NOT NULL,
  client_key   TEXT,
  state        TEXT NOT NULL CHECK (state IN ('registered','received','accepted','partly','rejected','refunded','cancelled')),
  lang         TEXT NOT NULL,
  disputed     TEXT NOT NULL,
  whole        INTEGER NOT NULL CHECK (whole IN (0,1)),
  statement    BLOB NOT NULL,
  answer       BLOB,
  stated_at    INTEGER NOT NULL,
  refund_by    INTEGER NOT NULL,
  received_at  INTEGER,
  created_at   INTEGER NOT NULL,
  changed_at   INTEGER NOT NULL,
  version      INTEGER NOT NULL,
  UNIQUE (order_id, client_key)
) STRICT;
CREATE INDEX returns_return_order ON returns_return (order_id, id);
CREATE INDEX returns_return_open ON returns_return (refund_by, id) WHERE state IN ('registered','received','accepted','partly');

CREATE TABLE returns_line (
  return_id INTEGER NOT NULL REFERENCES returns_return (id),
  line_id   INTEGER NOT NULL,
  quantity  INTEGER NOT NULL CHECK (quantity > 0),
  cancelled INTEGER NOT NULL CHECK (cancelled >= 0),
  received  INTEGER NOT NULL CHECK (received >= 0),
  accepted  INTEGER NOT NULL CHECK (accepted >= 0),
  restocked INTEGER NOT NULL CHECK (restocked >= 0),
  credited  INTEGER NOT NULL CHECK (credited >= 0),
  condition TEXT NOT NULL,
  PRIMARY KEY (return_id, line_id),
  CHECK (cancelled + received <= quantity),
  CHECK (cancelled + accepted <= quantity),
  CHECK (restocked <= received),
  CHECK (credited <= cancelled + accepted)
) STRICT;
CREATE INDEX returns_line_line ON returns_line (line_id);

CREATE TABLE returns_event (
  id        INTEGER PRIMARY KEY,
  return_id INTEGER NOT NULL REFERENCES returns_return (id),
  kind      TEXT NOT NULL,
  note      TEXT NOT NULL,
  actor     TEXT NOT NULL,
  at        INTEGER NOT NULL
) STRICT;
CREATE INDEX returns_event_return ON returns_event (return_id, id);

CREATE TABLE returns_credit (
  id         INTEGER PRIMARY KEY,
  order_id   INTEGER NOT NULL,
  return_id  INTEGER,
  refund_id  INTEGER UNIQUE,
  client_key TEXT,
  amount     INTEGER NOT NULL CHECK (amount >= 0),
  delivery   INTEGER NOT NULL CHECK (delivery >= 0),
  currency   TEXT NOT NULL,
  gross      TEXT NOT NULL,
  reason     TEXT NOT NULL,
  state      TEXT NOT NULL CHECK (state IN ('asked','done','refused')),
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  UNIQUE (order_id, client_key)
) STRICT;
CREATE INDEX returns_credit_order ON returns_credit (order_id, id);
CREATE INDEX returns_credit_return ON returns_credit (return_id);

CREATE TABLE returns_credit_line (
  credit_id INTEGER NOT NULL REFERENCES returns_credit (id),
  line_id   INTEGER NOT NULL,
  quantity  INTEGER NOT NULL CHECK (quantity > 0),
  amount    INTEGER NOT NULL CHECK (amount >= 0),
  PRIMARY KEY (credit_id, line_id)
) STRICT;

CREATE TABLE returns_alarm (
  refund_id  INTEGER PRIMARY KEY,
  purchase_id INTEGER NOT NULL,
  code       TEXT NOT NULL,
  at         INTEGER NOT NULL,
  cleared_at INTEGER
) STRICT;
CREATE INDEX returns_alarm_open ON returns_alarm (at) WHERE cleared_at IS NULL;
