package law

// absent holds the duties that nothing of the shop falls under yet, each with the
// reason. A row leaves this list in the same change that brings the feature.
var absent = map[string]string{
	"DAL-04": "prices are never personal: one price list for all, no feature that could set one",
	"DAL-11": "services that begin within the withdrawal period are not sold: a dated service has no withdrawal",
	"DAL-12": "guarantees of the maker have no field yet, so none can be promised",
	"DAL-13": "the shop is member of no code of conduct",
	"DAL-14": "subscriptions are not sold",
	"DAL-15": "downloads and other digital content are not sold; a gift card is no digital content",
	"DAL-21": "downloads and other digital content are not sold; a gift card is no digital content",
	"DAL-23": "staff cannot place orders for a buyer",
	"ANG-19": "no credit or insurance is sold with the goods",
	"BTL-04": "no discount depends on how one pays",
	"PIL-08": "there is no field for recommended prices",
	"LEK-02": "nothing optional is stored, so there is nothing to consent to",
	"LEK-03": "nothing optional is stored, so there is nothing to withdraw",
	"MFL-05": "there are no reviews yet",
	"EPR-02": "none of the sample goods has a battery, and the law room asks for no battery facts yet",
}
