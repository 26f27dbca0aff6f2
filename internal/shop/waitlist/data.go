package waitlist

import (
	"time"

	"kassavalv/internal/datamap"
)

// What each column holds about people.
var _ = datamap.Declare("waitlist",
	datamap.Category{Key: "waitlist", Who: datamap.Buyer, Basis: datamap.Consent, Keep: datamap.Days("waitlist", int(keep/(24*time.Hour))), From: datamap.You, To: []datamap.Recipient{datamap.Mail, datamap.Hosting}, Export: true},
	datamap.Table("waitlist_entry",
		datamap.Plain("id variant_id token_version lang state created_at told_at forgotten_at"),
		datamap.Person("person_id"), datamap.Hash("token_hash"),
		datamap.Sealed("sealed", fieldMail, "waitlist", datamap.Email),
		datamap.Index("mail_index", fieldMail, "waitlist")),
)
