package auth

import (
	"sync"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

func (w *world) answerer(id, session db.ID) By {
	by := StaffBy(id, "", []Right{CustomersRead})
	by.Session = session
	return by
}

func (w *world) send(by By, c Call) (time.Duration, error) {
	d, _, err := db.Write(ctx, w.d, func(tx *db.Tx) (time.Duration, error) { return w.a.SendCallerCode(tx, by, c) })
	return d, err
}

func (w *world) check(by By, entity string, id db.ID, code string) (bool, error) {
	ok, _, err := db.Write(ctx, w.d, func(tx *db.Tx) (bool, error) {
		ok, _, err := w.a.CheckCallerCode(tx, by, entity, id, code)
		return ok, err
	})
	return ok, err
}

// mailed is the code that the newest letter would carry.
func (w *world) mailed() string {
	w.t.Helper()
	m, err := db.Read(ctx, w.d, func(q *db.Reader) (CallerMail, error) {
		var id db.ID
		if err := q.QueryRow(`SELECT max(id) FROM auth_caller`).Scan(&id); err != nil {
			return CallerMail{}, err
		}
		m, ok, err := w.a.CallerMail(q, id)
		if !ok {
			w.t.Error("the letter has no code")
		}
		return m, err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return m.Code.Reveal()
}

// other is a code of the same form that is not the given one.
func other(code string) string {
	if code[0] == '9' {
		return "0" + code[1:]
	}
	return string(code[0]+1) + code[1:]
}

func (w *world) verified(by By, entity string, id db.ID) Verified {
	w.t.Helper()
	c, err := db.Read(ctx, w.d, func(q *db.Reader) (Verified, error) { return by.Verified(q, entity, id) })
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// A caller is verified by the code in his mail, to who sent it, in his session, through
// this entity, for half an hour.
func TestCaller(t *testing.T) {
	each(t, func(w *world) {
		p, by := w.person(), w.answerer(7, 70)
		call := Call{Person: p, Entity: "order", EntityID: 5, Mail: "anna@example.se"}
		if d, err := w.send(by, call); err != nil || d != 0 {
			w.t.Fatal(d, err)
		}
		code := w.mailed()
		if len(code) != 6 || w.verified(by, "order", 5) != (Verified{}) {
			w.t.Fatal("verified by nothing", code)
		}
		for name, who := range map[string]By{"a colleague": w.answerer(8, 70), "another session": w.answerer(7, 71)} {
			if ok, err := w.check(who, "order", 5, code); ok || !fault.Is(err, "caller_code_gone") {
				w.t.Error(name, ok, err)
			}
		}
		if ok, err := w.check(by, "case", 5, code); ok || !fault.Is(err, "caller_code_gone") {
			w.t.Error("through another entity", ok, err)
		}
		if ok, err := w.check(by, "order", 5, other(code)); ok || err != nil {
			w.t.Error("a wrong code", ok, err)
		}
		if ok, err := w.check(by, "order", 5, " "+code[:3]+"-"+code[3:]); !ok || err != nil {
			w.t.Error("the right code", ok, err)
		}
		c := w.verified(by, "order", 5)
		if c.Need(p, "order", 5) != nil || time.Until(c.Until()) > callerHolds || time.Until(c.Until()) < callerHolds-5*time.Minute {
			w.t.Error(c)
		}
		for name, err := range map[string]error{"another person": c.Need(p+1, "order", 5), "another order": c.Need(p, "order", 6), "a case": c.Need(p, "case", 5), "nobody": Verified{}.Need(p, "order", 5), "nothing": Verified{}.Need(0, "", 0)} {
			if !fault.Is(err, "caller_unverified") {
				w.t.Error(name, err)
			}
		}
		if w.verified(w.answerer(8, 70), "order", 5) != (Verified{}) || w.verified(w.answerer(7, 71), "order", 5) != (Verified{}) || w.verified(by, "case", 5) != (Verified{}) {
			w.t.Error("verified to somebody else")
		}
		if ok, err := w.check(by, "order", 5, code); ok || !fault.Is(err, "caller_code_gone") {
			w.t.Error("a code works twice", ok, err)
		}
		w.must(db.Do(ctx, w.d, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE auth_caller SET until_at=$1`, tx.Now())
			return err
		}))
		if w.verified(by, "order", 5) != (Verified{}) {
			w.t.Error("verified when its time is out")
		}
		// Sent, refused and verified stand in the log.
		var log string
		w.must(db.Do(ctx, w.d, func(tx *db.Tx) error {
			rows, err := db.All(tx, func(r *db.Rows) (s string, err error) {
				var o string
				err = r.Scan(&s, &o)
				return s + " " + o + "; ", err
			}, `SELECT action, outcome FROM audit_entry WHERE action LIKE 'caller.%' ORDER BY id`)
			for _, r := range rows {
				log += r
			}
			return err
		}))
		if log != "caller.send done; caller.verify refused; caller.verify done; " {
			w.t.Error(log)
		}
	})
}

// Three tries a code, ten minutes, three codes an hour to an address whoever asks, and the
// newest only.
func TestCallerBounds(t *testing.T) {
	each(t, func(w *world) {
		p, by := w.person(), w.answerer(7, 70)
		call := Call{Person: p, Entity: "order", EntityID: 5, Mail: "anna@example.se"}
		w.must2(w.send(by, call))
		code := w.mailed()
		for range 3 {
			if ok, err := w.check(by, "order", 5, other(code)); ok || err != nil {
				w.t.Error(ok, err)
			}
		}
		if ok, err := w.check(by, "order", 5, code); ok || !fault.Is(err, "caller_code_gone") {
			w.t.Error("a fourth try", ok, err)
		}
		w.must2(w.send(by, call))
		old := w.mailed()
		w.must2(w.send(w.answerer(8, 80), Call{Person: p, Entity: "order", EntityID: 5, Mail: call.Mail}))
		if ok, err := w.check(by, "order", 5, old); ok || !fault.Is(err, "caller_code_gone") {
			w.t.Error("an older code works", ok, err)
		}
		// The fourth in an hour, through another thing and by another member.
		if d, err := w.send(w.answerer(9, 90), Call{Person: w.person(), Entity: "case", EntityID: 6, Mail: call.Mail}); err != nil || d <= 0 || d > time.Hour {
			w.t.Error("a fourth code within the hour", d, err)
		}
		if d, err := w.send(by, Call{Person: p, Entity: "customer", EntityID: 6, Mail: "bo@example.se"}); err != nil || d != 0 {
			w.t.Error("another address waits", d, err)
		}
		code = w.mailed()
		w.must(db.Do(ctx, w.d, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE auth_caller SET sent_at=$1, expires_at=$2`, tx.Now().Add(-time.Hour), tx.Now())
			return err
		}))
		if ok, err := w.check(by, "customer", 6, code); ok || !fault.Is(err, "caller_code_gone") {
			w.t.Error("a code works when its time is out", ok, err)
		}
		if d, err := w.send(by, call); err != nil || d != 0 {
			w.t.Error("after an hour", d, err)
		}
		for name, who := range map[string]By{"nobody": {}, "guest": Guest(""), "no right": StaffBy(7, "", []Right{OrdersRead}), "token": TokenBy(3, "", []Right{CustomersRead}), "the program": System("x")} {
			if _, err := w.send(who, call); !fault.Is(err, "denied") {
				w.t.Error(name, err)
			}
			if _, err := w.check(who, "order", 5, "000000"); !fault.Is(err, "denied") {
				w.t.Error(name, err)
			}
		}
	})
}

// However many guess at once, three are compared; however many send at once, three leave.
func TestCallerAtOnce(t *testing.T) {
	each(t, func(w *world) {
		p, by := w.person(), w.answerer(7, 70)
		call := Call{Person: p, Entity: "order", EntityID: 5, Mail: "anna@example.se"}
		var wg sync.WaitGroup
		var mu sync.Mutex
		sent, compared, right := 0, 0, 0
		for range 12 {
			wg.Go(func() {
				d, err := w.send(by, call)
				if err != nil {
					w.t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if d == 0 {
					sent++
				}
			})
		}
		wg.Wait()
		if sent != 3 {
			w.t.Errorf("%d codes left at once", sent)
		}
		code := w.mailed()
		for i := range 12 {
			guess := other(code)
			if i == 0 {
				guess = code
			}
			wg.Go(func() {
				ok, err := w.check(by, "order", 5, guess)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					compared++
				case !fault.Is(err, "caller_code_gone"):
					w.t.Error(err)
				}
				if ok {
					right++
				}
			})
		}
		wg.Wait()
		if compared > 3 || right > 1 || compared == 0 {
			w.t.Errorf("%d guesses were compared, %d were right", compared, right)
		}
		// Two who read out the same right code: one is verified by it.
		w.must(db.Do(ctx, w.d, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE auth_caller SET sent_at=$1`, tx.Now().Add(-time.Hour))
			return err
		}))
		w.must2(w.send(by, call))
		code, right = w.mailed(), 0
		for range 2 {
			wg.Go(func() {
				ok, err := w.check(by, "order", 5, code)
				if err != nil && !fault.Is(err, "caller_code_gone") {
					w.t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if ok {
					right++
				}
			})
		}
		wg.Wait()
		if right != 1 {
			w.t.Errorf("the same code was right %d times", right)
		}
	})
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) must2(d time.Duration, err error) {
	w.t.Helper()
	if err != nil || d != 0 {
		w.t.Fatal(d, err)
	}
}
