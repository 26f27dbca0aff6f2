-- Whom a reading was by, beyond an id: the role of a member at that moment, the
-- kind of a job, the name of a processor.
ALTER TABLE audit_access ADD COLUMN actor_name TEXT NOT NULL DEFAULT '';
-- Random, and gone with the row: what stays of it in the log then tells nothing.
ALTER TABLE audit_access ADD COLUMN salt BLOB;
CREATE INDEX audit_access_reason ON audit_access (reason, id);
