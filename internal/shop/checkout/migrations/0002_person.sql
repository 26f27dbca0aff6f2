CREATE INDEX checkout_purchase_person ON checkout_purchase (person_id);
