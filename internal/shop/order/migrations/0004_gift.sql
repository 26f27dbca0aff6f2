-- What gift cards paid of an order, and what has gone back to them. paid and refunded
-- stay what the provider or the bank moved.
ALTER TABLE order_order ADD COLUMN gift_paid INTEGER NOT NULL DEFAULT 0 CHECK (gift_paid >= 0);
ALTER TABLE order_order ADD COLUMN gift_refunded INTEGER NOT NULL DEFAULT 0 CHECK (gift_refunded >= 0 AND gift_refunded <= gift_paid);
