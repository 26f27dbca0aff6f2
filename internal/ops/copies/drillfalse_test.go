package copies_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/sitetest"
)

// A disk of this machine that is full is no damage of a site, wherever in the drill it fills.
func TestDrillOnAFullDiskAccusesNobody(t *testing.T) {
	s := drilled(t, 54)
	st, err := os.Stat(filepath.Join(s.dir, "shop.db"))
	if err != nil {
		t.Fatal(err)
	}
	whole := st.Size()
	small := 0
	for _, size := range []int64{8 << 10, whole / 2, whole + 8<<10, 2*whole - 8<<10, 3*whole - 8<<10} {
		place, ok := sitetest.SmallDisk(t, size)
		if !ok {
			continue
		}
		o := s.drillOptions()
		o.Dir = filepath.Join(place, "drill")
		r := copies.Drill(context.Background(), o)
		if r.State == copies.Failed || size < whole && r.State != copies.Inconclusive {
			t.Errorf("%d bytes for a database of %d: %s", size, whole, says(r))
		}
		if r.State == copies.Inconclusive && !strings.Contains(says(r), "no space") && !strings.Contains(says(r), "full") {
			t.Errorf("%d bytes for a database of %d: it is not said why: %s", size, whole, says(r))
		}
		small++
	}
	t.Logf("%d small disks, a database of %d bytes", small, whole)
}

// What the retention takes away between two steps of a drill is no loss.
func TestDrillBesideTheRetentionAccusesNobody(t *testing.T) {
	s := drilled(t, 55)
	dumps := aged(t, filepath.Join(s.places[0], "v"), 40*24*time.Hour)
	o := s.drillOptions()
	removed := 0
	o.Tell = func(step string, _, _ int64) {
		if step != "second road" || removed > 0 {
			return
		}
		out, err := s.room.Retain(context.Background(), "site0", true)
		if err != nil {
			t.Error(err)
		}
		removed = len(out.Names)
	}
	if r := copies.Drill(context.Background(), o); r.State != copies.Ok || removed != dumps-1 || removed == 0 {
		t.Errorf("%d of %d copies of the second road were removed meanwhile: %s", removed, dumps, says(r))
	}
}

// A file that is on its way is not called lost; one that the site has had, or that the shop
// itself does not have, is.
func TestDrillKnowsWhatIsOnItsWay(t *testing.T) {
	s := drilled(t, 56)
	s.end() // what comes now reaches nobody
	late, nowhere := strings.Repeat("ef", 20), strings.Repeat("09", 20)
	p := filepath.Join(s.files, late[:2], late[2:4], late)
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		t.Fatal(err)
	}
	s.wrap = func(_ int, x copies.Site) copies.Site { return takesNoFiles{x} }
	s.begin()
	s.settled()
	if err := os.WriteFile(p, []byte("a new picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	there := strings.Repeat("cd", 20)
	s.eventually(func() bool { return !s.room.Owes("site0", there) }) // it has asked for the list
	for _, x := range []struct {
		files []string
		lose  bool
		state copies.State
	}{{[]string{there}, false, copies.Ok}, {[]string{there, late}, false, copies.Inconclusive}, {[]string{nowhere}, false, copies.Failed}, {[]string{there}, true, copies.Failed}} {
		if x.lose {
			if err := os.RemoveAll(filepath.Join(s.places[0], "f")); err != nil {
				t.Fatal(err)
			}
		}
		o := s.drillOptions()
		o.Files = func(context.Context, string) ([]string, error) { return x.files, nil }
		o.Coming = func(f string) bool { return s.room.Owes("site0", f) }
		if r := copies.Drill(context.Background(), o); r.State != x.state {
			t.Errorf("%v, %v: %s", x.files, x.lose, says(r))
		}
	}
}

// takesNoFiles is a site whose files do not arrive.
type takesNoFiles struct{ copies.Site }

func (t takesNoFiles) Put(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
	if strings.HasPrefix(name, "f/") {
		return copies.Receipt{}, copies.ErrFull
	}
	return t.Site.Put(ctx, name, body, size)
}

// A shop that has come back after a long stop has the second road of its earlier life until
// the first night is over: that is no loss.
func TestDrillInANewLifeAccusesNobody(t *testing.T) {
	s := drilled(t, 57)
	dumps, err := filepath.Glob(filepath.Join(s.places[0], "v", "*.kvc"))
	if err != nil || len(dumps) < 2 {
		t.Fatal(dumps, err)
	}
	s.end()
	for i, p := range dumps { // the newest was made three days ago
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(p); err != nil || i < len(dumps)-1 {
			continue
		}
		var h copies.Header
		b, err = copies.Resign(b, s.keys.Sign, func(x *copies.Header) { x.At -= (72 * time.Hour).Microseconds(); h = *x })
		if err == nil {
			err = os.WriteFile(filepath.Join(s.places[0], filepath.FromSlash(copies.ObjectName(h))), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s.epoch = 2
	s.begin()
	s.some()
	s.settled()
	var r copies.Result
	s.eventually(func() bool { // until its first head is there
		r = copies.Drill(context.Background(), s.drillOptions())
		return !strings.Contains(says(r), "head.kvc")
	})
	if r.State != copies.Inconclusive || !strings.Contains(says(r), "none of epoch 2 yet") {
		t.Errorf("%s", says(r))
	}
}
