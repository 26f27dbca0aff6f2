-- What variants cost to buy, without VAT, in minor units. It stands apart from the variant, so that
-- nothing which reads goods can carry it along to who may not see it.
CREATE TABLE catalog_cost (
  variant INTEGER PRIMARY KEY REFERENCES catalog_variant (id),
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  amount INTEGER NOT NULL CHECK (amount BETWEEN 0 AND 10000000000),
  changed_at INTEGER NOT NULL
) STRICT;
