-- Pictures that a file names. state: waiting for its job, done (file is the
-- SHA-256 in hex), failed (code says why). One row for each address a product
-- names, so that an import that runs again fetches nothing twice.
CREATE TABLE intake_picture (
  id INTEGER PRIMARY KEY,
  product INTEGER NOT NULL,
  variant INTEGER,
  url TEXT NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
  alt TEXT NOT NULL,
  position INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting','done','failed')),
  file TEXT NOT NULL,
  code TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  UNIQUE (product, url)
) STRICT;
CREATE INDEX intake_picture_state ON intake_picture (state, id);

-- What a product was called where it came from ("id:44", "sku:mugg"), for files
-- without handles.
CREATE TABLE intake_source (
  name TEXT PRIMARY KEY,
  product INTEGER NOT NULL
) STRICT;
