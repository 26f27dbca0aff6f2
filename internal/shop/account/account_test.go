package account

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// What is recorded tells who did what by ids, and nothing about the person.
func TestRecorded(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		b := w.browser()
		v := b.account("markor.anna@example.se")
		if err := b.password(longPassword); err != nil {
			t.Fatal(err)
		}
		w.browser().signIn("markor.anna@example.se", "fel fel fel fel fel")
		es := read(w, func(q db.Q) ([]audit.Entry, error) { return audit.List(q, audit.Filter{}, 0, 200) })
		seen := map[string]bool{}
		for _, e := range es {
			seen[e.ActorKind+" "+e.Action+" "+string(e.Outcome)] = true
			if s := fmt.Sprintf("%+v", e); strings.Contains(strings.ToLower(s), "markor") || strings.Contains(s, "Anna") || strings.Contains(s, longPassword) {
				t.Error("personal:", s)
			}
		}
		for _, k := range []string{"customer account.sign_in done", "customer account.open done", "customer account.password done", "guest account.sign_in refused", "guest account.code done"} {
			if !seen[k] {
				t.Errorf("%q is not recorded: %v", k, seen)
			}
		}
		as := read(w, func(q db.Q) ([]Attempt, error) { return w.a.Attempts(q, v, 10) })
		if len(as) != 1 || as[0].OK || as[0].How != "password" || as[0].Peer != place {
			t.Errorf("%+v", as)
		}
	})
}

// Two sessions of one address that both make an account: one account.
func TestOneAccountOfAnAddress(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		var wg sync.WaitGroup
		var made atomic.Int64
		var bs []*browserAt
		for range 4 {
			b := w.browser()
			b.prove("kim@example.se")
			bs = append(bs, b)
		}
		for _, b := range bs {
			v := b.visitor()
			wg.Go(func() {
				err := w.do(func(tx *db.Tx) error { _, _, err := w.a.Open(tx, v, ""); return err })
				switch {
				case err == nil:
					made.Add(1)
				case !fault.Is(err, "account_there"):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := w.count(`SELECT count(*) FROM account_account`); n != 1 || made.Load() != 1 {
			t.Error(n, made.Load())
		}
	})
}
