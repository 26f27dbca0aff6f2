package giftcard

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("giftcard",
	datamap.Category{Key: "giftcard", Who: datamap.Buyer, Basis: datamap.Contract, Keep: datamap.Days("giftcard", 30), From: datamap.You, Also: []datamap.Source{datamap.Us},
		To: []datamap.Recipient{datamap.Mail, datamap.Hosting}, Export: true},
	datamap.Table("giftcard_card",
		datamap.Plain("id version code_version last4 currency issued balance held state origin order_id line_id piece lang reason expires_at created_at changed_at client_key"),
		datamap.Hash("code_hash"), datamap.Person("person_id"),
		datamap.Index("mail_index", fieldMailIndex, "giftcard"),
		datamap.Sealed("mail", fieldMail, "giftcard", datamap.Email)),
	datamap.Table("giftcard_entry", datamap.Plain("id card_id kind amount held ref order_id note at"), datamap.Person("actor")),
	datamap.Table("giftcard_hold", datamap.Plain("purchase_id card_id amount state refunded at")),
	datamap.Table("giftcard_try", datamap.Plain("slot n"), datamap.Hash("peer")),
)
