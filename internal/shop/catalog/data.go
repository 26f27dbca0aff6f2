package catalog

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("catalog",
	// Goods, prices, words: nothing about buyers.
	datamap.Table("catalog_product", datamap.Plain("id version handle kind status publish_from publish_to complete owed brand vat_class withdrawal regimes demands bulky return_cost unit content maker_name maker_postal maker_electronic maker_outside_eu eu_name eu_postal eu_electronic no_warnings energy_class origin min_age created_at updated_at")),
	datamap.Table("catalog_text", datamap.Plain("owner lang title description seo_title seo_description materials ingredients allergens warnings")),
	datamap.Table("catalog_option", datamap.Plain("id product position name_sv name_en")),
	datamap.Table("catalog_option_value", datamap.Plain("id option_id position value_sv value_en")),
	datamap.Table("catalog_variant", datamap.Plain("id product status position option_key sku gtin weight_g length_mm width_mm height_mm content tracked backorder made_to_order b_goods_sv b_goods_en created_at lead_days")),
	datamap.Table("catalog_cost", datamap.Plain("variant currency amount changed_at")),
	datamap.Table("catalog_media", datamap.Plain("id product variant kind position width height alt_sv alt_en"), datamap.Hash("file")),
	datamap.Table("catalog_category", datamap.Plain("id version handle parent position hidden regimes updated_at")),
	datamap.Table("catalog_member", datamap.Plain("id product ref tag position valid_from valid_to")),
	datamap.Table("catalog_attribute", datamap.Plain("id version key type unit filterable position name_sv name_en")),
	datamap.Table("catalog_value", datamap.Plain("product attribute value number position label_sv label_en")),
	datamap.Table("catalog_redirect", datamap.Plain("kind handle target created_at")),
	datamap.Table("catalog_tree", datamap.Plain("id version")),
	datamap.Table("catalog_recheck", datamap.Plain("category after")),
)
