package copies

// Still runs fn while no segment is written: a machine that stops does so at one moment.
func (s *Stream) Still(fn func() error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return fn()
}
