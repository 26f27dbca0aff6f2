package admin

import (
	"net/http"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

func (a *Admin) moreRoutes() []web.Route {
	return []web.Route{a.page(get, "/admin/more", web.AnyStaff, (*visit).more)}
}

// navs are the menu, in groups: each entry for who has the right. On a phone the first ones
// stand in the bar and "more" leads to all.
var navs = []struct {
	path, key, icon, group string
	right                  auth.Right
	back                   bool // not in the bar of a phone
}{
	{home, "start", "home", "", "", false},
	{"/admin/orders", "orders", "box", "orders", auth.OrdersRead, false},
	{"/admin/packing", "packing", "truck", "orders", auth.OrdersWrite, true},
	{"/admin/returns", "returns", "return", "orders", auth.OrdersRead, true},
	{"/admin/cases", "cases", "talk", "customers", auth.CasesRead, false},
	{"/admin/customers", "customers", "users", "customers", auth.CustomersRead, true},
	{"/admin/privacy", "privacy", "file", "customers", auth.PrivacyWrite, true},
	{"/admin/products", "products", "tag", "goods", auth.CatalogRead, false},
	{"/admin/stock", "stock", "store", "goods", auth.CatalogRead, false},
	{"/admin/categories", "categories", "filter", "goods", auth.CatalogRead, true},
	{"/admin/campaigns", "campaigns", "bell", "goods", auth.CatalogRead, true},
	{"/admin/codes", "codes", "edit", "goods", auth.CatalogRead, true},
	{"/admin/money", "money", "chart", "money", auth.OrdersRead, true},
	{"/admin/purchases", "purchases", "card", "money", auth.OrdersRead, true},
	{"/admin/gift-cards", "gift_cards", "card", "money", auth.OrdersRead, true},
	{"/admin/pages", "pages", "file", "shop", auth.SettingsRead, true},
	{"/admin/company", "company", "bank", "shop", auth.SettingsRead, true},
	{"/admin/delivery", "delivery", "truck", "shop", auth.SettingsRead, true},
	{"/admin/settings", "settings", "gear", "shop", auth.SettingsRead, true},
	{"/admin/staff", "staff", "users", "people", auth.StaffWrite, true},
	{"/admin/roles", "roles", "users", "people", auth.StaffWrite, true},
	{"/admin/review", "review", "eye", "people", auth.StaffWrite, true},
	{"/admin/approvals", "approvals", "key", "people", "", true},
	{"/admin/lessons", "lessons", "heart", "people", "", true},
	{"/admin/incidents", "incidents", "warning", "safety", "", true},
	{"/admin/copies", "copies", "store", "safety", auth.JobsWrite, true},
	{"/admin/audit", "audit", "eye", "safety", auth.AuditRead, true},
	{"/admin/restored", "restored", "refresh", "safety", auth.OrdersRead, true},
	{"/admin/keys", "keys", "key", "safety", auth.KeysWrite, true},
	{"/admin/tokens", "tokens", "key", "safety", auth.StaffWrite, true},
	{"/admin/mail", "mail", "mail", "safety", auth.JobsWrite, true},
	{"/admin/jobs", "jobs", "refresh", "safety", auth.JobsWrite, true},
}

// nav is the menu of the visitor; a group that he may open nothing of is not there.
func (v *visit) nav() []view.NavGroup {
	var out []view.NavGroup
	at, hidden := v.r.CanonicalPath(), false
	for _, n := range navs {
		if n.right != "" && !v.by.Has(n.right) {
			continue
		}
		hidden = hidden || n.back
		if len(out) == 0 || out[len(out)-1].Key != n.group {
			g := view.NavGroup{Key: n.group}
			if n.group != "" {
				g.Text = v.t("nav.group." + n.group)
			}
			out = append(out, g)
		}
		g := &out[len(out)-1]
		g.Entries = append(g.Entries, view.Nav{Text: v.t("nav." + n.key), URL: n.path, Icon: n.icon, Back: n.back,
			Current: at == n.path || n.path != home && strings.HasPrefix(at, n.path+"/")})
	}
	if hidden {
		out = append(out, view.NavGroup{Entries: []view.Nav{{Text: v.t("nav.more"), URL: "/admin/more", Icon: "menu", Phone: true, Current: at == "/admin/more"}}})
	}
	return out
}

// more is the whole menu as a page.
func (v *visit) more() error {
	var blocks []view.Block
	for _, g := range v.nav() {
		var links []ui.Link
		for _, n := range g.Entries {
			if !n.Phone {
				links = append(links, ui.Link{Text: n.Text, URL: n.URL})
			}
		}
		if len(links) > 0 {
			blocks = append(blocks, view.Panel("", g.Text, view.Menu(v.l, links)))
		}
	}
	blocks = append(blocks, view.Panel("", v.t("nav.group.me"), view.Menu(v.l, []ui.Link{{Text: v.t("security.title"), URL: "/admin/security"}})))
	return v.show(http.StatusOK, view.Shell{Title: v.t("nav.more")}, blocks...)
}
