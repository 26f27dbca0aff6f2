package fulfilment

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("fulfilment",
	datamap.Table("fulfilment_parcel", datamap.Plain("id order_id carrier client_key shipped_at delivered_at"), datamap.Hash("fingerprint"),
		datamap.Open("number", "order", "the carrier's number, by which a parcel is followed; the carrier forgets it within months", datamap.Doing)),
	datamap.Table("fulfilment_parcel_line", datamap.Plain("parcel_id line_id quantity")),
	datamap.Table("fulfilment_carrier", datamap.Plain("key name template active version")),
)
