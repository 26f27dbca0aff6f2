package content

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
)

var rooms = []db.Migrations{audit.Migrations, Migrations}
var owner = auth.StaffBy(7, "", auth.AllRights)

func write[T any](t testing.TB, d *db.DB, fn func(tx *db.Tx) (T, error)) (T, error) {
	t.Helper()
	v, _, err := db.Write(context.Background(), d, fn)
	return v, err
}

func read[T any](t testing.TB, d *db.DB, fn func(q *db.Reader) (T, error)) T {
	t.Helper()
	v, err := db.Read(context.Background(), d, fn)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func seed(t testing.TB, d *db.DB) {
	t.Helper()
	if err := db.Do(context.Background(), d, Seed); err != nil {
		t.Fatal(err)
	}
}

func TestNumbers(t *testing.T) {
	for s, want := range map[string]string{"559999-0016": "559999-0016", "5599990016": "559999-0016", "559999-0017": "", "55999900": "", "559999001a": "", "": ""} {
		if got, _ := OrgNumber(s); got != want {
			t.Errorf("%q: %q", s, got)
		}
	}
	for s, want := range map[string]bool{"SE559999001601": true, "SE559999001600": false, "SE559999002401": false, "DE559999001601": false, "SE55999900160": false} {
		if vatFits(s, "559999-0016") != want {
			t.Error(s)
		}
	}
	if g, ok := bankgiro("0000000"); !ok || g != "000-0000" {
		t.Error(g)
	}
	if _, ok := bankgiro("1234567"); ok {
		t.Error("a bankgiro with a wrong check digit passed")
	}
}

func TestCompany(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		if _, err := write(t, d, func(tx *db.Tx) (CompanyFacts, error) { return SetCompany(tx, auth.Guest(""), Example()) }); !fault.Is(err, "denied") {
			t.Error(err)
		}
		bad := Example()
		bad.OrgNumber, bad.Mail, bad.Name = "559999-0017", "nobody", "a\u202eb"
		_, err := write(t, d, func(tx *db.Tx) (CompanyFacts, error) { return SetCompany(tx, owner, bad) })
		if f := fault.As(err); f == nil || len(f.Fields) != 3 {
			t.Fatalf("%+v", f)
		}
		first, err := write(t, d, func(tx *db.Tx) (CompanyFacts, error) { return SetCompany(tx, owner, Example()) })
		if err != nil {
			t.Fatal(err)
		}
		// Two editors of the same version: one wins.
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			wg.Go(func() {
				c := first
				c.Phone = "031-390 06 1" + string(rune('0'+i))
				_, errs[i] = write(t, d, func(tx *db.Tx) (CompanyFacts, error) { return SetCompany(tx, owner, c) })
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !fault.Is(err, "changed_meanwhile") {
				t.Error(err)
			}
		}
		now := read(t, d, func(q *db.Reader) (CompanyFacts, error) { return Company(q) })
		then := read(t, d, func(q *db.Reader) (CompanyFacts, error) { return CompanyAt(q, first.ValidFrom) })
		if won != 1 || now.Version != 2 || then.Phone != Example().Phone || now.Phone == then.Phone {
			t.Errorf("won %d, now %+v, then %+v", won, now, then)
		}
	})
}

