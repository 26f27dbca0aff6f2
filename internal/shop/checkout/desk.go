package checkout

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/proof"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/payment"
)

// JobPlaced is queued with every order that is placed; Ref is the order.
const JobPlaced = "order.placed"

// JobUnpaid is queued when a purchase ends without an order after the buyer may
// have left; Ref is the purchase.
const JobUnpaid = "purchase.ended"

// Times of a purchase. Vars of the desk, so that a demo can be quick.
type Times struct {
	Answer   time.Duration // how long a request waits for the provider
	Call     time.Duration // how long a call to the provider may take
	Hold     time.Duration // how long the buyer has to pay
	Grace    time.Duration // after Hold, until when an answer is promised
	Check    time.Duration // first look-up of the rescuer; it doubles up to CheckMax
	CheckMax time.Duration
	Books    time.Duration // how far a provider's books and ours may be apart before a difference counts
}

// DefaultTimes are those of a real shop.
var DefaultTimes = Times{Answer: 3 * time.Second, Call: 25 * time.Second, Hold: 30 * time.Minute, Grace: 15 * time.Minute, Check: 5 * time.Second, CheckMax: 5 * time.Minute, Books: time.Hour}

// Desk is the checkout: it takes the database itself, because it lets go
// between the steps.
type Desk struct {
	DB        *db.DB
	Vault     *secret.Vault
	Shelf     *cart.Shelf
	Providers []payment.Provider // in the order shown
	Name      string             // the shop's, as it stands on account statements
	Country   string             // ISO 3166-1 alpha-2, where goods go
	Base      string             // public URL of the shop, without a slash at the end
	Origins   []string           // origins a return_url may have besides Base
	Live      bool               // false in the demo: only sandbox money counts
	Terms     func(q db.Q) (version string, err error)
	Times     Times
	Barred    func(q db.Q, method string, toPay money.Money) (bool, error) // ways to pay that the merchant does not offer for a sum; nil: none
	// Late reports whether money that comes after the end becomes an order when the goods
	// are there; nil or false: it goes back.
	Late func(q db.Q) (bool, error)
	// Accounts are the shop's own: bankgiro, IBAN, account numbers; nil: no bank's file is taken.
	Accounts func(q db.Q) ([]string, error)
	// Settlements are the providers' files that can be taken in beside the bank's.
	Settlements []payment.Settlement
	Points      func(ctx context.Context, option db.ID, postal, point string, l lang.Lang) Point // looks the chosen place to collect up at its carrier; nil: as chosen
	// Copied returns when what is committed lies at as many other sites as the merchant asks
	// for, or the time for it is over; nil: nothing is asked for. See Promise.
	Copied func(ctx context.Context)
	// Shut is why the shop sells nothing although its database takes writes: it came back
	// from a copy and has not been opened, or another machine is the shop now; nil, or a nil
	// answer: it sells. While it is shut no provider is called.
	Shut func() *db.Away
	Log  *slog.Logger
	Step func(name string) // test hook at the named steps between bank and database; nil outside tests

	flight singleflight.Group
	calls  sync.WaitGroup
	hub    hub
	ways   health
	quiet  quiet

	promised promised
	halted   halt
}

// Away is why nothing can be bought now, with when it is expected to be over; nil: all is
// well.
func (d *Desk) Away() *db.Away {
	if a := d.DB.Away(); a != nil {
		return a
	}
	return d.shut()
}

func (d *Desk) shut() *db.Away {
	if d.Shut == nil {
		return nil
	}
	return d.Shut()
}

// Limits against card testing (attacks: hundreds of tries with stolen cards).
const (
	maxRefusedCart = 5
	maxRefusedPeer = 20
	refusedWindow  = 10 * time.Minute
)

func (d *Desk) provider(method string) payment.Provider {
	for _, p := range d.Providers {
		if method != "" && p.Method() == method {
			return p
		}
	}
	return nil
}

// Provider is the way to pay of this name; nil when there is none.
func (d *Desk) Provider(method string) payment.Provider { return d.provider(method) }

func (d *Desk) at(name string) {
	proof.At("checkout", name)
	if d.Step != nil {
		d.Step(name)
	}
}

// Wait blocks until calls that outlived their request are done.
func (d *Desk) Wait() { d.calls.Wait() }

// Halt ends calls that outlived their request, for a stop: what they would have told
// is asked again at the next start, with the same keys. It returns when they are over.
func (d *Desk) Halt() {
	d.halt().end()
	d.calls.Wait()
}

