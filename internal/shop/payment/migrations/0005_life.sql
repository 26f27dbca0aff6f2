CREATE INDEX payment_event_reference ON payment_event (method, reference);
CREATE INDEX payment_entry_moved ON payment_entry (at, id);
DROP INDEX payment_entry_at;
