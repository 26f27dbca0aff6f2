-- A refund of an amount may be split over money and gift cards: the row that has the
-- client's key says what was asked for in all.
ALTER TABLE returns_credit ADD COLUMN asked INTEGER CHECK (asked > 0);
