package support_test

import (
	"context"
	"fmt"
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
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/secret/secrettest"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/support"
)

var (
	rooms = []db.Migrations{secret.Migrations, audit.Migrations, job.Migrations, content.Migrations, order.Migrations, support.Migrations}
	staff = auth.StaffBy(9, "", []auth.Right{auth.CasesRead, auth.CasesWrite})
	guest = auth.Guest("192.0.2.0/24")
	ctx   = context.Background()
)

type world struct {
	t *testing.T
	d *db.DB
	v *secret.Vault
}

func each(t *testing.T, fn func(t *testing.T, w world)) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) { fn(t, world{t, d, secrettest.Vault(t, d)}) })
}

func write[T any](w world, fn func(tx *db.Tx) (T, error)) (T, error) {
	v, _, err := db.Write(ctx, w.d, fn)
	return v, err
}

func read[T any](w world, fn func(q *db.Reader) (T, error)) T {
	w.t.Helper()
	v, err := db.Read(ctx, w.d, fn)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func question() support.NewCase {
	return support.NewCase{Name: "Åsa Prov", Mail: "Asa@example.se", Subject: "Var är paketet?", Body: "Hej!\n\n<script>alert(1)</script>", Kind: "order", Lang: lang.SV}
}

func (w world) open(in support.NewCase) (support.Case, error) {
	return write(w, func(tx *db.Tx) (support.Case, error) { return support.Open(tx, guest, w.v, in) })
}

func (w world) answer(id db.ID, in support.Answering) error {
	return db.Do(ctx, w.d, func(tx *db.Tx) error { _, err := support.Answer(tx, staff, w.v, id, in); return err })
}

func (w world) get(id db.ID) support.Case {
	w.t.Helper()
	return read(w, func(q *db.Reader) (support.Case, error) { return support.One(q, staff, id) })
}

func (w world) jobs(kind string) int {
	return read(w, func(q *db.Reader) (n int, err error) {
		err = q.QueryRow(`SELECT count(*) FROM job_job WHERE kind=$1`, kind).Scan(&n)
		return
	})
}

func TestStates(t *testing.T) {
	reached := map[support.State]bool{support.Asked: true}
	for range support.Transitions {
		for from, tos := range support.Transitions {
			for _, to := range tos {
				if reached[from] {
					reached[to] = true
				}
			}
		}
	}
	if len(reached) != len(support.Transitions) {
		t.Error(reached)
	}
}

func TestConversation(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		c, err := w.open(question())
		w.must(err)
		if left := c.Due.Sub(c.Opened); left != 24*time.Hour || c.Number < 10_000_000 || w.jobs(support.JobReceived) != 1 || w.jobs(support.JobClock) != 2 {
			t.Errorf("%+v, due in %v", c, left)
		}
		token := c.Token(w.v)
		got := read(w, func(q *db.Reader) (support.Case, error) { return support.ByToken(q, w.v, token) })
		if got.ID != c.ID {
			t.Error("not found by its link")
		}
		for _, bad := range []string{"", "x", token + "A", token[1:], fmt.Sprint(c.Number), w.v.Token("order", c.ID, 1)} {
			if _, err := db.Read(ctx, w.d, func(q *db.Reader) (support.Case, error) { return support.ByToken(q, w.v, bad) }); !fault.Is(err, "not_found") {
				t.Errorf("%q opens the case", bad)
			}
		}
		k := read(w, func(q *db.Reader) (support.Contact, error) { return support.ContactOf(q, w.v, c, auth.OwnWork()) })
		if k.Mail != "asa@example.se" || k.Subject != "Var är paketet?" {
			t.Errorf("%+v", k)
		}
		judge := func(solved bool) (support.Case, error) {
			return write(w, func(tx *db.Tx) (support.Case, error) { return support.Judge(tx, guest, w.v, token, solved) })
		}
		if _, err := judge(true); !fault.Is(err, "wrong_state") {
			t.Error("judged before there was an answer", err)
		}
		w.must(w.answer(c.ID, support.Answering{Body: "Ring lagret.", Note: true}))
		if w.get(c.ID).State != support.Asked || w.jobs(support.JobAnswered) != 0 {
			t.Error("a note counts as an answer")
		}
		w.must(w.answer(c.ID, support.Answering{Body: "Det kommer i morgon.", Rejects: true}))
		if x := w.get(c.ID); x.State != support.Answered || !x.Due.IsZero() || w.jobs(support.JobAnswered) != 1 {
			t.Errorf("%+v", x)
		}
		mine := read(w, func(q *db.Reader) ([]support.Message, error) { return support.Thread(q, w.v, c) })
		theirs := read(w, func(q *db.Reader) ([]support.Message, error) { return support.StaffThread(q, staff, w.v, c) })
		if len(mine) != 2 || len(theirs) != 3 || mine[0].Body != "Hej!\n\n<script>alert(1)</script>" || !mine[1].Rejection || mine[1].Staff != 9 {
			t.Errorf("%+v", mine)
		}
		x, err := judge(false)
		w.must(err)
		if x.State != support.Reopened || x.Due.IsZero() || w.jobs(support.JobClock) != 4 {
			t.Errorf("%+v", x)
		}
		if _, err := judge(false); err != nil {
			t.Error("a second click", err)
		}
		w.must(w.answer(c.ID, support.Answering{Body: "Nu är det där.", Solved: true}))
		if w.get(c.ID).State != support.Solved {
			t.Error(w.get(c.ID).State)
		}
		x, err = write(w, func(tx *db.Tx) (support.Case, error) {
			return support.Reply(tx, guest, w.v, token, "Tack, men fel färg.")
		})
		w.must(err)
		if x.State != support.Reopened || x.Messages != 5 {
			t.Errorf("%+v", x)
		}
		w.must(w.answer(c.ID, support.Answering{Body: "Vi byter."}))
		x, err = judge(true)
		w.must(err)
		if x.State != support.Solved {
			t.Error(x.State)
		}
		if n := len(read(w, func(q *db.Reader) ([]support.Event, error) { return support.Events(q, staff, c.ID) })); n != 7 {
			t.Errorf("%d events", n)
		}
		// Nothing readable is in the rows.
		for _, col := range []string{"contact", "mail_index"} {
			b := read(w, func(q *db.Reader) (b []byte, err error) {
				err = q.QueryRow(`SELECT ` + col + ` FROM support_case`).Scan(&b)
				return
			})
			if strings.Contains(strings.ToLower(string(b)), "asa@") || strings.Contains(string(b), "paketet") {
				t.Errorf("%s is readable", col)
			}
		}
	})
}

