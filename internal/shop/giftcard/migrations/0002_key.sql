-- A form that is sent twice issues one card.
ALTER TABLE giftcard_card ADD COLUMN client_key TEXT;
CREATE UNIQUE INDEX giftcard_card_key ON giftcard_card (client_key);
