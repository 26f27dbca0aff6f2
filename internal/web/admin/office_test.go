package admin_test

import (
	"kassavalv/internal/web/static"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/shoptest"
)

const canary = `<script>alert(1)</script><img src=x onerror=alert(2)>"'>{{7*7}}`

// Customer service reads what was asked, whatever stands in it, and answers.
func TestCases(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		var c support.Case
		o.Do(func(tx *db.Tx) (err error) {
			c, err = support.Open(tx, auth.Guest("192.0.2.0/24"), o.Vault, support.NewCase{Kind: "claim", Mail: "kund@example.se", Name: canary, Subject: canary, Body: "Muggen är sprucken " + canary, Lang: lang.SV})
			return
		})
		b := o.as("support")
		if a := b.page("/admin"); !strings.Contains(a.text(), "fråga väntar på svar") {
			t.Error("the start page does not tell of the question")
		}
		for _, path := range []string{"/admin/cases", "/admin/cases?show=all", "/admin/cases/" + c.ID.String()} {
			a := b.page(path)
			if strings.Contains(a.body, "<script>alert") || strings.Contains(a.body, "<img src=x") {
				t.Errorf("%s runs what a customer wrote", path)
			}
			if !strings.Contains(a.body, "&lt;script&gt;alert(1)") {
				t.Errorf("%s does not show the customer's words", path)
			}
		}
		// Whoever has seen who asks is on record: once for the lists, once for the thread.
		seen := look(o, func(q *db.Reader) ([]audit.Access, error) { return audit.Accesses(q, c.Person, 0, 10) })
		if len(seen) != 2 || seen[0].Reason != "case_handling" || seen[1].Reason != "case_list" || seen[1].ActorID != o.member("support").id {
			t.Errorf("recorded: %+v", seen)
		}
		path := "/admin/cases/" + c.ID.String()
		if a := b.post(path, "message", "", "as", "answer"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("an empty answer: %d", a.status)
		}
		b.done(path, "message", "Ring leverantören först", "as", "note")
		if a := b.done(path, "message", "Vi skickar en ny mugg.", "as", "solved"); !strings.Contains(a.body, "Vi skickar en ny mugg.") {
			t.Error("the answer does not stand in the thread")
		}
		if now := look(o, func(q *db.Reader) (support.Case, error) { return support.ByID(q, c.ID) }); now.State != support.Solved {
			t.Errorf("the case is %s", now.State)
		}
		if a := o.as("orders").page(path); strings.Contains(a.body, `name="message"`) {
			t.Error("who may not answer is offered to")
		}
	})
}

// Goods come back: counted, judged, and the money worked out by the shop.
func TestReturn(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		bought := o.bought(stock.Line{Variant: o.Product(20000, 5), Quantity: 2})
		b := o.as("orders")
		b.open("order", bought.ID, auth.ForPacking)
		b.done("/admin/orders/"+bought.NumberString()+"/ship", "pieces."+bought.Lines[0].ID.String(), "2", "key", "1")
		var r returns.Return
		o.Do(func(tx *db.Tx) (err error) {
			r, err = returns.Withdraw(tx, auth.Guest("192.0.2.0/24"), o.Vault, returns.Withdrawal{Order: bought.ID, Name: canary, Mail: "kopare@example.se", Statement: canary, Lang: lang.SV})
			return
		})
		path, line := "/admin/returns/"+r.ID.String(), bought.Lines[0].ID.String()
		b.page("/admin/returns")
		if a := b.page(path); strings.Contains(a.body, "<script>alert") || !strings.Contains(a.body, "&lt;script&gt;") {
			t.Error("the statement is not shown as text")
		}
		if a := b.post(path+"/receive", "received."+line, "9", "condition."+line, "new"); a.status != http.StatusConflict {
			t.Errorf("more than were sent: %d", a.status)
		}
		b.done(path+"/receive", "received."+line, "2", "condition."+line, "new")
		b.done(path+"/accept", "accept."+line, "2", "restock."+line, "2")
		o.stale("orders")
		if a := b.post(path + "/refund"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("a refund without a proof: %d", a.status)
		}
		if a := b.done(path+"/refund", "totp", o.code(o.member("orders"))); strings.Contains(a.body, `action="`+path+`/refund"`) {
			t.Error("the page asks for the money again")
		}
		back := look(o, func(q *db.Reader) (payment.Intent, error) { return payment.OfPurchase(q, bought.Purchase) })
		if back.Refunding.Amount != bought.Total.Amount {
			t.Errorf("%v is on its way back, of %v", back.Refunding, bought.Total)
		}
		if n := look(o, func(q *db.Reader) (order.Order, error) { return order.ByID(q, bought.ID) }).Lines[0].Returned; n != 2 {
			t.Errorf("%d are counted as given back", n)
		}
		if l := look(o, func(q *db.Reader) (stock.Level, error) { return stock.One(q, bought.Lines[0].Variant) }); l.OnHand != 5 {
			t.Errorf("stock: %+v", l)
		}
	})
}