func TestPages(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		_, err := db.Read(context.Background(), d, func(q *db.Reader) (string, error) { return TermsVersion(q) })
		if !fault.Is(err, "not_ready") {
			t.Error(err)
		}
		seed(t, d)
		seed(t, d) // harmless
		if v := read(t, d, func(q *db.Reader) (string, error) { return TermsVersion(q) }); v != "1" {
			t.Error(v)
		}
		old := read(t, d, func(q *db.Reader) (PageText, error) { return PageNow(q, Terms, lang.EN) })
		if old.Lang != lang.EN || old.Fallback || old.Title != "Terms of purchase" {
			t.Errorf("%+v", old)
		}
		put := func(in NewPage) (int64, error) {
			return write(t, d, func(tx *db.Tx) (int64, error) { return PutPage(tx, owner, in) })
		}
		next := NewPage{Handle: Terms, Kind: Legal, Base: 1, Texts: map[lang.Lang]Text{lang.SV: {"Köpvillkor", "Nya."}}}
		later := next
		later.ValidFrom = time.Now().Add(24 * time.Hour)
		if v, err := put(later); v != 2 || err != nil {
			t.Fatal(v, err)
		}
		if v := read(t, d, func(q *db.Reader) (string, error) { return TermsVersion(q) }); v != "1" {
			t.Error("terms of tomorrow are valid today")
		}
		if p := read(t, d, func(q *db.Reader) (PageText, error) { return Page(q, Terms, lang.EN, later.ValidFrom.Add(time.Hour)) }); p.Version != 2 || !p.Fallback || p.Lang != lang.SV {
			t.Errorf("%+v", p)
		}
		if _, err := put(next); !fault.Is(err, "changed_meanwhile") {
			t.Error(err)
		}
		if p := read(t, d, func(q *db.Reader) (PageText, error) { return PageVersion(q, Terms, lang.EN, "1") }); p.Body != old.Body {
			t.Error("the old version has changed")
		}
		for _, v := range []string{"", "0", "-1", "9", "x"} {
			if _, err := db.Read(context.Background(), d, func(q *db.Reader) (PageText, error) { return PageVersion(q, Terms, lang.SV, v) }); !fault.Is(err, "not_found") {
				t.Errorf("%q: %v", v, err)
			}
		}
		bad := []NewPage{
			{Handle: "Å", Kind: Info, Texts: next.Texts},
			{Handle: "retur", Kind: Info, Texts: next.Texts},
			{Handle: "ny", Kind: "news", Texts: next.Texts},
			{Handle: "ny", Kind: Info, Texts: map[lang.Lang]Text{lang.EN: {"New", "x"}}},
			{Handle: "ny", Kind: Info, ValidFrom: time.Now().Add(-time.Hour), Texts: next.Texts},
			{Handle: "ny", Kind: Info, Texts: map[lang.Lang]Text{lang.SV: {"Ny", strings.Repeat("x", MaxBody+1)}}},
			{Handle: "ny", Kind: Info, Texts: map[lang.Lang]Text{lang.SV: {"Ny", "a\x00b"}}},
		}
		for i, in := range bad {
			if _, err := put(in); !fault.Is(err, "invalid") {
				t.Errorf("%d: %v", i, err)
			}
		}
		if ps := read(t, d, func(q *db.Reader) ([]PageText, error) { return Pages(q, lang.EN) }); len(ps) != len(firstPages) || ps[0].Lang != lang.EN {
			t.Errorf("%d pages", len(ps))
		}
		if p := read(t, d, func(q *db.Reader) (PageText, error) { return PageNow(q, "retur", lang.SV) }); p.Handle != Withdrawal {
			t.Error(p.Handle)
		}
	})
}

