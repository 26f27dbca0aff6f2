-- Products. Texts, variants and the rest hang on id. complete, owed and demands
-- (own regimes and those of the categories) are computed by the program, see
-- problems.go. return_cost is öre.
CREATE TABLE catalog_product (
  id INTEGER PRIMARY KEY,
  version INTEGER NOT NULL CHECK (version >= 1),
  handle TEXT NOT NULL UNIQUE CHECK (length(handle) BETWEEN 1 AND 100),
  kind TEXT NOT NULL CHECK (kind IN ('goods','digital','service','gift_card')),
  status TEXT NOT NULL CHECK (status IN ('draft','published','archived')),
  publish_from INTEGER,
  publish_to INTEGER,
  complete INTEGER NOT NULL CHECK (complete IN (0,1)),
  owed INTEGER NOT NULL CHECK (owed IN (0,1)),
  brand TEXT NOT NULL,
  vat_class TEXT NOT NULL CHECK (length(vat_class) BETWEEN 1 AND 40),
  withdrawal TEXT NOT NULL CHECK (length(withdrawal) BETWEEN 1 AND 40),
  regimes TEXT NOT NULL,
  demands TEXT NOT NULL,
  bulky INTEGER NOT NULL CHECK (bulky IN (0,1)),
  return_cost INTEGER NOT NULL CHECK (return_cost >= 0),
  unit TEXT NOT NULL CHECK (unit IN ('','kg','l','m','piece')),
  content INTEGER NOT NULL CHECK (content >= 0),
  maker_name TEXT NOT NULL,
  maker_postal TEXT NOT NULL,
  maker_electronic TEXT NOT NULL,
  maker_outside_eu INTEGER NOT NULL CHECK (maker_outside_eu IN (0,1)),
  eu_name TEXT NOT NULL,
  eu_postal TEXT NOT NULL,
  eu_electronic TEXT NOT NULL,
  no_warnings INTEGER NOT NULL CHECK (no_warnings IN (0,1)),
  energy_class TEXT NOT NULL CHECK (energy_class IN ('','A','B','C','D','E','F','G')),
  origin TEXT NOT NULL,
  min_age INTEGER NOT NULL CHECK (min_age BETWEEN 0 AND 120),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CHECK (publish_from IS NULL OR publish_to IS NULL OR publish_to > publish_from),
  CHECK ((unit = '') = (content = 0))
) STRICT;
CREATE INDEX catalog_product_updated ON catalog_product (updated_at, id);
CREATE INDEX catalog_product_status ON catalog_product (status, id);
CREATE INDEX catalog_product_debt ON catalog_product (id) WHERE complete = 0;
CREATE INDEX catalog_product_from ON catalog_product (publish_from) WHERE publish_from IS NOT NULL;
CREATE INDEX catalog_product_to ON catalog_product (publish_to) WHERE publish_to IS NOT NULL;

-- Texts of a product or a category, one row a language. warnings is a JSON
-- array of sentences.
CREATE TABLE catalog_text (
  owner INTEGER NOT NULL,
  lang TEXT NOT NULL CHECK (lang IN ('sv','en')),
  title TEXT NOT NULL,
  description TEXT NOT NULL,
  seo_title TEXT NOT NULL,
  seo_description TEXT NOT NULL,
  materials TEXT NOT NULL,
  ingredients TEXT NOT NULL,
  allergens TEXT NOT NULL,
  warnings TEXT NOT NULL,
  PRIMARY KEY (owner, lang)
) STRICT;

CREATE TABLE catalog_option (
  id INTEGER PRIMARY KEY,
  product INTEGER NOT NULL REFERENCES catalog_product (id),
  position INTEGER NOT NULL,
  name_sv TEXT NOT NULL,
  name_en TEXT NOT NULL,
  UNIQUE (product, name_sv)
) STRICT;
CREATE TABLE catalog_option_value (
  id INTEGER PRIMARY KEY,
  option_id INTEGER NOT NULL REFERENCES catalog_option (id),
  position INTEGER NOT NULL,
  value_sv TEXT NOT NULL,
  value_en TEXT NOT NULL,
  UNIQUE (option_id, value_sv)
) STRICT;

