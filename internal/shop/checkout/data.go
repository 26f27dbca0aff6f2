package checkout

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("checkout",
	datamap.Table("checkout_purchase",
		datamap.Plain("id cart_id cart_version method state is_open total currency money reason code next_type next_url return_url lang order_id alarm hold_until answer_by check_at checks created_at changed_at version"),
		datamap.Hash("token_hash idem_hash fingerprint draft_hash peer"),
		datamap.Person("person_id"),
		datamap.Sealed("contact", fieldContact, "order", datamap.Name, datamap.Email, datamap.Phone, datamap.Address, datamap.Company),
		datamap.Left("draft", "order", "what was bought and agreed; it is nobody's once the person's key is gone", datamap.Goods)),
	datamap.Table("checkout_gap", datamap.Plain("id from_at opened_at looked_at silent")),
	datamap.Table("checkout_gap_payment", datamap.Plain("id gap_id method theirs ref reference amount currency moved_at state purchase_id idem_key code changed_at"), datamap.Hash("token_hash"), datamap.Person("author")),
	datamap.Table("checkout_step", datamap.Plain("id purchase_id state why at")),
)
