ALTER TABLE content_company ADD COLUMN accounts TEXT NOT NULL DEFAULT '';
