package paytest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

// as finds an optional interface, through a liar too.
func as[T any](p payment.Provider) (T, bool) {
	for {
		if v, ok := p.(T); ok {
			return v, true
		}
		l, ok := p.(interface{ under() payment.Provider })
		if !ok {
			var none T
			return none, false
		}
		p = l.under()
	}
}

// liar is a provider with a fault put into it.
type liar struct {
	payment.Provider
	begin  func(ctx context.Context, s payment.Start) (payment.Status, error)
	look   func(ctx context.Context, h payment.Handle) (payment.Status, error)
	cancel func(ctx context.Context, h payment.Handle) (payment.Status, error)
	refund func(ctx context.Context, r payment.Refund) (payment.RefundStatus, error)
	verify func(n payment.Notice) (payment.Hint, error)
}

func (l *liar) under() payment.Provider { return l.Provider }

func (l *liar) Begin(ctx context.Context, s payment.Start) (payment.Status, error) {
	if l.begin != nil {
		return l.begin(ctx, s)
	}
	return l.Provider.Begin(ctx, s)
}

func (l *liar) Look(ctx context.Context, h payment.Handle) (payment.Status, error) {
	if l.look != nil {
		return l.look(ctx, h)
	}
	return l.Provider.Look(ctx, h)
}

func (l *liar) Cancel(ctx context.Context, h payment.Handle) (payment.Status, error) {
	if l.cancel != nil {
		return l.cancel(ctx, h)
	}
	return l.Provider.Cancel(ctx, h)
}

func (l *liar) Refund(ctx context.Context, r payment.Refund) (payment.RefundStatus, error) {
	if l.refund != nil {
		return l.refund(ctx, r)
	}
	return l.Provider.Refund(ctx, r)
}

func (l *liar) Verify(n payment.Notice) (payment.Hint, error) {
	if l.verify != nil {
		return l.verify(n)
	}
	return l.Provider.Verify(n)
}

// capLiar, listLiar and pingLiar lie in the optional parts.
type capLiar struct {
	payment.Capturer
	capture func(ctx context.Context, t payment.Take) (payment.TakeStatus, error)
}

func (l capLiar) Capture(ctx context.Context, t payment.Take) (payment.TakeStatus, error) {
	return l.capture(ctx, t)
}

func (l capLiar) under() payment.Provider { return l.Capturer }

type listLiar struct {
	payment.Lister
	change func(m payment.Movement, yield func(payment.Movement) error) error
}

func (l listLiar) Movements(ctx context.Context, from, to time.Time, yield func(payment.Movement) error) error {
	return l.Lister.Movements(ctx, from, to, func(m payment.Movement) error { return l.change(m, yield) })
}

func (l listLiar) under() payment.Provider { return l.Lister }

type pingLiar struct{ payment.Provider }

func (l pingLiar) under() payment.Provider { return l.Provider }

func (pingLiar) Ping(context.Context) error { return nil }

// lie is a fault that real integrations have had, and the case that must find it.
type lie struct {
	name, in string
	tell     func(s Sim, p payment.Provider) payment.Provider // nil: the provider has no such part
}

// found reports whether a lie has been found: the rest of a long case is not needed.
func (s *scene) found() bool {
	n, ok := s.j.(*notes)
	if !ok {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.got) > 0
}

// twist changes every status.
func twist(f func(*payment.Status)) func(Sim, payment.Provider) payment.Provider {
	return func(_ Sim, p payment.Provider) payment.Provider {
		t := func(st payment.Status, err error) (payment.Status, error) {
			if err == nil {
				f(&st)
			}
			return st, err
		}
		return &liar{Provider: p,
			begin:  func(ctx context.Context, s payment.Start) (payment.Status, error) { return t(p.Begin(ctx, s)) },
			look:   func(ctx context.Context, h payment.Handle) (payment.Status, error) { return t(p.Look(ctx, h)) },
			cancel: func(ctx context.Context, h payment.Handle) (payment.Status, error) { return t(p.Cancel(ctx, h)) }}
	}
}

// back changes the key, the sum or more of each refund.
func back(f func(*payment.Refund)) func(Sim, payment.Provider) payment.Provider {
	return func(_ Sim, p payment.Provider) payment.Provider {
		return &liar{Provider: p, refund: func(ctx context.Context, r payment.Refund) (payment.RefundStatus, error) {
			f(&r)
			return p.Refund(ctx, r)
		}}
	}
}

