package account

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("account",
	datamap.Category{Key: "account", Who: datamap.Buyer, Basis: datamap.Contract, Keep: datamap.Until("account"), From: datamap.You, To: []datamap.Recipient{datamap.Mail, datamap.Hosting}, Export: true},
	datamap.Category{Key: "entry", Who: datamap.Buyer, Basis: datamap.Interest, Keep: datamap.OwnDays("entry", SessionLimit), From: datamap.You, To: []datamap.Recipient{datamap.Mail, datamap.Hosting}, Export: true},
	datamap.Table("account_account",
		datamap.Plain("id state password_long totp_step totp_at lang version created_at closed_at"),
		datamap.Person("person_id"),
		datamap.Index("email_index", fieldEmail, "account"),
		datamap.Sealed("profile", fieldProfile, "account", datamap.Name, datamap.Email),
		datamap.Hash("password"),
		datamap.Sealed("totp", fieldTOTP, "account", datamap.Factor),
		datamap.Sealed("totp_next", fieldTOTP, "account", datamap.Factor)),
	datamap.Table("account_session",
		datamap.Plain("id method created_at seen_at expires_at fresh_until"), datamap.Person("account_id person_id"), datamap.Hash("hash"),
		datamap.Sealed("email", fieldEmail, "entry", datamap.Email), datamap.Index("email_index", fieldEmail, "entry"),
		datamap.Open("peer", "entry", "the network in shortened form, so that a sign-in can be recognised by its owner", datamap.Network),
		datamap.Open("agent", "entry", "the kind of browser in a few words, so that a sign-in can be recognised", datamap.Network)),
	datamap.Table("account_code",
		datamap.Plain("id step method tries lang created_at expires_at"), datamap.Person("account_id person_id"), datamap.Hash("browser"),
		datamap.Sealed("email", fieldEmail, "entry", datamap.Email), datamap.Index("email_index", fieldEmail, "entry")),
	datamap.Table("account_passkey",
		datamap.Plain("id sign_count created_at used_at"), datamap.Person("account_id"), datamap.Hash("credential_hash"),
		datamap.Open("credential", "account", "a public key, which opens nothing", datamap.Factor),
		datamap.Open("name", "account", "the kind of browser it was made in, for the list of passkeys", datamap.Factor)),
	datamap.Table("account_challenge", datamap.Plain("id kind expires_at"), datamap.Person("account_id"), datamap.Hash("hash data")), // data: a random question
	datamap.Table("account_recovery", datamap.Person("account_id"), datamap.Plain("n"), datamap.Hash("hash")),
	datamap.Table("account_move",
		datamap.Plain("id state tries lang created_at expires_at stop_until"), datamap.Person("account_id person_id"), datamap.Hash("token_hash"),
		datamap.Sealed("old", fieldEmail, "account", datamap.Email), datamap.Index("old_index", fieldEmail, "account"),
		datamap.Sealed("new", fieldEmail, "account", datamap.Email), datamap.Index("new_index", fieldEmail, "account")),
	datamap.Table("account_lost", datamap.Plain("id state asked_at due_at ended_at"), datamap.Person("account_id"), datamap.Hash("token_hash")),
	datamap.Table("account_change",
		datamap.Plain("id what lang made_at"), datamap.Person("account_id person_id"),
		datamap.Sealed("email", fieldEmail, "account", datamap.Email)),
)
