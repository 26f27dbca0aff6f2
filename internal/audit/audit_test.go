package audit

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/job"
)

var ctx = context.Background()
var ms = []db.Migrations{job.Migrations, Migrations}

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

// openLog opens the log of d with a key that is always the same.
func openLog(t testing.TB, d *db.DB, kept ...string) *Log {
	t.Helper()
	l, err := OpenLog(ctx, d, Options{Origin: "shop.example/log", Keys: testKeys, Kept: strings.Join(kept, "")})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func testKeys(origin string) (note.Signer, note.Verifier, error) {
	seed := sha256.Sum256([]byte("log of a test"))
	key := ed25519.NewKeyFromSeed(seed[:])
	id := binary.BigEndian.Uint32(sum(origin + "\n\x01" + string(key[32:])))
	s, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", origin, id, base64.StdEncoding.EncodeToString(append([]byte{1}, seed[:]...))))
	if err != nil {
		return nil, nil, err
	}
	vkey, err := note.NewEd25519VerifierKey(origin, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, nil, err
	}
	v, err := note.NewVerifier(vkey)
	return s, v, err
}

func sum(s string) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}

func seal(t testing.TB, l *Log) int {
	t.Helper()
	n, err := l.Seal(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func verify(t *testing.T, l *Log, kept ...string) (Report, string) {
	t.Helper()
	r, err := l.Verify(ctx, VerifyOptions{Checkpoints: kept})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range r.Faults {
		out = append(out, fmt.Sprintf("%d %s %s", f.Place, f.Kind, f.What))
	}
	return r, strings.Join(out, ", ")
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
		e.ID, e.At, e.Outcome, e.Place = all[2].ID, all[2].At, Done, -1
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

func reading(n int) Access {
	return Access{ActorKind: "staff", ActorID: 5, ActorName: "support", Person: db.ID(1000 + n), Kinds: []string{"name", "phone"}, Entity: "order", EntityID: db.ID(n), Reason: "order_handling"}
}

func look(t testing.TB, d *db.DB, as ...Access) {
	t.Helper()
	for _, a := range as {
		if err := db.Do(ctx, d, func(tx *db.Tx) error { _, err := RecordAccess(tx, a); return err }); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSealGivesPlaces(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		l := openLog(t, d)
		if r, f := verify(t, l); r.Size != 0 || f != "" {
			t.Fatal(r, f)
		}
		for i := range 30 {
			record(t, d, entry(i+1))
			look(t, d, reading(i+1))
		}
		// Several sealers at once, as when a lease moves.
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := openLog(t, d).Seal(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		seal(t, l)
		r1, f := verify(t, l)
		if r1.Size != 60 || r1.Acts != 30 || r1.Readings != 30 || f != "" {
			t.Fatal(r1, f)
		}
		record(t, d, entry(31))
		if n := seal(t, l); n != 1 {
			t.Fatal(n)
		}
		if n := seal(t, l); n != 0 {
			t.Fatal("sealed twice", n)
		}
		if r, f := verify(t, l, r1.Checkpoint); r.Size != 61 || f != "" {
			t.Fatal(r, f)
		}
		es, err := db.Read(ctx, d, func(q *db.Reader) ([]Entry, error) { return List(q, Filter{}, 0, 1) })
		if err != nil || es[0].Place != 60 {
			t.Error(es, err)
		}
		// A row of a slow transaction, older than those sealed, is taken where it comes.
		if err := db.Do(ctx, d, func(tx *db.Tx) error { return meddle(tx, Entry{ID: 1, At: tx.Now().Add(-5 * time.Minute)}) }); err != nil {
			t.Fatal(err)
		}
		if r, f := verify(t, l); r.Waiting != 1 || f != "-1 act unsealed" {
			t.Error(r, f)
		}
		seal(t, l)
		if r, f := verify(t, l, r1.Checkpoint); r.Size != 62 || f != "" {
			t.Fatal(r, f)
		}
	})
}

// meddle writes an act with its leaf, as Record would, with an id and instant of its own.
func meddle(tx *db.Tx, e Entry) error {
	e.ActorKind, e.ActorID, e.Action, e.Entity, e.EntityID, e.Outcome = "staff", 1, "late", "x", 1, Done
	_, err := tx.Exec(`INSERT INTO audit_entry (id, at, actor_kind, actor_id, actor_name, peer, action, entity, entity_id, old_value, new_value, outcome)
		VALUES ($1,$2,'staff',1,'','','late','x',1,'','','done')`, e.ID, e.At)
	if err != nil {
		return err
	}
	return enter(tx, leafAct, e.ID, e.At, e.digest())
}

// The code of this package can only add, but for what is listed with its reason.
func TestNoStatementChangesTheLog(t *testing.T) {
	bad := regexp.MustCompile(`(?i)\b(update\s+audit_\w+\s+set\s+\w+|delete\s+from\s+\w+|drop\s+table|truncate\s+table|replace\s+into|insert\s+or\s+replace|do\s+update\s+set\s+\w+)`)
	may := map[string]string{
		"UPDATE audit_log_tree SET version":      "the row by which sealers take turns",
		"UPDATE audit_log_leaf SET place":        "a waiting leaf gets its place, once: WHERE place IS NULL",
		"DO UPDATE SET at":                       "when the log was last verified",
		"DO UPDATE SET data":                     "a partial tile grows; the tree that it makes is signed",
		"DELETE FROM audit_log_checkpoint":       "checkpoints are thinned out; what one says is said by its successors",
		"DELETE FROM audit_idle":                 "what is remembered of readings goes with them",
		"UPDATE audit_alarm SET acknowledged_at": "a member of staff has seen to an alarm, once; an act in the log",
		"DELETE FROM audit_access":               "readings expire; their leaves stay",
		"DELETE FROM audit_turn":                 "a turn ends in the transaction that took it",
	}
	files, _ := filepath.Glob("*.go")
	more, _ := filepath.Glob("migrations/*.sql")
	seen := map[string]int{}
	for _, f := range append(files, more...) {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range bad.FindAllString(string(b), -1) {
			if seen[m]++; may[m] == "" {
				t.Errorf("%s: %s", f, m)
			}
		}
		for _, m := range regexp.MustCompile(`UPDATE audit_log_leaf[^`+"`"+`]*`).FindAllString(string(b), -1) {
			if !strings.HasSuffix(m, "AND place IS NULL") {
				t.Errorf("%s: %s", f, m)
			}
		}
	}
	for m := range may {
		if seen[m] == 0 {
			t.Errorf("%s is allowed and nowhere", m)
		}
	}
	if !bad.MatchString("DELETE FROM audit_entry") || !bad.MatchString("update audit_entry set peer=''") {
		t.Error("the test looks at nothing")
	}
}

// Two rows never have the same bytes, however their parts are cut.
func TestDigestIsUnambiguous(t *testing.T) {
	a := Entry{Action: "ab", Entity: "c"}
	b := Entry{Action: "a", Entity: "bc"}
	if string(a.digest()) == string(b.digest()) || string(chain(1, nil, a)) == string(chain(1, nil, b)) {
		t.Error("parts run together")
	}
	if string(chain(1, nil, a)) == string(chain(2, nil, a)) || string(chain(1, nil, a)) == string(chain(1, []byte{0}, a)) {
		t.Error("place or predecessor is not in the hash")
	}
	x := Access{Entity: "a", Reason: "bc"}
	if string(x.digest(nil)) == string(Access{Entity: "ab", Reason: "c"}.digest(nil)) || string(x.digest(nil)) == string(x.digest([]byte{0})) {
		t.Error("parts run together, or the salt is not in it")
	}
}
