package copies

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// Aside keeps at the sites what lies beside a database that is copied by other means: the
// vault's keys, configuration, certificates, and the shop's files. Stream and DB of its
// Options are nil.
type Aside struct {
	r      *Room
	mu     sync.Mutex
	whole  map[string]time.Time // when a site last had everything
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// OpenAside begins to feed the sites.
func OpenAside(ctx context.Context, o Options) (*Aside, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Epoch == 0 {
		return nil, errors.New("copies: epochs begin with 1")
	}
	to, err := o.Charter.recipients()
	if err != nil {
		return nil, err
	}
	a := &Aside{r: &Room{o: o, streams: streamKeys{to: to, now: o.Now}, nudge: make(chan struct{}), acked: make(chan struct{}), levels: map[int][]Segment{}}, whole: map[string]time.Time{}}
	if err := a.r.take(o.Sites); err != nil {
		return nil, err
	}
	ctx, a.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, s := range a.r.shippers {
		a.wg.Go(func() { a.run(ctx, s) })
	}
	return a, nil
}

func (a *Aside) run(ctx context.Context, s *shipper) {
	ready := false
	for ctx.Err() == nil {
		begun := a.r.o.Now().UTC()
		err := func() error {
			if !ready {
				if err := s.charter(ctx); err != nil {
					return err
				}
				ready = true
			}
			if err := s.beside(ctx); err != nil {
				return err
			}
			if err := s.shipFiles(ctx); err != nil {
				return err
			}
			return s.head(ctx) // of no chain: that the shop is there, and what lies under keys/
		}()
		if ctx.Err() != nil {
			return
		}
		s.told(err)
		if err != nil {
			wait := min(time.Second<<min(s.failures()-1, 6), maxBackoff)
			sleep(ctx, wait/2+rand.N(wait/2))
			continue
		}
		a.mu.Lock()
		a.whole[s.name] = begun
		a.mu.Unlock()
		sleep(ctx, filesEvery)
	}
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
	a.cancel()
	a.wg.Wait()
	return nil
}
