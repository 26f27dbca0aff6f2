-- When the customer was erased: what was written is gone, the case stays as dates.
ALTER TABLE support_case ADD COLUMN erased_at INTEGER;
CREATE INDEX support_case_person ON support_case (person_id);
CREATE INDEX support_case_settled ON support_case (changed_at, id) WHERE erased_at IS NULL AND state IN ('answered', 'solved');
