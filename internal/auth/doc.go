// Package auth says who acts and what he may do: staff with passwords, TOTP and passkeys, their
// sessions, roles, API tokens, and the principal By that every use case takes.
//
// # Invariants
//
//   - A By is made here from a session or token, never from request fields. The
//     zero By is nobody.
//   - Nobody grants, edits, invites or closes above his own rights, and the shop
//     keeps at least one active owner.
//   - Tries are counted in the database by one conditional update BEFORE a
//     password is hashed, for known and unknown addresses alike: at most 5 in 15
//     minutes whatever comes in parallel. While locked the right password is
//     refused too. A stranger cannot lock anyone out for good: the lock ends by
//     itself, a passkey is not subject to it, and a recovery mail lifts it.
//   - Known and unknown addresses, closed staff, wrong passwords and wrong codes
//     get the same answer for the same work.
//   - A TOTP step is used once, for sign-in and step-up together.
//   - Sessions and tokens are rows found by the SHA-256 of a random secret. Signing
//     out deletes the row. A change of role, password or factor, and closing, delete
//     the other sessions of that person at once; a new password and closing also end the
//     tokens he made. Raising rights (sign-in, step-up) gives a new secret.
//   - An invitation works once, the newest only.
//   - What SecondPerson lists is done by two members, or by one and a day where there is
//     no other; an approval is for exactly one act, and nobody gives his own.
//   - A member, a token or an outside person past his time is refused at the request, whatever
//     the upkeep has done.
//   - Mail address, name and TOTP secret are sealed under the member's person; passwords are
//     argon2id; passkeys hold public keys only.
//   - Every act and every refusal of this package is in the audit log.
//
// Hashing costs 80 ms of a core: it runs on all cores but one at a time, with
// a short queue; what does not fit is told to come back (503).
//
// It does not send mail (it enqueues jobs, see the Job constants), knows no HTTP,
// and does not limit by network; the shield does.
//
// Tables: auth_staff, auth_role, auth_invite, auth_session, auth_token, auth_passkey,
// auth_challenge, auth_recovery, auth_totp_next, auth_sso, auth_sso_flow, auth_approval,
// auth_review, auth_review_item, auth_letter, auth_opening, auth_caller, auth_try, auth_change, auth_root.
package auth
