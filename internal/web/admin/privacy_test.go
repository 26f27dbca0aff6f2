package admin_test

import (
	"encoding/csv"
	"encoding/json"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/datamap"
)

// The register of processing is a page and two files that say the same of every category, and whose it is.
func TestRegisterOfProcessing(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		b := o.as("owner")
		want := len(datamap.Categories())
		var file struct {
			Controller map[string]string   `json:"controller"`
			Processing []map[string]string `json:"processing"`
		}
		a := b.get("/admin/privacy/register/json")
		if err := json.Unmarshal([]byte(a.body), &file); err != nil || a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
			t.Fatalf("%d %v %v", a.status, a.header, err)
		}
		r := csv.NewReader(strings.NewReader(strings.TrimPrefix(b.get("/admin/privacy/register/csv").body, "\ufeff")))
		r.Comma = ';'
		rows, err := r.ReadAll()
		if err != nil || len(rows) != want+1 || len(file.Processing) != want || file.Controller["name"] == "" || file.Controller["org_number"] == "" {
			t.Fatalf("%d categories, %d rows, %d in the file of %v: %v", want, len(rows), len(file.Processing), file.Controller, err)
		}
		page := strings.Join(strings.Fields(html.UnescapeString(b.page("/admin/privacy/register").text())), " ")
		for i, p := range file.Processing {
			if len(p) != len(rows[0]) || p["why"] == "" || p["basis"] == "" || p["kept"] == "" || p["what"] == "" {
				t.Errorf("%v", p)
			}
			for k, v := range p {
				if v != "" && !strings.Contains(strings.Join(rows[i+1], "\n"), v) {
					t.Errorf("%s: the two files differ in %s: %q", p["key"], k, v)
				}
			}
			for _, k := range []string{"name", "why", "kept"} {
				if !strings.Contains(page, p[k]) {
					t.Errorf("the page lacks %q", p[k])
				}
			}
		}
		for path, want := range map[string]int{"/admin/privacy/register/pdf": http.StatusNotFound, "/admin/privacy/register/json": http.StatusForbidden} {
			who := "owner"
			if want == http.StatusForbidden {
				who = "support"
			}
			if a := o.as(who).get(path); a.status != want {
				t.Errorf("%s as %s: %d", path, who, a.status)
			}
		}
	})
}

// A request in writing stands in the list with its day, is given more time once, is answered in words, and a wrong form comes back
// with what was typed.
func TestRequestsInTheOffice(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		b := o.as("owner")
		today := time.Now().Format(time.DateOnly)
		if a := b.post("/admin/privacy/new", "kind", "access", "asked_on", "", "email", "kim@example.se", "lang", "sv", "text", "Vad har ni?"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "Vad har ni?") {
			t.Errorf("without a day: %d", a.status)
		}
		take := func(kind string) string {
			t.Helper()
			a := b.post("/admin/privacy/new", "kind", kind, "asked_on", today, "email", "kim@example.se", "lang", "sv", "text", "Vad har ni?")
			if a.status != http.StatusSeeOther || !regexp.MustCompile(`^/admin/privacy/\d+$`).MatchString(a.location()) {
				t.Fatalf("%s: %d %s", kind, a.status, a.location())
			}
			return a.location()
		}
		at := take("access")
		if a := b.page("/admin/privacy"); !strings.Contains(a.body, `href="`+at+`"`) {
			t.Error("it is not in the list")
		}
		if a := b.page(at); !strings.Contains(a.text(), "kim@example.se") || !strings.Contains(a.text(), "Vad har ni?") || strings.Contains(a.body, at+"/carry") {
			t.Errorf("%s", a.text())
		}
		b.done(at+"/extend", "reason", "Många frågor")
		if a := b.page(at); strings.Contains(a.body, at+"/extend") {
			t.Error("more time is offered twice")
		}
		if a := b.post(at+"/answer", "text", ""); a.status != http.StatusUnprocessableEntity {
			t.Errorf("answered without words: %d", a.status)
		}
		b.done(at+"/answer", "text", "Detta har vi.")
		if a := b.page(at); !strings.Contains(a.text(), "Detta har vi.") || strings.Contains(a.body, at+"/answer") {
			t.Error("the answer does not stand there, or can be given twice")
		}
		// By the button, and only by who may.
		at = take("restrict")
		for _, r := range []string{"support", "orders", "reader"} {
			if a := o.as(r).post(at+"/carry", "how", "x"); a.status != http.StatusForbidden {
				t.Errorf("%s carries it out: %d", r, a.status)
			}
		}
		b.done(at+"/carry", "how", "Kom hit med legitimation")
		if a := b.page(at); !strings.Contains(a.text(), "Kom hit med legitimation") {
			t.Error("how he was known is not kept")
		}
		// An erasure asks for a fresh proof.
		at = take("erase")
		o.stale("owner")
		if a := b.post(at+"/carry", "how", "Kom hit med legitimation"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `name="totp"`) {
			t.Errorf("an erasure without a fresh proof: %d", a.status)
		}
	})
}