-- option_key is the ids of the chosen values in the order of the options,
-- joined by commas; the empty key is the one variant of a product without options.
CREATE TABLE catalog_variant (
  id INTEGER PRIMARY KEY,
  product INTEGER NOT NULL REFERENCES catalog_product (id),
  status TEXT NOT NULL CHECK (status IN ('active','hidden','removed')),
  position INTEGER NOT NULL,
  option_key TEXT NOT NULL,
  sku TEXT NOT NULL,
  gtin TEXT NOT NULL,
  weight_g INTEGER NOT NULL CHECK (weight_g >= 0),
  length_mm INTEGER NOT NULL CHECK (length_mm >= 0),
  width_mm INTEGER NOT NULL CHECK (width_mm >= 0),
  height_mm INTEGER NOT NULL CHECK (height_mm >= 0),
  content INTEGER NOT NULL CHECK (content >= 0),
  tracked INTEGER NOT NULL CHECK (tracked IN (0,1)),
  backorder INTEGER NOT NULL CHECK (backorder IN (0,1)),
  made_to_order INTEGER NOT NULL CHECK (made_to_order IN (0,1)),
  b_goods_sv TEXT NOT NULL,
  b_goods_en TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX catalog_variant_place ON catalog_variant (product, option_key) WHERE status <> 'removed';
CREATE UNIQUE INDEX catalog_variant_sku ON catalog_variant (sku) WHERE sku <> '' AND status <> 'removed';
CREATE UNIQUE INDEX catalog_variant_gtin ON catalog_variant (gtin) WHERE gtin <> '' AND status <> 'removed';
CREATE INDEX catalog_variant_product ON catalog_variant (product, position, id);

CREATE TABLE catalog_media (
  id INTEGER PRIMARY KEY,
  product INTEGER NOT NULL REFERENCES catalog_product (id),
  variant INTEGER,
  kind TEXT NOT NULL CHECK (kind IN ('picture','energy_label','product_sheet','manual')),
  file TEXT NOT NULL CHECK (length(file) = 64),
  position INTEGER NOT NULL,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  alt_sv TEXT NOT NULL,
  alt_en TEXT NOT NULL
) STRICT;
CREATE INDEX catalog_media_product ON catalog_media (product, position, id);
CREATE INDEX catalog_media_file ON catalog_media (file);

CREATE TABLE catalog_category (
  id INTEGER PRIMARY KEY,
  version INTEGER NOT NULL CHECK (version >= 1),
  handle TEXT NOT NULL UNIQUE CHECK (length(handle) BETWEEN 1 AND 100),
  parent INTEGER,
  position INTEGER NOT NULL,
  hidden INTEGER NOT NULL CHECK (hidden IN (0,1)),
  regimes TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  CHECK (parent IS NULL OR parent <> id)
) STRICT;

-- Membership in categories and tags, dated half-open; valid_to NULL is now.
-- For a category ref is its id and tag is empty; for a tag ref is 0.
CREATE TABLE catalog_member (
  id INTEGER PRIMARY KEY,
  product INTEGER NOT NULL REFERENCES catalog_product (id),
  ref INTEGER NOT NULL,
  tag TEXT NOT NULL,
  position INTEGER NOT NULL,
  valid_from INTEGER NOT NULL,
  valid_to INTEGER,
  CHECK ((ref = 0) = (tag <> '')),
  CHECK (valid_to IS NULL OR valid_to > valid_from)
) STRICT;
CREATE UNIQUE INDEX catalog_member_now ON catalog_member (product, ref, tag) WHERE valid_to IS NULL;
CREATE INDEX catalog_member_product ON catalog_member (product, valid_from);
CREATE INDEX catalog_member_ref ON catalog_member (ref, tag, product) WHERE valid_to IS NULL;

CREATE TABLE catalog_attribute (
  id INTEGER PRIMARY KEY,
  version INTEGER NOT NULL CHECK (version >= 1),
  key TEXT NOT NULL UNIQUE CHECK (length(key) BETWEEN 1 AND 40),
  type TEXT NOT NULL CHECK (type IN ('choice','number','bool','text')),
  unit TEXT NOT NULL,
  filterable INTEGER NOT NULL CHECK (filterable IN (0,1)),
  position INTEGER NOT NULL,
  name_sv TEXT NOT NULL,
  name_en TEXT NOT NULL
) STRICT;
CREATE TABLE catalog_value (
  product INTEGER NOT NULL REFERENCES catalog_product (id),
  attribute INTEGER NOT NULL REFERENCES catalog_attribute (id),
  value TEXT NOT NULL,
  number INTEGER,
  position INTEGER NOT NULL,
  label_sv TEXT NOT NULL,
  label_en TEXT NOT NULL,
  PRIMARY KEY (product, attribute, value)
) STRICT;
CREATE INDEX catalog_value_attribute ON catalog_value (attribute, value, product);

-- Old handles. They name their target by id, so a chain cannot come to be.
CREATE TABLE catalog_redirect (
  kind TEXT NOT NULL CHECK (kind IN ('product','category')),
  handle TEXT NOT NULL,
  target INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (kind, handle)
) STRICT;
CREATE INDEX catalog_redirect_target ON catalog_redirect (target);

-- One row, bumped first by whatever changes the tree, so that two moves at the
-- same time cannot make a circle.
CREATE TABLE catalog_tree (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  version INTEGER NOT NULL
) STRICT;
INSERT INTO catalog_tree (id, version) VALUES (1, 1);

-- Categories whose demands changed: their products are judged again in
-- chunks, after is the last product done.
CREATE TABLE catalog_recheck (
  category INTEGER PRIMARY KEY,
  after INTEGER NOT NULL
) STRICT;
