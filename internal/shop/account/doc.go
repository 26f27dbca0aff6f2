// Package account is how customers sign in: a code by mail, passkeys, a password, codes of an app; their sessions, and
// the account that keeps these together. Nobody needs one to buy.
//
// # Who a visitor is
//
// Visitor comes of a living session and of nothing else. Who has proven a mail address with a code has a session
// without an account (Account 0): he sees the purchases of that address and his rights over what is kept. An account is
// made of such a session, so an account's address is always a proven one, and what belongs to an address is shown for
// the proven address alone, never for one that was typed.
//
// # Invariants
//
//   - Known and unknown addresses get the same answer for the same work. A code is mailed to every address that asks
//     for one, so that nothing depends on whether we know it; a password is compared with a hash of equal cost.
//   - A mailed code belongs to the browser that asked for it, lives ten minutes, works once, and only the newest of a
//     browser does. It is stored nowhere: it is derived from its row by the vault when the letter is written and when it is
//     compared. Tries are counted by one conditional update before the code is looked at.
//   - Nobody can be locked out by a stranger. A stranger's wrong codes use up his own; his wrong passwords count for
//     his network and, all networks together, shut the password for fifteen minutes to browsers that have never signed in
//     as that address; passkeys and mailed codes stay. Codes are counted per address and network, per network, and
//     per address; a browser that has signed in before has a count of its own.
//   - With an app (TOTP) neither a mailed code nor a password is enough, and nothing mailed turns it off at once. Who has
//     lost it and the codes asks for it to fall away with a mailed code, and waits seven days (lost.go): letters and every
//     session can stop it, and a sign-in with the app or a code does. A step of the app's code is used once. Recovery codes
//     are ten, shown once, hashed like passwords, each used once. A passkey is both factors.
//   - A password of 15 characters may stand alone, one of 8 only beside the app (package factor); the app
//     cannot be taken away from beside a shorter one. Changing it asks for the one there is.
//   - Sessions are rows found by the SHA-256 of a random secret: 30 days without use, 90 days at most, 20 of an account
//     (the oldest end). Each raise (sign-in, account made, fresh proof, changed factor) gives a new secret. Signing out deletes
//     the row. A changed password, factor or address ends all others of the account, and those of its address.
//   - Acts that change how one signs in ask for a proof of the last ten minutes (403 "step_up").
//   - A new address counts when its own code has come back; the old one is told at once and can stop it, for seven
//     days after the change too. Stopping never turns the app off that was there before.
//   - Every change of a way in makes one letter. Every sign-in, refusal and change is in the audit log, by ids.
//   - Addresses and names are sealed under the account's person, or a person of the session's own, which is erased
//     with the session. Closing erases at once.
//
// It knows no orders and no HTTP, and sends no mail: it enqueues jobs (see the Job constants).
//
// Tables: account_account, account_session, account_code, account_passkey, account_challenge, account_recovery,
// account_move, account_change, account_lost.
package account
