-- What a person has asked not to be done with his details. restricted_at: nothing but keeping
-- them (GDPR art. 18); objected_at: nothing that rests on the shop's interest (art. 21).
CREATE TABLE customer_limit (
  person_id INTEGER PRIMARY KEY,
  restricted_at INTEGER,
  objected_at INTEGER,
  changed_at INTEGER NOT NULL
) STRICT;
