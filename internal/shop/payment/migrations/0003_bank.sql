CREATE TABLE payment_bankfile (
  id         INTEGER PRIMARY KEY,
  hash       BLOB NOT NULL UNIQUE,
  format     TEXT NOT NULL,
  version    TEXT NOT NULL,
  message    TEXT NOT NULL,
  accounts   TEXT NOT NULL,
  made_at    INTEGER NOT NULL,
  report     TEXT NOT NULL,
  whole      INTEGER NOT NULL CHECK (whole IN (0,1)),
  author     TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE payment_bankstatement (
  id        INTEGER PRIMARY KEY,
  file_id   INTEGER NOT NULL REFERENCES payment_bankfile (id),
  account   TEXT NOT NULL,
  statement TEXT NOT NULL,
  number    INTEGER NOT NULL,
  page      INTEGER NOT NULL,
  opening   INTEGER,
  closing   INTEGER,
  currency  TEXT NOT NULL,
  from_on   INTEGER,
  to_on     INTEGER,
  UNIQUE (account, statement, number, page)
) STRICT;
CREATE INDEX payment_bankstatement_number ON payment_bankstatement (account, number);
CREATE INDEX payment_bankstatement_file ON payment_bankstatement (file_id);

CREATE TABLE payment_bankdraft (
  id         INTEGER PRIMARY KEY,
  person_id  INTEGER NOT NULL,
  content    BLOB NOT NULL,
  author     TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX payment_bankdraft_at ON payment_bankdraft (created_at);

CREATE TABLE payment_bankline (
  id           INTEGER PRIMARY KEY,
  file_id      INTEGER NOT NULL REFERENCES payment_bankfile (id),
  account      TEXT NOT NULL,
  format       TEXT NOT NULL,
  entry_key    TEXT NOT NULL,
  part_key     TEXT NOT NULL,
  entry_amount INTEGER NOT NULL,
  parts        INTEGER NOT NULL,
  kind         TEXT NOT NULL CHECK (kind IN ('in','out','back')),
  amount       INTEGER NOT NULL CHECK (amount > 0),
  settled      INTEGER NOT NULL CHECK (settled >= 0 AND settled <= amount),
  currency     TEXT NOT NULL,
  booked_on    INTEGER NOT NULL,
  reference    TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('open','settled','known','refund','payout','foreign','payback','paid_back','split')),
  reason       TEXT NOT NULL,
  order_id     INTEGER,
  twin_id      INTEGER,
  refund_id    INTEGER,
  person_id    INTEGER,
  details      BLOB,
  note         TEXT NOT NULL,
  author       TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  changed_at   INTEGER NOT NULL,
  version      INTEGER NOT NULL,
  UNIQUE (entry_key, part_key)
) STRICT;
CREATE INDEX payment_bankline_open ON payment_bankline (id) WHERE state IN ('open','payback');
CREATE INDEX payment_bankline_file ON payment_bankline (file_id, id);
CREATE INDEX payment_bankline_order ON payment_bankline (order_id);
CREATE INDEX payment_bankline_sum ON payment_bankline (booked_on, entry_amount);
CREATE UNIQUE INDEX payment_bankline_refund ON payment_bankline (refund_id) WHERE refund_id IS NOT NULL;

CREATE TABLE payment_payout (
  method   TEXT NOT NULL,
  payout   TEXT NOT NULL,
  amount   INTEGER NOT NULL,
  currency TEXT NOT NULL,
  at       INTEGER NOT NULL,
  line_id  INTEGER,
  PRIMARY KEY (method, payout)
) STRICT;
CREATE INDEX payment_payout_name ON payment_payout (payout);
CREATE INDEX payment_payout_open ON payment_payout (at) WHERE line_id IS NULL;

CREATE TABLE payment_window (
  method     TEXT PRIMARY KEY,
  done_until INTEGER NOT NULL,
  looked_at  INTEGER NOT NULL,
  found      INTEGER NOT NULL,
  trouble    TEXT NOT NULL
) STRICT;

CREATE TABLE payment_case (
  id          INTEGER PRIMARY KEY,
  method      TEXT NOT NULL,
  kind        TEXT NOT NULL,
  subject     TEXT NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('open','agreed','closed')),
  purchase_id INTEGER NOT NULL,
  facts       TEXT NOT NULL,
  about_at    INTEGER NOT NULL,
  opened_at   INTEGER NOT NULL,
  seen_at     INTEGER NOT NULL,
  closed_at   INTEGER,
  author      TEXT NOT NULL,
  reason      TEXT NOT NULL,
  version     INTEGER NOT NULL,
  UNIQUE (method, kind, subject)
) STRICT;
CREATE INDEX payment_case_open ON payment_case (id) WHERE state = 'open';
CREATE INDEX payment_case_purchase ON payment_case (purchase_id);
CREATE INDEX payment_entry_at ON payment_entry (at);
