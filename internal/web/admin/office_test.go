package admin_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/pricing"
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
		if a := b.done(path+"/look", ""); !strings.Contains(a.body, "Banken är tillfrågad") {
			t.Error("the bank was not asked")
		}
		if a := o.as("orders").page(path); strings.Contains(a.body, path+"/look") {
			t.Error("who may not ask the bank is offered to")
		}
	})
}

// The shop's own words and facts are versions.
func TestContent(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		b := o.as("owner")
		base := regexp.MustCompile(`name="base" value="(\d+)"`)
		was := look(o, func(q *db.Reader) (content.PageText, error) { return content.PageNow(q, content.Terms, lang.SV) })
		n := base.FindStringSubmatch(b.page("/admin/pages/villkor").body)[1]
		b.done("/admin/pages/villkor", "base", n, "kind", "info", "texts/sv/title", "Köpvillkor", "texts/sv/body", "Nya villkor.\n\n<script>alert(1)</script>", "texts/en/title", "Terms", "texts/en/body", "New terms.")
		now := look(o, func(q *db.Reader) (content.PageText, error) { return content.PageNow(q, content.Terms, lang.SV) })
		if now.Version != was.Version+1 || now.Kind != content.Legal {
			t.Errorf("version %d of kind %s", now.Version, now.Kind)
		}
		if a := b.post("/admin/pages/villkor", "base", n, "texts/sv/title", "X", "texts/sv/body", "Y"); a.status != http.StatusConflict {
			t.Errorf("an old base: %d", a.status)
		}
		if a := b.page("/admin/pages/villkor/versions/" + now.VersionString()); strings.Contains(a.body, "<script>alert") {
			t.Error("a page's text runs")
		}
		if a := b.post("/admin/pages/new", "handle", "egen", "base", "0", "kind", "legal", "texts/sv/title", "X", "texts/sv/body", "Y"); a.status != http.StatusForbidden {
			t.Errorf("a new page of law: %d", a.status)
		}
		b.done("/admin/pages/new", "handle", "egen", "base", "0", "kind", "info", "texts/sv/title", "Egen", "texts/sv/body", "Text")

		a := b.page("/admin/company")
		ver := versionField.FindStringSubmatch(a.body)[1]
		c := look(o, func(q *db.Reader) (content.CompanyFacts, error) { return content.Company(q) })
		facts := []string{"version", ver, "example", "yes", "shop", "Nya namnet", "name", c.Name, "org_number", c.OrgNumber, "vat_number", c.VATNumber, "seat", c.Seat, "f_tax", "yes", "street", c.Street, "postal_code", c.PostalCode, "city", c.City, "country", c.Country, "mail", c.Mail, "phone", c.Phone, "bankgiro", c.Bankgiro, "hours_sv", c.HoursSV, "hours_en", c.HoursEN}
		if a := b.done("/admin/company", facts...); !strings.Contains(a.body, "Nya namnet") {
			t.Error("the company did not change")
		}
		facts[9] = "556677-0000"
		facts[1] = versionField.FindStringSubmatch(b.page("/admin/company").body)[1]
		if a := b.post("/admin/company", facts...); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "556677-0000") {
			t.Errorf("a wrong organisation number: %d", a.status)
		}

		if a := b.post("/admin/settings", "value.support.answer_hours", "99"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("a setting out of bounds: %d", a.status)
		}
		b.done("/admin/settings", "value.support.answer_hours", "12", "value.payment.invoice", "false")
		if h := look(o, func(q *db.Reader) (int64, error) { return content.AnswerHours.Get(q) }); h != 12 {
			t.Errorf("answer hours: %d", h)
		}

		method := []string{"name_sv", "Bud", "name_en", "Courier", "code", "bud", "kind", "home", "tiers", "2000: 59\n20000: 99,50", "free_from", "999", "min_days", "1", "max_days", "2", "cutoff", "13:30", "active", "yes"}
		b.done("/admin/delivery/new", method...)
		ms := look(o, func(q *db.Reader) ([]delivery.Method, error) { return delivery.Methods(q) })
		m := ms[len(ms)-1]
		for _, x := range ms {
			if x.Code == "bud" {
				m = x
			}
		}
		if len(m.Tiers) != 2 || m.Tiers[1].Amount != 9950 || m.CutoffMinute != 13*60+30 || m.FreeFrom != 99900 {
			t.Errorf("method: %+v", m)
		}
		if a := b.post("/admin/delivery/new", append(method, "far_days", "x")...); a.status != http.StatusUnprocessableEntity {
			t.Errorf("days that are no number: %d", a.status)
		}
		b.done("/admin/delivery/"+m.ID.String(), append(method, "version", b.version("/admin/delivery/"+m.ID.String()))...)
	})
}

