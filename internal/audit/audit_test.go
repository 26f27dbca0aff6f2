package audit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
)

var ctx = context.Background()
var ms = []db.Migrations{Migrations}

func record(t *testing.T, d *db.DB, es ...Entry) {
	t.Helper()
	for _, e := range es {
		if err := db.Do(ctx, d, func(tx *db.Tx) error { return Record(tx, e) }); err != nil {
			t.Fatal(err)
		}
	}
}

func entry(n int) Entry {
	return Entry{ActorKind: "staff", ActorID: 5, Peer: "192.0.2.0/24", Action: "price.change", Entity: "variant", EntityID: db.ID(n),
		Old: fmt.Sprint("price ", n), New: fmt.Sprint("price ", n+1)}
}

func verify(t *testing.T, d *db.DB, anchors ...Head) (Head, string) {
	t.Helper()
	h, fs, err := Verify(ctx, d, anchors...)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range fs {
		out = append(out, fmt.Sprintf("%d %s", f.Place, f.What))
	}
	return h, strings.Join(out, ", ")
}

func TestRecordAndList(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		e := entry(1)
		record(t, d, e, entry(2), Entry{ActorKind: "guest", Action: "login.try", Entity: "staff", Outcome: Refused,
			New: "one\nfaked line\u202e\x00", Old: strings.Repeat("å", 400)})
		list := func(f Filter, c db.ID, n int) []Entry {
			es, err := db.Read(ctx, d, func(q *db.Reader) ([]Entry, error) { return List(q, f, c, n) })
			if err != nil {
				t.Fatal(err)
			}
			return es
		}
		all := list(Filter{}, 0, 100)
		if len(all) != 3 || all[0].Action != "login.try" || all[2].EntityID != 1 || all[0].Outcome != Refused || all[1].Outcome != Done {
			t.Fatalf("%+v", all)
		}
		if strings.ContainsAny(all[0].New, "\n\u202e\x00") || len(all[0].Old) > maxValue {
			t.Errorf("%+v", all[0])
		}
		e.ID, e.At, e.Outcome = all[2].ID, all[2].At, Done
		if diff := cmp.Diff(e, all[2]); diff != "" {
			t.Error(diff)
		}
		p1 := list(Filter{}, 0, 2)
		p2 := list(Filter{}, p1[1].ID, 2)
		if len(p1) != 2 || len(p2) != 1 || p2[0].ID != all[2].ID {
			t.Error("pages")
		}
		for name, c := range map[string]struct {
			f    Filter
			want int
		}{
			"entity": {Filter{Entity: "variant"}, 2}, "row": {Filter{Entity: "variant", EntityID: 2}, 1}, "actor": {Filter{ActorKind: "staff", ActorID: 5}, 2},
			"action": {Filter{Action: "login.try"}, 1}, "outcome": {Filter{Outcome: Refused}, 1}, "none": {Filter{From: time.Now().Add(time.Hour)}, 0},
			"time": {Filter{From: all[2].At, To: all[2].At.Add(time.Microsecond)}, 1}, "quote": {Filter{Entity: "x' OR '1'='1"}, 0},
		} {
			if got := len(list(c.f, 0, 100)); got != c.want {
				t.Errorf("%s: %d", name, got)
			}
		}
		for _, bad := range []Entry{{}, {ActorKind: "staff"}, {ActorKind: "staff", Action: "Åtgärd", Entity: "x"}, {ActorKind: "staff", Action: "a", Entity: "x", Outcome: "maybe"}} {
			if db.Do(ctx, d, func(tx *db.Tx) error { return Record(tx, bad) }) == nil {
				t.Errorf("took %+v", bad)
			}
		}
	})
}

