package copies

import "testing"

// A site that ends with 20, and went on with the whole database at 12 where it had ended with 5.
func TestLeadsNowhere(t *testing.T) {
	s := &shipper{st: siteState{Chains: map[string]chain{chainOf(KindSegment, Raw): {Max: 20}}}}
	s.dig(5, 12)
	for _, c := range []struct {
		min, max uint64
		nowhere  bool
	}{
		{1, 5, false},
		{6, 9, false}, // goes on where it ended
		{4, 12, false},
		{7, 9, true},
		{7, 12, true},
		{7, 13, false}, // the whole at 12 leads over its end
		{13, 20, false},
		{21, 22, false}, // what it has leads there
		{22, 23, true},  // not yet
		{1, 40, false},  // a whole one
	} {
		if got := s.leadsNowhere(Segment{Level: Minutes, Min: c.min, Max: c.max}); got != c.nowhere {
			t.Errorf("%d to %d leads nowhere: %v", c.min, c.max, got)
		}
	}
	s.dig(12, 13)
	if len(s.st.Holes) != 1 {
		t.Errorf("nothing was missed from 12 to 13: %v", s.st.Holes)
	}
	s.st.Chains[chainOf(KindSegment, Days)] = chain{Max: 12}
	s.dig(20, 30)
	if len(s.st.Holes) != 1 || s.st.Holes[0] != (hole{20, 30}) {
		t.Errorf("what is behind the longest is not forgotten: %v", s.st.Holes)
	}
}
