package copies

import (
	"time"
)

// Status is how the copies stand now.
type Status struct {
	Epoch   uint32
	TX      uint64
	At      time.Time // of the newest change
	Spool   int64     // bytes that wait in the data directory
	Trouble error     // of making segments
	Sites   []SiteStatus
	Dump    DumpStatus
	Held    bool    // nothing is sent yet
	Fenced  *Fenced // nil: nobody else has become the shop
}

// DumpStatus is how the second road stands.
type DumpStatus struct {
	Taken   time.Time // the newest; zero: none yet
	TX      uint64    // what it holds
	Size    int64     // bytes at each site
	Trouble error     // why the last one failed
}

// SiteStatus is how one site stands.
type SiteStatus struct {
	Place   Place
	Every   time.Duration // how it is fed
	TX      uint64        // what a restore from it would reach; 0: nothing yet
	Newest  time.Time     // of the newest change it has
	Lag     time.Duration // how much of the shop's time would be lost with this site alone
	Acked   time.Time     // when it last confirmed anything
	Took    time.Duration // from a closed segment to its confirmation, the last one
	Bytes   int64         // sent in this epoch
	Trouble error         // why it takes nothing now
	Since   time.Time     // of the trouble
	Frozen  error         // why nothing is removed there
}

// Status tells how the copies stand.
func (r *Room) Status() Status {
	h := r.o.Stream.Head()
	r.mu.Lock()
	epoch, held := r.o.Epoch, r.o.Held
	r.mu.Unlock()
	st := Status{Epoch: epoch, Held: held, TX: h.TX, At: h.At, Trouble: r.o.Stream.Trouble()}
	st.Fenced = r.Fenced()
	r.mu.Lock()
	st.Dump.Trouble = r.dumpTrouble
	if n := r.dump; n != nil {
		st.Dump.Taken, st.Dump.TX, st.Dump.Size = n.Taken, n.Header.Max, n.Header.SealedSize
	}
	r.mu.Unlock()
	for _, l := range Levels {
		for _, g := range r.list(l) {
			st.Spool += g.Size
		}
	}
	for _, s := range r.shippers {
		reached := s.reached()
		waiting, _ := r.o.Stream.After(reached)
		s.mu.Lock()
		x := SiteStatus{Place: s.site.Place(), Every: s.o.Every, TX: reached, Newest: s.st.Newest, Acked: s.st.Acked, Took: s.st.Took, Bytes: s.st.Bytes, Trouble: s.trouble, Frozen: s.frozen}
		if s.trouble != nil {
			x.Since = s.since
		}
		s.mu.Unlock()
		switch {
		case reached >= h.TX:
		case len(waiting) > 0:
			x.Lag = r.o.Now().Sub(waiting[0].At)
		case !x.Newest.IsZero():
			x.Lag = r.o.Now().Sub(x.Newest)
		}
		st.Sites = append(st.Sites, x)
	}
	return st
}
