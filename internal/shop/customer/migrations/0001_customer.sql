CREATE TABLE customer_customer (
  id INTEGER PRIMARY KEY,
  person_id INTEGER NOT NULL,
  contact BLOB,
  email_index BLOB,
  phone_index BLOB,
  postal_index BLOB,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  erased_at INTEGER,
  CHECK ((contact IS NULL) = (erased_at IS NOT NULL))
) STRICT;
CREATE INDEX customer_customer_email ON customer_customer (email_index, id) WHERE email_index IS NOT NULL;
CREATE INDEX customer_customer_phone ON customer_customer (phone_index, id) WHERE phone_index IS NOT NULL;
CREATE INDEX customer_customer_postal ON customer_customer (postal_index, id) WHERE postal_index IS NOT NULL;
CREATE INDEX customer_customer_person ON customer_customer (person_id);
CREATE TABLE customer_word (
  word BLOB NOT NULL,
  customer_id INTEGER NOT NULL,
  PRIMARY KEY (word, customer_id)
) STRICT;
CREATE INDEX customer_word_customer ON customer_word (customer_id);
CREATE TABLE customer_consent (
  id INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  given INTEGER NOT NULL CHECK (given IN (0, 1)),
  text_version TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX customer_consent_customer ON customer_consent (customer_id, kind, id);
