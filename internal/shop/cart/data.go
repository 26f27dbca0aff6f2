package cart

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("cart",
	datamap.Category{Key: "cart", Who: datamap.Buyer, Basis: datamap.Contract, Keep: datamap.Days("cart", 30), From: datamap.You, To: []datamap.Recipient{datamap.Hosting}, Export: true},
	datamap.Table("cart_cart",
		datamap.Plain("id version currency option_id point_id codes purchase_id created_at changed_at gifts tried"),
		datamap.Hash("token_hash"), datamap.Person("person_id"), datamap.Index("mail_index", fieldMail, "cart"),
		datamap.Sealed("contact", fieldContact, "cart", datamap.Name, datamap.Email, datamap.Phone, datamap.Address, datamap.Company),
		datamap.Open("postal_code", "cart", "kinds of delivery are found by it before anything else of the buyer is known", datamap.Address)),
	datamap.Table("cart_line", datamap.Plain("id cart_id variant_id quantity")),
)
