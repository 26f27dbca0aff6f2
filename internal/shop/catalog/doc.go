// Package catalog is the room of what the shop sells: products with their
// texts, variants, pictures, categories and attributes, and the rule of what
// may be shown.
//
// # Invariants
//
//   - A handle names one product, and one category, at a time. When it changes,
//     the old one leads to the same thing by its id, so chains of redirects
//     cannot come to be; a handle taken anew by another product wins.
//   - A product shows (Visible) only while its status is published, the legal
//     clock is within its dates, and no required fact is missing. Problems says
//     what is missing; each change computes it again in its own transaction and
//     stores the answer (complete), so that no list has to.
//   - Goods that come from another shop's export may owe facts (Owed): they
//     show, stand in a list of debts, and lose the mercy for good once complete
//     or when unpublished.
//   - Variants are never deleted: orders name them. They are removed, which
//     frees their SKU, GTIN and place among the options.
//   - Swedish is required. A missing English text is answered with the Swedish
//     one and says so (Localized.In).
//   - Which categories and tags a product had is dated (half-open), because
//     campaigns, and the prior price that the law demands, depend on it.
//   - What a variant costs to buy stands apart from it, and is read through Costs
//     alone, by who may (costs.read): no product that any face holds carries it.
//   - The ground for an exception from withdrawal is one of the fourteen of
//     distansavtalslagen 2 kap. 11 §; there is no free text.
//
// # Entities of the change feed
//
// "product" (the product and everything under it), "category", "attribute".
//
// # Tables
//
// catalog_product, catalog_text, catalog_option, catalog_option_value,
// catalog_variant, catalog_cost, catalog_media, catalog_category, catalog_member,
// catalog_attribute, catalog_value, catalog_redirect, catalog_recheck.
//
// # What it refuses
//
// It knows no price, no level of stock and no customer. It does not render or
// sanitise descriptions: they are Markdown as written, and the faces make HTML
// of them through the one reviewed function.
package catalog
