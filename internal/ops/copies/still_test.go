package copies

import "slices"

// Still runs fn while no segment is written: a machine that stops does so at one moment.
func (s *Stream) Still(fn func() error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return fn()
}

// OnDisk is the transaction up to which segments are said to be on disk; 0: none.
func (s *Stream) OnDisk() (tx uint64) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.raw {
		if slices.Contains(s.unsynced, s.spool.of(g)) {
			break
		}
		tx = g.Max
	}
	return tx
}
