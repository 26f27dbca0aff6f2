CREATE INDEX support_case_state ON support_case (state, id);
