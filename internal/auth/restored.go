package auth

import "kassavalv/internal/db"

// Ended counts what EndAfterRestore ended.
type Ended struct {
	Sessions  int64 `json:"sessions"`
	Tokens    int64 `json:"tokens"` // machine tokens that wait for an owner
	Links     int64 `json:"links"`  // invitations, codes to callers, sign-ins under way
	Approvals int64 `json:"approvals"`
}

// EndAfterRestore ends what must not come alive in a shop that was brought back from a
// copy: between the copied position and now it may have been ended, used or answered, and
// nobody knows. Sessions and one-time links end; what waits for a second person is void.
// Machine tokens are suspended, not revoked: the machines that hold them go on when an
// owner has looked (LiftToken). An invitation stands when it is the only way in there is.
// Passkeys, code apps and recovery codes stay: they are what the owner signs in with.
func EndAfterRestore(tx *db.Tx) (e Ended, err error) {
	now := tx.Now()
	run := func(n *int64, text string, args ...any) {
		if err == nil {
			var k int64
			k, err = tx.Exec(text, args...)
			*n += k
		}
	}
	run(&e.Sessions, `DELETE FROM auth_session`)
	run(&e.Tokens, `UPDATE auth_token SET suspended_at=$1 WHERE revoked_at IS NULL AND suspended_at IS NULL AND expires_at > $1`, now)
	run(&e.Links, `DELETE FROM auth_invite WHERE EXISTS (SELECT 1 FROM auth_staff WHERE role='owner' AND state='active')`)
	run(&e.Links, `UPDATE auth_caller SET ended_at=$1 WHERE ended_at IS NULL`, now)
	run(&e.Links, `DELETE FROM auth_challenge`)
	run(&e.Links, `DELETE FROM auth_sso_flow`)
	run(&e.Links, `DELETE FROM auth_totp_next`)
	run(&e.Approvals, `UPDATE auth_approval SET state='void', ended_at=$1 WHERE ended_at IS NULL`, now)
	return e, err
}
