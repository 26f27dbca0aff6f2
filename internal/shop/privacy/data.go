package privacy

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("privacy",
	datamap.Category{Key: "privacy", Who: datamap.Buyer, Basis: datamap.Obligation, Keep: datamap.Days("privacy", 60), From: datamap.You, Also: []datamap.Source{datamap.Us},
		To: []datamap.Recipient{datamap.Mail, datamap.Hosting}, Export: true},
	datamap.Table("privacy_request",
		datamap.Plain("id kind state lang token_version asked_by asked_at due_at extended_at answered_at books_until forgotten_at changed_at version"),
		datamap.Hash("token_hash"), datamap.Person("person_id staff_id answered_by"),
		datamap.Sealed("contact", fieldContact, "privacy", datamap.Email, datamap.Text),
		datamap.Sealed("answer", fieldAnswer, "privacy", datamap.Text),
		datamap.Index("mail_index", fieldMail, "privacy")),
	datamap.Table("privacy_subject", datamap.Plain("request_id"), datamap.Person("person_id")),
	datamap.Table("privacy_notice", datamap.Plain("request_id recipient role state changed_at"), datamap.Person("done_by")),
	datamap.Table("privacy_download", datamap.Plain("id made_at expires_at used_at"), datamap.Hash("hash"), datamap.Index("mail_index", fieldMail, "privacy")),
)
