package view_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/web/storefront/view"

	"github.com/a-h/templ"
	"golang.org/x/net/html"
)

var totalDue = money.SEK(107400)

var payloads = []string{
	`"><xss-probe onload=alert(1)>`,
	`'><xss-probe onload='alert(1)'>`,
	`</script><xss-probe>`,
	`</title><xss-probe>`,
	`</textarea><xss-probe>`,
	`--><xss-probe>`,
	"<xss-probe\n/onmouseover=alert(1)>",
	`javascript:alert(1)//<xss-probe>`,
	" \tjavascript:alert(1)",
	`data:text/html,<xss-probe>`,
	"&lt;xss-probe&gt;&#60;xss-probe&#62;",
	"\u2028</script><xss-probe>\u2029",
	`{{<xss-probe>}}${alert(1)}`,
	"\x00<xss-probe>",
}

// views are all pages, each made from a value whose every string is the payload.
func views(payload string, l lang.Lang) map[string]templ.Component {
	out := map[string]templ.Component{}
	add := func(name string, c templ.Component) { out[name] = c }
	add("home", view.HomePage(filled[view.Home](payload, l)))
	list := filled[view.Listing](payload, l)
	add("list", view.ListPage(list))
	none := filled[view.Listing](payload, l)
	none.Total, none.Active, none.Cards, none.Search = 0, nil, nil, true
	add("list-none", view.ListPage(none))
	p := filled[view.Product](payload, l)
	p.Variants = append(p.Variants, p.Variants[0])
	p.Variants[1].ID, p.Variants[1].Sellable = payload+"2", false
	add("product", view.ProductPage(p))
	add("cart", view.CartPage(filled[view.Cart](payload, l)))
	add("checkout", view.CheckoutPage(filled[view.Checkout](payload, l)))
	for _, s := range []string{"received", "awaiting_customer", "processing", "unknown", "paid", "placed", "refused", "expired", payload} {
		q := filled[view.Purchase](payload, l)
		q.State, q.SoldOut = s, false
		add("purchase-"+s, view.PurchasePage(q))
		q.AppURL = "swish://" + payload
		add("purchase-app-"+s, view.PurchasePage(q))
		q.AppURL = "swish://paymentrequest?token=a"
		add("purchase-code-"+s, view.PurchasePage(q))
		q.Moved = "reserved"
		add("purchase-reserved-"+s, view.PurchasePage(q))
	}
	add("order", view.OrderPage(filled[view.Order](payload, l)))
	for _, k := range []string{"receipt", "invoice", "credit"} {
		r := filled[view.Receipt](payload, l)
		r.Kind = k
		add(k, view.ReceiptPage(r))
	}
	add("find", view.FindOrderPage(filled[view.FindOrder](payload, l)))
	add("notify", view.NotifyPage(filled[view.Notify](payload, l)))
	add("waiting", view.WaitingPage(filled[view.Waiting](payload, l)))
	add("withdraw", view.WithdrawPage(filled[view.Withdraw](payload, l)))
	add("withdraw-confirm", view.WithdrawConfirmPage(filled[view.WithdrawConfirm](payload, l)))
	add("withdraw-done", view.WithdrawDonePage(filled[view.WithdrawDone](payload, l)))
	s := filled[view.Support](payload, l)
	add("support-sent", view.SupportPage(s))
	s.Sent = false
	add("support", view.SupportPage(s))
	for _, st := range []string{"open", "answered", "closed"} {
		c := filled[view.Case](payload, l)
		c.State = st
		add("case-"+st, view.CasePage(c))
	}
	add("content", view.ContentPage(filled[view.Content](payload, l)))
	add("trust", view.TrustPage(filled[view.Trust](payload, l)))
	add("login", view.LoginPage(filled[view.Login](payload, l)))
	code := filled[view.Login](payload, l)
	code.Step = "code"
	add("login-code", view.LoginPage(code))
	for _, st := range []string{"factor", "password"} {
		x := filled[view.Login](payload, l)
		x.Step = st
		add("login-"+st, view.LoginPage(x))
	}
	add("account", view.AccountPage(filled[view.Account](payload, l)))
	own := filled[view.Security](payload, l)
	add("security-guest", view.SecurityPage(own))
	own.Guest = false
	add("security", view.SecurityPage(own))
	add("app", view.AppPage(filled[view.App](payload, l)))
	add("recovery", view.RecoveryPage(filled[view.Recovery](payload, l)))
	add("email", view.EmailPage(filled[view.Email](payload, l)))
	add("lost", view.LostAppPage(filled[view.LostApp](payload, l)))
	mv := filled[view.Email](payload, l)
	mv.Guest = false
	add("email-account", view.EmailPage(mv))
	add("stop", view.StopMovePage(filled[view.StopMove](payload, l)))
	add("close", view.CloseAccountPage(filled[view.CloseAccount](payload, l)))
	add("fault", view.FaultPage(filled[view.Fault](payload, l)))
	return out
}

// filled makes a T with payload in every string, one element in every slice and
// map, true in every bool, and small plain values elsewhere.
func filled[T any](payload string, l lang.Lang) T {
	var v T
	fill(reflect.ValueOf(&v).Elem(), payload, l)
	return v
}

var component = reflect.TypeOf((*templ.Component)(nil)).Elem()

func fill(v reflect.Value, payload string, l lang.Lang) {
	switch v.Type() {
	case reflect.TypeOf(lang.SV):
		v.Set(reflect.ValueOf(l))
		return
	case reflect.TypeOf(time.Time{}):
		v.Set(reflect.ValueOf(time.Unix(1_790_000_000, 0)))
		return
	case reflect.TypeOf(money.Money{}):
		v.Set(reflect.ValueOf(totalDue))
		return
	case component:
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(payload)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(3)
	case reflect.Float64:
		v.SetFloat(3)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 2))
		fill(v.Index(0), payload, l)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(payload), reflect.ValueOf(payload))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), payload, l)
	case reflect.Interface:
		v.Set(reflect.ValueOf(map[string]any{payload: payload}))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), payload, l)
		}
	}
}

// TestNoTextBecomesMarkup renders every page with hostile text in every field.
func TestNoTextBecomesMarkup(t *testing.T) {
	for _, l := range lang.All {
		for _, payload := range payloads {
			for name, c := range views(payload, l) {
				n := render(t, c)
				if found := all(n, "xss-probe"); len(found) > 0 {
					t.Errorf("%s %s: %q became an element", l, name, payload)
				}
				harmless(t, n)
				links(t, name, n)
			}
		}
	}
}

// TestHostileTextIsShown proves that the corpus reaches the pages at all.
func TestHostileTextIsShown(t *testing.T) {
	for name, c := range views(payloads[0], lang.SV) {
		if !strings.Contains(words(render(t, c)), "<xss-probe onload=alert(1)>") {
			t.Errorf("%s shows none of its texts", name)
		}
	}
}

// links fails for addresses that a browser would run or load from a string.
func links(t *testing.T, name string, n *html.Node) {
	t.Helper()
	for _, e := range all(n, "[href], [action], [formaction], [data-go]") {
		for _, k := range []string{"href", "action", "formaction", "data-go"} {
			v := strings.ToLower(strings.TrimSpace(attr(e, k)))
			if strings.HasPrefix(v, "javascript:") || strings.HasPrefix(v, "data:") || strings.HasPrefix(v, "vbscript:") {
				t.Errorf("%s: <%s %s=%q>", name, e.Data, k, attr(e, k))
			}
		}
	}
}