// instead answers something where the outcome is not known.
func instead(st payment.State) func(Sim, payment.Provider) payment.Provider {
	return func(_ Sim, p payment.Provider) payment.Provider {
		return &liar{Provider: p, look: func(ctx context.Context, h payment.Handle) (payment.Status, error) {
			x, err := p.Look(ctx, h)
			if errors.Is(err, payment.ErrUnknown) {
				return payment.Status{Ref: h.Ref, Reference: h.Reference, State: st}, nil
			}
			return x, err
		}}
	}
}

func notices(f func(p payment.Provider, n payment.Notice) (payment.Hint, error)) func(Sim, payment.Provider) payment.Provider {
	return func(_ Sim, p payment.Provider) payment.Provider {
		if x, ok := as[payment.Silent](p); ok && !x.Notifies() {
			return nil
		}
		return &liar{Provider: p, verify: func(n payment.Notice) (payment.Hint, error) { return f(p, n) }}
	}
}

func takes(f func(c payment.Capturer, ctx context.Context, t payment.Take) (payment.TakeStatus, error)) func(Sim, payment.Provider) payment.Provider {
	return func(_ Sim, p payment.Provider) payment.Provider {
		c, ok := as[payment.Capturer](p)
		if !ok || c.AtOnce() {
			return nil
		}
		return capLiar{c, func(ctx context.Context, t payment.Take) (payment.TakeStatus, error) { return f(c, ctx, t) }}
	}
}

func rows(f func(m payment.Movement, yield func(payment.Movement) error) error) func(Sim, payment.Provider) payment.Provider {
	return func(_ Sim, p payment.Provider) payment.Provider {
		l, ok := as[payment.Lister](p)
		if !ok {
			return nil
		}
		return listLiar{l, f}
	}
}

var fresh atomic.Int64

func freshKey() string { return "kv-" + strconv.FormatInt(time.Now().UnixNano()+fresh.Add(1), 10) }

func newKey(_ Sim, p payment.Provider) payment.Provider {
	return &liar{Provider: p, begin: func(ctx context.Context, s payment.Start) (payment.Status, error) {
		s.Key = freshKey()
		return p.Begin(ctx, s)
	}}
}

