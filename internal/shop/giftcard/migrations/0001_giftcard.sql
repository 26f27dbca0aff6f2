-- A card: what it was issued for, what is left of it, and what of that is held by
-- purchases under way.
CREATE TABLE giftcard_card (
  id           INTEGER PRIMARY KEY,
  version      INTEGER NOT NULL,
  code_version INTEGER NOT NULL,
  code_hash    BLOB NOT NULL UNIQUE,
  last4        TEXT NOT NULL CHECK (length(last4) = 4),
  currency     TEXT NOT NULL CHECK (length(currency) = 3),
  issued       INTEGER NOT NULL CHECK (issued > 0),
  balance      INTEGER NOT NULL CHECK (balance >= 0),
  held         INTEGER NOT NULL CHECK (held >= 0),
  state        TEXT NOT NULL CHECK (state IN ('active','cancelled')),
  origin       TEXT NOT NULL CHECK (origin IN ('sold','refund','staff')),
  order_id     INTEGER,
  line_id      INTEGER,
  piece        INTEGER,
  person_id    INTEGER,
  mail         BLOB,
  lang         TEXT NOT NULL,
  reason       TEXT NOT NULL,
  expires_at   INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  changed_at   INTEGER NOT NULL,
  CHECK (held <= balance),
  UNIQUE (line_id, piece)
) STRICT;
CREATE INDEX giftcard_card_order ON giftcard_card (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX giftcard_card_last4 ON giftcard_card (last4, id);
CREATE INDEX giftcard_card_state ON giftcard_card (state, id);
-- What the shop owes, and what has run out: a sum without reading the cards.
CREATE INDEX giftcard_card_owed ON giftcard_card (currency, expires_at, balance) WHERE balance > 0;

-- Append-only. amount is what it did to the balance, held what it did to the held part.
CREATE TABLE giftcard_entry (
  id       INTEGER PRIMARY KEY,
  card_id  INTEGER NOT NULL REFERENCES giftcard_card (id),
  kind     TEXT NOT NULL CHECK (kind IN ('issue','hold','use','release','refund','cancel','return','extend')),
  amount   INTEGER NOT NULL,
  held     INTEGER NOT NULL,
  ref      TEXT NOT NULL,
  order_id INTEGER,
  note     TEXT NOT NULL,
  actor    TEXT NOT NULL,
  at       INTEGER NOT NULL,
  UNIQUE (card_id, kind, ref)
) STRICT;
CREATE INDEX giftcard_entry_card ON giftcard_entry (card_id, id);

-- What a purchase took of a card, and what of it has gone back since.
CREATE TABLE giftcard_hold (
  purchase_id INTEGER NOT NULL,
  card_id     INTEGER NOT NULL REFERENCES giftcard_card (id),
  amount      INTEGER NOT NULL CHECK (amount > 0),
  state       TEXT NOT NULL CHECK (state IN ('held','used','released')),
  refunded    INTEGER NOT NULL CHECK (refunded >= 0 AND refunded <= amount),
  at          INTEGER NOT NULL,
  PRIMARY KEY (purchase_id, card_id)
) STRICT;

-- Wrong codes, by client and in all, in slots of time.
CREATE TABLE giftcard_try (
  slot INTEGER NOT NULL,
  peer BLOB NOT NULL,
  n    INTEGER NOT NULL CHECK (n >= 0),
  PRIMARY KEY (slot, peer)
) STRICT;
