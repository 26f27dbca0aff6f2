package account

import (
	"sync"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/auth/authtest"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

// lost is an account with an app: who holds it, and a browser that has proven its mail address and knows no more.
func (w *world) lost(email string) (owner, other *browserAt, key string, codes []secret.Secret) {
	w.t.Helper()
	owner = w.browser()
	owner.account(email)
	key, codes = owner.app()
	return owner, w.atFactor(email), key, codes
}

// atFactor is a browser that is asked for the app's code, after a mailed one.
func (w *world) atFactor(email string) *browserAt {
	w.t.Helper()
	b := w.browser()
	w.exec(`DELETE FROM auth_try`)
	if err := b.ask(email); err != nil {
		w.t.Fatal(err)
	}
	if e, err := b.keep(w.a.TryCode(ctx, b.code(), b.from)); err != nil || !e.Second {
		w.t.Fatal(e, err)
	}
	return b
}

func (b *browserAt) askLost() (time.Time, error) { return b.w.a.AskLost(ctx, b.from) }

func (b *browserAt) losing() time.Time {
	b.w.t.Helper()
	return read(b.w, func(q db.Q) (time.Time, error) { return b.w.a.Losing(q, b.visitor()) })
}

// pass lets the days go by, for what waits.
func (w *world) pass() {
	w.t.Helper()
	w.exec(`UPDATE account_lost SET asked_at=1, due_at=2 WHERE state='waiting'`)
	if err := w.a.Sweep(ctx); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) lostAre(state string, n int64) {
	w.t.Helper()
	if have := w.count(`SELECT count(*) FROM account_lost WHERE state=$1`, state); have != n {
		w.t.Errorf("%d are %s, want %d", have, state, n)
	}
}

// Lost app and lost codes: a mailed code, seven days in which everybody hears of it, and then a mailed code is enough.
func TestLostApp(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		owner, b, key, codes := w.lost("kim@example.se")
		want(t, "a password beside the app", owner.password(shortPassword), "")
		b = w.atFactor("kim@example.se")
		before := time.Now()
		due, err := b.askLost()
		if err != nil || due.Before(before.Add(LostWait-time.Second)) || due.After(time.Now().Add(LostWait)) {
			t.Fatal(due, err)
		}
		// Everybody hears of it: the address, twice, and who is signed in.
		m := mail(w, JobLost, w.a.LostMail)
		if m.To != "kim@example.se" || !m.Waiting || m.Done || !m.Due.Equal(due) {
			t.Errorf("%+v", m)
		}
		if n := w.count(`SELECT count(*) FROM job_job WHERE kind=$1 AND run_at=$2`, JobLostSoon, due.Add(-lostSoon)); n != 1 {
			t.Error("the second letter does not wait for the day before:", n)
		}
		if !owner.losing().Equal(due) {
			t.Error("who is signed in does not see it")
		}
		if l := read(w, func(q db.Q) (Lost, error) { return w.a.LookLost(q, b.from.Browser) }); !l.May || !l.Due.Equal(due) {
			t.Errorf("%+v", l)
		}
		// Asking again changes nothing and writes no letter.
		if again, err := b.askLost(); err != nil || !again.Equal(due) || w.count(`SELECT count(*) FROM job_job WHERE kind=$1`, JobLost) != 1 {
			t.Error(again, err)
		}
		// Before its time nothing is changed.
		w.exec(`UPDATE account_lost SET due_at=$1`, time.Now().Add(time.Hour).UnixMicro())
		if err := w.a.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		w.lostAre("waiting", 1)
		if e, err := w.a.Second(ctx, "000000", b.from); err == nil || !e.Secret.IsZero() {
			t.Error("the app is not asked for")
		}
		w.pass()
		w.lostAre("done", 1)
		w.dead("the owner's old session", owner.from.Old)
		if m := mail(w, JobLostEnded, w.a.LostMail); !m.Done || m.Waiting || m.To != "kim@example.se" {
			t.Errorf("%+v", m)
		}
		for _, code := range []string{totpCode(t, key, 0), codes[0].Reveal()} {
			_, err := w.a.Second(ctx, code, b.from)
			want(t, "what waited for the app", err, "invalid")
		}
		c := w.browser()
		if v := c.prove("kim@example.se"); v.Account == 0 {
			t.Error("a mailed code is not enough")
		}
		if ways := read(w, func(q db.Q) (Ways, error) { return w.a.Ways(q, c.visitor()) }); ways.App || ways.Recovery != 0 || ways.Password {
			t.Errorf("left: %+v", ways)
		}
		_, err = w.browser().signIn("kim@example.se", shortPassword)
		want(t, "a password that may not stand alone", err, "sign_in_failed")
		// The acts are recorded, without a word about the person, and the row goes.
		seen := map[string]bool{}
		for _, e := range read(w, func(q db.Q) ([]audit.Entry, error) { return audit.List(q, audit.Filter{}, 0, 200) }) {
			seen[e.Action+" "+e.ActorKind+" "+string(e.Outcome)] = true
		}
		for _, k := range []string{"account.lost_ask guest done", "account.lost_done system done"} {
			if !seen[k] {
				t.Errorf("%q is not recorded: %v", k, seen)
			}
		}
		w.exec(`UPDATE account_lost SET ended_at=3`)
		if err := w.a.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		w.lostAre("done", 0)
	})
}

