package lesson_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/ops/lesson"
	"kassavalv/internal/secret"
	"kassavalv/internal/secret/secrettest"
)

var ctx = context.Background()

var rooms = []db.Migrations{secret.Migrations, job.Migrations, audit.Migrations, auth.Migrations, lesson.Migrations}

const day = 24 * time.Hour

type world struct {
	t *testing.T
	d *db.DB
	a *auth.Auth
	m *lesson.Room
	n int
}

func each(t *testing.T, fn func(w *world)) {
	t.Helper()
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		a, err := auth.New(d, secrettest.Vault(t, d), auth.Options{PublicURL: "https://butik.example"})
		if err != nil {
			t.Fatal(err)
		}
		fn(&world{t: t, d: d, a: a, m: &lesson.Room{DB: d, Auth: a}})
	})
}

// member makes an active member of a role; by is he, with the rights of the role.
func (w *world) member(role string) (by auth.By) {
	w.t.Helper()
	w.n++
	key, err := w.a.NewTOTP()
	if err != nil {
		w.t.Fatal(err)
	}
	id, err := w.a.SetCredentials(ctx, auth.System("test"), auth.Credentials{NewStaff: auth.NewStaff{Email: fmt.Sprintf("m%d@butik.example", w.n), Name: fmt.Sprintf("Kim %d", w.n), Role: role}, Password: secret.Hide("korrekt häst batteri"), TOTP: key})
	if err != nil {
		w.t.Fatal(err)
	}
	by = auth.StaffBy(id, "", auth.Roles[role])
	by.FreshUntil = time.Now().Add(time.Hour)
	return by
}

func (w *world) look() {
	w.t.Helper()
	if err := w.m.Look(ctx); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) mine(by auth.By) map[string]lesson.Standing {
	w.t.Helper()
	list, err := db.Read(ctx, w.d, func(q *db.Reader) ([]lesson.Standing, error) { return w.m.Mine(q, by) })
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]lesson.Standing{}
	for _, s := range list {
		out[s.Lesson.ID] = s
	}
	return out
}

