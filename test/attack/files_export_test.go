package attack

import (
	"encoding/csv"
	"net/url"
	"slices"
	"strings"
	"testing"

	"kassavalv/internal/apptest"
)

// formulas are texts that a spreadsheet would reckon with, or take for more cells than one.
var formulas = []string{`=HYPERLINK("http://127.0.0.1/?"&A1)`, `+46701234567`, `-2+3`, `@SUM(1+1)`, `|cmd`, `%0A=1`, `＝1+1`, `＋1`, `－1`, `＠x`,
	"\t=1", "\r=1", "\n=1", "  =1", "\u00a0=1", "\u200b=1", `";=1+1;"`, `x",=1+1,"y`, `'=1`, `a;b,c`}

// spreadsheetRows reads a file as a spreadsheet does: every row as many cells, and none that begins as
// a formula.
func spreadsheetRows(t *testing.T, what string, a apptest.Answer) [][]string {
	t.Helper()
	if a.Status != 200 || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/csv") || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("%s: %d %v %.200s", what, a.Status, a.Header, a.Body)
	}
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(a.Body), "\ufeff")))
	r.Comma = ';'
	rows, err := r.ReadAll() // every row with as many cells as the first
	if err != nil || len(rows) < 2 {
		t.Fatalf("%s: %d rows, %v", what, len(rows), err)
	}
	for _, row := range rows {
		for _, c := range row {
			if s := strings.TrimLeft(c, " \u00a0\u200b\t\r\n"); s != "" && strings.ContainsAny(s[:1], "=+-@|%") || strings.HasPrefix(s, "＝") || strings.HasPrefix(s, "＋") || strings.HasPrefix(s, "－") || strings.HasPrefix(s, "＠") || strings.IndexAny(c, "\t\r\n") == 0 {
				t.Errorf("%s: %q begins as a formula", what, c)
			}
		}
	}
	return rows
}

// What people may write freely is text in every file that a spreadsheet opens: the record of lessons
// (names of roles), the log of acts (reasons), the register of processing. Taking an apostrophe away gives back
// what was written. The log leaves the house only when two people say so.
var _ = alone("AC-149", func(t *testing.T, engine string) {
	s := apptest.Start(t, apptest.Options{Engine: engine})
	c := s.As(t)
	_, owner := c.Hire(c, "owner")
	role := func(path, name string) apptest.Answer {
		f := url.Values{"name": {name}, "rights": {"orders.read"}}
		if path != "/admin/roles" {
			f.Set("version", c.Query(`SELECT max(version) FROM auth_role`)[0][0])
		}
		return owner.Form(path, f)
	}
	if a := role("/admin/roles", "Prov"); a.Status != 303 {
		t.Fatalf("the role: %d %s", a.Status, a.Words())
	}
	key := c.Query(`SELECT key FROM auth_role`)[0][0]
	c.Hire(c, key)
	header, members := 0, 0
	for _, f := range formulas {
		if a := role("/admin/roles/"+key, f); a.Status != 303 && a.Status != 422 {
			t.Fatalf("%q: %d %s", f, a.Status, a.Words())
		}
		rows := spreadsheetRows(t, f, owner.Do("GET", "/admin/lessons/record.csv", nil))
		if header == 0 {
			header, members = len(rows[0]), len(rows)
		}
		if len(rows[0]) != header || len(rows) != members {
			t.Errorf("%q: %d × %d cells, and %d × %d before", f, len(rows), len(rows[0]), members, header)
		}
		want := c.Query(`SELECT name FROM auth_role`)[0][0]
		if !slices.ContainsFunc(rows, func(r []string) bool { return strings.TrimPrefix(r[1], "'") == want }) {
			t.Errorf("the role %q is in no row", want)
		}
	}

	for _, f := range formulas {
		if a := owner.Form("/admin/gift-cards/new", url.Values{"amount": {"1"}, "years": {"1"}, "email": {apptest.NewMail()}, "lang": {"sv"}, "reason": {"prov"}, "key": {aWord()}}); a.Status != 200 && a.Status != 303 {
			t.Fatalf("the card: %d %s", a.Status, a.Words())
		}
		id := c.Query(`SELECT max(id) FROM giftcard_card`)[0][0]
		if a := owner.Form("/admin/gift-cards/"+id+"/cancel", url.Values{"reason": {f}}); a.Status != 303 && a.Status != 422 {
			t.Errorf("%q: %d %s", f, a.Status, a.Words())
		}
	}
	written := c.Query(`SELECT new_value FROM audit_entry WHERE action='gift_card.cancel' AND outcome='done' ORDER BY id`)
	if len(written) < len(formulas)/2 {
		t.Fatalf("only %d reasons were taken", len(written))
	}
	take := func() apptest.Answer { return owner.Form("/admin/acts.csv", url.Values{}) }
	if a := take(); a.Status != 303 || strings.Contains(string(a.Body), "gift_card") {
		t.Fatalf("one person alone takes the log out: %d", a.Status)
	}
	yes, f := owner.FormOf(s.Staff(c, "owner").Do("GET", "/admin/approvals", nil), `form[action$="/approve"]`)
	s.AsOwner(c, yes, f)
	var got []string
	for _, r := range spreadsheetRows(t, "acts", take()) {
		if r[7] == "gift_card.cancel" {
			got = append(got, strings.TrimPrefix(r[11], "'"))
		}
	}
	slices.Reverse(got) // the file has the newest first
	for i, w := range written {
		if i >= len(got) || got[i] != strings.ReplaceAll(w[0], "\r\n", "\n") {
			t.Errorf("the reasons come back as %q, and were %q", got, written)
			break
		}
	}
	if a := take(); a.Status != 303 {
		t.Errorf("one yes is good for two files: %d", a.Status)
	}
	spreadsheetRows(t, "register", owner.Do("GET", "/admin/privacy/register/csv", nil))
})