func TestPurchase(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		p, err := o.Buy(o.Cart(stock.Line{Variant: o.Product(9900, 5), Quantity: 1}), "key")
		if err != nil {
			t.Fatal(err)
		}
		b := o.as("owner")
		path := "/admin/purchases/" + p.ID.String()
		b.page("/admin/purchases")
		b.page(path)
		if a := b.done(path+"/look", "look_note", "kunden ringde"); !strings.Contains(a.body, "Banken är tillfrågad") {
			t.Error("the bank was not asked")
		}
		if a := o.as("orders").page(path); strings.Contains(a.body, path+"/look") {
			t.Error("who may not ask the bank is offered to")
		}
	})
}

// A member is invited, comes in by the link once, is given another role and
// closed; each ends his sessions at once.
func TestStaff(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		b := o.as("owner")
		o.stale("owner")
		if a := b.page("/admin/staff"); strings.Contains(a.body, `name="role"`) {
			t.Error("an old proof, and the form is there")
		}
		if a := b.post("/admin/staff", "name", "Ny Person", "email", "ny@butik.example", "role", "orders"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("an invitation without a proof: %d", a.status)
		}
		// The proof has a page of its own, too.
		if a := b.post("/admin/confirm", "totp", o.code(o.member("owner")), "next", "/admin/staff"); a.status != http.StatusSeeOther || a.location() != "/admin/staff" {
			t.Fatalf("confirm: %d to %q", a.status, a.location())
		}
		if a := b.post("/admin/staff", "name", "Ny", "email", "inte en adress", "role", "orders"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("a bad address: %d", a.status)
		}
		a := b.post("/admin/staff", "name", "Ny Person", "email", "ny@butik.example", "role", "orders")
		m := regexp.MustCompile(`/admin/invite/([A-Za-z0-9_-]+)`).FindStringSubmatch(a.body)
		if a.status != http.StatusOK || m == nil {
			t.Fatalf("invite: %d %s", a.status, a.text())
		}
		link := "/admin/invite/" + m[1]
		n := o.browser()
		a = n.page(link)
		if !strings.Contains(a.body, `class="qr"`) || strings.Contains(a.body, "data:") {
			t.Error("no QR code, or one that the policy stops")
		}
		key := regexp.MustCompile(`class="key">([A-Z2-7 ]+)<`).FindStringSubmatch(a.body)[1]
		key = strings.ReplaceAll(key, " ", "")
		code := func(steps int) string {
			c, err := totp.GenerateCode(key, time.Now().Add(time.Duration(steps)*30*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		if a := n.post(link, "password", "kort", "code", code(0)); a.status != http.StatusUnprocessableEntity || strings.Contains(a.body, `value="kort"`) {
			t.Errorf("a short password: %d", a.status)
		}
		if a := n.post(link, "password", "ett helt nytt lösenord", "code", "000000"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("a wrong code: %d", a.status)
		}
		n.done(link, "password", "ett helt nytt lösenord", "code", code(0))
		if a := o.browser().get(link); a.status != http.StatusNotFound {
			t.Errorf("the link works twice: %d", a.status)
		}
		n.page("/admin/orders")
		if a := n.get("/admin/staff"); a.status != http.StatusForbidden {
			t.Errorf("orders manages staff: %d", a.status)
		}
		var id string
		for _, s := range look(o, func(q *db.Reader) ([]auth.Staff, error) { return o.auth.List(q, shoptest.By) }) {
			if s.Profile.Email == "ny@butik.example" {
				id = s.ID.String()
			}
		}
		b.page("/admin/staff/" + id)
		b.done("/admin/staff/"+id+"/role", "role", "reader")
		if a := n.get("/admin"); a.status != http.StatusSeeOther {
			t.Errorf("the session outlived the role: %d", a.status)
		}
		if a := b.post("/admin/staff/"+id+"/invite", ""); a.status != http.StatusOK || !strings.Contains(a.body, "/admin/invite/") {
			t.Errorf("reinvite: %d", a.status)
		}
		b.done("/admin/staff/"+id+"/close", "")
		if a := b.post("/admin/staff/"+o.member("owner").id.String()+"/close", ""); a.status != http.StatusConflict {
			t.Errorf("the last owner closes himself: %d", a.status)
		}

		// Keys for other programs: shown once.
		a = b.post("/admin/tokens", "name", "Kassasystem", "rights", "orders.read", "rights", "stock.write")
		m = regexp.MustCompile(`kv_[A-Za-z0-9_-]+`).FindStringSubmatch(a.body)
		if a.status != http.StatusOK || m == nil {
			t.Fatalf("token: %d", a.status)
		}
		a = b.page("/admin/tokens")
		if strings.Contains(a.body, m[0]) {
			t.Error("the key is shown again")
		}
		revoke := regexp.MustCompile(`action="(/admin/tokens/\d+/revoke)"`).FindStringSubmatch(a.body)[1]
		b.done(revoke, "")
		if a := b.post("/admin/tokens", "name", "X", "rights", "everything"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("a right that is none: %d", a.status)
		}
	})
}

func TestSecurity(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		b, c := o.as("support"), o.as("support")
		a := b.page("/admin/security")
		other := regexp.MustCompile(`action="(/admin/security/sessions/\d+/end)"`).FindStringSubmatch(a.body)
		if other == nil {
			t.Fatal("the other session is not listed")
		}
		b.done(other[1], "")
		if a := c.get("/admin"); a.status != http.StatusSeeOther {
			t.Errorf("the ended session lives: %d", a.status)
		}
		if a := b.post("/admin/security/password", "old_password", "fel lösenord", "password", "ett helt nytt lösenord"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("a wrong old password: %d", a.status)
		}
		b.done("/admin/security/password", "old_password", password, "password", "ett helt nytt lösenord")
		b.page("/admin") // this session goes on, with a new secret
		if a := b.post("/admin/security/passkeys/begin", ""); a.status != http.StatusOK || !strings.Contains(a.body, `"challenge"`) {
			t.Errorf("a passkey cannot be begun: %d", a.status)
		}
		if a := o.browser().post("/admin/login/passkey/begin"); a.status != http.StatusOK || !strings.Contains(a.body, `"challenge"`) {
			t.Errorf("a sign-in by passkey cannot be begun: %d", a.status)
		}
		if a := o.browser().post("/admin/login/passkey", "token", "x", "answer", "{}"); a.status != http.StatusUnauthorized {
			t.Errorf("a passkey that is none: %d", a.status)
		}
		// The module is the shop's own, one for customers and staff.
		if !strings.Contains(b.page("/admin/security").body, `src="`+static.URL("passkey.js")+`"`) {
			t.Error("the page does not name the module")
		}
	})
}

