-- A shop that was brought back from a copy: what its providers have moved between the
-- position that came back and the opening is looked for.
CREATE TABLE checkout_gap (
  id        INTEGER PRIMARY KEY,
  from_at   INTEGER NOT NULL UNIQUE,
  opened_at INTEGER NOT NULL,
  looked_at INTEGER,
  silent    TEXT NOT NULL
) STRICT;
-- One payment that a provider has and that did not come back as the provider has it.
CREATE TABLE checkout_gap_payment (
  id          INTEGER PRIMARY KEY,
  gap_id      INTEGER NOT NULL REFERENCES checkout_gap (id),
  method      TEXT NOT NULL,
  theirs      TEXT NOT NULL,
  ref         TEXT NOT NULL,
  reference   TEXT NOT NULL,
  token_hash  BLOB UNIQUE,
  amount      INTEGER NOT NULL CHECK (amount > 0),
  currency    TEXT NOT NULL,
  moved_at    INTEGER NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('open', 'found', 'asked', 'returned', 'refused', 'order', 'kept')),
  purchase_id INTEGER,
  idem_key    TEXT NOT NULL UNIQUE,
  code        TEXT NOT NULL,
  author      INTEGER NOT NULL,
  changed_at  INTEGER NOT NULL,
  UNIQUE (method, theirs),
  CHECK (state NOT IN ('open', 'order') OR purchase_id IS NOT NULL)
) STRICT;
CREATE INDEX checkout_gap_payment_gap ON checkout_gap_payment (gap_id, id);
