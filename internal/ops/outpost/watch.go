package outpost

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Status is what /status tells.
type Status struct {
	Now   time.Time    `json:"now"`
	Shops []ShopStatus `json:"shops"`
}

// ShopStatus is what is told of one shop.
type ShopStatus struct {
	Shop    string    `json:"shop"`
	Name    string    `json:"name"`
	State   string    `json:"state"` // waiting (nothing came yet), ok, silent or frozen
	Silent  bool      `json:"silent"`
	Seen    time.Time `json:"seen"` // when it last stored something, by this machine's clock
	Epoch   uint32    `json:"epoch"`
	Objects int       `json:"objects"`
	Bytes   int64     `json:"bytes"`
	Frozen  []string  `json:"frozen,omitempty"` // why nothing is removed
	Pruned  time.Time `json:"pruned"`
}

// Status tells of all shops.
func (p *Outpost) Status() Status {
	out := Status{Now: p.o.Now().UTC(), Shops: []ShopStatus{}}
	for _, s := range p.all() {
		out.Shops = append(out.Shops, p.statusOf(s))
	}
	return out
}

func (p *Outpost) all() []*shop {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*shop
	for _, s := range p.shops {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *shop) int { return strings.Compare(a.id, b.id) })
	return out
}

func (p *Outpost) statusOf(s *shop) ShopStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := ShopStatus{Shop: s.id, Name: s.who.Charter.Name, State: "ok", Seen: s.st.Seen, Epoch: s.st.Epoch, Objects: len(s.seqs), Bytes: s.bytes, Pruned: s.st.Pruned}
	st.Silent = s.quiet(p.o)
	for _, f := range s.st.Frozen {
		st.Frozen = append(st.Frozen, f.At.Format(time.RFC3339)+" "+f.Why)
	}
	if s.held != "" {
		st.Frozen = append(st.Frozen, s.held)
	}
	switch {
	case s.st.Seen.IsZero():
		st.State = "waiting"
	case st.Silent:
		st.State = "silent"
	case len(st.Frozen) > 0:
		st.State = "frozen"
	}
	return st
}

// quiet reports whether the shop is silent. The lock is held.
func (s *shop) quiet(o Options) bool {
	since := s.st.Seen
	if since.IsZero() {
		since = s.who.Since
	}
	return o.Now().Sub(since) > o.Silence
}

// watch notices silence, and keeps retention.
func (p *Outpost) watch(ctx context.Context) {
	tick := time.NewTicker(min(5*time.Second, p.o.Silence/4+time.Millisecond))
	defer tick.Stop()
	for {
		p.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look is one round of watch.
func (p *Outpost) look(ctx context.Context) {
	for _, s := range p.all() {
		s.mu.Lock()
		quiet := s.quiet(p.o)
		changed, seen, name := quiet != s.silent, s.st.Seen, s.who.Charter.Name
		s.silent = quiet
		frozen, held := len(s.st.Frozen), s.held
		due := p.o.Now().Sub(s.st.Pruned) >= p.o.PruneEvery || p.o.Now().Before(s.st.Pruned) || s.asked()
		s.mu.Unlock()
		switch {
		case changed && quiet:
			p.o.Log.Error("the shop is silent: it has stored nothing for a while", "shop", s.id, "name", name, "since", seen)
		case changed:
			p.o.Log.Info("the shop is heard again", "shop", s.id, "name", name)
		}
		if !due {
			continue
		}
		n, err := s.prune(ctx, p.o)
		if err != nil {
			p.o.Log.Error("retention failed", "shop", s.id, "error", err)
		}
		if n > 0 {
			p.o.Log.Info("retention removed objects", "shop", s.id, "objects", n)
		}
		s.mu.Lock()
		why := s.held
		if n := len(s.st.Frozen); n > frozen {
			why = s.st.Frozen[n-1].Why
		} else if why == held {
			why = ""
		}
		s.mu.Unlock()
		if why != "" {
			p.o.Log.Error("something looks wrong: nothing is removed (a person who has looked may say kassavalv outpost release)", "shop", s.id, "name", name, "why", why)
		}
	}
}
