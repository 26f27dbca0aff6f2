package order

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("order",
	datamap.Category{Key: "order", Who: datamap.Buyer, Basis: datamap.Contract, Keep: datamap.Months("order", 38), From: datamap.You, Also: []datamap.Source{datamap.Partner, datamap.Us},
		To: []datamap.Recipient{datamap.Payments, datamap.Carriers, datamap.Mail, datamap.Hosting}, Export: true},
	datamap.Category{Key: "books", Who: datamap.Buyer, Basis: datamap.Obligation, Keep: datamap.Until("books"), From: datamap.You, To: []datamap.Recipient{datamap.Hosting, datamap.State}, Export: true},
	datamap.Table("order_order",
		datamap.Plain("id number purchase_id token_version state lang method currency total to_pay paid refunded ocr due_at shipped_at received_at placed_at changed_at version gift_paid gift_refunded erased_at"),
		datamap.Person("person_id customer_id"), datamap.Hash("token_hash"),
		datamap.Index("mail_index", fieldMail, "order"),
		datamap.Sealed("contact", fieldContact, "order", datamap.Name, datamap.Email, datamap.Phone, datamap.Address, datamap.Company),
		datamap.Left("draft", "order", "what was bought and agreed; it is nobody's once the person's key is gone", datamap.Goods)),
	datamap.Table("order_line", datamap.Plain("id order_id position variant_id quantity shipped cancelled returned")),
	datamap.Table("order_event", datamap.Plain("id order_id kind public at"),
		datamap.Open("data", "order", "facts of the timeline; of a parcel the carrier's number, which erasing takes out", datamap.Doing)),
	datamap.Table("order_said", datamap.Plain("id order_id at"), datamap.Sealed("said", fieldSaid, "order", datamap.Text)),
	datamap.Table("order_series", datamap.Plain("name next")),
	datamap.Table("order_document", datamap.Plain("id order_id kind number refers_to amount currency vat reason at")),
	datamap.Table("order_books", datamap.Plain("order_id year keep_until"),
		datamap.Books("sealed", fieldBooks, "books", datamap.Name, datamap.Address, datamap.Company)),
)
