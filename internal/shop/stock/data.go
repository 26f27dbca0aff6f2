package stock

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("stock",
	// Goods, prices, words: nothing about buyers.
	datamap.Table("stock_level", datamap.Plain("variant_id tracked backorder on_hand held allocated changed_at")),
	datamap.Table("stock_hold", datamap.Plain("purchase_id variant_id quantity state left_over created_at changed_at")),
	datamap.Table("stock_movement", datamap.Plain("id variant_id kind on_hand allocated ref_id at"), datamap.Person("actor")),
)
