CREATE TABLE cart_cart (
  id            INTEGER PRIMARY KEY,
  token_hash    BLOB NOT NULL UNIQUE,
  version       INTEGER NOT NULL,
  currency      TEXT NOT NULL,
  person_id     INTEGER,
  contact       BLOB,
  postal_code   TEXT NOT NULL,
  option_id     INTEGER,
  point_id      TEXT NOT NULL,
  codes         TEXT NOT NULL,
  purchase_id   INTEGER,
  created_at    INTEGER NOT NULL,
  changed_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX cart_cart_changed ON cart_cart (changed_at);

CREATE TABLE cart_line (
  id         INTEGER PRIMARY KEY,
  cart_id    INTEGER NOT NULL REFERENCES cart_cart (id),
  variant_id INTEGER NOT NULL,
  quantity   INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 999),
  UNIQUE (cart_id, variant_id)
) STRICT;
