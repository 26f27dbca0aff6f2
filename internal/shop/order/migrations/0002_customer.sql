ALTER TABLE order_order ADD COLUMN customer_id INTEGER;
CREATE INDEX order_order_customer ON order_order (customer_id) WHERE customer_id IS NOT NULL;
