CREATE TABLE checkout_purchase (
  id            INTEGER PRIMARY KEY,
  token_hash    BLOB NOT NULL UNIQUE,
  cart_id       INTEGER NOT NULL,
  cart_version  INTEGER NOT NULL,
  idem_hash     BLOB,
  fingerprint   BLOB NOT NULL,
  method        TEXT NOT NULL,
  state         TEXT NOT NULL,
  is_open       INTEGER NOT NULL CHECK (is_open IN (0,1)),
  person_id     INTEGER NOT NULL,
  contact       BLOB NOT NULL,
  draft         TEXT NOT NULL,
  draft_hash    BLOB NOT NULL,
  total         INTEGER NOT NULL CHECK (total >= 0),
  currency      TEXT NOT NULL,
  money         TEXT NOT NULL CHECK (money IN ('no','reserved','taken','returned','unknown')),
  reason        TEXT NOT NULL,
  code          TEXT NOT NULL,
  next_type     TEXT NOT NULL,
  next_url      TEXT NOT NULL,
  return_url    TEXT NOT NULL,
  lang          TEXT NOT NULL,
  peer          BLOB NOT NULL,
  order_id      INTEGER,
  alarm         TEXT NOT NULL,
  hold_until    INTEGER NOT NULL,
  answer_by     INTEGER NOT NULL,
  check_at      INTEGER,
  checks        INTEGER NOT NULL,
  created_at    INTEGER NOT NULL,
  changed_at    INTEGER NOT NULL,
  version       INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX checkout_purchase_open ON checkout_purchase (cart_id) WHERE is_open = 1;
CREATE UNIQUE INDEX checkout_purchase_idem ON checkout_purchase (cart_id, idem_hash);
CREATE INDEX checkout_purchase_check ON checkout_purchase (check_at) WHERE check_at IS NOT NULL;
CREATE INDEX checkout_purchase_state ON checkout_purchase (state, id);
CREATE INDEX checkout_purchase_peer ON checkout_purchase (peer, changed_at);
CREATE INDEX checkout_purchase_alarm ON checkout_purchase (id) WHERE alarm <> '';

CREATE TABLE checkout_step (
  id          INTEGER PRIMARY KEY,
  purchase_id INTEGER NOT NULL REFERENCES checkout_purchase (id),
  state       TEXT NOT NULL,
  why         TEXT NOT NULL,
  at          INTEGER NOT NULL
) STRICT;
CREATE INDEX checkout_step_purchase ON checkout_step (purchase_id, id);
