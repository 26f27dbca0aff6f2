-- state: pending (row first), stored (bytes are there), leaving (being collected)
CREATE TABLE file_file (
  hash TEXT PRIMARY KEY CHECK (length(hash) = 64),
  kind TEXT NOT NULL CHECK (kind IN ('picture', 'attachment', 'upload')),
  size INTEGER NOT NULL CHECK (size > 0),
  width INTEGER NOT NULL CHECK (width >= 0),
  height INTEGER NOT NULL CHECK (height >= 0),
  created INTEGER NOT NULL,
  last_linked INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'stored', 'leaving'))
) STRICT;
CREATE INDEX file_file_linked ON file_file (last_linked);