func TestCampaignsAndCodes(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		v := o.Product(10000, 5)
		b := o.as("catalogue")
		b.done("/admin/categories/new", "texts/sv/title", "Muggar", "texts/en/title", "Mugs", "parent", "0", "position", "1")
		id := regexp.MustCompile(`/admin/categories/(\d+)`).FindStringSubmatch(b.page("/admin/categories").body)[1]
		b.done("/admin/categories/"+id, "version", b.version("/admin/categories/"+id), "texts/sv/title", "Koppar", "handle", "koppar", "parent", "0", "position", "2", "hidden", "yes")

		today := time.Now().In(lang.Zone)
		day := func(n int) string { return today.AddDate(0, 0, n).Format("2006-01-02") }
		if a := b.post("/admin/campaigns/new", "name/sv", "Rea", "kind", "percent", "value", "120", "from", day(0), "target", "all"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("120 per cent off: %d", a.status)
		}
		b.done("/admin/campaigns/new", "name/sv", "Rea", "name/en", "Sale", "kind", "percent", "value", "20", "from", day(0), "to", day(7), "target", "all")
		price := func() int64 {
			return look(o, func(q *db.Reader) (map[db.ID]pricing.Price, error) {
				return pricing.Selling(q, "SEK", []db.ID{v}, q.LegalNow())
			})[v].Price.Amount
		}
		if price() != 8000 {
			t.Errorf("with the campaign it costs %d", price())
		}
		running := regexp.MustCompile(`/admin/campaigns/(\d+)`).FindStringSubmatch(b.page("/admin/campaigns").body)[1]
		if a := b.page("/admin/campaigns/" + running); strings.Contains(a.body, `name="value"`) {
			t.Error("a campaign that has begun can be rewritten")
		}
		b.done("/admin/campaigns/"+running+"/end", "version", b.version("/admin/campaigns/"+running))
		if price() != 10000 {
			t.Errorf("after the campaign it costs %d", price())
		}
		b.done("/admin/campaigns/new", "name/sv", "Sedan", "kind", "amount", "value", "15,50", "from", day(3), "target", "category:"+id)
		coming := ""
		for _, m := range regexp.MustCompile(`/admin/campaigns/(\d+)`).FindAllStringSubmatch(b.page("/admin/campaigns").body, -1) {
			if m[1] != running {
				coming = m[1]
			}
		}
		b.done("/admin/campaigns/"+coming, "version", b.version("/admin/campaigns/"+coming), "name/sv", "Senare", "kind", "percent", "value", "5", "from", day(4), "target", "tags", "tags", "rea")
		b.done("/admin/campaigns/"+coming+"/delete", "version", b.version("/admin/campaigns/"+coming))

		b.done("/admin/codes/new", "code", "sommar", "kind", "percent", "value", "10", "limit", "5", "min_goods", "99")
		codes := look(o, func(q *db.Reader) ([]pricing.Code, error) { return pricing.ListCodes(q, 0, 10) })
		if len(codes) != 1 || codes[0].Code != "SOMMAR" || codes[0].Value != 1000 || codes[0].MinGoods != 9900 {
			t.Fatalf("codes: %+v", codes)
		}
		path := "/admin/codes/" + codes[0].ID.String()
		if a := b.post("/admin/codes/new", "code", "Sommar", "kind", "percent", "value", "10"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("the same code again: %d", a.status)
		}
		b.done(path+"/end", "")
		b.done(path, "version", b.version(path), "code", "sommar", "kind", "amount", "value", "50")
		if c := look(o, func(q *db.Reader) (pricing.Code, error) { return pricing.CodeByID(q, codes[0].ID) }); c.Disabled || c.Value != 5000 {
			t.Errorf("code: %+v", c)
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
		if a := n.post(link, "password", "kort", "code", code(-1)); a.status != http.StatusUnprocessableEntity || strings.Contains(a.body, `value="kort"`) {
			t.Errorf("a short password: %d", a.status)
		}
		if a := n.post(link, "password", "ett helt nytt lösenord", "code", "000000"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("a wrong code: %d", a.status)
		}
		n.done(link, "password", "ett helt nytt lösenord", "code", code(-1))
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
		asset := regexp.MustCompile(`src="(/admin/assets/passkey\.[0-9a-f]+\.js)"`).FindStringSubmatch(b.page("/admin/security").body)
		if asset == nil {
			t.Fatal("the page does not name the module")
		}
		if a := o.browser().page(asset[1]); !strings.Contains(a.header.Get("Cache-Control"), "immutable") || !strings.Contains(a.header.Get("Content-Type"), "javascript") {
			t.Errorf("the module: %v", a.header)
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
