package delivery

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("delivery",
	// Goods, prices, words: nothing about buyers.
	datamap.Table("delivery_method", datamap.Plain("id code kind name_sv name_en carrier currency max_weight_g max_side_mm max_value takes_bulky free_from cutoff_minute min_days max_days far_days phone_required active position version")),
	datamap.Table("delivery_price", datamap.Plain("method_id up_to_g amount")),
)
