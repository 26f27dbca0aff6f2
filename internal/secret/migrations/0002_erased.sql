CREATE INDEX secret_person_erased ON secret_person (erased_at, id) WHERE erased_at IS NOT NULL;
