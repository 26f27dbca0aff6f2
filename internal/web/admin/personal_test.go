package admin_test

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/customer"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shop/support"
)

// marked is somebody whose every detail is a mark: none may be in a page before it is opened.
var marked = order.Contact{Email: "markmejl@markdoman.example", Phone: "+46701740612", Name: "Markförnamn Markefternamn", Company: "Markbolaget Ab", OrgNumber: "5560160680", Reference: "Markreferens",
	Address: order.Address{CareOf: "Markcareof", Line1: "Markgatan 1", Line2: "Markrad två", PostalCode: "411 01", City: "Göteborg", Country: "SE", DoorCode: "Markkod"},
	Billing: &order.Address{Line1: "Markfakturagatan 9", PostalCode: "411 02", City: "Göteborg", Country: "SE"}}

var marks = regexp.MustCompile(`(?i)markmejl|markdoman|1740612|174 ?06 ?12|markförnamn|markefternamn|markbolaget|556016-?0680|markreferens|markcareof|markgatan|markrad|markkod|markfaktura|411 ?0[12]|markbetalare|markkonto`)

// vaulted is a shop in which somebody has left his details everywhere that they are kept.
type vaulted struct {
	*office
	order  order.Order
	cas    support.Case
	ret    returns.Return
	line   payment.BankLine
	card   giftcard.Card
	failed checkout.Purchase
}

func (o *office) vaulted() vaulted {
	o.t.Helper()
	x := vaulted{office: o}
	v := o.Product(9900, 50)
	buy := func() order.Order {
		p, err := o.Desk.Begin(context.Background(), checkout.Request{Cart: o.CartOf(marked, stock.Line{Variant: v, Quantity: 2}), Method: "invoice", Accept: true, Key: secret.RandomToken(), Peer: "192.0.2.1"})
		if err != nil {
			o.t.Fatal(err)
		}
		return o.order(o.Until(p.ID, true, func(p checkout.Purchase) bool { return p.State == checkout.Placed }))
	}
	x.order = buy()
	given := buy() // and given up again
	var err error
	if x.failed, err = o.Desk.Begin(context.Background(), checkout.Request{Cart: o.CartOf(marked, stock.Line{Variant: v, Quantity: 1}), Method: "card", Accept: true, Key: secret.RandomToken(), Peer: "192.0.2.1"}); err != nil {
		o.t.Fatal(err)
	}
	owner := auth.StaffBy(1, "", auth.AllRights)
	o.Do(func(tx *db.Tx) (err error) {
		if x.cas, err = support.Open(tx, auth.Guest(""), o.Vault, support.NewCase{Kind: "other", Mail: marked.Email, Name: marked.Name, Subject: "Fråga", Body: "Hur gör jag?", OrderNumber: x.order.NumberString(), Lang: lang.SV}); err != nil {
			return err
		}
		if x.ret, err = returns.Withdraw(tx, auth.Guest(""), o.Vault, returns.Withdrawal{Order: given.ID, Name: marked.Name, Mail: marked.Email, Statement: "Jag ångrar mig.", Lang: lang.SV}); err != nil {
			return err
		}
		file, err := payment.BeginBankFile(tx, payment.BankFile{Hash: []byte("h"), Format: "camt.054", Version: "8", Made: tx.Now(), Author: "staff:1"})
		if err != nil {
			return err
		}
		if err := payment.EndBankFile(tx, file.ID, checkout.BankReport{}); err != nil {
			return err
		}
		if x.line, err = payment.EnterLine(tx, o.Vault, payment.BankLine{File: file.ID, Kind: payment.LineIn, State: payment.LineOpen, Reason: "no_reference", Amount: money.SEK(100), Settled: money.SEK(0), On: tx.Now(), Account: "1", Format: "camt.054", Entry: "e1", Part: "1", Parts: 1, EntryAmount: 100},
			&payment.LineDetails{Payer: "Markbetalare Ek", From: "Markkonto", Text: []string{"Markgatan 1"}, Refs: []string{"Markreferens"}}); err != nil {
			return err
		}
		x.card, err = giftcard.Issue(tx, owner, o.Vault, giftcard.Gift{Amount: money.SEK(10000), Mail: marked.Email, Reason: "ursäkt", Lang: lang.SV, Years: 3, Key: "k1"})
		return err
	})
	return x
}

