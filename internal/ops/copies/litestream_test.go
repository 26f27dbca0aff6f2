package copies_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"kassavalv/internal/programtest"
)

// The format is no dialect of ours: what an unsealed site holds, the stock program of
// Litestream restores, to the newest position.
func TestLitestreamRestores(t *testing.T) {
	bin := programtest.Program(t, "litestream")
	s := newShop(t, 21, 0)
	s.end()
	s.plain = t.TempDir()
	s.begin()
	for turn := range 3 {
		for range 25 {
			s.some()
			if s.r.Intn(4) == 0 {
				s.settled()
			}
		}
		s.settled()
		out := filepath.Join(t.TempDir(), "out.db")
		b, err := exec.Command(bin, "restore", "-o", out, "file://"+filepath.Join(s.plain)).CombinedOutput()
		if err != nil {
			t.Fatalf("turn %d: %v\n%s", turn, err, b)
		}
		if got, want := s.is(out), posOf(t, s.d); got != want {
			t.Errorf("Litestream restored position %d, not %d", got, want)
		}
		if turn == 1 { // and after a stop
			s.end()
			s.close()
			s.open()
			s.begin()
		}
	}
}
