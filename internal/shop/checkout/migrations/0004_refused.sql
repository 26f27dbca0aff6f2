-- All buyers of a shop may come from one address: that of the front that it has elsewhere.
-- What is counted of an address are its refused purchases alone.
DROP INDEX checkout_purchase_peer;
CREATE INDEX checkout_purchase_refused ON checkout_purchase (peer, changed_at) WHERE state = 'refused';
