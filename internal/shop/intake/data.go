package intake

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("intake",
	// Goods, prices, words: nothing about buyers.
	datamap.Table("intake_picture", datamap.Plain("id product variant url alt position state code created_at changed_at"), datamap.Hash("file")),
	datamap.Table("intake_source", datamap.Plain("name product")),
)