func TestSealGivesPlacesAndChain(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		if h, f := verify(t, d); h.Place != 0 || f != "" {
			t.Fatal(h, f)
		}
		for i := range 30 {
			record(t, d, entry(i+1))
		}
		// Several sealers at once, as when a lease moves.
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := Seal(ctx, d); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if _, err := Seal(ctx, d); err != nil {
			t.Fatal(err)
		}
		h1, f := verify(t, d)
		if h1.Place != 30 || len(h1.Hash) != 32 || f != "" {
			t.Fatal(h1, f)
		}
		record(t, d, entry(31))
		if n, err := Seal(ctx, d); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		if n, err := Seal(ctx, d); err != nil || n != 0 {
			t.Fatal("sealed twice", n, err)
		}
		if h, f := verify(t, d, h1); h.Place != 31 || f != "" {
			t.Fatal(h, f)
		}
		// An entry of a slow transaction, with an older id than those sealed.
		err := db.Do(ctx, d, func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO audit_entry (id, at, actor_kind, actor_id, actor_name, peer, action, entity, entity_id, old_value, new_value, outcome)
				VALUES (1,$1,'staff',1,'','','late','x',1,'','','done')`, tx.Now().Add(-5*time.Minute))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, f := verify(t, d); f != "0 unsealed" {
			t.Error(f)
		}
		if n, err := Seal(ctx, d); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		if h, f := verify(t, d, h1); h.Place != 32 || f != "" {
			t.Fatal(h, f)
		}
	})
}

// Each way of tampering, done behind the program's back, is named by Verify.
func TestVerifySeesTampering(t *testing.T) {
	cases := map[string]struct {
		sql, want string
	}{
		"changed":   {"UPDATE audit_entry SET new_value='price 1' WHERE entity_id=4", "4 changed"},
		"outcome":   {"UPDATE audit_entry SET outcome='refused' WHERE entity_id=4", "4 changed"},
		"actor":     {"UPDATE audit_entry SET actor_id=6 WHERE entity_id=4", "4 changed"},
		"time":      {"UPDATE audit_entry SET at=at+1 WHERE entity_id=4", "4 changed"},
		"removed":   {"DELETE FROM audit_entry WHERE entity_id=4", "4 missing"},
		"gap":       {"DELETE FROM audit_seal WHERE place=4", "4 gap, 0 unsealed"},
		"moved":     {"UPDATE audit_seal SET entry_id=CASE place WHEN 4 THEN -5 WHEN 5 THEN -4 END WHERE place IN (4,5)", "4 missing, 5 missing, 0 unsealed, 0 unsealed"},
		"cut":       {"DELETE FROM audit_seal WHERE place>8", "10 cut, 0 unsealed, 0 unsealed"},
		"rewritten": {"", "9 changed, 10 rewritten"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := dbtest.SQLite(t, ms)
			for i := range 10 {
				record(t, d, entry(i+1))
			}
			if _, err := Seal(ctx, d); err != nil {
				t.Fatal(err)
			}
			head, f := verify(t, d)
			if f != "" {
				t.Fatal("control:", f)
			}
			sql := []string{c.sql, "UPDATE audit_entry SET at=at-600000000 WHERE NOT EXISTS (SELECT 1 FROM audit_seal WHERE entry_id=audit_entry.id)"}
			if name == "rewritten" {
				sql = []string{"UPDATE audit_entry SET new_value='x' WHERE entity_id=9",
					"UPDATE audit_seal SET hash=x'00' WHERE place=10"}
			}
			for _, s := range sql {
				if err := db.Do(ctx, d, func(tx *db.Tx) error { _, err := tx.Exec(s); return err }); err != nil {
					t.Fatal(err)
				}
			}
			_, got := verify(t, d, head)
			if name == "rewritten" { // the entry, its successor's hash and the anchor
				if !strings.Contains(got, "9 changed") || !strings.Contains(got, "10 rewritten") {
					t.Error(got)
				}
				return
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// The code of this package can only add.
func TestNoStatementChangesTheLog(t *testing.T) {
	bad := regexp.MustCompile(`(?i)\b(update\s+audit_|delete\s+from|drop\s+table|truncate|replace\s+into|insert\s+or\s+replace|do\s+update)`)
	files, _ := filepath.Glob("*.go")
	more, _ := filepath.Glob("migrations/*.sql")
	seen := 0
	for _, f := range append(files, more...) {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		seen++
		if m := bad.Find(b); m != nil {
			t.Errorf("%s: %s", f, m)
		}
	}
	if seen < 4 || !bad.MatchString("DELETE FROM audit_entry") {
		t.Error("the test looks at nothing")
	}
}

// Two entries never have the same bytes, however their parts are cut.
func TestChainIsUnambiguous(t *testing.T) {
	a := Entry{Action: "ab", Entity: "c"}
	b := Entry{Action: "a", Entity: "bc"}
	if string(chain(1, nil, a)) == string(chain(1, nil, b)) {
		t.Error("parts run together")
	}
	if string(chain(1, nil, a)) == string(chain(2, nil, a)) || string(chain(1, nil, a)) == string(chain(1, []byte{0}, a)) {
		t.Error("place or predecessor is not in the hash")
	}
}
