-- When the buyer was erased: his details are gone, the order stays as figures.
ALTER TABLE order_order ADD COLUMN erased_at INTEGER;
CREATE INDEX order_order_person ON order_order (person_id);
CREATE INDEX order_order_kept ON order_order (placed_at, id) WHERE erased_at IS NULL;
CREATE INDEX order_books_until ON order_books (keep_until, order_id);
