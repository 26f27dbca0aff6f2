package auth

import (
	"slices"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

var payout = Ask{Act: ActPayout, Entity: "company", ID: 1, Was: "bankgiro 5050-1055", Is: "bankgiro 991-2346", Payload: []byte("991-2346")}

func (w *world) ask(by By, k Ask) (Approval, error) {
	return Act(ctx, w.d, by, "approval.ask", entityApproval, 0, func(tx *db.Tx) (Approval, error) { return w.a.Ask(tx, by, k) })
}

func (w *world) asked(by By, k Ask) Approval {
	w.t.Helper()
	p, err := w.ask(by, k)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// carries registers an act whose own work can be counted (done).
func (w *world) carries() {
	w.a.Carry(ActPayout, func(tx *db.Tx, by By, id db.ID, payload []byte) error {
		if err := by.NeedSecond(Ask{Act: ActPayout, Entity: "company", ID: id, Was: payout.Was, Is: payout.Is, Payload: payload}); err != nil {
			return err
		}
		if err := tx.ExecOne(`UPDATE auth_root SET version=version+1000 WHERE id=1`); err != nil { // the act's own work
			return err
		}
		return nil
	})
}

func (w *world) approvalState(id db.ID) string {
	w.t.Helper()
	p, err := db.Read(ctx, w.d, func(q *db.Reader) (Approval, error) { return approvalByID(q, id) })
	if err != nil {
		w.t.Fatal(err)
	}
	return p.State
}

// done counts how often the act's own work was committed.
func (w *world) done() int64 { return w.count(`SELECT version / 1000 FROM auth_root WHERE id=1`) }

// A very dangerous act is done when another member with the same right, who has
// stood for a day, says yes to exactly what he saw, with a fresh proof; once.
func TestSecondPerson(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		w.carries()
		a, b := w.member("a@example.se", "owner"), w.member("b@example.se", "owner")
		c, d := w.member("c@example.se", "reader"), w.member("d@example.se", "owner")
		w.young(d)
		byA, byB, byC, byD := w.by(w.signIn(a)), w.by(w.signIn(b)), w.by(w.signIn(c)), w.by(w.signIn(d))
		again := w.by(w.signIn(a)) // a second session of the same person
		for name, by := range map[string]By{"nobody": {}, "guest": Guest(""), "token": TokenBy(5, "", AllRights), "program": System("x.y"), "without the right": byC} {
			_, err := w.ask(by, payout)
			want(t, "asked by "+name, err, "denied")
		}
		stale := byA
		stale.FreshUntil = time.Now().Add(-time.Second)
		_, err := w.ask(stale, payout)
		want(t, "asked with an old proof", err, "step_up")
		err = byA.NeedSecond(payout)
		want(t, "alone", err, "second_person")
		if f := fault.As(err); f.Kind != fault.Clash {
			t.Error(f.Kind)
		}
		want(t, "a token alone", TokenBy(5, "", AllRights).NeedSecond(payout), "needs_person")
		want(t, "the program", System("x.y").NeedSecond(payout), "")
		p := w.asked(byA, payout)
		if !p.Due.IsZero() || p.State != "waiting" {
			t.Fatalf("%+v", p)
		}
		if q := w.asked(again, payout); q.ID != p.ID {
			t.Error("asked twice is two")
		}
		if w.letters(LetterAsked, b.id) != 1 || w.letters(LetterAsked, 0) != 1 {
			t.Error("letters:", w.letters(LetterAsked, 0))
		}
		staleB := byB
		staleB.FreshUntil = time.Now().Add(-time.Second)
		for name, x := range map[string]struct {
			by     By
			digest string
			code   string
		}{"himself": {byA, p.Digest, "denied"}, "himself in another session": {again, p.Digest, "denied"}, "who has stood for an hour": {byD, p.Digest, "denied"}, "a token": {TokenBy(5, "", AllRights), p.Digest, "denied"},
			"the program": {System("x.y"), p.Digest, "denied"}, "without the right": {byC, p.Digest, "denied"}, "an old proof": {staleB, p.Digest, "step_up"},
			"another digest": {byB, p.Digest[1:] + "0", "changed_meanwhile"}, "no digest": {byB, "", "changed_meanwhile"}} {
			_, err := w.a.Approve(ctx, x.by, p.ID, x.digest)
			want(t, name, err, x.code)
			if x.by.ID != b.id {
				want(t, name+" refuses", w.do(func(tx *db.Tx) error { return w.a.Refuse(tx, x.by, p.ID) }), x.code)
			}
		}
		_, err = w.a.Approve(ctx, byB, 12345, p.Digest)
		want(t, "one that is not there", err, "not_found")
		if w.done() != 0 || w.approvalState(p.ID) != "waiting" {
			t.Fatal("done without a second person")
		}
		done, err := w.a.Approve(ctx, byB, p.ID, p.Digest)
		if err != nil || !done || w.done() != 1 || w.approvalState(p.ID) != "done" {
			t.Fatal(done, err, w.done(), w.approvalState(p.ID))
		}
		_, err = w.a.Approve(ctx, byB, p.ID, p.Digest)
		want(t, "again", err, "changed_meanwhile")
		want(t, "withdraw what is done", w.do(func(tx *db.Tx) error { return w.a.Withdraw(tx, byA, p.ID) }), "changed_meanwhile")
		if w.done() != 1 || w.letters(LetterApproved, a.id) != 1 {
			t.Error(w.done(), w.letters(LetterApproved, a.id))
		}
		if w.logged("approval.ask", audit.Done) != 1 || w.logged("approval.approve", audit.Done) != 1 || w.logged("approval.approve", audit.Refused) == 0 {
			t.Error("the log does not tell")
		}
		// Asked anew it is another one, and needs its own yes.
		if q := w.asked(byA, payout); q.ID == p.ID || q.State != "waiting" {
			t.Error(q)
		}
	})
}

