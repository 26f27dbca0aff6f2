-- The lists staff work from: what is to be sent, what is not paid, what falls due.
CREATE INDEX order_order_unshipped ON order_order (id) WHERE shipped_at IS NULL AND state = 'placed';
CREATE INDEX order_order_unpaid ON order_order (id) WHERE paid < to_pay;
CREATE INDEX order_order_owed ON order_order (due_at, id) WHERE due_at IS NOT NULL AND paid < to_pay AND state <> 'cancelled';
