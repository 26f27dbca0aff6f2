CREATE TABLE account_lost (
  id         INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL,
  state      TEXT NOT NULL CHECK (state IN ('waiting','done','stopped')),
  token_hash BLOB NOT NULL UNIQUE,
  asked_at   INTEGER NOT NULL,
  due_at     INTEGER NOT NULL,
  ended_at   INTEGER,
  CHECK ((state = 'waiting') = (ended_at IS NULL)),
  CHECK (state <> 'done' OR ended_at >= due_at)
) STRICT;
CREATE UNIQUE INDEX account_lost_one ON account_lost (account_id) WHERE state = 'waiting';
CREATE INDEX account_lost_account ON account_lost (account_id);
CREATE INDEX account_lost_due ON account_lost (due_at) WHERE state = 'waiting';
CREATE INDEX account_lost_ended ON account_lost (ended_at);
