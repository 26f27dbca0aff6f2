package support

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("support",
	datamap.Category{Key: "support", Who: datamap.Buyer, Basis: datamap.Interest, Keep: datamap.Months("support", 24), From: datamap.You, Also: []datamap.Source{datamap.Us},
		To: []datamap.Recipient{datamap.Mail, datamap.Hosting}, Export: true},
	datamap.Table("support_case",
		datamap.Plain("id number token_version order_id kind state lang opened_at due_at late messages changed_at version erased_at"),
		datamap.Hash("token_hash client_key"), datamap.Person("person_id"),
		datamap.Sealed("contact", fieldContact, "support", datamap.Name, datamap.Email, datamap.Text),
		datamap.Index("mail_index", fieldMail, "support")),
	datamap.Table("support_message", datamap.Plain("id case_id author rejection at"), datamap.Person("staff_id"),
		datamap.Sealed("body", fieldMessage, "support", datamap.Text)),
	datamap.Table("support_event", datamap.Plain("id case_id kind at"), datamap.Person("actor")),
)