// later moves everything in the room back by d, as if the time had gone.
func (w *world) later(d time.Duration) {
	w.t.Helper()
	w.do(func(tx *db.Tx) error {
		type row struct {
			member             db.ID
			lesson             string
			since, due, passed time.Time
		}
		rows, err := db.All(tx, func(r *db.Rows) (x row, err error) {
			err = r.Scan(&x.member, &x.lesson, &x.since, &x.due, &x.passed)
			return
		}, `SELECT member_id, lesson, since, due_at, passed_at FROM lesson_state`)
		if err != nil {
			return err
		}
		for _, x := range rows {
			var passed any
			if !x.passed.IsZero() {
				passed = x.passed.Add(-d)
			}
			if err := tx.ExecOne(`UPDATE lesson_state SET since=$3, due_at=$4, passed_at=$5 WHERE member_id=$1 AND lesson=$2`, x.member, x.lesson, x.since.Add(-d), x.due.Add(-d), passed); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *world) do(fn func(tx *db.Tx) error) {
	w.t.Helper()
	if err := db.Do(ctx, w.d, fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) count(text string, args ...any) (n int) {
	w.t.Helper()
	n, err := db.Read(ctx, w.d, func(q *db.Reader) (n int, err error) { err = q.QueryRow(text, args...).Scan(&n); return })
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// right are the places of the right answers for a member.
func right(by auth.By, id string) []int {
	l, _ := lesson.ByID(id)
	var out []int
	for _, q := range lesson.Ask(l, lang.SV, by.ID) {
		for i, a := range q.Answers {
			if a.Right {
				out = append(out, i)
			}
		}
	}
	return out
}

func wrong(by auth.By, id string) []int {
	out := right(by, id)
	l, _ := lesson.ByID(id)
	out[0] = (out[0] + 1) % len(lesson.Ask(l, lang.SV, by.ID)[0].Answers)
	return out
}

func (w *world) attempt(by auth.By, id string, version int64, chosen []int) (lesson.Result, error) {
	r, _, err := db.Write(ctx, w.d, func(tx *db.Tx) (lesson.Result, error) { return w.m.Attempt(tx, by, id, version, chosen) })
	return r, err
}

func (w *world) pass(by auth.By, id string) {
	w.t.Helper()
	l, _ := lesson.ByID(id)
	if r, err := w.attempt(by, id, l.Version, right(by, id)); err != nil || !r.Passed {
		w.t.Fatalf("%s: %+v %v", id, r, err)
	}
}

func near(got time.Time, want time.Duration) bool {
	d := time.Until(got) - want
	return d > -time.Hour && d < time.Hour
}

// Which lessons concern whom, when they are due, and what a pass does.
func TestStanding(t *testing.T) {
	each(t, func(w *world) {
		by, other := w.member("orders"), w.member("reader")
		if mine := w.mine(by); !near(mine["refunds"].Due, 14*day) || !mine["refunds"].Open || mine["refunds"].Late {
			t.Errorf("before the first look: %+v", mine["refunds"])
		}
		// One who does not wait for the first look passes as any other.
		w.pass(by, "paper")
		if s := w.mine(by)["paper"]; s.Open || !near(s.Due, 365*day) {
			t.Errorf("passed before the first look: %+v", s)
		}
		w.do(func(tx *db.Tx) error { _, err := tx.Exec(`DELETE FROM lesson_done`); return err })
		w.look()
		w.later(3 * day)
		w.look()
		mine := w.mine(by)
		if s := mine["refunds"]; !near(s.Due, 11*day) || !s.Open {
			t.Errorf("three days on: %+v", s)
		}
		if _, has := mine["invoices"]; has {
			t.Error("who packs is given the lesson of who pays")
		}
		if s := w.mine(other); s["refunds"].Lesson.ID != "" || s["phishing"].Lesson.ID == "" {
			t.Errorf("a reader has %d lessons", len(s))
		}
		if r, err := w.attempt(by, "refunds", 1, wrong(by, "refunds")); err != nil || r.Passed || r.Tries != 1 || r.Right != 2 {
			t.Errorf("a wrong answer: %+v %v", r, err)
		}
		r, err := w.attempt(by, "refunds", 1, right(by, "refunds"))
		if err != nil || !r.Passed || r.Tries != 2 || !near(r.Next, 365*day) {
			t.Errorf("all right: %+v %v", r, err)
		}
		if s := w.mine(by)["refunds"]; s.Open || s.Late || !near(s.Due, 365*day) || s.PassedVersion != 1 {
			t.Errorf("passed: %+v", s)
		}
		// A second press, and the way back in the browser, are the same pass.
		if r, err := w.attempt(by, "refunds", 1, right(by, "refunds")); err != nil || !r.Passed {
			t.Errorf("again: %+v %v", r, err)
		}
		if n := w.count(`SELECT count(*) FROM lesson_done WHERE member_id=$1 AND tries=2`, by.ID); n != 1 || w.count(`SELECT count(*) FROM lesson_done`) != 1 {
			t.Errorf("%d rows in the record", n)
		}
		if n := w.count(`SELECT count(*) FROM audit_entry WHERE action='lesson.pass' AND actor_id=$1`, by.ID); n != 2 {
			t.Errorf("%d audit rows", n)
		}
		// A year less a month later it opens again, and a year later it is due.
		w.later(340 * day)
		if s := w.mine(by)["refunds"]; !s.Open || s.Late {
			t.Errorf("soon due again: %+v", s)
		}
		w.later(26 * day)
		if s := w.mine(by)["refunds"]; !s.Open || !s.Late {
			t.Errorf("due again: %+v", s)
		}
		w.pass(by, "refunds")
		if n := w.count(`SELECT count(*) FROM lesson_done`); n != 2 {
			t.Errorf("%d rows after two years", n)
		}
		for name, c := range map[string]struct {
			by      auth.By
			id      string
			version int64
			chosen  []int
			code    string
		}{
			"another version": {by, "phishing", 9, right(by, "phishing"), "lesson_changed"}, "no such lesson": {by, "none", 1, nil, "not_found"},
			"nothing chosen": {by, "phishing", 1, nil, "invalid"}, "a place that is none": {by, "phishing", 1, []int{0, 1, 9}, "invalid"},
			"one left out": {by, "phishing", 1, []int{0, lesson.None, 0}, "invalid"}, "a token": {auth.TokenBy(5, "", auth.AllRights), "phishing", 1, nil, "denied"}, "nobody": {auth.By{}, "phishing", 1, nil, "denied"},
		} {
			if _, err := w.attempt(c.by, c.id, c.version, c.chosen); !fault.Is(err, c.code) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A new version, and a right that comes back, are due after two weeks, not at once.
func TestDueAnew(t *testing.T) {
	each(t, func(w *world) {
		by, owner := w.member("orders"), w.member("owner")
		w.look()
		w.pass(by, "phishing")
		// As after an upgrade: what was passed is an older version.
		w.do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE lesson_state SET version=7, passed_version=0, passed_at=NULL WHERE member_id=$1 AND lesson='paper'`, by.ID)
			return err
		})
		w.later(400 * day)
		w.look()
		mine := w.mine(by)
		if s := mine["paper"]; !near(s.Due, 14*day) || !s.Open || s.Late {
			t.Errorf("another version: %+v", s)
		}
		if n := w.count(`SELECT count(*) FROM lesson_state WHERE member_id=$1 AND lesson='paper' AND version=1 AND tries=0`, by.ID); n != 1 {
			t.Error("the look has not seen the other version")
		}
		if s := mine["phishing"]; !s.Late {
			t.Errorf("the same version a year later: %+v", s)
		}
		// He loses the right and gets it back.
		w.do(func(tx *db.Tx) error { return w.a.SetRole(tx, owner, by.ID, "reader") })
		w.look()
		if n := w.count(`SELECT count(*) FROM lesson_state WHERE member_id=$1 AND lesson='refunds' AND concerns=1`, by.ID); n != 0 {
			t.Error("a reader is still asked for the lesson on refunds")
		}
		w.later(30 * day)
		w.do(func(tx *db.Tx) error { return w.a.SetRole(tx, owner, by.ID, "orders") })
		w.look()
		if s := w.mine(by)["refunds"]; !near(s.Due, 14*day) || s.Late {
			t.Errorf("the right came back: %+v", s)
		}
		if n := w.count(`SELECT count(*) FROM lesson_state WHERE member_id=$1 AND lesson='refunds' AND concerns=1`, by.ID); n != 1 {
			t.Error("the look has not seen that the right came back")
		}
	})
}

// One letter at each stage about everything that is due; none when nothing is new.
func TestReminders(t *testing.T) {
	each(t, func(w *world) {
		by := w.member("reader")
		letters := func() int { return w.count(`SELECT count(*) FROM lesson_letter WHERE member_id=$1`, by.ID) }
		want := 0
		for _, s := range []struct {
			wait time.Duration
			news int
			say  string
		}{{0, 0, "first seen"}, {6 * day, 0, "eight days before"}, {2 * day, 1, "a week before"}, {day, 0, "the day after"}, {6 * day, 1, "due"}, {3 * day, 0, "some days late"}, {4 * day, 1, "a week late"}, {14 * day, 1, "two weeks more"}} {
			w.later(s.wait)
			w.look()
			w.look()
			if want += s.news; letters() != want {
				t.Fatalf("%s: %d letters, want %d", s.say, letters(), want)
			}
		}
		if n := w.count(`SELECT count(*) FROM job_job WHERE kind=$1`, lesson.JobRemind); n != want {
			t.Errorf("%d jobs for %d letters", n, want)
		}
		ref := db.ID(w.count(`SELECT max(id) FROM lesson_letter`))
		read := func() (lesson.Letter, bool) {
			type out struct {
				l  lesson.Letter
				ok bool
			}
			o, err := db.Read(ctx, w.d, func(q *db.Reader) (o out, err error) { o.l, o.ok, err = w.m.Remind(q, ref); return })
			if err != nil {
				t.Fatal(err)
			}
			return o.l, o.ok
		}
		l, ok := read()
		if !ok || l.Parts[2].Button.URL != "/admin/lessons" {
			t.Fatalf("%v %+v", ok, l)
		}
		l.Parts[2].Button.URL = "https://butik.example/admin/lessons"
		text, _, err := l.Body()
		if err != nil || l.To != "m1@butik.example" || !strings.Contains(text, "Nycklar") || !strings.Contains(text, "skulle ha varit klar") {
			t.Errorf("%v %q %v", ok, text, err)
		}
		// Whoever has passed everything is left alone, the letter on its way included.
		for id := range w.mine(by) {
			w.pass(by, id)
		}
		if _, ok := read(); ok {
			t.Error("a letter about nothing")
		}
		w.look()
		if letters() != want {
			t.Error("a reminder after passing")
		}
		// And so is who has left.
		w.later(400 * day)
		owner := w.member("owner")
		w.do(func(tx *db.Tx) error { return w.a.Close(tx, owner, by.ID) })
		w.look()
		if letters() != want {
			t.Error("a reminder to who has left")
		}
	})
}

// A right that demands a lesson is refused when the lesson is later than the grace,
// and is there again the moment it is passed. The lessons themselves stay open.
func TestNeed(t *testing.T) {
	each(t, func(w *world) {
		owner, by := w.member("owner"), w.member("orders")
		set := func(who auth.By, n lesson.Need) error {
			return db.Do(ctx, w.d, func(tx *db.Tx) error { return w.m.SetNeed(tx, who, n) })
		}
		stale := owner
		stale.FreshUntil = time.Time{}
		for name, c := range map[string]struct {
			by   auth.By
			n    lesson.Need
			code string
		}{
			"no right":         {by, lesson.Need{Right: auth.RefundsWrite, Lesson: "refunds"}, "denied"},
			"no fresh proof":   {stale, lesson.Need{Right: auth.RefundsWrite, Lesson: "refunds"}, "step_up"},
			"an unknown right": {owner, lesson.Need{Right: "all", Lesson: "refunds"}, "invalid"}, "an unknown lesson": {owner, lesson.Need{Right: auth.RefundsWrite, Lesson: "x"}, "invalid"},
			"too much grace": {owner, lesson.Need{Right: auth.RefundsWrite, Lesson: "refunds", Grace: 91}, "invalid"}, "less than none": {owner, lesson.Need{Right: auth.RefundsWrite, Lesson: "refunds", Grace: -1}, "invalid"},
			"an old page": {owner, lesson.Need{Right: auth.RefundsWrite, Lesson: "refunds", Version: 3}, "changed_meanwhile"},
		} {
			if err := set(c.by, c.n); !fault.Is(err, c.code) {
				t.Errorf("%s: %v", name, err)
			}
		}
		need := lesson.Need{Right: auth.RefundsWrite, Lesson: "refunds", Grace: 7}
		if err := set(owner, need); err != nil {
			t.Fatal(err)
		}
		if err := set(owner, lesson.Need{Right: auth.RefundsWrite, Lesson: "paper"}); !fault.Is(err, "changed_meanwhile") {
			t.Errorf("over another's setting: %v", err)
		}
		if n := w.count(`SELECT count(*) FROM audit_entry WHERE action='lesson.need'`); n != 1 {
			t.Errorf("%d audit rows", n)
		}
		// A right may demand a lesson that is not made for it: then it concerns its holders.
		if err := set(owner, lesson.Need{Right: auth.CatalogWrite, Lesson: "invoices", Grace: 0}); err != nil {
			t.Fatal(err)
		}
		if s, has := w.mine(w.member("catalogue"))["invoices"]; !has {
			t.Errorf("the demanded lesson concerns nobody: %+v", s)
		}
		lacking := func() map[auth.Right]string {
			m, err := db.Read(ctx, w.d, func(q *db.Reader) (map[auth.Right]string, error) {
				return lesson.Lacking(q, by.ID, auth.Roles["orders"])
			})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		for _, s := range []struct {
			wait time.Duration
			want string
		}{{0, ""}, {13 * day, ""}, {3 * day, ""}, {4 * day, ""}, {2 * day, "refunds"}} {
			w.later(s.wait)
			w.look()
			if got := lacking(); got[auth.RefundsWrite] != s.want || len(got) > 1 {
				t.Errorf("after %v more: %v", s.wait, got)
			}
		}
		if !lang.Has("lesson.needed." + lacking()[auth.RefundsWrite]) {
			t.Error("the refusal has no words")
		}
		// The lesson is still his, with the right taken away.
		held := auth.StaffBy(by.ID, "", []auth.Right{auth.OrdersRead})
		if s, err := db.Read(ctx, w.d, func(q *db.Reader) (lesson.Standing, error) { return w.m.One(q, held, "refunds") }); err != nil || s.Lesson.ID != "refunds" {
			t.Errorf("%+v %v", s, err)
		}
		w.pass(held, "refunds")
		if got := lacking(); len(got) != 0 {
			t.Errorf("passed, and still %v", got)
		}
		if err := set(owner, lesson.Need{Right: auth.RefundsWrite, Version: 1}); err != nil {
			t.Fatal(err)
		}
		w.later(900 * day)
		if got := lacking(); len(got) != 0 {
			t.Errorf("nothing is demanded, and still %v", got)
		}
	})
}

// Every lesson has words for the refusal.
func TestRefusalsHaveWords(t *testing.T) {
	for _, l := range lesson.All() {
		if !lang.Has("lesson.needed." + l.ID) {
			t.Errorf("lesson.needed.%s has no words", l.ID)
		}
	}
}

// The record shows everybody, those who are late first, to who may see it.
func TestRecord(t *testing.T) {
	each(t, func(w *world) {
		owner, a, b := w.member("owner"), w.member("support"), w.member("reader")
		w.look()
		w.later(20 * day)
		for _, by := range []auth.By{owner, a} {
			for id := range w.mine(by) {
				w.pass(by, id)
			}
		}
		rows, err := db.Read(ctx, w.d, func(q *db.Reader) ([]lesson.Row, error) { return w.m.Record(q, owner) })
		if err != nil || len(rows) != 3 || rows[0].Member.ID != b.ID || rows[0].Late == 0 || rows[1].Late != 0 || rows[0].Name != "Kim 3" {
			t.Errorf("%+v %v", rows, err)
		}
		if n, err := db.Read(ctx, w.d, func(q *db.Reader) (int, error) { return w.m.Late(q, owner) }); err != nil || n != 1 {
			t.Errorf("%d late, %v", n, err)
		}
		// Nobody waits for who has left.
		w.do(func(tx *db.Tx) error { return w.a.Close(tx, owner, b.ID) })
		w.look()
		if n, err := db.Read(ctx, w.d, func(q *db.Reader) (int, error) { return w.m.Late(q, owner) }); err != nil || n != 0 {
			t.Errorf("%d late when he has left, %v", n, err)
		}
		if n, err := db.Read(ctx, w.d, func(q *db.Reader) (map[string]int, error) { return w.m.Waiting(q, owner) }); err != nil || len(n) != 0 {
			t.Errorf("%v wait for who has left, %v", n, err)
		}
		type one struct {
			r  lesson.Row
			ps []lesson.Pass
		}
		got, err := db.Read(ctx, w.d, func(q *db.Reader) (o one, err error) { o.r, o.ps, err = w.m.Of(q, owner, a.ID); return })
		if err != nil || len(got.ps) != len(got.r.Standings) || len(got.ps) < 8 {
			t.Errorf("%+v %v", got, err)
		}
		for name, err := range map[string]error{
			"record": w.refused(func(q *db.Reader) error { _, err := w.m.Record(q, a); return err }),
			"one":    w.refused(func(q *db.Reader) error { _, _, err := w.m.Of(q, a, a.ID); return err }),
			"late":   w.refused(func(q *db.Reader) error { _, err := w.m.Late(q, a); return err }),
		} {
			if !fault.Is(err, "denied") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := w.refused(func(q *db.Reader) error { _, _, err := w.m.Of(q, owner, 4711); return err }); !fault.Is(err, "not_found") {
			t.Error(err)
		}
	})
}

// A role of the shop's own has the lessons of its rights, and its members the reminders.
func TestOwnRole(t *testing.T) {
	each(t, func(w *world) {
		owner := w.member("owner")
		id, _, err := db.Write(ctx, w.d, func(tx *db.Tx) (db.ID, error) {
			return w.a.PutRole(tx, owner, 0, 0, "Kassan", []auth.Right{auth.OrdersRead, auth.RefundsWrite})
		})
		if err != nil {
			t.Fatal(err)
		}
		a := w.member("own-" + id.String())
		w.look()
		rows, err := db.Read(ctx, w.d, func(q *db.Reader) ([]lesson.Row, error) { return w.m.Record(q, owner) })
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.Member.ID == a.ID && (r.Member.RoleName != "Kassan" || !slices.ContainsFunc(r.Standings, func(s lesson.Standing) bool { return s.Lesson.ID == "refunds" }) ||
				slices.ContainsFunc(r.Standings, func(s lesson.Standing) bool { return s.Lesson.ID == "invoices" })) {
				t.Errorf("%+v", r)
			}
		}
		if n := w.count(`SELECT count(*) FROM lesson_state WHERE member_id=$1 AND lesson='refunds' AND concerns=1`, a.ID); n != 1 {
			t.Error("the look of the hour passed him over")
		}
		w.do(func(tx *db.Tx) error {
			return w.m.SetNeed(tx, owner, lesson.Need{Right: auth.RefundsWrite, Lesson: "refunds"})
		})
		w.later(15 * day)
		lacking, err := db.Read(ctx, w.d, func(q *db.Reader) (map[auth.Right]string, error) {
			return lesson.Lacking(q, a.ID, []auth.Right{auth.OrdersRead, auth.RefundsWrite})
		})
		if err != nil || len(lacking) != 1 || lacking[auth.RefundsWrite] != "refunds" {
			t.Errorf("%v %v", lacking, err)
		}
	})
}

func (w *world) refused(fn func(q *db.Reader) error) error {
	_, err := db.Read(ctx, w.d, func(q *db.Reader) (int, error) { return 0, fn(q) })
	return err
}

// Two presses of the button at the same moment are one pass in the record, and wrong
// answers at the same moment are each counted.
func TestPressesAtOnce(t *testing.T) {
	each(t, func(w *world) {
		for round := range 5 {
			by := w.member("reader")
			l, _ := lesson.ByID("phishing")
			const n = 6
			press := func(chosen []int) {
				var wg sync.WaitGroup
				start := make(chan bool)
				for range n {
					wg.Go(func() {
						<-start
						if _, err := w.attempt(by, l.ID, l.Version, chosen); err != nil {
							t.Error(err)
						}
					})
				}
				close(start)
				wg.Wait()
			}
			press(wrong(by, l.ID))
			if got := w.count(`SELECT tries FROM lesson_state WHERE member_id=$1 AND lesson=$2`, by.ID, l.ID); got != n {
				t.Errorf("round %d: %d tries counted of %d", round, got, n)
			}
			press(right(by, l.ID))
			if got := w.count(`SELECT count(*) FROM lesson_done WHERE member_id=$1`, by.ID); got != 1 {
				t.Errorf("round %d: %d passes in the record", round, got)
			}
			if got := w.count(`SELECT tries FROM lesson_done WHERE member_id=$1`, by.ID); got != n+1 {
				t.Errorf("round %d: passed in %d tries", round, got)
			}
		}
	})
}

// Looks of two processes at the same moment ask for one letter.
func TestLooksAtOnce(t *testing.T) {
	each(t, func(w *world) {
		by := w.member("reader")
		w.look()
		w.later(8 * day)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if err := w.m.Look(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := w.count(`SELECT count(*) FROM lesson_letter WHERE member_id=$1`, by.ID); n != 1 {
			t.Errorf("%d letters", n)
		}
	})
}