// halt is what ends the calls of this desk.
func (d *Desk) halt() *halt {
	d.halted.once.Do(func() { d.halted.ctx, d.halted.end = context.WithCancel(context.Background()) })
	return &d.halted
}

type halt struct {
	once sync.Once
	ctx  context.Context
	end  context.CancelFunc
}

// Hook handles a notification of a provider over its raw bytes. It returns a
// fault for one that is not authentic, and an error when the truth could not
// be fetched, so that the provider sends it again.
func (d *Desk) Hook(ctx context.Context, method string, n payment.Notice) error {
	p := d.provider(method)
	if p == nil {
		return fault.NotFound()
	}
	n.At = time.Now()
	hint, err := p.Verify(n)
	if errors.Is(err, payment.ErrForeign) {
		// Our secret signed it and it is not ours: somebody has the secret, or two
		// shops share it. That must not go unseen.
		if aerr := d.foreign(ctx, method, hint); aerr != nil {
			return aerr
		}
	}
	if err != nil {
		f := fault.Bad("bad_notification")
		f.Cause = err
		return f
	}
	type found struct {
		purchase db.ID
		seen     bool
	}
	got, err := db.Read(ctx, d.DB, func(q *db.Reader) (found, error) {
		i, err := payment.ByReference(q, method, hint.Reference)
		if err == db.ErrNotFound {
			i, err = payment.ByProviderRef(q, method, hint.Ref)
		}
		if err == db.ErrNotFound {
			return found{}, nil
		}
		if err != nil || hint.Unsigned {
			return found{purchase: i.Purchase}, err
		}
		seen, err := payment.HasEvent(q, method, hint.EventID)
		return found{i.Purchase, seen}, err
	})
	if err == nil && hint.Unsigned {
		switch {
		case got.purchase == 0:
			return fault.NotFound()
		case !d.quiet.may(got.purchase, n.At):
			return nil // anybody could have sent it, and it was asked about a moment ago
		}
	}
	if err != nil || got.purchase == 0 || got.seen {
		return err // unknown or repeated: nothing to do, and nothing to send again
	}
	_, err = d.look(ctx, got.purchase, "notification", &event{method, hint})
	return err
}

// quiet keeps look-ups that anybody could cause apart: once a second for a purchase.
type quiet struct {
	mu   sync.Mutex
	last map[db.ID]time.Time
}

func (q *quiet) may(id db.ID, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now.Sub(q.last[id]) < time.Second {
		return false
	}
	if q.last == nil || len(q.last) > 10_000 {
		q.last = map[db.ID]time.Time{}
	}
	q.last[id] = now
	return true
}

func (d *Desk) foreign(ctx context.Context, method string, hint payment.Hint) error {
	return db.Do(context.WithoutCancel(ctx), d.DB, func(tx *db.Tx) error {
		i, err := payment.ByReference(tx, method, hint.Reference)
		if err != nil && err != db.ErrNotFound {
			return err
		}
		return audit.Record(tx, audit.Entry{ActorKind: "system", ActorName: "checkout", Action: "notification.foreign", Entity: "purchase", EntityID: i.Purchase, New: method, Outcome: audit.Refused})
	})
}

// event is a notification that is entered in the inbox together with its effect.
type event struct {
	method string
	hint   payment.Hint
}

// hub tells waiting pages that a purchase has moved.
type hub struct {
	mu   sync.Mutex
	subs map[db.ID]map[chan struct{}]bool
}

// Watch returns a channel that gets a value after each move of the purchase,
// and a function that ends it.
func (d *Desk) Watch(id db.ID) (<-chan struct{}, func()) {
	ch := make(chan struct{}, 1)
	h := &d.hub
	h.mu.Lock()
	if h.subs == nil {
		h.subs = map[db.ID]map[chan struct{}]bool{}
	}
	if h.subs[id] == nil {
		h.subs[id] = map[chan struct{}]bool{}
	}
	h.subs[id][ch] = true
	h.mu.Unlock()
	return ch, func() {
		h.mu.Lock()
		delete(h.subs[id], ch)
		if len(h.subs[id]) == 0 {
			delete(h.subs, id)
		}
		h.mu.Unlock()
	}
}

// Changed is registered with the database's change feed, so that pages on this
// node hear of moves made on others.
func (d *Desk) Changed(cs []db.Change) {
	for _, c := range cs {
		if c.Entity != "purchase" {
			continue
		}
		d.hub.mu.Lock()
		for ch := range d.hub.subs[c.ID] {
			select {
			case ch <- struct{}{}:
			default:
			}
		}
		d.hub.mu.Unlock()
	}
}
