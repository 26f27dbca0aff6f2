-- Why members of staff refunded or cancelled, in their own words: sealed under the buyer.
CREATE TABLE order_said (
  id       INTEGER PRIMARY KEY,
  order_id INTEGER NOT NULL REFERENCES order_order (id),
  said     BLOB NOT NULL,
  at       INTEGER NOT NULL
) STRICT;
CREATE INDEX order_said_order ON order_said (order_id, id);
