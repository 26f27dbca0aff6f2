CREATE TABLE delivery_method (
  id             INTEGER PRIMARY KEY,
  code           TEXT NOT NULL UNIQUE,
  kind           TEXT NOT NULL CHECK (kind IN ('pickup','locker','home','bulky','store','digital')),
  name_sv        TEXT NOT NULL,
  name_en        TEXT NOT NULL,
  carrier        TEXT NOT NULL,
  currency       TEXT NOT NULL,
  max_weight_g   INTEGER NOT NULL CHECK (max_weight_g >= 0),
  max_side_mm    INTEGER NOT NULL CHECK (max_side_mm >= 0),
  max_value      INTEGER NOT NULL CHECK (max_value >= 0),
  takes_bulky    INTEGER NOT NULL CHECK (takes_bulky IN (0,1)),
  free_from      INTEGER NOT NULL CHECK (free_from >= 0),
  cutoff_minute  INTEGER NOT NULL CHECK (cutoff_minute BETWEEN 0 AND 1439),
  min_days       INTEGER NOT NULL CHECK (min_days >= 0),
  max_days       INTEGER NOT NULL CHECK (max_days >= min_days),
  far_days       INTEGER NOT NULL CHECK (far_days >= 0),
  phone_required INTEGER NOT NULL CHECK (phone_required IN (0,1)),
  active         INTEGER NOT NULL CHECK (active IN (0,1)),
  position       INTEGER NOT NULL,
  version        INTEGER NOT NULL
) STRICT;

CREATE TABLE delivery_price (
  method_id   INTEGER NOT NULL REFERENCES delivery_method (id),
  up_to_g     INTEGER NOT NULL CHECK (up_to_g > 0),
  amount      INTEGER NOT NULL CHECK (amount >= 0),
  PRIMARY KEY (method_id, up_to_g)
) STRICT;