var lies = []lie{
	{"a new key for each try", "same key", newKey},
	{"a new key for each try", "lost begin", newKey},
	{"a new key for each try", "same key at once", newKey},
	{"a new key for each refund", "refund same key", back(func(r *payment.Refund) { r.Key = freshKey() })},
	{"a new key for each refund", "refund lost answer", back(func(r *payment.Refund) { r.Key = freshKey() })},
	{"a refund's key made of its sum", "refund parts", back(func(r *payment.Refund) { r.Key = fmt.Sprint("kv-r-", r.Reference, r.Amount) })},
	{"always a refund of the whole", "refund parts", func(_ Sim, p payment.Provider) payment.Provider {
		return &liar{Provider: p, refund: func(ctx context.Context, r payment.Refund) (payment.RefundStatus, error) {
			if st, err := p.Look(ctx, payment.Handle{Ref: r.Ref, Reference: r.Reference}); err == nil {
				r.Amount = money.New(st.Captured.Amount-st.Refunded.Amount, st.Captured.Currency)
			}
			return p.Refund(ctx, r)
		}}
	}},
	{"a refused refund is done", "refund over", func(_ Sim, p payment.Provider) payment.Provider {
		return &liar{Provider: p, refund: func(ctx context.Context, r payment.Refund) (payment.RefundStatus, error) {
			st, err := p.Refund(ctx, r)
			if st.Refused {
				st = payment.RefundStatus{Done: true}
			}
			return st, err
		}}
	}},
	{"too much is cut to what is there", "refund over", func(_ Sim, p payment.Provider) payment.Provider {
		return &liar{Provider: p, refund: func(ctx context.Context, r payment.Refund) (payment.RefundStatus, error) {
			if st, err := p.Look(ctx, payment.Handle{Ref: r.Ref, Reference: r.Reference}); err == nil {
				r.Amount.Amount = max(1, min(r.Amount.Amount, st.Captured.Amount-st.Refunded.Amount))
			}
			return p.Refund(ctx, r)
		}}
	}},
	{"silence after a refund is a refusal", "silence", func(_ Sim, p payment.Provider) payment.Provider {
		return &liar{Provider: p, refund: func(ctx context.Context, r payment.Refund) (payment.RefundStatus, error) {
			st, err := p.Refund(ctx, r)
			if errors.Is(err, payment.ErrUnknown) {
				return payment.RefundStatus{Refused: true, Code: "no_answer"}, nil
			}
			return st, err
		}}
	}},
	{"a refund on its way is done", "refund later", func(s Sim, p payment.Provider) payment.Provider {
		if _, ok := s.(Slow); !ok {
			return nil
		}
		return &liar{Provider: p, refund: func(ctx context.Context, r payment.Refund) (payment.RefundStatus, error) {
			st, err := p.Refund(ctx, r)
			st.Done = err == nil && !st.Refused
			return st, err
		}}
	}},
	{"refunds are not told", "refund", twist(func(st *payment.Status) { st.Refunded.Amount = 0 })},
	{"refunds lower what was captured", "refund", twist(func(st *payment.Status) { st.Captured.Amount -= st.Refunded.Amount })},
	{"silence means paid", "silence", instead(payment.Captured)},
	{"silence means absent", "silence", instead(payment.Absent)},
	{"silence means refused", "silence", instead(payment.Refused)},
	{"silence means open", "silence", instead(payment.Open)},
	{"silence at the beginning means open", "silence", func(_ Sim, p payment.Provider) payment.Provider {
		return &liar{Provider: p, begin: func(ctx context.Context, s payment.Start) (payment.Status, error) {
			st, err := p.Begin(ctx, s)
			if errors.Is(err, payment.ErrUnknown) {
				return payment.Status{Reference: s.Reference, State: payment.Open, Amount: s.Amount}, nil
			}
			return st, err
		}}
	}},
	{"silence is a plain error", "silence", func(_ Sim, p payment.Provider) payment.Provider {
		return &liar{Provider: p, look: func(ctx context.Context, h payment.Handle) (payment.Status, error) {
			st, err := p.Look(ctx, h)
			if err != nil {
				err = errors.New("provider failed")
			}
			return st, err
		}}
	}},
	{"the sum that was asked for is told as the sum", "other sum", asked},
	{"whole kronor", "begin", twist(func(st *payment.Status) { st.Amount.Amount -= st.Amount.Amount % 100 })},
	{"always kronor", "other sum", twist(func(st *payment.Status) { st.Amount.Currency, st.Captured.Currency = "SEK", "SEK" })},
	{"nothing to find without a ref", "lost ref", func(_ Sim, p payment.Provider) payment.Provider {
		return &liar{Provider: p, look: func(ctx context.Context, h payment.Handle) (payment.Status, error) {
			if h.Ref == "" {
				return payment.Status{Reference: h.Reference, State: payment.Absent}, nil
			}
			return p.Look(ctx, h)
		}}
	}},
	{"the newest payment is ours", "lost ref", func(_ Sim, p payment.Provider) payment.Provider {
		var mu sync.Mutex
		var last payment.Handle
		return &liar{Provider: p,
			begin: func(ctx context.Context, s payment.Start) (payment.Status, error) {
				st, err := p.Begin(ctx, s)
				mu.Lock()
				defer mu.Unlock()
				last = payment.Handle{Ref: st.Ref, Reference: s.Reference, Key: s.Key, Begun: time.Now()}
				return st, err
			},
			look: func(ctx context.Context, h payment.Handle) (payment.Status, error) {
				mu.Lock()
				defer mu.Unlock()
				if h.Ref == "" {
					h = last
				}
				return p.Look(ctx, h)
			}}
	}},
	{"what never was has ended", "absent", twist(func(st *payment.Status) {
		if st.State == payment.Absent {
			st.State = payment.Expired
		}
	})},
	{"what never was is a break", "absent", func(_ Sim, p payment.Provider) payment.Provider {
		return &liar{Provider: p, look: func(ctx context.Context, h payment.Handle) (payment.Status, error) {
			st, err := p.Look(ctx, h)
			if st.State == payment.Absent {
				return payment.Status{}, payment.ErrUnknown
			}
			return st, err
		}}
	}},
	{"whatever is cancelled is cancelled", "cancel paid", func(_ Sim, p payment.Provider) payment.Provider {
		return &liar{Provider: p, cancel: func(ctx context.Context, h payment.Handle) (payment.Status, error) {
			st, err := p.Cancel(ctx, h)
			if c, ok := as[payment.Capturer](p); ok && !c.AtOnce() {
				st.State = payment.Captured // of what is reserved it is the other way round
			} else {
				st.State = payment.Cancelled
			}
			return st, err
		}}
	}},
	{"cancelled without asking", "cancel open", func(_ Sim, p payment.Provider) payment.Provider {
		return &liar{Provider: p, cancel: func(ctx context.Context, h payment.Handle) (payment.Status, error) {
			st, err := p.Look(ctx, h)
			st.State = payment.Cancelled
			return st, err
		}}
	}},
	{"every refusal is a refusal by the bank", "refused", twist(func(st *payment.Status) {
		if st.Reason != "" {
			st.Reason = "other"
		}
	})},
	{"the partner's code is lost", "refused", twist(func(st *payment.Status) { st.Code = "" })},
	{"the other mode", "pay", twist(func(st *payment.Status) { st.Live = !st.Live })},
	{"our reference is not repeated", "begin", twist(func(st *payment.Status) { st.Reference = "" })},
	{"begun means paid", "begin", twist(func(st *payment.Status) { st.State, st.Captured = payment.Captured, st.Amount })},
	{"nothing for the buyer to do", "begin", twist(func(st *payment.Status) { st.Next = nil })},
	{"paid is never seen", "pay", twist(func(st *payment.Status) {
		if st.State == payment.Captured || st.State == payment.Authorised {
			st.State = payment.Processing
		}
	})},
	{"no signature is needed", "notice tampered", signed(believer(payment.ErrBadSignature))},
	{"no signature is needed", "notice nonsense", signed(believer(payment.ErrBadSignature))},
	{"a recording is genuine", "notice late", notices(func(p payment.Provider, n payment.Notice) (payment.Hint, error) {
		h, err := p.Verify(n)
		if errors.Is(err, payment.ErrBadSignature) {
			n.At = time.Now()
			return p.Verify(n)
		}
		h.Unsigned = false
		return h, err
	})},
	{"another shop's is ours", "notice forged", signed(believer(payment.ErrForeign))},
	{"nonsense falls over", "notice nonsense", notices(func(p payment.Provider, n payment.Notice) (payment.Hint, error) {
		if len(n.Body) == 0 || n.Body[0] != '{' {
			panic("index out of range")
		}
		return p.Verify(n)
	})},
	{"each time another event", "notice", notices(func(p payment.Provider, n payment.Notice) (payment.Hint, error) {
		h, err := p.Verify(n)
		h.EventID += freshKey()
		return h, err
	})},
	{"a clock of its own", "left waiting", func(_ Sim, p payment.Provider) payment.Provider {
		return &liar{Provider: p, look: func(ctx context.Context, h payment.Handle) (payment.Status, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*lyingPatience/2)
			defer cancel()
			return p.Look(ctx, h)
		}}
	}},
	{"addresses in errors", "silence", func(_ Sim, p payment.Provider) payment.Provider {
		return &liar{Provider: p, begin: func(ctx context.Context, s payment.Start) (payment.Status, error) {
			st, err := p.Begin(ctx, s)
			if err != nil {
				err = fmt.Errorf("begin with %s: %w", s.ReturnURL, err)
			}
			return st, err
		}}
	}},
	{"always up", "ping", func(_ Sim, p payment.Provider) payment.Provider {
		if _, ok := as[payment.Pinger](p); !ok {
			return nil
		}
		return pingLiar{p}
	}},
	{"one client, one payment", "many", func(_ Sim, p payment.Provider) payment.Provider {
		var mu sync.Mutex
		var last payment.Status
		return &liar{Provider: p, begin: func(ctx context.Context, s payment.Start) (payment.Status, error) {
			st, err := p.Begin(ctx, s)
			mu.Lock()
			defer mu.Unlock()
			if last.Ref == "" {
				last = st
			}
			return last, err
		}}
	}},
	{"refunds are not listed", "movements", rows(func(m payment.Movement, yield func(payment.Movement) error) error {
		if m.Kind == "refund" {
			return nil
		}
		return yield(m)
	})},
	{"everything is listed twice", "movements", rows(func(m payment.Movement, yield func(payment.Movement) error) error {
		if err := yield(m); err != nil {
			return err
		}
		return yield(m)
	})},
	{"a new key for each capture", "capture same key", takes(func(c payment.Capturer, ctx context.Context, t payment.Take) (payment.TakeStatus, error) {
		t.Key = freshKey()
		return c.Capture(ctx, t)
	})},
	{"too large a capture is cut", "capture over", takes(func(c payment.Capturer, ctx context.Context, t payment.Take) (payment.TakeStatus, error) {
		if st, err := c.Look(ctx, payment.Handle{Ref: t.Ref, Reference: t.Reference}); err == nil && st.Amount.Amount < t.Amount.Amount {
			t.Amount = st.Amount
		}
		return c.Capture(ctx, t)
	})},
	{"a capture is only said", "capture whole", takes(func(payment.Capturer, context.Context, payment.Take) (payment.TakeStatus, error) {
		return payment.TakeStatus{Done: true}, nil
	})},
}