// A password of its own strength stays.
func TestLostAppKeepsTheLongPassword(t *testing.T) {
	each(t, func(w *world) {
		owner, _, _, _ := w.lost("kim@example.se")
		want(w.t, "password", owner.password(longPassword), "")
		_, err := w.atFactor("kim@example.se").askLost()
		want(w.t, "ask", err, "")
		w.pass()
		if e, err := w.browser().signIn("kim@example.se", longPassword); err != nil || e.Second || e.Secret.IsZero() {
			w.t.Error(e, err)
		}
	})
}

// Nobody begins it without the mailed code of an account with an app, and all who may not get the same answer.
func TestLostAppNeedsTheAddress(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		owner, _, _, _ := w.lost("kim@example.se")
		want(t, "password", owner.password(shortPassword), "")
		w.browser().account("utan@example.se")
		word, asked, guest, plain, done := w.browser(), w.browser(), w.browser(), w.browser(), w.atFactor("kim@example.se")
		if e, err := word.signIn("kim@example.se", shortPassword); err != nil || !e.Second {
			t.Fatal(e, err)
		}
		want(t, "ask for a code", asked.ask("kim@example.se"), "")
		guest.prove("ny@example.se")
		plain.prove("utan@example.se")
		w.exec(`UPDATE account_code SET expires_at=1 WHERE browser=$1`, func() []byte { b, _ := w.a.browser(done.from.Browser, time.Now()); return b.hash() }())
		stranger := w.browser()
		stranger.from.Browser = "x"
		for name, b := range map[string]*browserAt{"a password alone": word, "a code that has not come back": asked, "a guest": guest, "an account without an app": plain,
			"too late": done, "nobody": w.browser(), "a forged cookie": stranger, "who is signed in": owner} {
			_, err := b.askLost()
			want(t, name, err, "unauthenticated")
			if l := read(w, func(q db.Q) (Lost, error) { return w.a.LookLost(q, b.from.Browser) }); l.May || !l.Due.IsZero() {
				t.Errorf("%s is told %+v", name, l)
			}
		}
		if n := w.count(`SELECT count(*) FROM account_lost`); n != 0 {
			t.Error("begun:", n)
		}
		// While it waits, they are told no more.
		_, err := w.atFactor("kim@example.se").askLost()
		want(t, "ask", err, "")
		for _, b := range []*browserAt{word, asked, guest, plain, w.browser()} {
			if l := read(w, func(q db.Q) (Lost, error) { return w.a.LookLost(q, b.from.Browser) }); l.May || !l.Due.IsZero() {
				t.Errorf("told %+v", l)
			}
		}
	})
}