// things are the entities with their pages.
func (x vaulted) things() []struct {
	entity, path string
	id, person   db.ID
	whole        string
} {
	return []struct {
		entity, path string
		id, person   db.ID
		whole        string
	}{
		{"order", "/admin/orders/" + x.order.NumberString(), x.order.ID, x.order.Person, marked.Address.Line1},
		{"purchase", "/admin/purchases/" + x.failed.ID.String(), x.failed.ID, x.failed.Person, marked.Address.Line1},
		{"case", "/admin/cases/" + x.cas.ID.String(), x.cas.ID, x.cas.Person, marked.Email},
		{"return", "/admin/returns/" + x.ret.ID.String(), x.ret.ID, x.ret.Person, marked.Email},
		{"bankline", "/admin/money/lines/" + x.line.ID.String(), x.line.ID, x.line.Person, "Markbetalare Ek"},
		{"gift_card", "/admin/gift-cards/" + x.card.ID.String(), x.card.ID, x.card.Person, marked.Email},
		{"customer", "/admin/customers/" + x.order.Customer.String(), x.order.Customer, x.order.Person, marked.Address.Line1},
	}
}

// No page of the office tells who anybody is before he is opened: every route of the
// table and every link that is met, as a member with every right, in both languages.
func TestNoPageTellsWhoBeforeItIsOpened(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		x := o.vaulted()
		b := o.as("owner")
		next := []string{"/admin/orders?show=pack", "/admin/orders?show=unpaid", "/admin/cases?show=all", "/admin/purchases?show=alarm", "/admin/packing/" + x.order.NumberString()}
		for _, r := range o.admin.Routes() {
			if r.Method != http.MethodGet || !r.Who.IsStaff() {
				continue
			}
			if !strings.Contains(r.Path, "{") {
				next = append(next, r.Path, "/en"+r.Path)
			}
		}
		for _, th := range x.things() {
			next = append(next, th.path, "/en"+th.path)
		}
		next = append(next, "/admin/orders/"+x.order.NumberString()+"/slip.pdf")
		seen, patterns := map[string]bool{}, map[string]bool{}
		for len(next) > 0 && len(seen) < 500 {
			at := next[0]
			next = next[1:]
			if seen[at] {
				continue
			}
			seen[at] = true
			a := b.get(at)
			if a.status >= 500 {
				t.Errorf("%s: %d", at, a.status)
			}
			for k, vs := range a.header {
				if marks.MatchString(strings.Join(vs, " ")) {
					t.Errorf("%s: the header %s tells %q", at, k, marks.FindString(strings.Join(vs, " ")))
				}
			}
			if m := marks.FindString(a.body); m != "" {
				t.Errorf("%s tells %q", at, m)
			}
			for _, r := range o.admin.Routes() {
				if r.Method == http.MethodGet && pattern(r.Path).MatchString(strings.TrimPrefix(strings.SplitN(at, "?", 2)[0], "/en")) {
					patterns[r.Path] = true
				}
			}
			for _, m := range links.FindAllStringSubmatch(a.body, -1) {
				to := strings.ReplaceAll(strings.SplitN(m[1], "#", 2)[0], "&amp;", "&")
				if strings.HasPrefix(to, "/admin") && !strings.Contains(to, "/assets/") && !strings.Contains(to, "logout") {
					next = append(next, to)
				}
			}
		}
		for _, th := range x.things() {
			if !seen[th.path] {
				t.Errorf("%s was not opened", th.path)
			}
			if a := b.page(th.path); !strings.Contains(a.body, `action="/admin/personal/open"`) || !strings.Contains(a.text(), "Dolda uppgifter") {
				t.Errorf("%s does not offer to open", th.path)
			}
		}
		// Searches find him and tell no more.
		for _, find := range []string{marked.Email, marked.Phone, "41101", "Markefternamn", "markbolaget"} {
			for _, at := range []string{"/admin/customers", "/admin/orders/search"} {
				a := b.post(at, "find", find)
				body := strings.ReplaceAll(a.body, `value="`+find+`"`, "")
				if m := marks.FindString(body); m != "" || at == "/admin/customers" && !strings.Contains(a.body, "M••• M•••") {
					t.Errorf("%s for %q: %d, tells %q", at, find, a.status, m)
				}
			}
		}
		for _, th := range x.things() {
			as := look(o, func(q *db.Reader) ([]audit.Access, error) { return audit.Accesses(q, th.person, 0, 100) })
			for _, a := range as {
				if a.ActorKind == "processor" {
					continue // what a partner was told stands in the same list
				}
				if strings.Join(a.Kinds, " ") != "message" && strings.Join(a.Kinds, " ") != "subject" {
					t.Errorf("%s: masks are recorded as a reading: %+v", th.entity, a)
				}
			}
		}
		if len(patterns) < 45 {
			t.Errorf("only %d of the office's pages were looked at", len(patterns))
		}
	})
}