// asked tells the sum of the wish whatever the partner says.
func asked(_ Sim, p payment.Provider) payment.Provider {
	var mu sync.Mutex
	sums := map[string]money.Money{}
	return &liar{Provider: p,
		begin: func(ctx context.Context, s payment.Start) (payment.Status, error) {
			mu.Lock()
			sums[s.Reference] = s.Amount
			mu.Unlock()
			return p.Begin(ctx, s)
		},
		look: func(ctx context.Context, h payment.Handle) (payment.Status, error) {
			st, err := p.Look(ctx, h)
			mu.Lock()
			defer mu.Unlock()
			if st.Amount = sums[h.Reference]; st.State == payment.Captured {
				st.Captured = st.Amount
			}
			return st, err
		}}
}

// signed is a lie about signatures: of a partner that signs nothing there is none.
func signed(lie func(Sim, payment.Provider) payment.Provider) func(Sim, payment.Provider) payment.Provider {
	return func(s Sim, p payment.Provider) payment.Provider {
		if _, ok := s.(Signer); !ok {
			return nil
		}
		return lie(s, p)
	}
}

// believer takes a refused notification for the last one that was not.
func believer(of error) func(Sim, payment.Provider) payment.Provider {
	return notices(func(p payment.Provider, n payment.Notice) (payment.Hint, error) {
		h, err := p.Verify(n)
		if errors.Is(err, of) {
			h.EventID, h.Reference, h.Unsigned = "evt_1", "KV1", false
			return h, nil
		}
		return h, err
	})
}