// Every way to stop it keeps the app, and tells the address.
func TestLostAppStopped(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		owner, _, key, codes := w.lost("kim@example.se")
		k := authtest.New(t)
		stop := func() string { return mail(w, JobLost, w.a.LostMail).Stop.Reveal() }
		link := func(token string) error {
			return w.do(func(tx *db.Tx) error { return w.a.StopLostByLink(tx, auth.Guest(place), token) })
		}
		fresh := func() *browserAt {
			b := w.atFactor("kim@example.se")
			w.exec(`UPDATE account_account SET totp_step=0`)
			_, err := b.keep(w.a.Second(ctx, totpCode(t, key, 0), b.from))
			want(t, "sign in", err, "")
			w.exec(`UPDATE account_account SET totp_step=0`)
			return b
		}
		for _, c := range []struct {
			name string
			stop func(b *browserAt) error
		}{
			{"the letter's link", func(*browserAt) error {
				token := stop()
				row := db.ID(w.count(`SELECT id FROM account_lost WHERE state='waiting'`))
				for _, bad := range []string{"", "x", token[1:] + "A", w.a.v.Token(stopKind, row, 1), w.a.v.Token(codeKind, row, 1)} {
					want(t, "link "+bad, link(bad), "not_found")
				}
				if due := read(w, func(q db.Q) (time.Time, error) { return w.a.LookStopLost(q, token) }); due.IsZero() {
					t.Error("the link shows nothing")
				}
				err := link(token)
				want(t, "the link again", link(token), "not_found")
				return err
			}},
			{"a session, without fresh proof", func(*browserAt) error {
				w.stale()
				return w.do(func(tx *db.Tx) error { return w.a.StopLost(tx, owner.visitor()) })
			}},
			{"a sign-in with the app", func(b *browserAt) error {
				_, err := w.a.Second(ctx, totpCode(t, key, 0), b.from)
				w.exec(`UPDATE account_account SET totp_step=0`)
				return err
			}},
			{"a sign-in with a recovery code", func(b *browserAt) error {
				_, err := w.a.Second(ctx, codes[3].Reveal(), b.from)
				return err
			}},
			{"a passkey that is added", func(*browserAt) error { owner = fresh(); w.waits(); return owner.passkey(k) }},
		} {
			w.exec(`DELETE FROM account_lost`)
			b := w.atFactor("kim@example.se")
			if _, err := b.askLost(); err != nil {
				t.Fatal(c.name, err)
			}
			w.exec(`DELETE FROM job_job WHERE kind=$1`, JobLostEnded)
			want(t, c.name, c.stop(b), "")
			w.lostAre("stopped", 1)
			if n := w.count(`SELECT count(*) FROM job_job WHERE kind=$1`, JobLostEnded); n != 1 {
				t.Errorf("%s: %d letters", c.name, n)
			}
			if m := mail(w, JobLostEnded, w.a.LostMail); m.Done || m.Waiting || m.To != "kim@example.se" {
				t.Errorf("%s: %+v", c.name, m)
			}
			w.exec(`UPDATE account_lost SET due_at=2`)
			if err := w.a.Sweep(ctx); err != nil {
				t.Fatal(err)
			}
			w.atFactor("kim@example.se") // the app is asked for
			w.lostAre("done", 0)
		}
		// Who holds a passkey needs not wait: the app is off at once, with one letter about it.
		w.exec(`DELETE FROM account_lost`)
		_, err := w.atFactor("kim@example.se").askLost()
		want(t, "ask", err, "")
		p := w.browser()
		want(t, "by passkey", p.byPasskey(k), "")
		if p.losing().IsZero() {
			t.Error("who came in with a passkey does not see it")
		}
		letters := w.count(`SELECT count(*) FROM job_job WHERE kind=$1`, JobLostEnded)
		want(t, "the app goes", p.act(func(tx *db.Tx) (secret.Secret, error) { return w.a.RemoveApp(tx, p.visitor()) }), "")
		w.lostAre("stopped", 1)
		if n := w.count(`SELECT count(*) FROM job_job WHERE kind=$1`, JobLostEnded); n != letters {
			t.Error("two letters about one thing")
		}
		if v := w.browser().prove("kim@example.se"); v.Account == 0 {
			t.Error("the app is still asked for")
		}
		// Another's session, a guest's, and none stop nothing.
		other, guest := w.browser(), w.browser()
		other.account("annan@example.se")
		guest.prove("gast@example.se")
		kim, b2, _, _ := w.lost("bo@example.se")
		_, err = b2.askLost()
		want(t, "ask", err, "")
		want(t, "another's session", w.do(func(tx *db.Tx) error { return w.a.StopLost(tx, other.visitor()) }), "")
		want(t, "a guest", w.do(func(tx *db.Tx) error { return w.a.StopLost(tx, guest.visitor()) }), "denied")
		want(t, "nobody", w.do(func(tx *db.Tx) error { return w.a.StopLost(tx, Visitor{}) }), "unauthenticated")
		w.lostAre("waiting", 1)
		// With the account it goes too.
		want(t, "close", w.do(func(tx *db.Tx) error { return w.a.Close(tx, kim.visitor()) }), "")
		w.lostAre("waiting", 0)
	})
}