// The database itself refuses a self-approval.
func TestNobodyIsHisOwnSecond(t *testing.T) {
	each(t, func(w *world) {
		a := w.member("a@example.se", "owner")
		w.member("b@example.se", "owner")
		p := w.asked(w.by(w.signIn(a)), payout)
		if err := w.do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE auth_approval SET approved_by=asked_by WHERE id=$1`, p.ID)
			return err
		}); err == nil {
			w.t.Error("the database took it")
		}
	})
}

// An act that nobody carries out by itself is used by who asked: exactly it, once,
// within a day.
func TestTakeApproval(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		byA, byB := w.by(w.signIn(w.member("a@example.se", "owner"))), w.by(w.signIn(w.member("b@example.se", "owner")))
		k := Ask{Act: ActExport, Entity: "customer", Was: "", Is: "all, json"}
		use := func(by By, k Ask) error {
			return w.do(func(tx *db.Tx) error {
				by, err := w.a.Take(tx, by, k)
				if err != nil {
					return err
				}
				return by.NeedSecond(k)
			})
		}
		p := w.asked(byA, k)
		want(t, "before the yes", use(byA, k), "second_person")
		if done, err := w.a.Approve(ctx, byB, p.ID, p.Digest); err != nil || done {
			t.Fatal(done, err)
		}
		for name, x := range map[string]Ask{"another act": {Act: ActPayout, Entity: "customer", Is: k.Is}, "another thing": {Act: ActExport, Entity: "orders", Is: k.Is}, "one of them": {Act: ActExport, Entity: "customer", ID: 3, Is: k.Is},
			"more": {Act: ActExport, Entity: "customer", Is: "all, csv"}, "another was": {Act: ActExport, Entity: "customer", Was: "x", Is: k.Is}, "another payload": {Act: ActExport, Entity: "customer", Is: k.Is, Payload: []byte("x")}} {
			want(t, name, use(byA, x), "second_person")
		}
		want(t, "another member", use(byB, k), "second_person")
		want(t, "a token", use(TokenBy(byA.ID, "", AllRights), k), "needs_person")
		w.exec(`UPDATE auth_approval SET expires_at=$2 WHERE id=$1`, p.ID, time.Now().Add(-time.Second))
		want(t, "too late", use(byA, k), "second_person")
		w.exec(`UPDATE auth_approval SET expires_at=$2 WHERE id=$1`, p.ID, time.Now().Add(time.Hour))
		errs := w.both(func() error { return use(byA, k) }, func() error { return use(byA, k) }, func() error { return use(byA, k) })
		if n := len(slices.DeleteFunc(errs, func(e error) bool { return e != nil })); n != 1 {
			t.Error("used", n, "times")
		}
		want(t, "again", use(byA, k), "second_person")
	})
}

// Approve and withdraw at the same moment, two approvals, approve and refuse: one of
// them holds, and the act is done exactly when the yes did.
func TestApproveAndWithdrawAtOnce(t *testing.T) {
	eachTwo(t, func(w, other *world) {
		t := w.t
		w.carries()
		if other != w {
			other.carries()
		}
		byA, byB, byC := w.by(w.signIn(w.member("a@example.se", "owner"))), w.by(w.signIn(w.member("b@example.se", "owner"))), w.by(w.signIn(w.member("c@example.se", "owner")))
		did := int64(0)
		for range 15 {
			p := w.asked(byA, payout)
			errs := w.both(
				func() error { return other.do(func(tx *db.Tx) error { return other.a.Withdraw(tx, byA, p.ID) }) },
				func() error { _, err := w.a.Approve(ctx, byB, p.ID, p.Digest); return err },
				func() error { _, err := other.a.Approve(ctx, byC, p.ID, p.Digest); return err },
				func() error { return w.do(func(tx *db.Tx) error { return w.a.Refuse(tx, byC, p.ID) }) })
			held := 0
			for _, err := range errs {
				if err == nil {
					held++
				} else if !fault.Is(err, "changed_meanwhile") && err != db.ErrConflict {
					t.Fatal(err)
				}
			}
			if errs[1] == nil || errs[2] == nil {
				did++
			}
			if held != 1 || w.done() != did {
				t.Fatalf("%d held, %d done, want %d: %v, %s", held, w.done(), did, errs, w.approvalState(p.ID))
			}
		}
	})
}

// Where nobody else could approve, a day stands in, every owner is written to, and
// the link in the letter stops it without a sign-in.
func TestTimeStandsIn(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		w.carries()
		a, d := w.member("a@example.se", "owner"), w.member("d@example.se", "owner")
		w.young(d) // whom a thief may have made
		byA, byD := w.by(w.signIn(a)), w.by(w.signIn(d))
		p := w.asked(byA, payout)
		if p.Due.Sub(p.Asked) != 24*time.Hour || w.letters(LetterWaits, a.id) != 1 || w.letters(LetterWaits, d.id) != 1 {
			t.Fatalf("%+v, %d letters", p, w.letters(LetterWaits, 0))
		}
		_, err := w.a.Approve(ctx, byD, p.ID, p.Digest)
		want(t, "who was made today", err, "denied")
		want(t, "upkeep", w.a.Upkeep(ctx), "")
		if w.done() != 0 {
			t.Fatal("done before the day had passed")
		}
		letter := func() Letter {
			l, err := db.Read(ctx, w.d, func(q *db.Reader) (l Letter, err error) {
				var id db.ID
				if err = q.QueryRow(`SELECT max(id) FROM auth_letter WHERE kind='waits' AND staff_id=$1`, a.id).Scan(&id); err != nil {
					return l, err
				}
				l, _, err = w.a.Letter(q, id)
				return l, err
			})
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		l := letter()
		if l.By != "Anna Ek" || l.Act.Is != payout.Is || !l.Self || !l.At.Equal(p.Due) || l.Stop.Reveal() == "" {
			t.Fatalf("%+v", l)
		}
		for _, bad := range []string{"", "x", l.Stop.Reveal()[1:] + "A"} {
			want(t, "stopped by "+bad, w.do(func(tx *db.Tx) error { return w.a.Stop(tx, Guest(""), bad) }), "not_found")
		}
		want(t, "stop", w.do(func(tx *db.Tx) error { return w.a.Stop(tx, Guest(""), l.Stop.Reveal()) }), "")
		want(t, "stop again", w.do(func(tx *db.Tx) error { return w.a.Stop(tx, Guest(""), l.Stop.Reveal()) }), "not_found")
		w.exec(`UPDATE auth_approval SET due_at=$1`, time.Now().Add(-time.Second))
		want(t, "upkeep", w.a.Upkeep(ctx), "")
		if w.done() != 0 || w.approvalState(p.ID) != "stopped" {
			t.Fatal("what was stopped is done")
		}
		// Nobody stops it: done once, by two upkeeps at once.
		p = w.asked(byA, payout)
		if letter().Stop.Reveal() == l.Stop.Reveal() {
			t.Error("one link for two acts")
		}
		w.exec(`UPDATE auth_approval SET due_at=$2 WHERE id=$1`, p.ID, time.Now().Add(-time.Second))
		for _, err := range w.both(func() error { return w.a.due(ctx) }, func() error { return w.a.due(ctx) }) {
			want(t, "upkeep", err, "")
		}
		if w.done() != 1 || w.approvalState(p.ID) != "done" {
			t.Fatal(w.done(), w.approvalState(p.ID))
		}
		// A request that a person must answer is never done by time.
		w.exec(`UPDATE auth_staff SET standing_at=0`)
		p = w.asked(byA, payout)
		w.exec(`UPDATE auth_approval SET expires_at=$2 WHERE id=$1`, p.ID, time.Now().Add(-time.Second))
		want(t, "upkeep", w.a.Upkeep(ctx), "")
		if w.done() != 1 || w.approvalState(p.ID) != "expired" || w.letters(LetterEnded, a.id) != 2 {
			t.Error(w.done(), w.approvalState(p.ID), w.letters(LetterEnded, a.id))
		}
	})
}

// What cannot be done any more is void: who asked has lost his right or his place, or
// the act refuses itself.
func TestVoidApproval(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		refuse := error(nil)
		w.a.Carry(ActPayout, func(tx *db.Tx, by By, id db.ID, payload []byte) error { return refuse })
		b := w.by(w.signIn(w.member("b@example.se", "owner")))
		a := w.member("a@example.se", "owner")
		p := w.asked(w.by(w.signIn(a)), payout)
		w.exec(`UPDATE auth_staff SET role='reader' WHERE id=$1`, a.id)
		_, err := w.a.Approve(ctx, b, p.ID, p.Digest)
		want(t, "asked by who may no longer", err, "asker_gone")
		if s := w.approvalState(p.ID); s != "void" {
			t.Error(s)
		}
		w.exec(`UPDATE auth_staff SET role='owner' WHERE id=$1`, a.id)
		p = w.asked(w.by(w.signIn(a)), payout)
		refuse = fault.Conflict("changed_meanwhile")
		_, err = w.a.Approve(ctx, b, p.ID, p.Digest)
		want(t, "the act refuses", err, "changed_meanwhile")
		if s := w.approvalState(p.ID); s != "void" {
			t.Error(s)
		}
		refuse = nil
		p = w.asked(w.by(w.signIn(a)), payout)
		w.young(a)
		want(t, "close", w.do(func(tx *db.Tx) error { return w.a.Close(tx, b, a.id) }), "")
		if s := w.approvalState(p.ID); s != "void" {
			t.Error("a leaver's request is", s)
		}
	})
}

// An owner is made and removed by two; who was made today is removed by one.
func TestOwnersByTwo(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		a, b, c := w.member("a@example.se", "owner"), w.member("b@example.se", "owner"), w.member("c@example.se", "reader")
		byA, byB := w.by(w.signIn(a)), w.by(w.signIn(b))
		second := func(what string, err error) Ask {
			t.Helper()
			want(t, what, err, "second_person")
			f := fault.As(err)
			if f == nil {
				t.FailNow()
			}
			return f.Cause.(*SecondNeeded).Ask
		}
		k := second("make an owner", w.do(func(tx *db.Tx) error { return w.a.SetRole(tx, byA, c.id, "owner") }))
		p := w.asked(byA, k)
		if done, err := w.a.Approve(ctx, byB, p.ID, p.Digest); err != nil || !done {
			t.Fatal(done, err)
		}
		if n := w.count(`SELECT count(*) FROM auth_staff WHERE id=$1 AND role='owner' AND standing_at > $2`, c.id, time.Now().Add(23*time.Hour)); n != 1 {
			t.Fatal("he is no owner, or stands at once")
		}
		// Made by mistake: undone at once.
		want(t, "undo", w.do(func(tx *db.Tx) error { return w.a.SetRole(tx, byA, c.id, "reader") }), "")
		// An invitation of an owner has no link before the second yes.
		inv, err := w.invite(byA, "e@example.se", "owner")
		if err != nil || inv.Waits == nil || inv.Token.Reveal() != "" || w.count(`SELECT count(*) FROM auth_invite`) != 0 {
			t.Fatal(inv, err)
		}
		_, err = Act(ctx, w.d, byA, "staff.reinvite", entityStaff, inv.Staff, func(tx *db.Tx) (Invited, error) { return w.a.Reinvite(tx, byA, inv.Staff) })
		second("send the link past it", err)
		if _, err := w.a.Approve(ctx, byB, inv.Waits.ID, inv.Waits.Digest); err != nil {
			t.Fatal(err)
		}
		if w.count(`SELECT count(*) FROM auth_invite WHERE staff_id=$1`, inv.Staff) != 1 {
			t.Fatal("no link after the yes")
		}
		// Refused: the address is free again.
		inv, err = w.invite(byA, "f@example.se", "owner")
		if err != nil {
			t.Fatal(err)
		}
		want(t, "refuse", w.do(func(tx *db.Tx) error { return w.a.Refuse(tx, byB, inv.Waits.ID) }), "")
		if w.state(inv.Staff) != "closed" {
			t.Error("a refused owner waits still")
		}
		// To remove an owner is for two, and he himself is neither of them.
		for what, f := range map[string]func(tx *db.Tx) error{
			"close":      func(tx *db.Tx) error { return w.a.Close(tx, byA, b.id) },
			"other role": func(tx *db.Tx) error { return w.a.SetRole(tx, byA, b.id, "reader") },
			"take over":  func(tx *db.Tx) error { _, err := w.a.Reinvite(tx, byA, b.id); return err },
		} {
			k = second(what, w.do(f))
			p := w.asked(byA, k)
			if p.Due.IsZero() {
				t.Error(what, "does not wait, though only he himself could approve")
			}
			_, err := w.a.Approve(ctx, byB, p.ID, p.Digest)
			want(t, what+" approved by himself", err, "denied")
			want(t, "withdraw", w.do(func(tx *db.Tx) error { return w.a.Withdraw(tx, byA, p.ID) }), "")
		}
		k = second("close", w.do(func(tx *db.Tx) error { return w.a.Close(tx, byA, b.id) }))
		p = w.asked(byA, k)
		w.exec(`UPDATE auth_approval SET due_at=$2 WHERE id=$1`, p.ID, time.Now().Add(-time.Second))
		want(t, "upkeep", w.a.Upkeep(ctx), "")
		if w.state(b.id) != "closed" {
			t.Error("the day has passed, and he is", w.state(b.id))
		}
	})
}

// Two owners ask for each other's end, the day passes for both, and two processes
// carry it out at the same moment: one stays.
func TestOwnersEndEachOther(t *testing.T) {
	eachTwo(t, func(w, other *world) {
		t := w.t
		for range 6 {
			w.exec(`UPDATE auth_staff SET state='closed'`)
			w.exec(`DELETE FROM auth_approval`)
			a, b := w.member("a@example.se", "owner"), w.member("b@example.se", "owner")
			byA, byB := w.by(w.signIn(a)), w.by(w.signIn(b))
			for _, x := range []struct {
				by By
				id db.ID
			}{{byA, b.id}, {byB, a.id}} {
				err := w.do(func(tx *db.Tx) error { return w.a.Close(tx, x.by, x.id) })
				f := fault.As(err)
				if f == nil || f.Code != "second_person" {
					t.Fatal(err)
				}
				w.asked(x.by, f.Cause.(*SecondNeeded).Ask)
			}
			w.exec(`UPDATE auth_approval SET due_at=$1`, time.Now().Add(-time.Second))
			for _, err := range w.both(func() error { return w.a.due(ctx) }, func() error { return other.a.due(ctx) }) {
				want(t, "upkeep", err, "")
			}
			if n := w.count(`SELECT count(*) FROM auth_staff WHERE role='owner' AND state='active'`); n != 1 {
				t.Fatal("owners:", n)
			}
		}
	})
}

// Two young owners close each other, and one demotes, on two processes.
func TestLastOwnerOnTwoProcesses(t *testing.T) {
	eachTwo(t, func(w, other *world) {
		t := w.t
		for i := range 10 {
			w.exec(`UPDATE auth_staff SET state='closed'`)
			a, b := w.member("a@example.se", "owner"), w.member("b@example.se", "owner")
			w.young(a, b)
			byA, byB := w.by(w.signIn(a)), w.by(w.signIn(b))
			errs := w.both(
				func() error { return w.do(func(tx *db.Tx) error { return w.a.Close(tx, byA, b.id) }) },
				func() error {
					return other.do(func(tx *db.Tx) error {
						if i%2 == 0 {
							return other.a.SetRole(tx, byB, a.id, "reader")
						}
						return other.a.Close(tx, byB, a.id)
					})
				})
			if n := w.count(`SELECT count(*) FROM auth_staff WHERE role='owner' AND state='active'`); n != 1 {
				t.Fatal("owners:", n, errs)
			}
		}
	})
}
