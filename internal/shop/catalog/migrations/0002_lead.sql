-- Working days before goods that are not on the shelf, or are made to the buyer's wishes, can leave.
ALTER TABLE catalog_variant ADD COLUMN lead_days INTEGER NOT NULL DEFAULT 10 CHECK (lead_days BETWEEN 1 AND 15);
