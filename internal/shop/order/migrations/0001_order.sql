CREATE TABLE order_order (
  id            INTEGER PRIMARY KEY,
  number        INTEGER UNIQUE,
  purchase_id   INTEGER NOT NULL UNIQUE,
  person_id     INTEGER NOT NULL,
  token_version INTEGER NOT NULL,
  token_hash    BLOB NOT NULL UNIQUE,
  mail_index    BLOB NOT NULL,
  state         TEXT NOT NULL CHECK (state IN ('placed','closed','cancelled')),
  lang          TEXT NOT NULL,
  method        TEXT NOT NULL,
  currency      TEXT NOT NULL,
  total         INTEGER NOT NULL CHECK (total >= 0),
  to_pay        INTEGER NOT NULL CHECK (to_pay >= 0),
  paid          INTEGER NOT NULL CHECK (paid >= 0),
  refunded      INTEGER NOT NULL CHECK (refunded >= 0 AND refunded <= paid),
  contact       BLOB NOT NULL,
  draft         TEXT NOT NULL,
  ocr           TEXT,
  due_at        INTEGER,
  shipped_at    INTEGER,
  received_at   INTEGER,
  placed_at     INTEGER NOT NULL,
  changed_at    INTEGER NOT NULL,
  version       INTEGER NOT NULL
) STRICT;
CREATE INDEX order_order_state ON order_order (state, id);
CREATE INDEX order_order_mail ON order_order (mail_index);
CREATE INDEX order_order_ocr ON order_order (ocr);

CREATE TABLE order_line (
  id         INTEGER PRIMARY KEY,
  order_id   INTEGER NOT NULL REFERENCES order_order (id),
  position   INTEGER NOT NULL,
  variant_id INTEGER NOT NULL,
  quantity   INTEGER NOT NULL CHECK (quantity > 0),
  shipped    INTEGER NOT NULL CHECK (shipped >= 0),
  cancelled  INTEGER NOT NULL CHECK (cancelled >= 0),
  returned   INTEGER NOT NULL CHECK (returned >= 0),
  CHECK (shipped + cancelled <= quantity),
  CHECK (returned <= quantity)
) STRICT;
CREATE INDEX order_line_order ON order_line (order_id, position);

CREATE TABLE order_event (
  id       INTEGER PRIMARY KEY,
  order_id INTEGER NOT NULL REFERENCES order_order (id),
  kind     TEXT NOT NULL,
  public   INTEGER NOT NULL CHECK (public IN (0,1)),
  data     TEXT NOT NULL,
  at       INTEGER NOT NULL
) STRICT;
CREATE INDEX order_event_order ON order_event (order_id, id);

CREATE TABLE order_series (
  name TEXT PRIMARY KEY,
  next INTEGER NOT NULL
) STRICT;
INSERT INTO order_series (name, next) VALUES ('order', 1), ('receipt', 1), ('invoice', 1), ('credit_note', 1);

CREATE TABLE order_document (
  id        INTEGER PRIMARY KEY,
  order_id  INTEGER NOT NULL REFERENCES order_order (id),
  kind      TEXT NOT NULL CHECK (kind IN ('receipt','invoice','credit_note')),
  number    INTEGER NOT NULL,
  refers_to INTEGER,
  amount    INTEGER NOT NULL,
  currency  TEXT NOT NULL,
  vat       TEXT NOT NULL,
  reason    TEXT NOT NULL,
  at        INTEGER NOT NULL,
  UNIQUE (kind, number)
) STRICT;
CREATE INDEX order_document_order ON order_document (order_id, id);

CREATE TABLE order_books (
  order_id   INTEGER PRIMARY KEY,
  year       INTEGER NOT NULL,
  keep_until INTEGER NOT NULL,
  sealed     BLOB NOT NULL
) STRICT;