// waits asks for one anew where the present one was ended by what the test did itself.
func (w *world) waits() {
	w.t.Helper()
	w.exec(`DELETE FROM account_lost`)
	w.exec(`DELETE FROM job_job WHERE kind=$1`, JobLostEnded)
	if _, err := w.atFactor("kim@example.se").askLost(); err != nil {
		w.t.Fatal(err)
	}
}

// An address that is taken back ends what its mailbox had asked for.
func TestLostAppAndAddress(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		owner, _, key, _ := w.lost("kim@example.se")
		want(t, "move", w.a.AskMove(ctx, owner.visitor(), "ny@example.se"), "")
		m := mail(w, JobMove, w.a.MoveMail)
		want(t, "moved", owner.rekeyed(w.a.TryMove(ctx, owner.visitor(), m.Code)), "")
		due, err := w.atFactor("ny@example.se").askLost()
		want(t, "ask", err, "")
		if s := mail(w, JobMoved, w.a.MoveMail); s.StopUntil.After(due) {
			t.Error("the app may fall away while the change of address can be stopped:", due, s.StopUntil)
		}
		want(t, "stop the move", w.do(func(tx *db.Tx) error { return w.a.StopMove(tx, auth.Guest(""), m.Stop.Reveal()) }), "")
		w.lostAre("stopped", 1)
		w.pass()
		b := w.atFactor("kim@example.se")
		_, err = w.a.Second(ctx, totpCode(t, key, 0), b.from)
		want(t, "the app counts", err, "")
	})
}

// In a shop that came back from a copy nothing waits any more: that somebody stopped it may be among what did not come back. Who
// asked is told, and may ask again.
func TestLostAppAfterARestore(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		_, b, key, _ := w.lost("kim@example.se")
		_, err := b.askLost()
		want(t, "ask", err, "")
		var links int64
		want(t, "restored", w.do(func(tx *db.Tx) (err error) { _, links, err = EndAfterRestore(tx); return }), "")
		w.lostAre("stopped", 1)
		if m := mail(w, JobLostEnded, w.a.LostMail); m.Done || m.Waiting || m.To != "kim@example.se" {
			t.Errorf("%+v", m)
		}
		if links == 0 {
			t.Error("it is not counted")
		}
		w.pass()
		w.lostAre("done", 0)
		b = w.atFactor("kim@example.se")
		_, err = w.a.Second(ctx, totpCode(t, key, 0), b.from)
		want(t, "the app counts", err, "")
		_, err = w.atFactor("kim@example.se").askLost()
		want(t, "ask again", err, "")
	})
}

// However many ask at once, one waits; three a day; and a stop that comes with the day leaves one of the two.
func TestLostAppUnderParallelism(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		owner, b, _, _ := w.lost("kim@example.se")
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { b.askLost() })
		}
		wg.Wait()
		w.lostAre("waiting", 1)
		if n := w.count(`SELECT count(*) FROM job_job WHERE kind=$1`, JobLost); n != 1 {
			t.Error("letters:", n)
		}
		stop := func() error { return w.do(func(tx *db.Tx) error { return w.a.StopLost(tx, owner.visitor()) }) }
		for range 2 {
			want(t, "stop", stop(), "")
			_, err := b.askLost()
			want(t, "again", err, "")
		}
		want(t, "stop", stop(), "")
		_, err := b.askLost()
		want(t, "a fourth in a day", err, "too_many")
		w.lostAre("waiting", 0)

		w.exec(`DELETE FROM auth_try`)
		_, err = b.askLost()
		want(t, "tomorrow", err, "")
		w.exec(`UPDATE account_lost SET asked_at=1, due_at=2 WHERE state='waiting'`)
		token := mail(w, JobLost, w.a.LostMail).Stop.Reveal()
		for range 3 {
			wg.Go(func() {
				if err := w.a.Sweep(ctx); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				w.do(func(tx *db.Tx) error { return w.a.StopLostByLink(tx, auth.Guest(place), token) })
			})
		}
		wg.Wait()
		done := w.count(`SELECT count(*) FROM account_lost WHERE state='done'`)
		app := w.count(`SELECT count(*) FROM account_account WHERE totp IS NOT NULL`)
		if done+app != 1 || w.count(`SELECT count(*) FROM account_lost WHERE state='waiting'`) != 0 {
			t.Errorf("done %d, apps %d", done, app)
		}
	})
}
