-- Since when a letter waits for a person to say whether it is sent: it lay in the outbox
-- that a copy brought back, and may have been sent already.
ALTER TABLE mail_message ADD COLUMN held_at INTEGER;
CREATE INDEX mail_message_held ON mail_message (id) WHERE held_at IS NOT NULL;
