package waitlist_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shop/waitlist"
	"kassavalv/internal/shoptest"
)

var ctx = context.Background()

func each(t *testing.T, fn func(t *testing.T, w *shoptest.World)) {
	t.Helper()
	dbtest.Each(t, append(append([]db.Migrations{}, shoptest.Migrations...), waitlist.Migrations), func(t *testing.T, d *db.DB) { fn(t, shoptest.New(t, d)) })
}

func ask(w *shoptest.World, variant db.ID, mail string) (waitlist.Entry, error) {
	e, _, err := db.Write(ctx, w.DB, func(tx *db.Tx) (waitlist.Entry, error) { return waitlist.Ask(tx, w.Vault, variant, mail, lang.SV) })
	return e, err
}

func count(t *testing.T, w *shoptest.World, text string, args ...any) (n int64) {
	t.Helper()
	n, err := db.Read(ctx, w.DB, func(q *db.Reader) (n int64, err error) { err = q.QueryRow(text, args...).Scan(&n); return })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func restock(w *shoptest.World, variant db.ID, n int64) {
	w.Do(func(tx *db.Tx) error { _, err := stock.SetOnHand(tx, shoptest.By, variant, n); return err })
}

func TestWish(t *testing.T) {
	each(t, func(t *testing.T, w *shoptest.World) {
		out, in := w.Product(9900, 0), w.Product(9900, 3)
		for name, c := range map[string]struct {
			variant db.ID
			mail    string
			code    string
		}{"no address": {out, "", "invalid"}, "none": {out, "x", "invalid"}, "a line break": {out, "a@example.se\nBcc: b@example.se", "invalid"}, "in stock": {in, "a@example.se", "back_already"}, "unknown": {4711, "a@example.se", "not_found"}, "nothing": {0, "a@example.se", "not_found"}} {
			if _, err := ask(w, c.variant, c.mail); !fault.Is(err, c.code) {
				t.Errorf("%s: %v, want %s", name, err, c.code)
			}
		}
		first, err := ask(w, out, "Kund@Example.se")
		if err != nil {
			t.Fatal(err)
		}
		// Asking again renews: one wish, a new link, the old one dead.
		again, err := ask(w, out, "kund@example.se")
		if err != nil || again.ID != first.ID || again.Token(w.Vault) == first.Token(w.Vault) {
			t.Errorf("again: %+v %v", again, err)
		}
		look := func(token string) (waitlist.Entry, error) {
			return db.Read(ctx, w.DB, func(q *db.Reader) (waitlist.Entry, error) { return waitlist.ByToken(q, w.Vault, token) })
		}
		for _, dead := range []string{first.Token(w.Vault), "", "x", secret.RandomToken()} {
			if _, err := look(dead); !fault.Is(err, "not_found") {
				t.Errorf("%q opens: %v", dead, err)
			}
		}
		e, err := look(again.Token(w.Vault))
		if err != nil || e.State != "waiting" {
			t.Fatalf("%+v %v", e, err)
		}
		// Nothing readable is stored.
		if n := count(t, w, `SELECT count(*) FROM waitlist_entry WHERE sealed IS NOT NULL AND mail_index IS NOT NULL`); n != 1 {
			t.Errorf("%d rows", n)
		}
		// Nobody is told while it is gone.
		if err := waitlist.Look(ctx, w.DB, w.Vault); err != nil {
			t.Fatal(err)
		}
		jobs := func() int64 { return count(t, w, `SELECT count(*) FROM job_job WHERE kind=$1`, waitlist.JobBack) }
		if n := jobs(); n != 0 {
			t.Errorf("%d letters while it is sold out", n)
		}
		restock(w, out, 2)
		for range 3 { // once
			if err := waitlist.Look(ctx, w.DB, w.Vault); err != nil {
				t.Fatal(err)
			}
		}
		if n := jobs(); n != 1 {
			t.Errorf("%d letters, want 1", n)
		}
		// Forgetting takes the address, the index and the key; the link still leads somewhere.
		for range 2 {
			w.Do(func(tx *db.Tx) error { return waitlist.Forget(tx, w.Vault, e.ID) })
		}
		if e, err = look(again.Token(w.Vault)); err != nil || e.State != "forgotten" {
			t.Errorf("%+v %v", e, err)
		}
		if _, err := db.Read(ctx, w.DB, func(q *db.Reader) (string, error) { return waitlist.MailOf(q, w.Vault, e, auth.OwnWork()) }); err == nil {
			t.Error("a forgotten address opens")
		}
		if at, err := db.Read(ctx, w.DB, func(q *db.Reader) (time.Time, error) { return w.Vault.ErasedAt(q, e.Person) }); err != nil || at.IsZero() {
			t.Errorf("the key lives: %v %v", at, err)
		}
		// Sold out again, the same person may ask anew.
		restock(w, out, 0)
		if n, err := ask(w, out, "kund@example.se"); err != nil || n.ID == e.ID {
			t.Errorf("anew: %v %v", n.ID, err)
		}
	})
}

func TestWishLimits(t *testing.T) {
	each(t, func(t *testing.T, w *shoptest.World) {
		for i := range 21 {
			_, err := ask(w, w.Product(9900, 0), "kund@example.se")
			if i < 20 && err != nil || i == 20 && !fault.Is(err, "too_many") {
				t.Fatalf("wish %d: %v", i+1, err)
			}
		}
		if _, err := ask(w, w.Product(9900, 0), "annan@example.se"); err != nil {
			t.Errorf("another's: %v", err)
		}
	})
}

func TestWishTogether(t *testing.T) {
	each(t, func(t *testing.T, w *shoptest.World) {
		v := w.Product(9900, 0)
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Add(1)
			go func() { defer wg.Done(); _, errs[i] = ask(w, v, "kund@example.se") }()
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil && !isConflict(err) {
				t.Error(err)
			}
		}
		if n := count(t, w, `SELECT count(*) FROM waitlist_entry`); n != 1 {
			t.Errorf("%d wishes, want 1", n)
		}
	})
}

func isConflict(err error) bool { return fmt.Sprint(err) == fmt.Sprint(db.ErrConflict) }

func TestSweepForgets(t *testing.T) {
	each(t, func(t *testing.T, w *shoptest.World) {
		v := w.Product(9900, 0)
		age := func(mail, set string, days int) {
			e, err := ask(w, v, mail)
			if err != nil {
				t.Fatal(err)
			}
			w.Do(func(tx *db.Tx) error {
				return tx.ExecOne(`UPDATE waitlist_entry SET `+set+` WHERE id=$1`, e.ID, tx.Now().AddDate(0, 0, -days))
			})
		}
		age("ny@example.se", `created_at=$2`, 170)
		age("gammal@example.se", `created_at=$2`, 190)
		age("sagd@example.se", `state='told', told_at=$2`, 1)
		age("kvar@example.se", `state='told', told_at=$2`, 5)
		w.Do(func(tx *db.Tx) error { _, err := waitlist.Sweep(tx, w.Vault, 100); return err })
		if n := count(t, w, `SELECT count(*) FROM waitlist_entry WHERE state='forgotten'`); n != 2 {
			t.Errorf("%d forgotten, want 2", n)
		}
		w.Do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE waitlist_entry SET forgotten_at=$1 WHERE state='forgotten'`, tx.Now().AddDate(0, 0, -31))
			return err
		})
		w.Do(func(tx *db.Tx) error { _, err := waitlist.Sweep(tx, w.Vault, 100); return err })
		if n := count(t, w, `SELECT count(*) FROM waitlist_entry`); n != 2 {
			t.Errorf("%d left, want 2", n)
		}
	})
}
