CREATE TABLE fulfilment_carrier (
  key TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  template TEXT NOT NULL,
  active INTEGER NOT NULL CHECK (active IN (0, 1)),
  version INTEGER NOT NULL
) STRICT;
