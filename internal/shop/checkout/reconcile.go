package checkout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/camt"
)

// JobReconcile compares the books with every provider's that tells its own; Ref 1:
// because a person asked.
const JobReconcile = "checkout.reconcile"

// The windows of a comparison.
const (
	firstLook  = 35 * 24 * time.Hour // how far the first comparison goes back
	overlap    = 48 * time.Hour      // how far each goes back behind the last
	longest    = 90 * 24 * time.Hour // how far an open case makes it go back
	lead       = 24 * time.Hour      // theirs may be booked that much before ours
	slice      = 7 * 24 * time.Hour  // what is compared at a time
	moveMost   = 300_000             // rows of a slice
	payoutDays = 10 * 24 * time.Hour // how long a payout may be under way
)

// source is another's books, for a comparison.
type source struct {
	method string
	lag    time.Duration // how long after a movement it may be told
	named  bool          // it tells of single payouts: ours that it does not name are not looked for
	list   func(ctx context.Context, from, to time.Time, yield func(payment.Movement) error) error
}

func sourceOf(l payment.Lister) source {
	s := source{method: l.Method(), list: l.Movements}
	if x, ok := l.(payment.Lagging); ok {
		s.lag = x.BooksLag()
	}
	return s
}

// Reconcile compares the shop's books with those of every provider that tells its
// own, and with the statements of the account. A provider that does not answer hinders
// no other. The error is that of the database, or of the last one that did not answer.
func (d *Desk) Reconcile(ctx context.Context) error {
	if d.shut() != nil {
		return nil // no provider is spoken with
	}
	var last error
	for _, p := range d.Providers {
		l, ok := p.(payment.Lister)
		if !ok {
			continue
		}
		if err := d.reconcile(ctx, l); err != nil {
			last = err
			d.Log.Warn("the books could not be compared", "method", l.Method(), "err", err)
		}
	}
	if err := d.reconcileAccount(ctx); err != nil {
		return err
	}
	return last
}

// Nightly is whether a comparison is due: at night in the shop's zone, once.
func (d *Desk) Nightly(ctx context.Context, now time.Time) (bool, error) {
	if h := now.In(lang.Zone).Hour(); h < 2 || h > 5 {
		return false, nil
	}
	return db.Read(ctx, d.DB, func(q *db.Reader) (bool, error) {
		for _, p := range d.Providers {
			if _, ok := p.(payment.Lister); !ok {
				continue
			}
			w, err := payment.WindowOf(q, p.Method())
			if err != nil || now.Sub(w.Looked) > 12*time.Hour || w.Trouble != "" {
				return err == nil, err
			}
		}
		w, err := payment.WindowOf(q, accountBooks)
		return now.Sub(w.Looked) > 12*time.Hour, err
	})
}

// AskReconcile has the books compared soon, because a person wants it.
func AskReconcile(tx *db.Tx, by auth.By) error {
	if err := by.Need(auth.JobsWrite); err != nil {
		return err
	}
	if _, err := job.Enqueue(tx, job.Spec{Kind: JobReconcile, Ref: 1, Key: "now"}); err != nil {
		return err
	}
	return by.Record(tx, "books.compare", "books", 0, "", "")
}

// CloseCase closes a difference by a person's word. Faults: 403, 404, 409 wrong_state,
// 422 field "note".
func CloseCase(tx *db.Tx, by auth.By, id db.ID, note string) error {
	if err := by.Need(auth.RefundsWrite); err != nil {
		return err
	}
	note, err := reasonGiven(note)
	if err != nil {
		return err
	}
	if _, err := payment.CaseByID(tx, id); errors.Is(err, db.ErrNotFound) {
		return fault.NotFound()
	} else if err != nil {
		return err
	}
	if err := payment.CloseCase(tx, id, author(by), note); errors.Is(err, db.ErrConflict) {
		return fault.Conflict("wrong_state")
	} else if err != nil {
		return err
	}
	return by.Record(tx, "case.close", "case", id, "open", note)
}

