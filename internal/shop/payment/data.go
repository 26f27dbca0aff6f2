package payment

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("payment",
	datamap.Category{Key: "bank", Who: datamap.Buyer, Basis: datamap.Interest, Keep: datamap.Months("bank", 24), From: datamap.Partner, To: []datamap.Recipient{datamap.Hosting}, Export: true},
	datamap.Category{Key: "bankdraft", Who: datamap.Buyer, Basis: datamap.Interest, Keep: datamap.Days("bankdraft", 1), From: datamap.Partner, To: []datamap.Recipient{datamap.Hosting}},
	datamap.Table("payment_intent", datamap.Plain("id purchase_id method reference idem_key provider_ref amount currency captured refunding refunded created_at changed_at authorised taking auth_until")),
	datamap.Table("payment_entry", datamap.Plain("id intent_id kind amount currency ref at")),
	datamap.Table("payment_refund", datamap.Plain("id intent_id amount currency reason idem_key state attempts next_at code created_at changed_at")),
	datamap.Table("payment_event", datamap.Plain("method event_id reference received_at")),
	datamap.Table("payment_take", datamap.Plain("id intent_id amount currency whole reason idem_key state attempts next_at code created_at changed_at")),
	datamap.Table("payment_call", datamap.Plain("id intent_id op outcome state code took_us at times last_at")),
	datamap.Table("payment_bankfile", datamap.Plain("id format version message accounts made_at report whole created_at"), datamap.Hash("hash"), datamap.Person("author")),
	datamap.Table("payment_bankstatement", datamap.Plain("id file_id account statement number page opening closing currency from_on to_on")),
	datamap.Table("payment_bankdraft", datamap.Plain("id created_at"), datamap.Person("person_id author"),
		datamap.Sealed("content", fieldDraft, "bankdraft", datamap.Bank, datamap.Name)),
	datamap.Table("payment_bankline",
		datamap.Plain("id file_id account format entry_key part_key entry_amount parts kind amount settled currency booked_on reference state reason order_id twin_id refund_id note created_at changed_at version"),
		datamap.Person("person_id author"),
		datamap.Sealed("details", fieldLine, "bank", datamap.Bank, datamap.Name, datamap.Text)),
	datamap.Table("payment_payout", datamap.Plain("method payout amount currency at line_id")),
	datamap.Table("payment_window", datamap.Plain("method done_until looked_at found trouble")),
	datamap.Table("payment_case", datamap.Plain("id method kind subject state purchase_id facts about_at opened_at seen_at closed_at reason version"), datamap.Person("author")),
)