func TestRefusals(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		for name, change := range map[string]func(in *support.NewCase){
			"name":    func(in *support.NewCase) { in.Name = " " },
			"mail":    func(in *support.NewCase) { in.Mail = "a@b.se\r\nBcc: c@d.se" },
			"subject": func(in *support.NewCase) { in.Subject = strings.Repeat("x", 151) },
			"body":    func(in *support.NewCase) { in.Body = strings.Repeat("x", 5001) },
			"control": func(in *support.NewCase) { in.Body = "a\x1b[31m" },
			"bidi":    func(in *support.NewCase) { in.Name = "a\u202eb" },
			"kind":    func(in *support.NewCase) { in.Kind = "urgent" },
		} {
			in := question()
			change(&in)
			if _, err := w.open(in); !fault.Is(err, "invalid") {
				t.Errorf("%s: %v", name, err)
			}
		}
		c, err := w.open(question())
		w.must(err)
		for _, by := range []auth.By{guest, auth.StaffBy(1, "", []auth.Right{auth.CasesRead}), {}} {
			if err := db.Do(ctx, w.d, func(tx *db.Tx) error {
				_, err := support.Answer(tx, by, w.v, c.ID, support.Answering{Body: "x"})
				return err
			}); !fault.Is(err, "denied") {
				t.Error(err)
			}
		}
		if err := w.answer(12345, support.Answering{Body: "x"}); !fault.Is(err, "not_found") {
			t.Error(err)
		}
		if _, err := db.Read(ctx, w.d, func(q *db.Reader) ([]support.Case, error) { return support.Waiting(q, guest, support.After{}, 10) }); !fault.Is(err, "denied") {
			t.Error("an open list", err)
		}
		for i := range 25 {
			_, err = w.open(question())
			if fault.Is(err, "too_many") {
				if i < 15 {
					t.Error("stopped after", i)
				}
				break
			}
			w.must(err)
		}
		if !fault.Is(err, "too_many") {
			t.Error("no limit for one address")
		}
		token := c.Token(w.v)
		for i := 0; ; i++ {
			err := db.Do(ctx, w.d, func(tx *db.Tx) error { _, err := support.Reply(tx, guest, w.v, token, "mer"); return err })
			if fault.Is(err, "too_many") {
				break
			}
			if err != nil || i > 30 {
				t.Fatal("no limit for replies", err)
			}
		}
	})
}

func TestKeyIsNoRight(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		in := question()
		in.Key = "form-1"
		a, err := w.open(in)
		w.must(err)
		b, err := w.open(in)
		w.must(err)
		if a.ID != b.ID || w.jobs(support.JobReceived) != 1 {
			t.Error("a second click opened another case")
		}
		in.Mail = "b@example.se"
		c, err := w.open(in)
		w.must(err)
		if c.ID == a.ID {
			t.Error("another sender got the case by its key")
		}
	})
}

