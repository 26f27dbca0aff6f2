package pricing

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("pricing",
	// Goods, prices, words: nothing about buyers.
	datamap.Table("pricing_price", datamap.Plain("id variant currency amount valid_from valid_to created_at")),
	datamap.Table("pricing_root", datamap.Plain("variant currency version")),
	datamap.Table("pricing_vat_rate", datamap.Plain("country class rate_bp valid_from valid_to")),
	datamap.Table("pricing_campaign", datamap.Plain("id version name_sv name_en priority valid_from valid_to created_at")),
	datamap.Table("pricing_step", datamap.Plain("campaign valid_from kind value currency")),
	datamap.Table("pricing_target", datamap.Plain("campaign kind ref tag picked")),
	datamap.Table("pricing_code", datamap.Plain("id version code label_sv label_en kind value currency min_goods valid_from valid_to use_limit used combinable disabled created_at")),
	datamap.Table("pricing_code_exclusion", datamap.Plain("code kind ref")),
	datamap.Table("pricing_code_use", datamap.Plain("code purchase at")),
)
