-- By which a person's carts are found when he asks what is kept of him.
ALTER TABLE cart_cart ADD COLUMN mail_index BLOB;
CREATE INDEX cart_cart_mail ON cart_cart (mail_index) WHERE mail_index IS NOT NULL;
CREATE INDEX cart_cart_person ON cart_cart (person_id) WHERE person_id IS NOT NULL;
