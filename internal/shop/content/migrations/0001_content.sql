CREATE TABLE content_company (
  id           INTEGER PRIMARY KEY,
  name         TEXT NOT NULL,
  shop         TEXT NOT NULL,
  org_number   TEXT NOT NULL,
  vat_number   TEXT NOT NULL,
  f_tax        INTEGER NOT NULL CHECK (f_tax IN (0,1)),
  seat         TEXT NOT NULL,
  street       TEXT NOT NULL,
  postal_code  TEXT NOT NULL,
  city         TEXT NOT NULL,
  country      TEXT NOT NULL,
  mail         TEXT NOT NULL,
  phone        TEXT NOT NULL,
  hours_sv     TEXT NOT NULL,
  hours_en     TEXT NOT NULL,
  bankgiro     TEXT NOT NULL,
  example      INTEGER NOT NULL CHECK (example IN (0,1)),
  version      INTEGER NOT NULL UNIQUE,
  author       TEXT NOT NULL,
  valid_from   INTEGER NOT NULL
) STRICT;

CREATE TABLE content_handle (
  handle TEXT PRIMARY KEY,
  last   INTEGER NOT NULL CHECK (last > 0)
) STRICT;

CREATE TABLE content_page (
  id         INTEGER PRIMARY KEY,
  handle     TEXT NOT NULL REFERENCES content_handle (handle),
  kind       TEXT NOT NULL CHECK (kind IN ('legal','info')),
  version    INTEGER NOT NULL,
  lang       TEXT NOT NULL CHECK (lang IN ('sv','en')),
  title      TEXT NOT NULL,
  body       TEXT NOT NULL,
  author     TEXT NOT NULL,
  valid_from INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (handle, version, lang)
) STRICT;
CREATE INDEX content_page_valid ON content_page (handle, lang, valid_from);

CREATE TABLE content_setting (
  name       TEXT PRIMARY KEY,
  value      TEXT NOT NULL,
  author     TEXT NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;