// The first pages say what the law wants said.
func TestFirstPagesSay(t *testing.T) {
	d := dbtest.SQLite(t, rooms)
	seed(t, d)
	both := func(handle string, sv, en []string) {
		for l, want := range map[lang.Lang][]string{lang.SV: sv, lang.EN: en} {
			p := read(t, d, func(q *db.Reader) (PageText, error) { return PageNow(q, handle, l) })
			if p.Fallback {
				t.Errorf("%s has no %s", handle, l)
			}
			for _, w := range want {
				if !strings.Contains(p.Title+"\n"+p.Body, w) {
					t.Errorf("%s %s lacks %q", handle, l, w)
				}
			}
			if strings.Contains(p.Body, "ec.europa.eu") || gap.MatchString(p.Body) {
				t.Errorf("%s %s holds a link or a gap it must not", handle, l)
			}
		}
	}
	c := Example()
	both(Terms, []string{c.Name, c.OrgNumber, c.Street, c.Mail, c.Phone, "moms", "Frakten", "30 dagar", "14 dagar", "Ångra avtalet här", "/withdraw", "tre år", "två månader", "Box 174, 101 23 Stockholm", "arn.se", "returfrakten", "prisavdrag", "Garantier", "bindningstid", "Uppförandekoder", "deposition"},
		[]string{c.Name, c.OrgNumber, c.Street, c.Mail, c.Phone, "VAT", "30 days", "14 days", "Withdraw from contract here", "three years", "Box 174, 101 23 Stockholm", "arn.se", "Guarantees", "minimum term", "Codes of conduct", "deposit"})
	both(WithdrawalForm, []string{"frånträder", "Stryk det som inte gäller", c.Street, c.Mail, "Datum"}, []string{"hereby give notice", "Delete as appropriate", c.Mail})
	both(Privacy, []string{"personuppgiftsansvarig", "artikel 6.1 b", "6.1 c", "6.1 f", "sjunde året", "IMY", "invända", "EU", "dataportabilitet", "automatik"}, []string{"controller", "6.1 c", "seventh year", "IMY", "object", "portability"})
	both(Accessibility, []string{"2023:254", "EN 301 549", "PTS", c.Phone}, []string{"2023:254", "EN 301 549", "PTS", c.Phone})
	both(Cookies, []string{`\_\_Host-cart`, `\_\_Host-session`, `\_\_Host-flash`, `\_\_Host-staff`}, []string{`\_\_Host-cart`})
	both(About, []string{c.OrgNumber + "\\\n", "SE559999001601", "F-skatt", "påhittad"}, []string{"F-tax", "invented"})
	both(Delivery, []string{"39 kr", "599 kr", "Hämta i butiken"}, []string{"39 kr", "599 kr"})
	both(Security, []string{c.Mail, "god tro"}, []string{"good faith"})
	both(Withdrawal, []string{"mottagningsbevis", "skrymmande"}, []string{"acknowledgement", "bulky"})
}

func TestSettings(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		get := func() int64 { return read(t, d, func(q *db.Reader) (int64, error) { return StockShowUpTo.Get(q) }) }
		if get() != 5 {
			t.Error("default")
		}
		set := func(by auth.By, k, v string) error {
			return db.Do(context.Background(), d, func(tx *db.Tx) error { return Change(tx, by, k, v) })
		}
		for _, x := range []struct {
			by   auth.By
			k, v string
			code string
		}{{owner, "stock.show_up_to", "101", "invalid"}, {owner, "stock.show_up_to", "05", "invalid"}, {owner, "stock.show_up_to", "", "invalid"},
			{owner, "payment.invoice", "yes", "invalid"}, {owner, "no.such", "1", "not_found"}, {auth.Guest(""), "no.such", "1", "denied"}, {auth.Guest(""), "stock.show_up_to", "1", "denied"}} {
			if err := set(x.by, x.k, x.v); !fault.Is(err, x.code) {
				t.Errorf("%s=%s: %v", x.k, x.v, err)
			}
		}
		for _, v := range []string{"10", "3"} {
			if err := set(owner, "stock.show_up_to", v); err != nil {
				t.Fatal(err)
			}
		}
		if err := set(owner, "payment.invoice", "false"); err != nil || get() != 3 || read(t, d, func(q *db.Reader) (bool, error) { return InvoiceOn.Get(q) }) {
			t.Error(err, get())
		}
		vs := read(t, d, func(q *db.Reader) ([]Valued, error) { return Settings(q, owner) })
		for _, v := range vs {
			if !lang.Has("content.setting." + v.Key) {
				t.Error("no words for " + v.Key)
			}
		}
		es := read(t, d, func(q *db.Reader) ([]audit.Entry, error) {
			return audit.List(q, audit.Filter{Entity: "setting"}, 0, 10)
		})
		if len(vs) != len(registry)-len(alarmSettings) || len(es) != 3 || es[1].Old != "stock.show_up_to=10" {
			t.Errorf("%d settings, audit %+v", len(vs), es)
		}
	})
}
