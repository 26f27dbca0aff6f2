CREATE INDEX audit_entry_refused ON audit_entry (id) WHERE outcome = 'refused';
