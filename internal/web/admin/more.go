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

// navs are the menu: each entry for who has the right. On a phone the first ones
// stand in the bar and "more" leads to all.
var navs = []struct {
	path, key, icon string
	right           auth.Right
	back            bool // not in the bar of a phone
}{
	{home, "start", "home", "", false},
	{"/admin/orders", "orders", "box", auth.OrdersRead, false},
	{"/admin/packing", "packing", "truck", auth.OrdersWrite, true},
	{"/admin/customers", "customers", "users", auth.CustomersRead, true},
	{"/admin/cases", "cases", "talk", auth.CasesRead, false},
	{"/admin/products", "products", "tag", auth.CatalogRead, false},
	{"/admin/stock", "stock", "store", auth.CatalogRead, false},
	{"/admin/returns", "returns", "return", auth.OrdersRead, true},
	{"/admin/money", "money", "chart", auth.OrdersRead, true},
	{"/admin/purchases", "purchases", "card", auth.OrdersRead, true},
	{"/admin/gift-cards", "gift_cards", "card", auth.OrdersRead, true},
	{"/admin/categories", "categories", "filter", auth.CatalogRead, true},
	{"/admin/campaigns", "campaigns", "bell", auth.CatalogRead, true},
	{"/admin/codes", "codes", "edit", auth.CatalogRead, true},
	{"/admin/pages", "pages", "file", auth.SettingsRead, true},
	{"/admin/company", "company", "bank", auth.SettingsRead, true},
	{"/admin/delivery", "delivery", "truck", auth.SettingsRead, true},
	{"/admin/settings", "settings", "gear", auth.SettingsRead, true},
	{"/admin/privacy", "privacy", "file", auth.PrivacyWrite, true},
	{"/admin/staff", "staff", "users", auth.StaffWrite, true},
	{"/admin/roles", "roles", "users", auth.StaffWrite, true},
	{"/admin/review", "review", "eye", auth.StaffWrite, true},
	{"/admin/approvals", "approvals", "key", "", true},
	{"/admin/tokens", "tokens", "key", auth.StaffWrite, true},
	{"/admin/lessons", "lessons", "heart", "", true},
	{"/admin/incidents", "incidents", "warning", "", true},
	{"/admin/audit", "audit", "eye", auth.AuditRead, true},
	{"/admin/keys", "keys", "key", auth.KeysWrite, true},
	{"/admin/mail", "mail", "mail", auth.JobsWrite, true},
	{"/admin/jobs", "jobs", "refresh", auth.JobsWrite, true},
}

func (v *visit) nav() []view.Nav {
	var out []view.Nav
	at, hidden := v.r.CanonicalPath(), false
	for _, n := range navs {
		if n.right != "" && !v.by.Has(n.right) {
			continue
		}
		hidden = hidden || n.back
		out = append(out, view.Nav{Text: v.t("nav." + n.key), URL: n.path, Icon: n.icon, Back: n.back,
			Current: at == n.path || n.path != home && strings.HasPrefix(at, n.path+"/")})
	}
	if hidden {
		out = append(out, view.Nav{Text: v.t("nav.more"), URL: "/admin/more", Icon: "menu", Phone: true, Current: at == "/admin/more"})
	}
	return out
}

// more is the whole menu as a page.
func (v *visit) more() error {
	var links []ui.Link
	for _, n := range v.nav() {
		if !n.Phone {
			links = append(links, ui.Link{Text: n.Text, URL: n.URL})
		}
	}
	links = append(links, ui.Link{Text: v.t("security.title"), URL: "/admin/security"})
	return v.show(http.StatusOK, view.Shell{Title: v.t("nav.more")}, view.Menu(v.l, links))
}
