package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/mail"
)

// Through a true restore: what was alive at the position that came back is not alive in the
// shop that is made of it, and opening it is done once, by the restore that was seen.
func TestNothingComesAliveThatMustNot(t *testing.T) {
	ctx := context.Background()
	t.Setenv("KASSAVALV_TEST_HOLD_JOBS", "1") // the letter waits
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	dir := filepath.Join(t.TempDir(), "demo")
	a, _, err := Demo(ctx, DemoOptions{Dir: dir, Addr: "127.0.0.1:0", Log: log, Out: io.Discard, lookEvery: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	count := func(a *App, what string) (n int) {
		t.Helper()
		n, err := db.Read(ctx, a.DB, func(q *db.Reader) (n int, err error) {
			err = q.QueryRow(`SELECT count(*) FROM ` + what).Scan(&n)
			return
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	var token string
	err = db.Do(ctx, a.DB, func(tx *db.Tx) error {
		by, now := auth.System("test"), tx.Now()
		var staff db.ID
		if err := tx.QueryRow(`SELECT id FROM auth_staff WHERE role='owner' AND state='active'`).Scan(&staff); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO auth_session (id, staff_id, hash, peer, agent, method, via, created_at, seen_at, expires_at, fresh_until) VALUES ($1,$2,$3,'p','a','password','',$4,$4,$5,$5)`,
			tx.NewID(), staff, []byte("a session"), now, now.Add(time.Hour)); err != nil {
			return err
		}
		_, key, err := a.Auth.CreateToken(tx, by, auth.NewToken{Name: "machine", Rights: []auth.Right{auth.OrdersRead}})
		if err != nil {
			return err
		}
		token = key.Reveal()
		if _, err := a.Auth.Invite(tx, by, auth.NewStaff{Email: "ny@example.se", Name: "Ny", Role: "orders"}); err != nil {
			return err
		}
		// An app that is to fall away, and whose owner may stop it after the copied position.
		if _, err := tx.Exec(`INSERT INTO account_lost (id, account_id, state, token_hash, asked_at, due_at) VALUES ($1,1,'waiting',$2,$3,$4)`, tx.NewID(), []byte("a link"), now, now.Add(time.Hour)); err != nil {
			return err
		}
		// A letter that waits, and its job.
		_, err = mail.Queue(tx, mail.Spec{Kind: "order.placed", RefKind: "order", Ref: tx.NewID()})
		if err != nil {
			return err
		}
		// An opening that somebody asked for in an earlier restore.
		_, err = job.Enqueue(tx, job.Spec{Kind: jobReopen, Ref: 42, Key: "42"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Auth.ResolveToken(ctx, token, "p"); err != nil {
		t.Fatalf("the token at work: %v", err)
	}
	c, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if k := a.Copies.Wait(c, 0, 1); k.Sites < 1 {
		t.Fatal("no site has it")
	}
	// Stopped without a further word to its database.
	paper, sites := wayBack(t, dir)
	to := filepath.Join(t.TempDir(), "back")
	if _, err := Restore(ctx, RestoreOptions{Paper: paper, Sites: sites, To: to, Log: log}); err != nil {
		t.Fatal(err)
	}
	defer a.Close(ctx)
	cfg, err := LoadConfig(to, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Copies.Sites = sites
	b, err := open(ctx, to, cfg, log, openOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { b.Close(ctx) }()
	if n := count(b, `auth_session`) + count(b, `account_session`) + count(b, `account_code`); n != 0 {
		t.Errorf("%d sessions and codes came alive", n)
	}
	if n := count(b, `account_lost WHERE state='waiting'`); n != 0 {
		t.Errorf("%d apps fall away that may have been kept", n)
	}
	if n := count(b, `auth_invite`); n != 0 {
		t.Errorf("%d invitations came alive", n)
	}
	if n := count(b, `auth_token WHERE suspended_at IS NULL AND revoked_at IS NULL`); n != 0 {
		t.Errorf("%d tokens came alive", n)
	}
	if n, m := count(b, `mail_message WHERE held_at IS NOT NULL`), count(b, `mail_message WHERE state='queued' AND held_at IS NULL`); n == 0 || m != 0 {
		t.Errorf("%d letters are held, %d would leave", n, m)
	}
	if n := count(b, `audit_entry WHERE action='shop.restored'`); n != 1 {
		t.Errorf("%d lines in the log", n)
	}
	m := b.stands.mark.Load()
	if m == nil || m.Ended == nil || m.Ended.Tokens == 0 || b.shut() == nil {
		t.Fatalf("the mark: %+v", m)
	}
	// Opening: not by what another restore was asked for, then once.
	if err := b.reopenAsked(ctx, 42); err != nil || b.stands.mark.Load() == nil {
		t.Fatalf("a job of an earlier life has opened the shop: %v", err)
	}
	if err := b.Close(ctx); err != nil {
		t.Fatal(err)
	}
	// Another start ends nothing twice.
	if b, err = open(ctx, to, cfg, log, openOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := count(b, `audit_entry WHERE action='shop.restored'`); n != 1 {
		t.Errorf("a second start has written %d lines", n)
	}
	b.demo = true // its sites lie in another demo's folder
	if err := b.startCopies(ctx); err != nil {
		t.Fatal(err)
	}
	if st := b.Copies.Status(); !st.Held {
		t.Error("a shop that is not open writes at the sites")
	}
	if _, err := b.drill(ctx, "plats-1", false); !errors.Is(err, errUndrilled) {
		t.Errorf("what the old shop left is drilled against a shop that is not open: %v", err)
	}
	rep, err := b.reopen(ctx, auth.System("test"), false)
	if err != nil || rep.Epoch != 2 || rep.Sites < 1 || len(rep.Silent) > 0 {
		t.Fatalf("%+v %v", rep, err)
	}
	if _, err := b.reopen(ctx, auth.System("test"), false); err == nil || !strings.Contains(err.Error(), "open for selling") {
		t.Errorf("opened twice: %v", err)
	}
	if b.shut() != nil {
		t.Error("it does not sell")
	}
	if _, err := os.Stat(filepath.Join(to, restoredMark)); !os.IsNotExist(err) {
		t.Errorf("the mark is still there: %v", err)
	}
	// The one it replaces, which still runs in this process, closes.
	for end := time.Now().Add(3 * time.Minute); a.shut() == nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the old shop goes on selling")
		}
	}
}
