package auth

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("auth",
	datamap.Category{Key: "staff", Who: datamap.Staff, Basis: datamap.Interest, Keep: datamap.Until("staff"), From: datamap.You, Also: []datamap.Source{datamap.Us}, To: []datamap.Recipient{datamap.Mail, datamap.Hosting}},
	datamap.Category{Key: "signin", Who: datamap.Staff, Basis: datamap.Interest, Keep: datamap.Until("signin"), From: datamap.You, To: []datamap.Recipient{datamap.Hosting}},
	datamap.Table("auth_root", datamap.Plain("id version")),
	datamap.Table("auth_staff",
		datamap.Plain("id role state totp_step version created_at signed_in_at closed_at lang"),
		datamap.Person("person_id"),
		datamap.Index("email_index", fieldEmail, "staff"),
		datamap.Sealed("profile", fieldProfile, "staff", datamap.Name, datamap.Email),
		datamap.Hash("password"),
		datamap.Sealed("totp", fieldTOTP, "staff", datamap.Factor)),
	datamap.Table("auth_invite",
		datamap.Plain("id kind created_at expires_at"), datamap.Person("staff_id"), datamap.Hash("hash"),
		datamap.Sealed("totp", fieldTOTP, "staff", datamap.Factor)),
	datamap.Table("auth_session",
		datamap.Plain("id method created_at seen_at expires_at fresh_until"), datamap.Person("staff_id"), datamap.Hash("hash"),
		datamap.Open("peer", "signin", "the network in shortened form, so that a session can be recognised by its owner", datamap.Network),
		datamap.Open("agent", "signin", "the kind of browser in a few words, so that a session can be recognised", datamap.Network)),
	datamap.Table("auth_token", datamap.Plain("id name rights purpose created_at expires_at used_at revoked_at"), datamap.Person("made_by"), datamap.Hash("hash")),
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
)
