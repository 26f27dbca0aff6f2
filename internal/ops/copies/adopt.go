package copies

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
)

// adoptBack is how many transactions before the last known one adopt begins to look: a
// segment that was made anew after a loss of power may begin so much earlier.
const adoptBack = 1 << 14

// adopt learns what the site has that the state does not tell: the answer to the last Put
// was lost, or the state was.
func (s *shipper) adopt(ctx context.Context) error {
	if !s.o.Unsealed {
		if err := s.charter(ctx); err != nil {
			return err
		}
	}
	key, err := s.r.o.Charter.VerifyKey()
	if err != nil {
		return err
	}
	s.mu.Lock()
	ahead := s.st.Ahead
	s.mu.Unlock()
	base := s.r.o.Stream.Head().Base
	if ahead > base {
		return s.ahead(ahead)
	}
	var ends, wholes []uint64 // of what is there, and of what of it is all of the database
	listed := uint64(0)       // raw ones that begin after it are among them
	for _, l := range Levels {
		c := chainOf(KindSegment, l)
		s.mu.Lock()
		have, unsure := s.st.Chains[c], s.unsure[c]
		s.mu.Unlock()
		prefix := levelPrefix(s.r.o.Epoch, l)
		if s.o.Unsealed {
			prefix = plainPrefix(l)
		}
		var newest Object
		var last chain
		var snap uint64
		after := ""
		if l == Raw && have.Max > adoptBack && !s.o.Unsealed { // a longer one that is new may begin long before
			listed = have.Max - adoptBack
			after = fmt.Sprintf("%s%016x", prefix, listed)
		}
		for o, err := range s.site.List(ctx, prefix, after) {
			if err != nil {
				return err
			}
			from, to, ok := rangeOf(o.Name)
			if ok {
				ends = append(ends, to)
			}
			if ok && from == 1 {
				wholes = append(wholes, to)
			}
			if !ok || to < last.Max {
				continue
			}
			newest, last.Max = o, to
			if from == 1 {
				snap = to
			}
		}
		far := max(last.Max, have.Max)
		if far > s.r.o.Stream.Head().TX { // what a stopped process has left in the log may be in no segment yet
			if _, err := s.r.o.Stream.Flush(); err != nil {
				return err
			}
		}
		if far > s.r.o.Stream.Head().TX {
			return s.ahead(far)
		}
		s.mu.Lock() // only now: what is beyond the stream is no place to go on from
		s.st.Snap = max(s.st.Snap, snap)
		s.mu.Unlock()
		if newest.Name == "" || last.Max == have.Max && have.Seq > 0 {
			s.sure(c, unsure)
			continue
		}
		if !s.o.Unsealed {
			h, hash, err := s.headerOf(ctx, newest.Name, key)
			if err != nil {
				return err
			}
			last.Seq, last.Prev, last.Post = h.Seq, hash, h.Post
		}
		s.mu.Lock()
		if s.st.Chains[c] == have { // what was confirmed meanwhile is newer than what was listed
			s.st.Chains[c] = last
		}
		s.mu.Unlock()
		s.sure(c, unsure)
	}
	if !s.o.Unsealed {
		if err := s.adoptFirst(ctx, key); err != nil {
			return err
		}
	}
	ends = append(ends, 0) // with nothing each begins
	slices.Sort(ends)
	s.mu.Lock()
	for _, to := range wholes {
		if i, _ := slices.BinarySearch(ends, to); to > listed { // of older ones what is noted stands
			s.dig(ends[i-1], to)
		}
	}
	s.mu.Unlock()
	if !s.o.Unsealed {
		if err := s.adoptDump(ctx, key); err != nil {
			return err
		}
	}
	return s.save()
}

// adoptFirst learns from the site's own head what has been told to go, where the state does
// not tell: a drill would miss all of it.
func (s *shipper) adoptFirst(ctx context.Context, key ed25519.PublicKey) error {
	s.mu.Lock()
	known := len(s.st.First) > 0 || s.st.Told > 0
	s.mu.Unlock()
	if known {
		return nil
	}
	h, _, err := s.headerOf(ctx, headObject, key)
	var d *Damage
	switch {
	case errors.Is(err, ErrAbsent) || errors.As(err, &d):
		return nil
	case err != nil:
		return err
	case h.Kind != KindHead || h.Shop != s.r.o.Charter.Shop || h.Site != s.name || h.Epoch != s.r.o.Epoch:
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.st.Told, s.st.Kept = h.Told, h.Chains[chainOf(KindSegment, Snapshot)].Kept
	for c, l := range h.Chains {
		if l.First > 0 {
			s.raise(c, l.First)
		}
	}
	return nil
}

// raise tells that a chain is whole from a number on. Under s.mu.
func (s *shipper) raise(c string, first uint64) {
	if s.st.First == nil {
		s.st.First = map[string]uint64{}
	}
	s.st.First[c] = max(s.st.First[c], first)
}

// sure tells that the site was asked since the first n Puts to a chain failed.
func (s *shipper) sure(chain string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unsure[chain] == n {
		delete(s.unsure, chain)
	}
}

// ErrAhead is returned for a site that holds what the data directory does not.
var ErrAhead = errors.New("copies: the site is ahead")

// ahead notes and tells that the site has a transaction that is not of this directory's
// history.
func (s *shipper) ahead(tx uint64) error {
	s.mu.Lock()
	s.st.Ahead = tx
	s.mu.Unlock()
	return errors.Join(fmt.Errorf("%w: site %s holds transaction %d of epoch %d, which this data directory (now at %d) has not been through. It is older than its own copy: restore from the site, or take a new epoch", ErrAhead, s.name, tx, s.r.o.Epoch, s.r.o.Stream.Head().TX), s.save())
}

func (s *shipper) headerOf(ctx context.Context, name string, key []byte) (Header, string, error) {
	r, err := s.site.Get(ctx, name)
	if err != nil {
		return Header{}, "", err
	}
	defer r.Close()
	return ReadHeader(r, name, key)
}
