// Package view renders every page of the storefront: one template and one struct
// of plain values a page. A handler fills the struct and renders it:
//
//	view.ProductPage(view.Product{Shell: shell, Title: …}).Render(ctx, w)
//
// Invariants, held by tests: a page is Swedish or English throughout, text that
// exists in one language only carries its lang attribute; no inline script, style
// or handler and no raw HTML (rich text comes as a Component that the one
// reviewed function made); every form works without scripts; the order button
// says "Köp nu" and nothing else, the withdrawal buttons "Ångra avtalet här" and
// "Bekräfta frånträde"; a page about a purchase that is not paid never says that
// it is.
//
// Paths in these structs are paths of the shop without language prefix
// ("/products/x"); the templates put them into the page's language. URLs that
// leave the shop (the bank, a carrier) stand in fields whose name ends in URL and
// are documented as absolute.
//
// The package imports money, lang and ui only: it decides nothing and reads
// nothing.
package view