func pattern(path string) *regexp.Regexp {
	return regexp.MustCompile("^" + regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(path), "[^/]+") + "$")
}

// Of who has asked for restriction no button offers a reason that would be refused; the
// form has those that remain, and each opens with a note alone.
func TestRestrictedIsOpenedWithANoteAlone(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		x := o.vaulted()
		b := o.as("owner")
		buttons := regexp.MustCompile(`<button[^>]* name="for" value="([a-z_]+)"`)
		offered := regexp.MustCompile(`<option value="([a-z_]+)"`)
		for _, th := range x.things() {
			if a := b.page(th.path); !buttons.MatchString(a.body) {
				t.Errorf("%s: no button before the restriction", th.path)
			}
			o.Do(func(tx *db.Tx) error { return customer.Restrict(tx, th.person, true) })
			a := b.page(th.path)
			if m := buttons.FindStringSubmatch(a.body); m != nil {
				t.Errorf("%s: a button for %s", th.path, m[1])
			}
			at := strings.Index(a.body, `name="for"`)
			if at < 0 {
				t.Errorf("%s: no form", th.path)
				continue
			}
			var got []string
			list, _, _ := strings.Cut(a.body[at:], "</select>")
			for _, m := range offered.FindAllStringSubmatch(list, -1) {
				got = append(got, m[1])
			}
			if strings.Join(got, " ") != "legal_request other" {
				t.Errorf("%s: offers %v", th.path, got)
			}
			id := th.id.String()
			if a := b.post("/admin/personal/open", "entity", th.entity, "id", id, "for", auth.ForQuestion, "for_note", "prov"); a.status != http.StatusUnprocessableEntity || strings.Contains(a.body, `value="`+auth.ForQuestion+`"`) {
				t.Errorf("%s: opened, or offered, for a question: %d", th.path, a.status)
			}
			if a := b.post("/admin/personal/open", "entity", th.entity, "id", id, "for", auth.ForLaw, "for_note", "begäran 12"); a.status != http.StatusSeeOther {
				t.Errorf("%s: not opened for the law: %d", th.path, a.status)
			}
			o.Do(func(tx *db.Tx) error { return customer.Restrict(tx, th.person, false) })
		}
	})
}

