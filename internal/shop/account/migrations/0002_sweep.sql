CREATE INDEX account_session_expires ON account_session (expires_at);
CREATE INDEX account_session_seen ON account_session (seen_at);
CREATE INDEX account_code_expires ON account_code (expires_at);
CREATE INDEX account_challenge_expires ON account_challenge (expires_at);
CREATE INDEX account_move_stop ON account_move (stop_until);
CREATE INDEX account_change_made ON account_change (made_at);