func TestOrderIsLinkedOnlyToItsBuyer(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		o, err := write(w, func(tx *db.Tx) (o order.Order, err error) {
			p, err := w.v.NewPerson(tx)
			if err != nil {
				return o, err
			}
			d := order.Draft{Currency: "SEK", Lang: lang.SV, Method: "card", Goods: money.SEK(100), Discount: money.SEK(0), Delivery: money.SEK(0), GiftCard: money.SEK(0), Total: money.SEK(100), ToPay: money.SEK(100), Lines: []order.DraftLine{{Product: 1, Variant: 1, TitleSV: "A", Quantity: 1, Unit: money.SEK(100), Total: money.SEK(100)}}}
			if o, err = order.Place(tx, w.v, order.Placement{Purchase: 1, Person: p.ID, Draft: d, Paid: money.SEK(100), Contact: order.Contact{Email: "asa@example.se", Name: "Å"}}); err != nil {
				return o, err
			}
			return o, order.Draw(tx, w.v, &o)
		})
		w.must(err)
		for _, x := range []struct {
			mail, number string
			want         db.ID
		}{{"asa@example.se", o.NumberString(), o.ID}, {"b@example.se", o.NumberString(), 0}, {"asa@example.se", "12345678", 0}} {
			in := question()
			in.Mail, in.OrderNumber = x.mail, x.number
			c, err := w.open(in)
			w.must(err)
			if c.Order != x.want {
				t.Errorf("%+v: order %d", x, c.Order)
			}
		}
	})
}

func TestClockAndList(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		var ids []db.ID
		for i := range 7 {
			in := question()
			in.Mail = fmt.Sprintf("a%d@example.se", i)
			if i == 3 {
				in.Kind = support.Safety
			}
			c, err := w.open(in)
			w.must(err)
			ids = append(ids, c.ID)
		}
		set := func(id db.ID, left time.Duration) {
			w.must(db.Do(ctx, w.d, func(tx *db.Tx) error {
				return tx.ExecOne(`UPDATE support_case SET due_at=$2 WHERE id=$1`, id, tx.Now().Add(left))
			}))
			w.must(support.Clock(ctx, w.d, id))
		}
		set(ids[0], 5*time.Hour)
		set(ids[1], 3*time.Hour)
		set(ids[2], -time.Minute)
		set(ids[2], -time.Minute) // a second look adds no second flag
		for i, want := range []int{support.InTime, support.Soon, support.Breached} {
			if got := w.get(ids[i]).Late; got != want {
				t.Errorf("case %d: %d, want %d", i, got, want)
			}
		}
		if n := len(read(w, func(q *db.Reader) ([]support.Event, error) { return support.Events(q, staff, ids[2]) })); n != 2 {
			t.Errorf("%d events", n)
		}
		w.must(w.answer(ids[4], support.Answering{Body: "x"}))
		set2 := support.Clock(ctx, w.d, ids[4])
		if set2 != nil || w.get(ids[4]).Late != 0 || support.Clock(ctx, w.d, 5) != nil {
			t.Error("the clock of an answered case", set2)
		}
		var seen []db.ID
		a := support.After{}
		for {
			page := read(w, func(q *db.Reader) ([]support.Case, error) { return support.Waiting(q, staff, a, 2) })
			if len(page) == 0 {
				break
			}
			for _, c := range page {
				if !c.State.Waits() {
					t.Error("an answered case waits")
				}
				seen = append(seen, c.ID)
			}
			a = support.After{Due: page[len(page)-1].Due, ID: page[len(page)-1].ID}
		}
		if len(seen) != 6 || seen[0] != ids[2] || seen[1] != ids[1] || seen[2] != ids[0] {
			t.Errorf("%v of %v", seen, ids)
		}
		ps := read(w, func(q *db.Reader) ([]support.Case, error) {
			return support.List(q, staff, support.Filter{Kind: support.Safety}, 0, 10)
		})
		if len(ps) != 1 || ps[0].ID != ids[3] {
			t.Errorf("%d safety complaints", len(ps))
		}
		n, late, err := func() (a, b int64, err error) {
			x := read(w, func(q *db.Reader) (r [2]int64, err error) { r[0], r[1], err = support.Queue(q); return })
			return x[0], x[1], nil
		}()
		if n != 6 || late != 1 || err != nil {
			t.Error(n, late)
		}
	})
}

// Customer and staff write at once: every word is kept, and the state is one of them.
func TestAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		c, err := w.open(question())
		w.must(err)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				var err error
				if i%2 == 0 {
					err = w.answer(c.ID, support.Answering{Body: "svar"})
				} else {
					err = db.Do(ctx, w.d, func(tx *db.Tx) error { _, err := support.Reply(tx, guest, w.v, c.Token(w.v), "fråga"); return err })
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		x := w.get(c.ID)
		if x.Messages != 9 || x.State.Waits() == x.Due.IsZero() {
			t.Errorf("%+v", x)
		}
	})
}
