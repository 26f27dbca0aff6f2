CREATE TABLE job_job (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  ref_id INTEGER NOT NULL,
  key TEXT,
  run_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL CHECK (attempts >= 0),
  max_attempts INTEGER NOT NULL CHECK (max_attempts > 0),
  lease_until INTEGER,
  lease_by INTEGER,
  state TEXT NOT NULL CHECK (state IN ('queued', 'done', 'dead')),
  last_error TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  ended_at INTEGER
) STRICT;
CREATE UNIQUE INDEX job_job_key ON job_job (kind, key) WHERE key IS NOT NULL;
CREATE INDEX job_job_due ON job_job (kind, run_at) WHERE state = 'queued';
CREATE INDEX job_job_ref ON job_job (ref_id, kind);
CREATE INDEX job_job_ended ON job_job (state, ended_at) WHERE state <> 'queued';
CREATE TABLE job_schedule (
  name TEXT PRIMARY KEY,
  next_at INTEGER NOT NULL,
  lease_until INTEGER,
  lease_by INTEGER
) STRICT;
