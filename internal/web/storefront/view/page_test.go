package view_test

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"

	"kassavalv/internal/lang"
	"kassavalv/internal/web/storefront/view/fixture"

	"github.com/a-h/templ"
	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"
)

func render(t *testing.T, c templ.Component) *html.Node {
	t.Helper()
	var b bytes.Buffer
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b.Bytes(), []byte("%!")) {
		t.Errorf("a value was put in with the wrong verb")
	}
	n, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func all(n *html.Node, selector string) []*html.Node {
	return cascadia.QueryAll(n, cascadia.MustCompile(selector))
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// words is the visible text of n: no scripts, spaces squeezed.
func words(n *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
			b.WriteByte(' ')
		}
		if n.Type == html.ElementNode && (n.Data == "script" || n.Data == "style") {
			return
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(n)
	return strings.Join(strings.Fields(b.String()), " ")
}

func each(t *testing.T, fn func(t *testing.T, l lang.Lang, name string, n *html.Node)) {
	for _, l := range lang.All {
		for _, p := range fixture.Pages(l) {
			t.Run(string(l)+"/"+p.Name, func(t *testing.T) { fn(t, l, p.Name, render(t, p.View)) })
		}
	}
}

func page(t *testing.T, l lang.Lang, name string) *html.Node {
	t.Helper()
	for _, p := range fixture.Pages(l) {
		if p.Name == name {
			return render(t, p.View)
		}
	}
	t.Fatalf("no fixture %s", name)
	return nil
}

// What every page of the shop has, and what none has.
func TestEveryPage(t *testing.T) {
	each(t, func(t *testing.T, l lang.Lang, name string, n *html.Node) {
		for sel, want := range map[string]int{"html[lang=" + string(l) + "]": 1, "head title": 1, "h1": 1, "main#main": 1, "a.skip[href='#main']": 1, "footer": 1, "script[src]": 1 + min(1, len(all(n, "form[data-passkey]")))} {
			if got := len(all(n, sel)); got != want {
				t.Errorf("%s: %d, want %d", sel, got, want)
			}
		}
		foot := words(all(n, "footer")[0])
		for _, w := range []string{"Förstukvist Handel AB", "559999-0016", "SE559999001601", "Exempelgatan 1", "031-390 06 00", "hej@forstukvist.example", "Box 174", "arn.se", lang.T(l, "withdraw.link"), lang.T(l, "foot.terms"), lang.T(l, "foot.privacy"), lang.T(l, "foot.accessibility")} {
			if !strings.Contains(foot, w) {
				t.Errorf("footer lacks %q", w)
			}
		}
		if len(all(n, `footer a[href="`+lang.Path(l, "/withdraw")+`"]`)) != 1 || len(all(n, `footer a[href="mailto:hej@forstukvist.example"]`)) != 1 {
			t.Error("footer lacks the withdrawal function or the mail address as links")
		}
		if strings.Contains(words(n), "ec.europa.eu/consumers/odr") {
			t.Error("links to the closed ODR platform")
		}
		// Alternating languages.
		if len(all(n, `a[hreflang="`+string(l.Other())+`"]`)) == 0 {
			t.Error("no way to the other language")
		}
		structure(t, l, n)
	})
}

func structure(t *testing.T, l lang.Lang, n *html.Node) {
	t.Helper()
	ids := map[string]bool{}
	for _, e := range all(n, "[id]") {
		if ids[attr(e, "id")] {
			t.Errorf("id %q twice", attr(e, "id"))
		}
		ids[attr(e, "id")] = true
	}
	for _, e := range all(n, "[aria-describedby], [aria-labelledby], [aria-controls]") {
		for _, k := range []string{"aria-describedby", "aria-labelledby", "aria-controls"} {
			for _, id := range strings.Fields(attr(e, k)) {
				if !ids[id] {
					t.Errorf("%s points to %q, which is not there", k, id)
				}
			}
		}
	}
	for _, e := range all(n, `a[href^="#"]`) {
		if !ids[strings.TrimPrefix(attr(e, "href"), "#")] {
			t.Errorf("link to %s leads nowhere", attr(e, "href"))
		}
	}
	for _, e := range all(n, "input:not([type=hidden]), select, textarea") {
		labelled := attr(e, "aria-label") != "" || ids[attr(e, "id")] && len(all(n, `label[for="`+attr(e, "id")+`"]`)) == 1
		for p := e.Parent; p != nil && !labelled; p = p.Parent {
			labelled = p.Data == "label"
		}
		if !labelled {
			t.Errorf("field %q has no label", attr(e, "name"))
		}
		if attr(e, "aria-invalid") == "true" && attr(e, "aria-describedby") == "" {
			t.Errorf("field %q is wrong but does not say why", attr(e, "name"))
		}
		if has(e, "required") && attr(e, "type") != "checkbox" {
			t.Errorf("field %q is required: only what must be ticked is", attr(e, "name"))
		}
		if has(e, "checked") && attr(e, "type") == "checkbox" && attr(e, "name") != "line" {
			t.Errorf("box %q is ticked beforehand", attr(e, "name"))
		}
		if has(e, "onpaste") || attr(e, "autocomplete") == "new-password" && attr(e, "type") != "password" {
			t.Errorf("field %q hinders pasting", attr(e, "name"))
		}
	}
	for _, e := range all(n, "input[type=password]") {
		if len(all(n, `button[type=button][data-show][aria-controls="`+attr(e, "id")+`"][aria-pressed=false]`)) != 1 {
			t.Errorf("field %q has no button that shows what is typed", attr(e, "name"))
		}
	}
	for _, e := range all(n, "form") {
		m := attr(e, "method")
		if m != "post" && m != "get" {
			t.Errorf("form %q: method %q", attr(e, "action"), m)
		}
		if m == "post" && !strings.HasPrefix(attr(e, "action"), lang.Path(l, "/")) {
			t.Errorf("form posts to %q, out of the page's language", attr(e, "action"))
		}
	}
	for _, e := range all(n, "button, a") {
		if words(e) == "" && attr(e, "aria-label") == "" && len(all(e, "img[alt]:not([alt=''])")) == 0 {
			t.Errorf("<%s> without a name (%s)", e.Data, attr(e, "href"))
		}
	}
	for _, e := range all(n, "img") {
		if !has(e, "alt") {
			t.Errorf("picture %s has no alt", attr(e, "src"))
		}
	}
	harmless(t, n)
}

// harmless fails for every inline script, style or handler.
func harmless(t *testing.T, n *html.Node) {
	t.Helper()
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode {
			switch n.Data {
			case "style", "iframe", "object", "embed", "base":
				t.Errorf("<%s> on the page", n.Data)
			case "script":
				if attr(n, "src") == "" && attr(n, "type") != "application/ld+json" {
					t.Error("inline script on the page")
				}
			}
			for _, a := range n.Attr {
				v := strings.ToLower(strings.TrimSpace(a.Val))
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.HasPrefix(v, "javascript:") && (a.Key == "href" || a.Key == "action" || a.Key == "formaction") {
					t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
				}
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(n)
}

var paid = regexp.MustCompile(`(?i)betalt|betald|betalat`)
var notPaid = regexp.MustCompile(`(?i)\b(inte|ej) (betalt|betald|betalat)`)

// A page about a paid purchase says so and holds the order number; any other has
// those words only after "inte" or "ej".
func TestOnlyPaidSaysPaid(t *testing.T) {
	seen := 0
	for _, p := range fixture.Pages(lang.SV) {
		if !strings.HasPrefix(p.Name, "purchase-") {
			continue
		}
		seen++
		text := words(render(t, p.View))
		if p.Name == "purchase-paid" {
			if !paid.MatchString(text) || !strings.Contains(text, "FK-48213") {
				t.Errorf("the paid page does not say so, or lacks the number")
			}
			continue
		}
		if rest := notPaid.ReplaceAllString(text, ""); paid.MatchString(rest) {
			t.Errorf("%s speaks of paid money: …%s…", p.Name, paid.FindString(rest))
		}
	}
	if seen < 12 {
		t.Errorf("only %d purchase pages", seen)
	}
}

func TestPurchasePage(t *testing.T) {
	each(t, func(t *testing.T, l lang.Lang, name string, n *html.Node) {
		state, ok := strings.CutPrefix(name, "purchase-")
		if !ok {
			return
		}
		title, head := words(all(n, "title")[0]), words(all(n, "h1")[0])
		if !strings.HasPrefix(title, head) {
			t.Errorf("title %q does not start with the state %q", title, head)
		}
		if len(all(n, "[aria-live=polite]")) != 1 || len(all(n, "h1[tabindex='-1'][autofocus]")) != 1 {
			t.Error("wants one polite region and a heading that takes focus")
		}
		said := all(n, "[data-say] p")
		if len(said) == 0 || len(said) > 3 {
			t.Errorf("%d sentences", len(said))
		}
		box := all(n, "[data-purchase]")[0]
		if attr(box, "data-poll") != "/api/store/v1/purchases/abc" {
			t.Errorf("polls %s", attr(box, "data-poll"))
		}
		switch {
		case strings.HasPrefix(state, "refused"):
			if len(all(n, `a[href^="`+lang.Path(l, "/checkout")+`"]`)) == 0 {
				t.Error("no way back to pay")
			}
			fallthrough
		case strings.HasPrefix(state, "expired"), state == "paid", state == "placed":
			if attr(box, "data-end") != "yes" {
				t.Error("an ended purchase still asks")
			}
		case state == "awaiting_customer":
			if len(all(n, `a[href="https://bank.example/pay/1"]`)) != 1 || attr(box, "data-go") == "" {
				t.Error("no link to the bank")
			}
		case state == "app":
			open := all(n, "[data-open]")
			if len(open) != 1 || attr(open[0], "href") != "swish://paymentrequest?token=c28a4061470f4af48973bd2a4642b4fa" || attr(box, "data-go") != "" {
				t.Error("no button that opens the app, or a page that goes away by itself")
			}
			if code := all(n, "svg[role=img][aria-label]"); len(code) != 1 || attr(code[0], "aria-label") == "" {
				t.Error("no code to scan with words for it")
			}
			if len(all(n, `a[href="`+lang.Path(l, "/checkout")+`"]`)) != 1 || len(all(n, `input[readonly][value="https://shop.example/purchases/abc"]`)) != 1 {
				t.Error("no other way to pay, or no link to go on elsewhere")
			}
		case state == "app-lost":
			if len(all(n, "[data-open]")) != 0 || !strings.Contains(words(n), lang.T(l, "moment.app.lost", "app", "Swish")) {
				t.Error("does not say that there is nothing to open")
			}
		case state == "unknown":
			if !strings.Contains(words(n), lang.Clock(l, fixture.Now.Add(5*60*1e9))) {
				t.Error("names no clock time")
			}
		}
	})
}

func TestCheckout(t *testing.T) {
	for _, l := range lang.All {
		n := page(t, l, "checkout")
		for field, auto := range map[string]string{"email": "email", "name": "name", "address/line1": "address-line1", "address/postal_code": "postal-code", "address/city": "address-level2", "phone": "tel", "address/country": "country"} {
			if got := all(n, `[name="`+field+`"]`); len(got) != 1 || attr(got[0], "autocomplete") != auto {
				t.Errorf("%s: %d fields, autocomplete wrong", field, len(got))
			}
		}
		buttons := all(n, "main form button:not([formaction])")
		if len(buttons) != 1 || words(buttons[0]) != lang.T(l, "buy.order") {
			t.Fatalf("%d order buttons, the last says %q", len(buttons), words(buttons[len(buttons)-1]))
		}
		review := words(all(n, "[data-part=review]")[0])
		for _, w := range []string{"Stekpanna Glöd", "Honung Slåtteräng", lang.Money(l, totalDue), "177", "Paketbox", lang.T(l, "checkout.withdrawal"), lang.T(l, "withdraw.link"), "Förstukvist Handel AB", lang.T(l, "checkout.read_terms")} {
			if !strings.Contains(review, strings.Join(strings.Fields(w), " ")) {
				t.Errorf("beside the button %q is missing", w)
			}
		}
		radios := all(n, "input[name=payment_method]")
		if attr(radios[0], "value") != "card" || !has(radios[0], "checked") {
			t.Error("the direct payment is not first and chosen")
		}
		for _, r := range radios[1:] {
			if attr(r, "value") == "invoice" && has(r, "checked") {
				t.Error("credit is chosen beforehand")
			}
		}
		if len(all(n, ".page-head .steps-bar li")) != 4 {
			t.Error("the steps are not said")
		}
		if head := words(all(n, ".page-head")[0]); !strings.Contains(head, lang.T(l, "foot.countries", "countries", map[lang.Lang]string{lang.SV: "Sverige", lang.EN: "Sweden"}[l])) {
			t.Error("countries are not said at the start")
		}
		if box := all(n, "input[name=newsletter]"); len(box) != 1 || has(box[0], "checked") || has(box[0], "required") {
			t.Error("the newsletter box must be there, unticked and free")
		}
	}
	n := page(t, lang.SV, "checkout-errors")
	if !strings.HasPrefix(words(all(n, "title")[0]), "Fel:") {
		t.Error(`the title does not start with "Fel:"`)
	}
	if links := all(n, ".summary a"); len(links) != 3 {
		t.Errorf("%d links in the summary", len(links))
	}
	if v := attr(all(n, `[name="address/postal_code"]`)[0], "value"); v != "123" {
		t.Errorf("the typed postcode became %q", v)
	}
	if box := all(n, "input[name=consent_b_3]"); len(box) != 1 || !has(box[0], "required") || has(box[0], "checked") {
		t.Error("the consent to a flaw must be an unticked, required box")
	}
}

func TestProduct(t *testing.T) {
	for _, l := range lang.All {
		n := page(t, l, "product")
		form := all(n, `main form[method=post][action*="/cart"]`)
		if len(form) != 1 {
			t.Fatalf("%d forms to the cart", len(form))
		}
		if got := all(form[0], "input[name=variant_id][checked]"); len(got) != 1 || attr(got[0], "value") != "2" {
			t.Error("no variant is chosen beforehand")
		}
		if attr(all(form[0], "input[name=quantity]")[0], "value") != "1" || words(all(form[0], "button:not([type])")[0]) != lang.T(l, "buy.add") {
			t.Error("the defaults do not add one piece")
		}
		text := words(n)
		for _, w := range []string{lang.T(l, "variant.out"), "Exempelgjuteriet AB", "576 00 Sävsjö", "Handtaget blir varmt", lang.T(l, "withdrawal.yes"), lang.T(l, "price.vat", "rate", lang.Percent(l, 2500))} {
			if !strings.Contains(text, strings.Join(strings.Fields(w), " ")) {
				t.Errorf("%q is missing", w)
			}
		}
		if len(all(n, "s, del, strike")) > 0 {
			t.Error("a price is struck through")
		}
		if ld := all(n, `script[type="application/ld+json"]`); len(ld) != 1 || strings.Contains(ld[0].FirstChild.Data, "</") {
			t.Error("linked data is missing or can be broken out of")
		}
		if sv := all(n, `h1[lang=sv]`); (len(sv) == 1) != (l == lang.EN) {
			t.Error("text in the other language is not marked, or text in the same is")
		}
		if form := all(page(t, l, "product-sold-out"), "main form button:not([type])"); len(form) != 0 {
			t.Error("a sold-out good can be added")
		}
	}
}

func TestWithdrawal(t *testing.T) {
	n := page(t, lang.SV, "withdraw-confirm")
	if b := all(n, "main button:not([formaction])"); len(b) != 1 || words(b[0]) != "Bekräfta frånträde" {
		t.Error("the confirming button says something else")
	}
	first := page(t, lang.SV, "withdraw")
	needed := all(first, "main [aria-required]")
	if len(needed) != 3 {
		t.Errorf("%d fields are demanded, the law allows name, contract and address for the acknowledgement", len(needed))
	}
	if b := all(page(t, lang.SV, "order-sent"), `main a[href="/withdraw"]`); len(b) != 1 || words(b[0]) != "Ångra avtalet här" {
		t.Error("the order page lacks the withdrawal function")
	}
}

func TestHreflang(t *testing.T) {
	n := page(t, lang.EN, "product")
	want := map[string]string{"sv": "https://forstukvist.example/products/stekpanna-glod", "en": "https://forstukvist.example/en/products/stekpanna-glod", "x-default": "https://forstukvist.example/products/stekpanna-glod"}
	for _, e := range all(n, "link[hreflang]") {
		if want[attr(e, "hreflang")] != attr(e, "href") {
			t.Errorf("%s: %s", attr(e, "hreflang"), attr(e, "href"))
		}
		delete(want, attr(e, "hreflang"))
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	if len(all(page(t, lang.EN, "checkout"), "link[hreflang]")) > 0 {
		t.Error("a private page is offered to search engines")
	}
}

// Each field that asks who somebody is says why, and how long it is kept.
func TestFieldsSayWhy(t *testing.T) {
	asked := 0
	each(t, func(t *testing.T, l lang.Lang, name string, n *html.Node) {
		for _, e := range all(n, "main input") {
			switch strings.Fields(attr(e, "autocomplete") + " -")[0] {
			case "email", "name", "tel", "address-line1", "organization", "username":
			default:
				continue
			}
			if has(e, "readonly") {
				continue
			}
			if asked++; len(all(n, `p.why[id="`+attr(e, "id")+`-why"]`)) != 1 || !strings.Contains(attr(e, "aria-describedby"), "-why") {
				t.Errorf("%s does not say why it is asked for", attr(e, "name"))
			}
		}
	})
	if asked < 40 {
		t.Errorf("only %d fields seen", asked)
	}
}
