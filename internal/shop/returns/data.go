package returns

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("returns",
	datamap.Category{Key: "returns", Who: datamap.Buyer, Basis: datamap.Obligation, Keep: datamap.Until("matter"), From: datamap.You, Also: []datamap.Source{datamap.Us},
		To: []datamap.Recipient{datamap.Payments, datamap.Mail, datamap.Hosting}, Export: true},
	datamap.Table("returns_return",
		datamap.Plain("id order_id client_key state lang disputed whole stated_at refund_by received_at created_at changed_at version"),
		datamap.Person("person_id"),
		datamap.Sealed("statement", fieldStatement, "returns", datamap.Name, datamap.Email, datamap.Text),
		datamap.Sealed("answer", fieldAnswer, "returns", datamap.Text)),
	datamap.Table("returns_line", datamap.Plain("return_id line_id quantity cancelled received accepted restocked credited condition")),
	datamap.Table("returns_event", datamap.Plain("id return_id kind note at"), datamap.Person("actor")),
	datamap.Table("returns_credit", datamap.Plain("id order_id return_id refund_id client_key amount delivery currency gross reason state created_at changed_at asked")),
	datamap.Table("returns_credit_line", datamap.Plain("credit_id line_id quantity amount")),
	datamap.Table("returns_alarm", datamap.Plain("refund_id purchase_id code at cleared_at")),
)
