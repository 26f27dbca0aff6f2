ALTER TABLE payment_intent ADD COLUMN authorised INTEGER NOT NULL DEFAULT 0 CHECK (authorised >= 0);
ALTER TABLE payment_intent ADD COLUMN taking INTEGER NOT NULL DEFAULT 0 CHECK (taking >= 0 AND (taking = 0 OR captured + taking <= authorised));
ALTER TABLE payment_intent ADD COLUMN auth_until INTEGER;
CREATE INDEX payment_intent_reserved ON payment_intent (auth_until) WHERE auth_until IS NOT NULL;

CREATE TABLE payment_take (
  id         INTEGER PRIMARY KEY,
  intent_id  INTEGER NOT NULL REFERENCES payment_intent (id),
  amount     INTEGER NOT NULL CHECK (amount > 0),
  currency   TEXT NOT NULL,
  whole      INTEGER NOT NULL CHECK (whole IN (0,1)),
  reason     TEXT NOT NULL,
  idem_key   TEXT NOT NULL UNIQUE,
  state      TEXT NOT NULL CHECK (state IN ('asked','done','refused')),
  attempts   INTEGER NOT NULL,
  next_at    INTEGER,
  code       TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX payment_take_open ON payment_take (next_at) WHERE state = 'asked';
CREATE INDEX payment_take_intent ON payment_take (intent_id);

CREATE TABLE payment_call (
  id        INTEGER PRIMARY KEY,
  intent_id INTEGER NOT NULL REFERENCES payment_intent (id),
  op        TEXT NOT NULL,
  outcome   TEXT NOT NULL,
  state     TEXT NOT NULL,
  code      TEXT NOT NULL,
  took_us   INTEGER NOT NULL,
  at        INTEGER NOT NULL,
  times     INTEGER NOT NULL,
  last_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX payment_call_intent ON payment_call (intent_id, id);
