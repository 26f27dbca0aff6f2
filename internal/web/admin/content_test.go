package admin_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/pricing"
)

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
