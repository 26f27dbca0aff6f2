CREATE TABLE stock_level (
  variant_id INTEGER PRIMARY KEY,
  tracked    INTEGER NOT NULL CHECK (tracked IN (0,1)),
  backorder  INTEGER NOT NULL CHECK (backorder IN (0,1)),
  on_hand    INTEGER NOT NULL CHECK (on_hand >= 0),
  held       INTEGER NOT NULL CHECK (held >= 0),
  allocated  INTEGER NOT NULL CHECK (allocated >= 0),
  changed_at INTEGER NOT NULL,
  CHECK (tracked = 0 OR backorder = 1 OR held + allocated <= on_hand)
) STRICT;

CREATE TABLE stock_hold (
  purchase_id INTEGER NOT NULL,
  variant_id  INTEGER NOT NULL,
  quantity    INTEGER NOT NULL CHECK (quantity > 0),
  state       TEXT NOT NULL CHECK (state IN ('held','allocated','released','done')),
  left_over   INTEGER NOT NULL CHECK (left_over >= 0),
  created_at  INTEGER NOT NULL,
  changed_at  INTEGER NOT NULL,
  PRIMARY KEY (purchase_id, variant_id)
) STRICT;
CREATE INDEX stock_hold_variant ON stock_hold (variant_id, state);

CREATE TABLE stock_movement (
  id         INTEGER PRIMARY KEY,
  variant_id INTEGER NOT NULL,
  kind       TEXT NOT NULL,
  on_hand    INTEGER NOT NULL,
  allocated  INTEGER NOT NULL,
  ref_id     INTEGER NOT NULL,
  actor      TEXT NOT NULL,
  at         INTEGER NOT NULL
) STRICT;
CREATE INDEX stock_movement_variant ON stock_movement (variant_id, id);