// lyingPatience is enough for a lie: found for whatever reason, it is found.
const lyingPatience = 2 * time.Second

// notes is a judge that writes down.
type notes struct {
	mu  sync.Mutex
	got []string
}

type stop struct{}

func (n *notes) Helper() {}

func (n *notes) Errorf(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.got = append(n.got, fmt.Sprintf(format, args...))
}

func (n *notes) Fatalf(format string, args ...any) {
	n.Errorf(format, args...)
	panic(stop{})
}

// Lies puts faults into the provider, one at a time, and fails where the suite does not
// find one: what cannot fail proves nothing. Run has to pass beside it.
func Lies(t *testing.T, makeSim func(t *testing.T) Sim) {
	for _, l := range lies {
		t.Run(l.in+"/"+l.name, func(t *testing.T) {
			t.Parallel() // most of them wait
			var run func(*scene)
			for _, c := range cases {
				if c.name == l.in {
					run = c.run
				}
			}
			if run == nil {
				t.Fatalf("no case %q", l.in)
			}
			sim := makeSim(t)
			if l.tell(sim, sim.Provider()) == nil {
				return
			}
			found := &notes{}
			s := newScene(t, found, sim, func(p payment.Provider) payment.Provider { return l.tell(sim, p) })
			s.patience = lyingPatience
			func() {
				defer func() {
					if r := recover(); r != nil && r != any(stop{}) {
						panic(r)
					}
				}()
				run(s)
			}()
			if len(found.got) == 0 {
				t.Errorf("the suite believes it")
				return
			}
			t.Logf("found: %s", found.got[0])
		})
	}
}
