CREATE TABLE lesson_state (
  member_id      INTEGER NOT NULL,
  lesson         TEXT NOT NULL,
  version        INTEGER NOT NULL CHECK (version > 0),
  concerns       INTEGER NOT NULL CHECK (concerns IN (0,1)),
  since          INTEGER NOT NULL,
  due_at         INTEGER NOT NULL,
  passed_version INTEGER NOT NULL CHECK (passed_version >= 0),
  passed_at      INTEGER,
  tries          INTEGER NOT NULL CHECK (tries >= 0),
  told           INTEGER NOT NULL CHECK (told >= 0),
  PRIMARY KEY (member_id, lesson),
  CHECK ((passed_at IS NULL) = (passed_version = 0))
) STRICT;

CREATE TABLE lesson_done (
  id        INTEGER PRIMARY KEY,
  member_id INTEGER NOT NULL,
  lesson    TEXT NOT NULL,
  version   INTEGER NOT NULL CHECK (version > 0),
  passed_at INTEGER NOT NULL,
  tries     INTEGER NOT NULL CHECK (tries > 0)
) STRICT;
CREATE INDEX lesson_done_member ON lesson_done (member_id, id);

CREATE TABLE lesson_letter (
  id        INTEGER PRIMARY KEY,
  member_id INTEGER NOT NULL,
  made_at   INTEGER NOT NULL
) STRICT;

CREATE TABLE lesson_need (
  right_name TEXT PRIMARY KEY,
  lesson     TEXT NOT NULL,
  grace_days INTEGER NOT NULL CHECK (grace_days BETWEEN 0 AND 90),
  version    INTEGER NOT NULL
) STRICT;
