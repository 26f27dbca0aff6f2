CREATE TABLE payment_intent (
  id           INTEGER PRIMARY KEY,
  purchase_id  INTEGER NOT NULL UNIQUE,
  method       TEXT NOT NULL,
  reference    TEXT NOT NULL UNIQUE,
  idem_key     TEXT NOT NULL UNIQUE,
  provider_ref TEXT,
  amount       INTEGER NOT NULL CHECK (amount >= 0),
  currency     TEXT NOT NULL,
  captured     INTEGER NOT NULL CHECK (captured >= 0),
  refunding    INTEGER NOT NULL CHECK (refunding >= 0),
  refunded     INTEGER NOT NULL CHECK (refunded >= 0),
  created_at   INTEGER NOT NULL,
  changed_at   INTEGER NOT NULL,
  CHECK (refunded + refunding <= captured)
) STRICT;
CREATE UNIQUE INDEX payment_intent_provider ON payment_intent (method, provider_ref);

CREATE TABLE payment_entry (
  id        INTEGER PRIMARY KEY,
  intent_id INTEGER NOT NULL REFERENCES payment_intent (id),
  kind      TEXT NOT NULL CHECK (kind IN ('capture','refund')),
  amount    INTEGER NOT NULL CHECK (amount > 0),
  currency  TEXT NOT NULL,
  ref       TEXT NOT NULL,
  at        INTEGER NOT NULL,
  UNIQUE (intent_id, kind, ref)
) STRICT;

CREATE TABLE payment_refund (
  id         INTEGER PRIMARY KEY,
  intent_id  INTEGER NOT NULL REFERENCES payment_intent (id),
  amount     INTEGER NOT NULL CHECK (amount > 0),
  currency   TEXT NOT NULL,
  reason     TEXT NOT NULL,
  idem_key   TEXT NOT NULL UNIQUE,
  state      TEXT NOT NULL CHECK (state IN ('asked','done','refused')),
  attempts   INTEGER NOT NULL,
  next_at    INTEGER,
  code       TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX payment_refund_open ON payment_refund (next_at) WHERE state = 'asked';
CREATE INDEX payment_refund_intent ON payment_refund (intent_id);

CREATE TABLE payment_event (
  method      TEXT NOT NULL,
  event_id    TEXT NOT NULL,
  reference   TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (method, event_id)
) STRICT;
CREATE INDEX payment_event_at ON payment_event (received_at);
