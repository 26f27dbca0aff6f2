package customer

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("customer",
	datamap.Category{Key: "newsletter", Who: datamap.Buyer, Basis: datamap.Consent, Keep: datamap.Until("consent"), From: datamap.You, To: []datamap.Recipient{datamap.Mail, datamap.Hosting}, Export: true},
	datamap.Table("customer_customer",
		datamap.Plain("id version created_at erased_at"),
		datamap.Person("person_id"),
		datamap.Sealed("contact", fieldContact, "order", datamap.Name, datamap.Email, datamap.Phone, datamap.Address, datamap.Company),
		datamap.Index("email_index", fieldEmail, "order"), datamap.Index("phone_index", fieldPhone, "order"), datamap.Index("postal_index", fieldPostal, "order")),
	datamap.Table("customer_word", datamap.Index("word", fieldWord, "order"), datamap.Person("customer_id")),
	datamap.Table("customer_limit", datamap.Person("person_id"), datamap.Plain("restricted_at objected_at changed_at")),
	datamap.Table("customer_consent",
		datamap.Plain("id kind text_version"), datamap.Person("customer_id"),
		datamap.Left("given", "newsletter", "a yes or a no, which must be shown for as long as it counts", datamap.Doing),
		datamap.Left("at", "newsletter", "when it was given, which must be shown for as long as it counts", datamap.Doing)),
)
