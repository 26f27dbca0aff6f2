package copies

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// Aside keeps at the sites what lies beside a database that is copied by other means: the
// vault's keys, configuration, certificates, and the shop's files. Stream and DB of its
// Options are nil. That an epoch has begun it tells with an object of its own, which stops an
// old machine as a segment does.
type Aside struct {
	r     *Room
	mu    sync.Mutex
	whole map[string]time.Time // when a site last had everything
}

// OpenAside begins to feed the sites.
func OpenAside(ctx context.Context, o Options) (*Aside, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LookEvery == 0 {
		o.LookEvery = time.Minute
	}
	if o.Epoch == 0 {
		return nil, errors.New("copies: epochs begin with 1")
	}
	to, err := o.Charter.recipients()
	if err != nil {
		return nil, err
	}
	r := &Room{o: o, streams: streamKeys{to: to, now: o.Now}, nudge: make(chan struct{}), acked: make(chan struct{}), retry: make(chan struct{}), levels: map[int][]Segment{}}
	a := &Aside{r: r, whole: map[string]time.Time{}}
	if err := r.loadFence(); err != nil {
		return nil, err
	}
	if err := r.take(o.Sites); err != nil {
		return nil, err
	}
	r.feed = func() {
		for _, s := range r.shippers {
			r.wg.Go(func() { a.run(r.ctx, s) })
		}
	}
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if !o.Held {
		r.start(ctx)
	}
	return a, nil
}

// What a shop that came from copies asks before it opens is asked as of a Room.

func (a *Aside) Fenced() *Fenced                               { return a.r.Fenced() }
func (a *Aside) Held() bool                                    { return a.r.Held() }
func (a *Aside) Epoch() uint32                                 { return a.r.Epoch() }
func (a *Aside) Sites() int                                    { return a.r.Sites() }
func (a *Aside) Begin(ctx context.Context, epoch uint32) error { return a.r.Begin(ctx, epoch) }
func (a *Aside) Newest(ctx context.Context) (epoch uint32, silent map[string]error) {
	return a.r.Newest(ctx)
}

// Taken returns when n sites have everything in this epoch, or ctx ends, and how many have.
func (a *Aside) Taken(ctx context.Context, n int) int {
	for {
		a.r.mu.Lock()
		again := a.r.acked
		a.r.mu.Unlock()
		a.mu.Lock()
		have := len(a.whole)
		a.mu.Unlock()
		if have >= n || ctx.Err() != nil || a.Fenced() != nil {
			return have
		}
		select {
		case <-again:
		case <-ctx.Done():
		}
	}
}

func (a *Aside) run(ctx context.Context, s *shipper) {
	ready := false
	var looked time.Time
	for ctx.Err() == nil {
		begun := a.r.o.Now().UTC()
		err := func() error {
			if begun.Sub(looked) >= a.r.o.LookEvery {
				if err := s.overtaken(ctx); err != nil {
					return err
				}
				looked = begun
			}
			if !ready {
				if err := s.charter(ctx); err != nil {
					return err
				}
				ready = true
			}
			// What else must be there does not wait for the mark: somebody may have put rubbish in its place.
			marked := s.markEpoch(ctx)
			if err := s.beside(ctx); err != nil {
				return err
			}
			if err := s.shipFiles(ctx); err != nil {
				return err
			}
			return errors.Join(s.head(ctx), marked) // the head tells that the shop is there, and what lies under keys/
		}()
		if ctx.Err() != nil {
			return
		}
		s.told(err)
		if errors.Is(err, ErrFenced) && !errors.Is(err, ErrRefused) && a.r.fence(s.name, err) {
			return
		}
		if err != nil {
			if errors.Is(err, ErrRefused) {
				looked = time.Time{} // that a later epoch has begun may be why
			}
			wait := min(time.Second<<min(s.failures()-1, 6), maxBackoff)
			sleep(ctx, wait/2+rand.N(wait/2))
			continue
		}
		a.mu.Lock()
		a.whole[s.name] = begun
		a.mu.Unlock()
		a.r.confirmed()
		sleep(ctx, min(filesEvery, max(a.r.o.LookEvery, 5*time.Millisecond)))
	}
}

// markEpoch stores, once, that the epoch has begun: what stops a machine that was the shop before.
func (s *shipper) markEpoch(ctx context.Context) error {
	c := chainOf(KindEpoch, 0)
	s.mu.Lock()
	have := s.st.Chains[c].Seq
	s.mu.Unlock()
	if have > 0 {
		return nil
	}
	key, err := s.r.o.Charter.VerifyKey()
	if err != nil {
		return err
	}
	name := epochObject(s.r.o.Epoch)
	switch h, hash, err := s.headerOf(ctx, name, key); {
	case errors.Is(err, ErrAbsent):
		if _, err := s.object(ctx, Header{Kind: KindEpoch, Shop: s.r.o.Charter.Shop, Epoch: s.r.o.Epoch, At: s.r.o.Now().UnixMicro(), Plain: hashOf(nil), Sealed: hashOf(nil)}, bytes.NewReader(nil)); err != nil {
			return err
		}
	case err != nil:
		return err
	default: // the state was lost, or the answer
		if err := belongs(h, s.r.o.Charter, s.name, Found{Name: name, Epoch: s.r.o.Epoch}); err != nil {
			return err
		}
		s.link(c, chain{Seq: h.Seq, Prev: hash})
	}
	return s.save()
}

// AsideStatus is how one site stands.
type AsideStatus struct {
	Place   Place
	Keys    bool      // keys, configuration and passes lie there, of now or of an earlier time
	Whole   time.Time // when it last had everything; zero: not yet since the start
	Acked   time.Time
	Bytes   int64
	Trouble error
	Since   time.Time
}

// Status tells how the sites stand.
func (a *Aside) Status() (out []AsideStatus) {
	for _, s := range a.r.shippers {
		a.mu.Lock()
		x := AsideStatus{Place: s.site.Place(), Whole: a.whole[s.name]}
		a.mu.Unlock()
		s.mu.Lock()
		x.Keys = s.st.Along != ""
		x.Acked, x.Bytes, x.Trouble = s.st.Acked, s.st.Bytes, s.trouble
		if s.trouble != nil {
			x.Since = s.since
		}
		s.mu.Unlock()
		out = append(out, x)
	}
	return out
}

// Close stops feeding; what is not there yet goes at the next start.
func (a *Aside) Close() error {
	a.r.cancel()
	a.r.wg.Wait()
	return nil
}