// reconcile compares with one provider, slice by slice: what broke off goes on there.
func (d *Desk) reconcile(ctx context.Context, l payment.Lister) error {
	src := sourceOf(l)
	method := src.method
	type start struct {
		w   payment.Window
		old time.Time
	}
	s, err := db.Read(ctx, d.DB, func(q *db.Reader) (s start, err error) {
		if s.w, err = payment.WindowOf(q, method); err == nil {
			s.old, err = payment.OldestCase(q, method)
		}
		return
	})
	if err != nil {
		return err
	}
	now := time.Now()
	// Ours of a lagging provider are judged when they must have been told.
	from := s.w.DoneUntil.Add(-overlap - src.lag)
	if s.w.DoneUntil.IsZero() {
		from = now.Add(-firstLook - src.lag)
	}
	if !s.old.IsZero() && s.old.Before(from) {
		from = s.old.Add(-time.Second)
	}
	if floor := now.Add(-longest); from.Before(floor) {
		from = floor
	}
	w := payment.Window{Method: method, DoneUntil: s.w.DoneUntil, Looked: now}
	if w.DoneUntil.IsZero() {
		w.DoneUntil = from
	}
	for at := from; at.Before(now); at = at.Add(slice) {
		end := at.Add(slice)
		if end.After(now) {
			end = now
		}
		n, err := d.compare(ctx, src, at, end)
		w.Found += int64(n)
		if err != nil {
			w.Trouble = "no_answer"
		} else {
			w.DoneUntil = end
		}
		if serr := db.Do(ctx, d.DB, func(tx *db.Tx) error { return payment.SaveWindow(tx, w) }); serr != nil {
			return serr
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// compare holds the books of [from, to) against each other. It returns how many
// differences there are.
func (d *Desk) compare(ctx context.Context, src source, from, to time.Time) (int, error) {
	began := time.Now()
	span := window{from: from, to: to, until: to.Add(src.lag), told: src.lag, lag: d.Times.Books, shift: d.DB.LegalNow().Sub(began)}
	if span.until.After(began) {
		span.until = began
	}
	var theirs []payment.Movement
	// Once more than there should be, to bound what is held.
	err := src.list(ctx, from.Add(-lead), span.until, func(m payment.Movement) error {
		if theirs = append(theirs, m); len(theirs) > moveMost {
			return fmt.Errorf("checkout: more than %d movements in a week", moveMost)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	books, ds, err := d.differ(ctx, src, theirs, span)
	if err != nil {
		return 0, err
	}
	if d.heal(ctx, ds, books) {
		if books, ds, err = d.differ(ctx, src, theirs, span); err != nil {
			return 0, err
		}
	}
	if err := d.open(ctx, src.method, ds, books, span); err != nil {
		return 0, err
	}
	err = db.Do(ctx, d.DB, func(tx *db.Tx) error {
		if err := notePayouts(tx, src.method, theirs); err != nil {
			return err
		}
		// What lies at the edge is judged by the next comparison.
		_, err := payment.Agree(tx, src.method, from, to, began)
		return err
	})
	return len(ds), err
}

// differ reads our side of what they tell and finds the differences.
func (d *Desk) differ(ctx context.Context, src source, theirs []payment.Movement, span window) ([]payment.Book, []payment.Difference, error) {
	books, err := d.books(ctx, src, theirs, span.from, span.to)
	if err != nil {
		return nil, nil, err
	}
	ours := make([]payment.Account, len(books))
	for i, b := range books {
		ours[i] = span.account(b)
	}
	return books, payment.Compare(ours, theirs), nil
}

func notePayouts(tx *db.Tx, method string, theirs []payment.Movement) error {
	for _, m := range theirs {
		if m.Kind != "payout" {
			continue
		}
		name := m.Payout
		if name == "" {
			name = m.ID
		}
		if err := payment.NotePayout(tx, payment.Payout{Method: method, Payout: name, Amount: m.Amount, At: m.At}); err != nil {
			return err
		}
	}
	return nil
}

// heal asks about payments of ours whose money the provider has and we do not: what was
// never heard of it becomes an order or goes back before anybody has to look. It reports
// whether it asked.
func (d *Desk) heal(ctx context.Context, ds []payment.Difference, books []payment.Book) bool {
	asked := map[db.ID]bool{}
	for _, x := range ds {
		if x.Kind != payment.MissingHere || x.Account < 0 || x.Theirs == nil || x.Theirs.Kind != "capture" {
			continue
		}
		id := books[x.Account].Intent.Purchase
		if asked[id] || len(asked) == 100 {
			continue
		}
		asked[id] = true
		if _, err := d.Look(ctx, id, "the books"); err != nil {
			d.Log.Warn("a payment that the books differ about could not be looked up", "purchase", id, "err", err)
		}
	}
	return len(asked) > 0
}

// books reads our side: the payments that theirs name, and those whose money moved in
// the window. Some at a time, so that no snapshot lives long.
func (d *Desk) books(ctx context.Context, src source, theirs []payment.Movement, from, to time.Time) ([]payment.Book, error) {
	var out []payment.Book
	have := map[db.ID]bool{}
	add := func(q db.Q, i payment.Intent) error {
		if have[i.ID] {
			return nil
		}
		have[i.ID] = true
		b, err := payment.BookOf(q, i)
		out = append(out, b)
		return err
	}
	asked := map[string]bool{}
	for len(theirs) > 0 {
		some := theirs[:min(200, len(theirs))]
		theirs = theirs[len(some):]
		_, err := db.Read(ctx, d.DB, func(q *db.Reader) (bool, error) {
			for _, m := range some {
				if asked[m.Reference+"\x00"+m.Ref] {
					continue
				}
				asked[m.Reference+"\x00"+m.Ref] = true
				i, err := payment.ByReference(q, src.method, m.Reference)
				if errors.Is(err, db.ErrNotFound) {
					i, err = payment.ByProviderRef(q, src.method, m.Ref)
				}
				if errors.Is(err, db.ErrNotFound) {
					continue
				}
				if err == nil {
					err = add(q, i)
				}
				if err != nil {
					return false, err
				}
			}
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	if src.named {
		return out, nil
	}
	shift := d.DB.LegalNow().Sub(time.Now())
	return out, d.moved(ctx, src.method, from.Add(shift), to.Add(shift), func(q db.Q, i payment.Intent) error { return add(q, i) })
}

// moved gives fn the payments of a method whose money moved in [from, to), by our own
// ledger; some at a time, so that no snapshot lives long. One may be given more than once.
func (d *Desk) moved(ctx context.Context, method string, from, to time.Time, fn func(db.Q, payment.Intent) error) error {
	const page = 200
	at := payment.Moved{At: from}
	for {
		n, err := db.Read(ctx, d.DB, func(q *db.Reader) (int, error) {
			ms, err := payment.MovedIn(q, at, to, page)
			if err != nil {
				return 0, err
			}
			for _, m := range ms {
				at = m
				i, err := payment.IntentByID(q, m.Intent)
				if err != nil {
					return 0, err
				}
				if i.Method != method {
					continue
				}
				if err := fn(q, i); err != nil {
					return 0, err
				}
			}
			return len(ms), nil
		})
		if err != nil || n < page {
			return err
		}
	}
}

// window is what is compared, and how ours are judged in it.
type window struct {
	from, to time.Time     // of ours
	until    time.Time     // to which theirs are told
	told     time.Duration // how long after a movement they may tell it
	lag      time.Duration // how far what is told may be ahead of us, or behind
	named    bool          // they tell of single payouts: ours are never missing there
	shift    time.Duration // of the shop's calendar against the clock; tests alone have one
}

// account is a book as Compare takes it.
func (w window) account(b payment.Book) payment.Account {
	a := payment.Account{Reference: b.Intent.Reference, Ref: b.Intent.ProviderRef}
	due := func(t time.Time) bool {
		return !w.named && !t.Before(w.from) && t.Before(w.to) && t.Before(w.until.Add(-max(w.told, w.lag)))
	}
	old := func(t time.Time) bool { return t.Before(w.from.Add(-w.told - lead - time.Hour)) }
	for _, e := range b.Entries {
		at := e.At.Add(-w.shift)
		a.Rows = append(a.Rows, payment.Row{ID: e.ID.String(), Kind: e.Kind, Key: e.Ref, Amount: e.Amount, State: "done", Due: due(at), Old: old(at)})
	}
	for _, x := range b.Refunds {
		if x.State != "done" {
			a.Rows = append(a.Rows, payment.Row{ID: x.ID.String(), Kind: "refund", Key: x.Key, Amount: x.Amount, State: x.State, Due: x.At.Before(w.until.Add(-w.lag)), Old: old(x.At)})
		}
	}
	for _, x := range b.Takes {
		if x.State != "done" {
			a.Rows = append(a.Rows, payment.Row{ID: x.ID.String(), Kind: "capture", Key: x.Key, Amount: x.Amount, State: x.State, Due: x.At.Before(w.until.Add(-w.lag)), Old: old(x.At)})
		}
	}
	return a
}

// young reports whether a difference may be one of time alone: what they tell is so new
// that our own side may still be on its way.
func (w window) young(m *payment.Movement) bool { return m != nil && m.At.After(w.until.Add(-w.lag)) }

// open makes a case of each difference.
func (d *Desk) open(ctx context.Context, method string, ds []payment.Difference, books []payment.Book, w window) error {
	for len(ds) > 0 {
		some := ds[:min(100, len(ds))]
		ds = ds[len(some):]
		err := db.Do(ctx, d.DB, func(tx *db.Tx) error {
			for _, x := range some {
				if w.young(x.Theirs) {
					continue
				}
				if _, err := payment.Find(tx, caseOf(method, x, books, w)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// caseOf is the case of a difference.
func caseOf(method string, x payment.Difference, books []payment.Book, w window) payment.Case {
	c := payment.Case{Method: method, Kind: x.Kind, About: w.from}
	if x.Account >= 0 {
		c.Purchase = books[x.Account].Intent.Purchase
		c.Facts.Ref = books[x.Account].Intent.ProviderRef
	}
	if x.Ours != nil {
		c.Subject, c.Facts.Kind = "row:"+x.Ours.ID, x.Ours.Kind
		c.Facts.Ours = &payment.CaseSide{ID: x.Ours.ID, Amount: x.Ours.Amount, State: x.Ours.State}
		for _, e := range books[x.Account].Entries {
			if e.ID.String() == x.Ours.ID {
				c.Facts.Ours.At = e.At
				c.About = e.At.Add(-w.shift)
			}
		}
	}
	if x.Theirs != nil {
		c.Subject, c.Facts.Kind, c.About = "theirs:"+x.Theirs.ID, x.Theirs.Kind, x.Theirs.At
		c.Facts.Theirs = &payment.CaseSide{ID: x.Theirs.ID, Amount: x.Theirs.Amount, At: x.Theirs.At}
		if c.Facts.Ref == "" {
			c.Facts.Ref = x.Theirs.Ref
		}
	}
	return c
}

// accountBooks is the name under which the statements of the account are compared.
const accountBooks = "account"

// reconcileAccount holds what staff recorded by hand, and what providers say that they
// paid out, against the statements of the account: what a statement covers and does
// not show is a case.
func (d *Desk) reconcileAccount(ctx context.Context) error {
	began := time.Now()
	from, to := began.Add(-longest), began
	var cases []payment.Case
	shift := d.DB.LegalNow().Sub(began)
	spans, err := db.Read(ctx, d.DB, func(q *db.Reader) ([]payment.Span, error) {
		return payment.StatementSpans(q, camt.Statements, from.Add(shift))
	})
	if err != nil {
		return err
	}
	covered := func(t time.Time) bool {
		day := midnight(t)
		for _, s := range spans {
			if !day.Before(midnight(s.From)) && !day.After(midnight(s.To)) {
				return true
			}
		}
		return false
	}
	if len(spans) > 0 {
		judged := map[db.ID]bool{}
		err := d.moved(ctx, "invoice", from.Add(shift), to.Add(shift), func(q db.Q, i payment.Intent) error {
			if judged[i.ID] {
				return nil
			}
			judged[i.ID] = true
			cs, err := byHand(q, i, covered)
			cases = append(cases, cs...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return db.Do(ctx, d.DB, func(tx *db.Tx) error {
		late, err := payment.PayoutsUnseen(tx, began.Add(-payoutDays), 200)
		if err != nil {
			return err
		}
		for _, p := range late {
			if covered(p.At.Add(payoutDays)) {
				cases = append(cases, payment.Case{Kind: payment.PayoutUnseen, Subject: "payout:" + p.Method + ":" + p.Payout, About: p.At, Facts: payment.CaseFacts{Kind: "payout", Theirs: &payment.CaseSide{ID: p.Payout, Amount: p.Amount, At: p.At}}})
			}
		}
		for _, c := range cases {
			c.Method = accountBooks
			if _, err := payment.Find(tx, c); err != nil {
				return err
			}
		}
		if _, err := payment.Agree(tx, accountBooks, from, to, began); err != nil {
			return err
		}
		return payment.SaveWindow(tx, payment.Window{Method: accountBooks, DoneUntil: to, Looked: began, Found: int64(len(cases))})
	})
}

// byHand are the payments of an invoice that staff recorded and that no line of the
// account is tied to, though a statement covers their day.
func byHand(q db.Q, i payment.Intent, covered func(time.Time) bool) ([]payment.Case, error) {
	es, err := payment.Captures(q, i.ID)
	if err != nil {
		return nil, err
	}
	var out []payment.Case
	tied := -1
	for _, e := range es {
		if !strings.HasPrefix(e.Ref, "bank-") || strings.HasPrefix(e.Ref, "bank-key-line-") || !covered(e.At) {
			continue
		}
		if tied < 0 {
			if tied, err = knownLines(q, i); err != nil {
				return nil, err
			}
		}
		if tied > 0 {
			tied--
			continue
		}
		out = append(out, payment.Case{Kind: payment.NotOnAccount, Subject: "entry:" + e.ID.String(), Purchase: i.Purchase, About: e.At,
			Facts: payment.CaseFacts{Kind: "capture", Ours: &payment.CaseSide{ID: e.ID.String(), Amount: e.Amount, State: "done", At: e.At}}})
	}
	return out, nil
}

func knownLines(q db.Q, i payment.Intent) (int, error) {
	o, err := order.OfPurchase(q, i.Purchase)
	if errors.Is(err, db.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	ls, err := payment.LinesOfOrder(q, o.ID)
	n := 0
	for _, l := range ls {
		if l.State == payment.LineKnown {
			n++
		}
	}
	return n, err
}
