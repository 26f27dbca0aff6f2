package app

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/privacy"
	"kassavalv/internal/shoptest"
)

// A month is one of the calendar, to the end of its day; one that has no such day ends on its last.
func TestClockOfARequest(t *testing.T) {
	at := func(s string) time.Time {
		x, err := time.ParseInLocation("2006-01-02 15:04", s, lang.Zone)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, c := range []struct {
		asked  string
		months int
		due    string
	}{
		{"2026-03-15 00:00", 1, "2026-04-15"}, {"2026-03-15 23:59", 1, "2026-04-15"}, {"2026-01-31 12:00", 1, "2026-02-28"}, {"2028-01-30 12:00", 1, "2028-02-29"},
		{"2026-12-31 23:30", 1, "2027-01-31"}, {"2026-11-30 08:00", 3, "2027-02-28"}, {"2026-03-28 23:30", 1, "2026-04-28"}, {"2026-08-31 10:00", 3, "2026-11-30"},
	} {
		due := privacy.Due(at(c.asked), c.months)
		if s := due.In(lang.Zone).Format("2006-01-02 15:04:05"); s != c.due+" 23:59:59" {
			t.Errorf("%s and %d months: %s", c.asked, c.months, s)
		}
		r := privacy.Request{State: privacy.Asked, Due: due}
		if r.Urgent(due.Add(-7*24*time.Hour-time.Second)) || !r.Urgent(due.Add(-7*24*time.Hour+time.Second)) || !r.Urgent(due.Add(time.Hour)) {
			t.Errorf("%s: urgent at the wrong time", c.asked)
		}
		if r.State = privacy.Done; r.Urgent(due.Add(time.Hour)) {
			t.Errorf("%s: answered, and urgent", c.asked)
		}
	}
}

// What staff do with requests: the clock runs from the day he asked, is moved once and in time; words erase nobody; what is
// given out is given to who proves himself; the rest is carried out by a button, whoever else had the details is told, and nothing of it
// without the right.
func TestStaffCarryRequests(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		w.fill()
		fresh := w.staff
		fresh.FreshUntil = time.Now().Add(time.Hour)
		other := auth.StaffBy(8, "", auth.Roles["support"])
		try := func(fn func(tx *db.Tx) error) error { return db.Do(ctx, d, fn) }
		wants := func(what string, err error, code string) {
			t.Helper()
			is := fault.Is(err, code)
			if f := fault.As(err); f != nil {
				is = is || slices.ContainsFunc(f.Fields, func(x fault.Field) bool { return x.Code == code })
			}
			if code == "" && err != nil || code != "" && !is {
				t.Errorf("%s: %v, want %q", what, err, code)
			}
		}
		down := func(kind string, asked time.Time) (r privacy.Request) {
			t.Helper()
			w.Do(func(tx *db.Tx) (err error) {
				r, err = w.desk.TakeDown(tx, w.staff, privacy.OnBehalf{Kind: kind, Mail: theMail, Lang: lang.SV, Asked: asked})
				return
			})
			return r
		}
		now := time.Now()
		for _, bad := range []time.Time{now.Add(time.Hour), now.AddDate(0, -3, -2)} {
			wants("a day that cannot be", try(func(tx *db.Tx) error {
				_, err := w.desk.TakeDown(tx, w.staff, privacy.OnBehalf{Kind: privacy.Access, Mail: theMail, Asked: bad})
				return err
			}), "bad_date")
		}
		wants("without the right", try(func(tx *db.Tx) error {
			_, err := w.desk.TakeDown(tx, other, privacy.OnBehalf{Kind: privacy.Access, Mail: theMail})
			return err
		}), "denied")

		// The clock.
		asked := now.AddDate(0, 0, -20)
		r := down(privacy.Access, asked)
		if !r.Due.Equal(privacy.Due(asked, 1)) {
			t.Errorf("asked %s, due %s", asked, r.Due)
		}
		extend := func(by auth.By, id db.ID, why string) error {
			return try(func(tx *db.Tx) error { _, err := w.desk.Extend(tx, by, id, why); return err })
		}
		wants("more time without the right", extend(other, r.ID, "mycket"), "denied")
		wants("more time without a reason", extend(w.staff, r.ID, " "), "invalid")
		wants("more time", extend(w.staff, r.ID, "Många frågor"), "")
		wants("more time twice", extend(w.staff, r.ID, "ännu fler"), "extended_already")
		w.Do(func(tx *db.Tx) error {
			x, err := privacy.ByID(tx, r.ID)
			if c, e := privacy.ContactOf(tx, w.Vault, x); e != nil || c.Why != "Många frågor" || !x.Due.Equal(privacy.Due(x.Asked, 3)) || x.Extended.IsZero() {
				t.Errorf("%+v %+v %v", x, c, e)
			}
			return err
		})
		late := down(privacy.Access, now.AddDate(0, -2, 0))
		wants("more time when the month is over", extend(w.staff, late.ID, "för sent"), "too_late")
		if open, urgent, err := counts(d); err != nil || open != 2 || urgent != 1 {
			t.Errorf("%d open, %d urgent: %v", open, urgent, err)
		}

		// Words.
		answer := func(by auth.By, id db.ID, text string, refuse bool) error {
			return try(func(tx *db.Tx) error { _, err := w.desk.Answer(tx, by, id, text, refuse); return err })
		}
		wants("an answer without the right", answer(other, late.ID, "Nej", true), "denied")
		wants("a refusal without a reason", answer(w.staff, late.ID, "", true), "invalid")
		wants("a refusal", answer(w.staff, late.ID, "Uppenbart ogrundad", true), "")
		wants("an answer to what is answered", answer(w.staff, late.ID, "Ja", false), "wrong_state")
		carry := func(by auth.By, id db.ID) error {
			return try(func(tx *db.Tx) error {
				_, err := w.desk.Carry(tx, by, id, "Kom till butiken med legitimation")
				return err
			})
		}
		wants("given out by a button", carry(fresh, r.ID), "by_the_person")
		wants("an answer", answer(w.staff, r.ID, "Här", false), "")

		// The button.
		standing := func() (st privacy.Standing) {
			w.Do(func(tx *db.Tx) error {
				s, err := w.desk.Scope(tx, theMail)
				if err == nil {
					st, err = w.desk.StandingOf(tx, s)
				}
				return err
			})
			return
		}
		if st := standing(); !st.Newsletter || st.Limits.Any() {
			t.Fatalf("%+v", st)
		}
		w.Do(func(tx *db.Tx) error {
			_, err := audit.RecordHandover(tx, w.order.Person, "klarna", []string{"name"}, "purchase", w.order.ID)
			return err
		})
		for _, c := range []struct {
			kind string
			is   func(st privacy.Standing) bool
		}{
			{privacy.Restrict, func(st privacy.Standing) bool { return !st.Limits.Restricted.IsZero() }},
			{privacy.Unrestrict, func(st privacy.Standing) bool { return st.Limits.Restricted.IsZero() && st.Newsletter }},
			{privacy.Withdraw, func(st privacy.Standing) bool { return !st.Newsletter && st.Limits.Objected.IsZero() }},
			{privacy.Object, func(st privacy.Standing) bool { return !st.Limits.Objected.IsZero() }},
			{privacy.Unobject, func(st privacy.Standing) bool { return st.Limits.Objected.IsZero() }},
		} {
			r := down(c.kind, time.Time{})
			wants(c.kind+" without the right", carry(other, r.ID), "denied")
			wants(c.kind, carry(w.staff, r.ID), "")
			if st := standing(); !c.is(st) {
				t.Errorf("%s is not carried out: %+v", c.kind, st)
			}
			wants(c.kind+" twice", carry(w.staff, r.ID), "wrong_state")
		}

		// An erasure: not by words, not without a fresh proof, and who had the details is to be told.
		r = down(privacy.Erase, time.Time{})
		wants("erased by words", answer(w.staff, r.ID, "Du är raderad", false), "not_erased")
		wants("erased without a fresh proof", carry(w.staff, r.ID), "step_up")
		wants("erased without the right", carry(other, r.ID), "denied")
		if len(w.readable()) < 10 {
			t.Error("a refused erasure has taken something")
		}
		wants("erased", carry(fresh, r.ID), "")
		if left := w.readable(); len(left) != 2 || !left[find{"privacy_request", "contact"}] || !left[find{"order_books", "sealed"}] {
			t.Errorf("left: %v", left)
		}
		told := func(by auth.By, who, state string) error {
			return try(func(tx *db.Tx) error { return w.desk.MarkNotice(tx, by, r.ID, who, state) })
		}
		w.Do(func(tx *db.Tx) error {
			ns, err := privacy.NoticesOf(tx, r.ID)
			found := false
			for _, n := range ns {
				found = found || n.Recipient == "klarna" && n.State == privacy.ToTell
			}
			if !found {
				t.Errorf("klarna had his name, and is not to be told: %+v", ns)
			}
			return err
		})
		wants("told without the right", told(other, "klarna", privacy.Told), "denied")
		wants("told and not", told(w.staff, "klarna", privacy.ToTell), "bad_value")
		wants("somebody else told", told(w.staff, "nobody", privacy.Told), "not_found")
		wants("told", told(w.staff, "klarna", privacy.Told), "")
		wants("told twice", told(w.staff, "klarna", privacy.Needless), "not_found")
	})
}