// Each entity is opened with a reason, alone, for who opened it, and for its time; one
// reading is written, and the page says until when.
func TestOpenedThroughEachEntity(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		x := o.vaulted()
		b, colleague := o.as("owner"), o.as("orders")
		again := o.as("owner") // another session of the same member
		personal := func(person db.ID) (out []audit.Access) {
			for _, a := range look(o, func(q *db.Reader) ([]audit.Access, error) { return audit.Accesses(q, person, 0, 100) }) {
				if strings.Join(a.Kinds, " ") != "message" && strings.Join(a.Kinds, " ") != "subject" {
					out = append(out, a)
				}
			}
			return
		}
		for _, th := range x.things() {
			was := len(personal(th.person))
			id := th.id.String()
			if a := b.post("/admin/personal/open", "entity", th.entity, "id", id); a.status != http.StatusUnprocessableEntity || marks.MatchString(a.body) {
				t.Errorf("%s without a reason: %d %s", th.entity, a.status, marks.FindString(a.body))
			}
			if a := b.post("/admin/personal/open", "entity", th.entity, "id", id, "for", "other", "for_note", " "); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `id="f-for_note-err"`) {
				t.Errorf("%s for nothing: %d", th.entity, a.status)
			}
			if len(personal(th.person)) != was {
				t.Errorf("%s: a refusal is a reading", th.entity)
			}
			a := b.open(th.entity, th.id, "complaint")
			if !strings.Contains(a.body, th.whole) || !strings.Contains(a.text(), "Visas till") || !strings.Contains(a.body, `action="/admin/personal/shut"`) {
				t.Errorf("%s is not open: %.400s", th.entity, a.text())
			}
			b.page(th.path)
			got := personal(th.person)
			if len(got) != was+1 || got[0].Reason != "complaint" || got[0].Entity != th.entity || got[0].EntityID != th.id || got[0].ActorID != o.member("owner").id {
				t.Errorf("%s: the reading is recorded as %+v", th.entity, got)
			}
			for name, who := range map[string]*browser{"a colleague": colleague, "another session": again} {
				if a := who.page(th.path); marks.MatchString(a.body) {
					t.Errorf("%s is open to %s: %q", th.entity, name, marks.FindString(a.body))
				}
			}
			for _, other := range x.things() {
				if a := b.page(other.path); other.entity != th.entity && marks.MatchString(a.body) {
					t.Errorf("%s opened %s: %q", th.entity, other.entity, marks.FindString(a.body))
				}
			}
			o.Do(func(tx *db.Tx) error {
				_, err := tx.Exec(`UPDATE auth_opening SET opened_at=$1, until_at=$2`, tx.Now().Add(-30*time.Minute), tx.Now())
				return err
			})
			if a := b.page(th.path); marks.MatchString(a.body) {
				t.Errorf("%s is open after its time", th.entity)
			}
			b.open(th.entity, th.id, "complaint")
			if a := b.done("/admin/personal/shut", "entity", th.entity, "id", id); marks.MatchString(a.body) || strings.Contains(a.text(), "Visas till") {
				t.Errorf("%s is not shut", th.entity)
			}
		}
		// At sign-out everything is shut.
		th := x.things()[0]
		b.open(th.entity, th.id, "complaint")
		b.post("/admin/logout")
		if a := o.as("owner").page(th.path); marks.MatchString(a.body) {
			t.Error("open after the sign-out")
		}
	})
}

// Who may not see a page opens nobody through it, and who lacks the right opens
// nobody at all; both are in the audit log.
func TestNobodyIsOpenedWithoutTheRight(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		x := o.vaulted()
		reader, catalogue, orders := o.as("reader"), o.as("catalogue"), o.as("orders")
		for _, th := range x.things() {
			for name, b := range map[string]*browser{"reader": reader, "catalogue": catalogue} {
				if a := b.post("/admin/personal/open", "entity", th.entity, "id", th.id.String(), "for", "complaint"); a.status != http.StatusForbidden {
					t.Errorf("%s through %s: %d", name, th.entity, a.status)
				}
			}
			if n := look(o, func(q *db.Reader) (n int, err error) {
				err = q.QueryRow(`SELECT count(*) FROM auth_opening`).Scan(&n)
				return
			}); n != 0 {
				t.Errorf("%d openings", n)
			}
		}
		for _, bad := range [][2]string{{"order", "1"}, {"order", "0"}, {"order", "x"}, {"staff", x.order.ID.String()}, {"", x.order.ID.String()}, {"case", x.order.ID.String()}, {"waitlist", "1"}} {
			if a := orders.post("/admin/personal/open", "entity", bad[0], "id", bad[1], "for", "complaint"); a.status != http.StatusNotFound {
				t.Errorf("%v: %d", bad, a.status)
			}
		}
	})
}