// Recovery answers the same for every address.
func TestRecover(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		s := o.member("owner")
		known, unknown := o.browser().post("/admin/recover", "email", s.email), o.browser().post("/admin/recover", "email", "ingen@butik.example")
		if known.status != http.StatusOK || known.body != unknown.body || unknown.status != known.status {
			t.Errorf("%d and %d, the same page: %v", known.status, unknown.status, known.body == unknown.body)
		}
		var token string
		o.Do(func(tx *db.Tx) error {
			var id db.ID
			if err := tx.QueryRow(`SELECT id FROM auth_invite`).Scan(&id); err != nil {
				return err
			}
			m, _, err := o.auth.InviteMail(tx, id)
			token = m.Token.Reveal()
			return err
		})
		if a := o.browser().page("/admin/invite/" + token); strings.Contains(a.body, `class="qr"`) {
			t.Error("a recovery shows a key")
		}
		o.browser().done("/admin/invite/"+token, "password", "ett helt nytt lösenord", "code", o.code(s))
	})
}

func TestJobs(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		var id db.ID
		o.Do(func(tx *db.Tx) (err error) {
			if id, err = job.Enqueue(tx, job.Spec{Kind: "prov.jobb"}); err != nil {
				return err
			}
			_, err = tx.Exec(`UPDATE job_job SET state='dead', ended_at=$2, last_error='prov' WHERE id=$1`, id, tx.Now())
			return err
		})
		b := o.as("owner")
		if a := b.page("/admin"); !strings.Contains(a.text(), "jobb har stannat") {
			t.Error("the start page does not tell")
		}
		if a := b.page("/admin/jobs"); !strings.Contains(a.body, "prov.jobb") {
			t.Error("the dead job is not listed")
		}
		b.done("/admin/jobs/"+id.String()+"/retry", "")
		if a := b.post("/admin/jobs/"+id.String()+"/drop", ""); a.status != http.StatusConflict {
			t.Errorf("a job that is not dead is dropped: %d", a.status)
		}
		if a := b.page("/admin/audit?action=job.retry"); !strings.Contains(a.body, "Kim owner") {
			t.Error("the log does not tell who did it")
		}
	})
}
