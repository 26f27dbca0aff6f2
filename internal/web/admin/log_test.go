package admin_test

import (
	"context"
	"encoding/csv"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
)

// Readings are shown with who it was, filtered by member, reason and day; an alarm is seen
// to once, by whom may read the log; the acts come as a file.
func TestReadingsAndAlarms(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		support := o.member("support")
		log, err := audit.OpenLog(context.Background(), o.DB, audit.Options{Origin: "shop.example/log", Keys: func(n string) (note.Signer, note.Verifier, error) { return o.Vault.LogSigner(n) },
			Watch: audit.Watch{Staff: audit.Bounds{audit.RuleHour: 3}}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			o.Do(func(tx *db.Tx) error {
				_, err := audit.RecordAccess(tx, audit.Access{ActorKind: "staff", ActorID: support.id, ActorName: "support", Person: db.ID(900 + i), Kinds: []string{"name", "phone"}, Entity: "order", EntityID: db.ID(70 + i), Reason: "order_handling"})
				return err
			})
		}
		o.Do(func(tx *db.Tx) error {
			_, err := audit.RecordHandover(tx, 900, "klarna", []string{"address"}, "purchase", 4)
			return err
		})
		if _, err := log.Seal(context.Background()); err != nil {
			t.Fatal(err)
		}
		b := o.as("owner")
		a := b.page("/admin/audit?show=readings")
		for _, w := range []string{"Kim support", "Kundtjänst", "För att hantera din order.", "namn och telefonnummer", "Klarna (betalning)", "person 902"} {
			if !strings.Contains(a.text(), w) {
				t.Errorf("the readings lack %q", w)
			}
		}
		today, tomorrow := time.Now().Format(time.DateOnly), time.Now().AddDate(0, 0, 2).Format(time.DateOnly)
		for path, want := range map[string]int{"": 4, "&actor=" + support.id.String(): 3, "&reason=order_handling": 3, "&reason=handover": 1, "&reason=packing": 0, "&day=" + tomorrow: 0, "&day=nonsense": 4} {
			if got := strings.Count(b.page("/admin/audit?show=readings"+path).body, "person 90"); got != want {
				t.Errorf("%q: %d readings, want %d (today is %s)", path, got, want, today)
			}
		}
		a = b.page("/admin/audit?show=alarms")
		act := regexp.MustCompile(`action="(/admin/alarms/(\d+))"`).FindStringSubmatch(a.body)
		if act == nil || !strings.Contains(a.text(), "3 personer") || !strings.Contains(a.text(), "Kim support") {
			t.Fatalf("no alarm: %s", a.text())
		}
		if r := b.post(act[1], "note/"+act[2], "whatever I like"); r.status != http.StatusUnprocessableEntity {
			t.Errorf("a sentence is a note: %d", r.status)
		}
		if r := o.as("support").post(act[1], "note/"+act[2], "expected"); r.status != http.StatusForbidden {
			t.Errorf("the one it is about closes it: %d", r.status)
		}
		if r := b.post("/admin/alarms/1", "note/1", "expected"); r.status != http.StatusNotFound {
			t.Errorf("no alarm: %d", r.status)
		}
		b.done(act[1], "note/"+act[2], "talked")
		b.done(act[1], "note/"+act[2], "mistake") // somebody was first
		a = b.page("/admin/audit?show=alarms")
		if strings.Contains(a.body, act[1]) || !strings.Contains(a.text(), "Jag har pratat med personen") || !strings.Contains(a.text(), "Kim owner") {
			t.Errorf("the alarm is not closed: %s", a.text())
		}
		if n := strings.Count(b.page("/admin/audit?action=alarm.acknowledge").body, "talked"); n != 1 {
			t.Errorf("%d acts", n)
		}

		// The file is for two: asked for, approved by another owner, and taken once.
		o.another("owner2", "owner")
		if r := b.post("/admin/acts.csv"); r.status != http.StatusSeeOther || r.location() != "/admin/approvals" {
			t.Fatalf("the file is taken by one: %d %s", r.status, r.location())
		}
		approve := regexp.MustCompile(`action="(/admin/approvals/\d+/approve)"`)
		if approve.MatchString(b.page("/admin/approvals").body) {
			t.Error("who asked may approve")
		}
		b2 := o.as("owner2")
		a = b2.page("/admin/approvals")
		yes, digest := approve.FindStringSubmatch(a.body), regexp.MustCompile(`name="digest" value="(\w+)"`).FindStringSubmatch(a.body)
		if yes == nil || digest == nil {
			t.Fatalf("nothing to approve: %s", a.text())
		}
		b2.done(yes[1], "digest", digest[1])
		if r := b2.post("/admin/acts.csv"); r.status == http.StatusOK {
			t.Error("who approved takes the file")
		}
		f := b.post("/admin/acts.csv")
		file := csv.NewReader(strings.NewReader(strings.TrimPrefix(f.body, "\ufeff")))
		file.Comma = ';'
		rows, err := file.ReadAll()
		if err != nil || f.status != http.StatusOK || !strings.HasPrefix(f.header.Get("Content-Type"), "text/csv") || len(rows) < 4 || rows[1][7] != "audit.export" {
			t.Errorf("%d %v %.300s", f.status, err, f.body)
		}
		if r := b.post("/admin/acts.csv"); r.status == http.StatusOK {
			t.Error("one approval is two files")
		}
		for _, r := range rows {
			for _, c := range r {
				if c != "" && strings.ContainsRune("=+@", rune(c[0])) {
					t.Errorf("a formula: %q", c)
				}
			}
		}
		if r := o.as("support").post("/admin/acts.csv"); r.status != http.StatusForbidden {
			t.Errorf("support takes the file: %d", r.status)
		}
	})
}
