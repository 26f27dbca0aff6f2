package auth

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("auth",
	datamap.Category{Key: "staff", Who: datamap.Staff, Basis: datamap.Interest, Keep: datamap.Until("staff"), From: datamap.You, Also: []datamap.Source{datamap.Us}, To: []datamap.Recipient{datamap.Mail, datamap.Hosting}},
	datamap.Category{Key: "signin", Who: datamap.Staff, Basis: datamap.Interest, Keep: datamap.Until("signin"), From: datamap.You, To: []datamap.Recipient{datamap.Hosting}},
	datamap.Table("auth_root", datamap.Plain("id version")),
	datamap.Table("auth_staff",
		datamap.Plain("id role state totp_step version created_at signed_in_at closed_at lang standing_at granted_at ends_at suspended_at awake_at warned_at"),
		datamap.Person("person_id"),
		datamap.Index("email_index", fieldEmail, "staff"),
		datamap.Sealed("profile", fieldProfile, "staff", datamap.Name, datamap.Email),
		datamap.Hash("password"),
		datamap.Sealed("totp", fieldTOTP, "staff", datamap.Factor)),
	datamap.Table("auth_invite",
		datamap.Plain("id kind created_at expires_at"), datamap.Person("staff_id"), datamap.Hash("hash"),
		datamap.Sealed("totp", fieldTOTP, "staff", datamap.Factor)),
	datamap.Table("auth_session",
		datamap.Plain("id method via created_at seen_at expires_at fresh_until"), datamap.Person("staff_id"), datamap.Hash("hash"),
		datamap.Open("peer", "signin", "the network in shortened form, so that a session can be recognised by its owner", datamap.Network),
		datamap.Open("agent", "signin", "the kind of browser in a few words, so that a session can be recognised", datamap.Network)),
	datamap.Table("auth_token", datamap.Plain("id name rights created_at expires_at used_at revoked_at purpose networks suspended_at warned_at"), datamap.Person("made_by"), datamap.Hash("hash")),
	datamap.Table("auth_passkey",
		datamap.Plain("id sign_count created_at used_at"), datamap.Person("staff_id"), datamap.Hash("credential_hash"),
		datamap.Open("credential", "signin", "a public key, which opens nothing", datamap.Factor),
		datamap.Open("name", "signin", "what the owner calls the key, for lists of keys", datamap.Factor)),
	datamap.Table("auth_challenge", datamap.Plain("id kind expires_at"), datamap.Person("staff_id"), datamap.Hash("hash data")), // data: a random question
	datamap.Table("auth_caller",
		datamap.Plain("id entity entity_id tries sent_at expires_at ended_at verified_at until_at"), datamap.Person("person_id staff_id session_id"),
		datamap.Index("mail_index", fieldCaller, "readings")),
	datamap.Table("auth_opening",
		datamap.Plain("id entity entity_id reason opened_at until_at shut_at"), datamap.Person("staff_id session_id person_id"),
		datamap.Sealed("note", fieldOpeningNote, "readings", datamap.Text)),
	datamap.Table("auth_try", datamap.Hash("hash"), datamap.Plain("fails since")),
	datamap.Table("auth_change", datamap.Plain("id what made_at"), datamap.Person("staff_id")),
	datamap.Table("auth_role", datamap.Plain("id key name name_key rights version created_at changed_at")),
	// Asks name no person but by id: a new member is there, sealed, before he is asked about.
	datamap.Table("auth_approval", datamap.Plain("id act entity entity_id old_value new_value payload state asked_at due_at expires_at ended_at"),
		datamap.Person("asked_by"), datamap.Person("approved_by"), datamap.Hash("digest stop_hash")),
	datamap.Table("auth_letter", datamap.Plain("id kind ref made_at"), datamap.Person("staff_id")),
	datamap.Table("auth_review", datamap.Plain("id quarter opened_at due_at lapse_at told ended_at")),
	datamap.Table("auth_review_item", datamap.Plain("review_id kind rights outcome decided_at"), datamap.Person("subject_id"), datamap.Person("decided_by")),
	datamap.Table("auth_recovery", datamap.Plain("place made_at used_at"), datamap.Person("staff_id"), datamap.Hash("hash")),
	datamap.Table("auth_totp_next", datamap.Plain("id expires_at"), datamap.Person("staff_id"), datamap.Sealed("totp", fieldTOTP, "staff", datamap.Factor)),
	datamap.Table("auth_sso", datamap.Plain("id made_at used_at"), datamap.Person("staff_id"), datamap.Hash("subject_hash")),
	datamap.Table("auth_sso_flow", datamap.Plain("id next expires_at"), datamap.Person("staff_id"), datamap.Hash("hash browser_hash nonce verifier")), // minutes old
)
