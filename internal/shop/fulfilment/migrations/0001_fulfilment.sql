CREATE TABLE fulfilment_parcel (
  id           INTEGER PRIMARY KEY,
  order_id     INTEGER NOT NULL,
  carrier      TEXT NOT NULL,
  number       TEXT NOT NULL,
  client_key   TEXT,
  fingerprint  BLOB NOT NULL,
  shipped_at   INTEGER NOT NULL,
  delivered_at INTEGER,
  UNIQUE (order_id, client_key)
) STRICT;

CREATE TABLE fulfilment_parcel_line (
  parcel_id INTEGER NOT NULL REFERENCES fulfilment_parcel (id),
  line_id   INTEGER NOT NULL,
  quantity  INTEGER NOT NULL CHECK (quantity > 0),
  PRIMARY KEY (parcel_id, line_id)
) STRICT;
CREATE INDEX fulfilment_parcel_line_line ON fulfilment_parcel_line (line_id);
