package mail

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("mail",
	datamap.Category{Key: "letters", Who: datamap.Buyer, Basis: datamap.Contract, Keep: datamap.Until("matter"), From: datamap.Us, To: []datamap.Recipient{datamap.Mail, datamap.Hosting}, Export: true},
	datamap.Table("mail_message",
		datamap.Plain("id kind ref_kind ref_id lang once_key message_id state attempts last_code relay queued_at until_at sent_at held_at"),
		datamap.Person("person_id"),
		// Letters to staff are sealed under the shop's key instead.
		datamap.Sealed("sealed", fieldSealed, "letters", datamap.Letter, datamap.Email)),
)