func counts(d *db.DB) (open, urgent int64, err error) {
	_, err = db.Read(context.Background(), d, func(q *db.Reader) (int, error) { open, urgent, err = privacy.Count(q); return 0, err })
	return
}

// breaksOff is a room in which an erasure ends before it is through, as when the program is killed there.
type breaksOff struct{ hold.Holder }

var errKilled = errors.New("killed")

func (breaksOff) Erase(*db.Tx, hold.Scope) error { return errKilled }

// An erasure that is broken off in any room has taken nothing, and opens as before; done again it takes everything.
func TestErasureBrokenOff(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		w.fill()
		rooms := w.desk.Holders
		before, ix := w.readable(), w.indexes()
		for i := range rooms {
			w.desk.Holders = append(append([]hold.Holder{}, rooms[:i]...), append([]hold.Holder{breaksOff{rooms[i]}}, rooms[i+1:]...)...)
			err := db.Do(ctx, d, func(tx *db.Tx) error { _, err := w.desk.ConfirmErase(tx, w.subject(), true); return err })
			if !errors.Is(err, errKilled) {
				t.Fatalf("%s: %v", rooms[i].Room(), err)
			}
		}
		after := w.readable()
		for f := range before {
			if !after[f] {
				t.Errorf("%s.%s was taken by an erasure that was broken off", f.table, f.column)
			}
		}
		if n := len(w.indexes()); n != len(ix) {
			t.Errorf("%d indexes, %d before", n, len(ix))
		}
		w.desk.Holders = rooms
		w.Do(func(tx *db.Tx) error {
			r, err := w.desk.ConfirmErase(tx, w.subject(), true)
			if err == nil && r.State != privacy.Done {
				t.Errorf("%+v", r)
			}
			return err
		})
		if left := w.readable(); len(left) != 2 || !left[find{"privacy_request", "contact"}] || !left[find{"order_books", "sealed"}] {
			t.Errorf("left: %v", left)
		}
	})
}

// Of somebody with more than a room names at once nothing is left either.
func TestErasureOfVeryMuch(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.fill()
		w.Do(func(tx *db.Tx) error {
			for range hold.Limit + 5 {
				if _, err := giftcard.Issue(tx, shoptest.By, w.Vault, giftcard.Gift{Amount: money.SEK(100), Mail: theMail, Reason: "tack", Lang: lang.SV, Years: 1}); err != nil {
					return err
				}
			}
			return nil
		})
		w.Do(func(tx *db.Tx) error {
			r, err := w.desk.ConfirmErase(tx, w.subject(), true)
			if err == nil && r.State != privacy.Done {
				t.Errorf("%+v", r)
			}
			return err
		})
		if left := w.readable(); len(left) != 2 || !left[find{"privacy_request", "contact"}] || !left[find{"order_books", "sealed"}] {
			t.Errorf("left: %v", left)
		}
	})
}
