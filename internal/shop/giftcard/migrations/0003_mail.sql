-- By which the cards issued to a person are found when he asks what is kept of him.
ALTER TABLE giftcard_card ADD COLUMN mail_index BLOB;
CREATE INDEX giftcard_card_mail ON giftcard_card (mail_index) WHERE mail_index IS NOT NULL;
CREATE INDEX giftcard_card_addressed ON giftcard_card (expires_at, id) WHERE mail IS NOT NULL;
CREATE INDEX giftcard_card_bare ON giftcard_card (id) WHERE mail IS NOT NULL AND mail_index IS NULL;
