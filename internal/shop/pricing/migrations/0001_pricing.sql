-- Regular prices, VAT included, half-open in time. What has been in force is
-- never changed; only the open end of the last row is closed, once.
CREATE TABLE pricing_price (
  id INTEGER PRIMARY KEY,
  variant INTEGER NOT NULL,
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  amount INTEGER NOT NULL CHECK (amount >= 0),
  valid_from INTEGER NOT NULL,
  valid_to INTEGER,
  created_at INTEGER NOT NULL,
  CHECK (valid_to IS NULL OR valid_to > valid_from),
  UNIQUE (variant, currency, valid_from)
) STRICT;
CREATE UNIQUE INDEX pricing_price_open ON pricing_price (variant, currency) WHERE valid_to IS NULL;
CREATE INDEX pricing_price_from ON pricing_price (valid_from);

-- One row a variant and currency, bumped first by whatever sets its price.
CREATE TABLE pricing_root (
  variant INTEGER NOT NULL,
  currency TEXT NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (variant, currency)
) STRICT;

-- VAT by country and class, in basis points. A class without a row on a day
-- has no rate, which is an error, not 0.
CREATE TABLE pricing_vat_rate (
  country TEXT NOT NULL CHECK (length(country) = 2),
  class TEXT NOT NULL,
  rate_bp INTEGER NOT NULL CHECK (rate_bp BETWEEN 0 AND 10000),
  valid_from INTEGER NOT NULL,
  valid_to INTEGER,
  CHECK (valid_to IS NULL OR valid_to > valid_from),
  PRIMARY KEY (country, class, valid_from)
) STRICT;
CREATE UNIQUE INDEX pricing_vat_rate_open ON pricing_vat_rate (country, class) WHERE valid_to IS NULL;
-- Mervärdesskattelagen (2023:200) 9 kap. Food: 6 % from 2026-04-01 to 2027-12-31
-- (prop. 2025/26:55), midnights in Europe/Stockholm. Served food stays at 12 %.
-- voucher: a multi-purpose voucher is no supply when sold.
INSERT INTO pricing_vat_rate (country, class, rate_bp, valid_from, valid_to) VALUES
  ('SE', 'standard', 2500, 0, NULL),
  ('SE', 'food', 1200, 0, 1774994400000000),
  ('SE', 'food', 600, 1774994400000000, 1830294000000000),
  ('SE', 'food', 1200, 1830294000000000, NULL),
  ('SE', 'book', 600, 0, NULL),
  ('SE', 'served_food', 1200, 0, NULL),
  ('SE', 'voucher', 0, 0, NULL);

CREATE TABLE pricing_campaign (
  id INTEGER PRIMARY KEY,
  version INTEGER NOT NULL CHECK (version >= 1),
  name_sv TEXT NOT NULL,
  name_en TEXT NOT NULL,
  priority INTEGER NOT NULL,
  valid_from INTEGER NOT NULL,
  valid_to INTEGER,
  created_at INTEGER NOT NULL,
  CHECK (valid_to IS NULL OR valid_to > valid_from)
) STRICT;
CREATE INDEX pricing_campaign_time ON pricing_campaign (valid_from, valid_to);

-- Steps: each lasts until the next begins or the campaign ends. value is basis
-- points for percent, minor units of currency for amount and fixed.
CREATE TABLE pricing_step (
  campaign INTEGER NOT NULL REFERENCES pricing_campaign (id),
  valid_from INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('percent','amount','fixed')),
  value INTEGER NOT NULL CHECK (value >= 0),
  currency TEXT NOT NULL,
  PRIMARY KEY (campaign, valid_from)
) STRICT;

-- What it is about. A category stands for itself and those below it when the
-- campaign was saved, each with a row. ref is 0 for everything and for tags.
CREATE TABLE pricing_target (
  campaign INTEGER NOT NULL REFERENCES pricing_campaign (id),
  kind TEXT NOT NULL CHECK (kind IN ('all','product','variant','category','tag')),
  ref INTEGER NOT NULL,
  tag TEXT NOT NULL,
  picked INTEGER NOT NULL CHECK (picked IN (0,1)),
  PRIMARY KEY (campaign, kind, ref, tag)
) STRICT;

CREATE TABLE pricing_code (
  id INTEGER PRIMARY KEY,
  version INTEGER NOT NULL CHECK (version >= 1),
  code TEXT NOT NULL UNIQUE CHECK (length(code) BETWEEN 3 AND 40),
  label_sv TEXT NOT NULL,
  label_en TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('percent','amount')),
  value INTEGER NOT NULL CHECK (value > 0),
  currency TEXT NOT NULL,
  min_goods INTEGER NOT NULL CHECK (min_goods >= 0),
  valid_from INTEGER NOT NULL,
  valid_to INTEGER,
  use_limit INTEGER CHECK (use_limit > 0),
  used INTEGER NOT NULL CHECK (used >= 0),
  combinable INTEGER NOT NULL CHECK (combinable IN (0,1)),
  disabled INTEGER NOT NULL CHECK (disabled IN (0,1)),
  created_at INTEGER NOT NULL,
  CHECK (use_limit IS NULL OR used <= use_limit),
  CHECK (valid_to IS NULL OR valid_to > valid_from)
) STRICT;
CREATE TABLE pricing_code_exclusion (
  code INTEGER NOT NULL REFERENCES pricing_code (id),
  kind TEXT NOT NULL CHECK (kind IN ('product','category')),
  ref INTEGER NOT NULL,
  PRIMARY KEY (code, kind, ref)
) STRICT;
CREATE TABLE pricing_code_use (
  code INTEGER NOT NULL REFERENCES pricing_code (id),
  purchase INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (code, purchase)
) STRICT;
CREATE INDEX pricing_code_use_purchase ON pricing_code_use (purchase);
