-- The gift cards that shall pay, by the keys of their rows: the code itself is kept nowhere.
ALTER TABLE cart_cart ADD COLUMN gifts TEXT NOT NULL DEFAULT '';
