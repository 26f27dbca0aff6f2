package copies_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
)

// another restores the shop into a folder of its own and opens a room there.
func (s *shop) another(epoch uint32, sites ...int) (*world, *copies.Room) {
	s.t.Helper()
	file, _, err := s.restore(s.finder(sites...), copies.Target{})
	if err != nil {
		s.t.Fatal(err)
	}
	w := &world{t: s.t, dir: filepath.Dir(file), r: s.r, states: map[db.Pos]string{}}
	w.open()
	s.t.Cleanup(w.close)
	o := copies.Options{Dir: filepath.Join(w.dir, "copies"), Charter: s.charter, Keys: s.keys, Epoch: epoch, Stream: w.stream, DB: w.d, Log: quiet()}
	for _, i := range sites {
		o.Sites = append(o.Sites, copies.SiteOptions{Site: s.siteAt(i)})
	}
	r, err := copies.Open(context.Background(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		r.Close(ctx)
	})
	return w, r
}

// untilFenced waits until the room knows that it is over.
func untilFenced(t *testing.T, r *copies.Room) *copies.Fenced {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if f := r.Fenced(); f != nil {
			return f
		}
	}
	t.Fatal("the old shop goes on as if it were alone")
	return nil
}

func TestOldShopStopsWhereALaterEpochHasBegun(t *testing.T) {
	s := newShop(t, 31, 2)
	for range 5 {
		s.some()
	}
	s.settled()
	s.end()
	s.look = time.Millisecond
	s.begin()
	if f := s.room.Fenced(); f != nil {
		t.Fatalf("fenced by nobody: %+v", f)
	}
	w, r := s.another(2, 1) // at one of the two sites
	w.some()
	if a := r.Wait(context.Background(), 0, 1); a.Sites != 1 {
		t.Fatal("the new shop's site does not take it")
	}
	f := untilFenced(t, s.room)
	if f.Site != "site1" || !strings.Contains(f.Says, "epoch 2") {
		t.Errorf("told %+v", f)
	}
	if st := s.room.Status(); st.Fenced == nil {
		t.Error("the status does not tell")
	}
	// At the other site nothing comes any more either, and nobody waits for it.
	s.some()
	if a := s.room.Wait(context.Background(), 0, 1); a.Sites != 0 {
		t.Errorf("%d sites have taken what the old shop did after its end", a.Sites)
	}
	// It stays so over a restart, also with the sites gone.
	s.end()
	s.places = []string{t.TempDir(), t.TempDir()}
	s.begin()
	if s.room.Fenced() == nil {
		t.Error("a restart makes the old shop forget that it is over")
	}
	if r.Fenced() != nil {
		t.Error("the new shop holds itself for the old one")
	}
}

func TestNobodyFencesByANameAlone(t *testing.T) {
	s := newShop(t, 32, 1)
	s.some()
	s.settled()
	// What who runs a site can make: names, the shop's charter, and a true object of the old
	// epoch under a name of the new one.
	e := func(n int) string { return filepath.Join(s.places[0], "e", fmt.Sprintf("%08x", n)) }
	olds, err := filepath.Glob(filepath.Join(e(1), "l*", "*.kvc"))
	if err != nil || len(olds) == 0 {
		t.Fatal("no object to replay", err)
	}
	for _, p := range olds {
		to := filepath.Join(e(9), filepath.Base(filepath.Dir(p)), filepath.Base(p))
		b, err := os.ReadFile(p)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(to), 0o700)
		}
		if err == nil {
			err = os.WriteFile(to, b, 0o600)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(filepath.Dir(to), strings.Repeat("0", 15)+"1-"+strings.Repeat("f", 16)+"-"+strings.Repeat("a", 16)+".kvc"), []byte("nothing"), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	charter, err := os.ReadFile(filepath.Join(e(1), "charter.json"))
	if err == nil {
		err = os.WriteFile(filepath.Join(e(9), "charter.json"), charter, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	n, err := copies.Newest(context.Background(), s.siteAt(0), s.charter, 1)
	if err != nil || n != 1 {
		t.Fatalf("epoch %d is believed, %v", n, err)
	}
	// A true one is.
	w, r := s.another(3, 0)
	w.some()
	r.Wait(context.Background(), 0, 1)
	if n, err = copies.Newest(context.Background(), s.siteAt(0), s.charter, 1); err != nil || n != 3 {
		t.Fatalf("epoch %d is the newest, %v", n, err)
	}
}

// fencing is a site that says that a later epoch has begun, as an outpost does, and lies.
type fencing struct {
	copies.Site
	lies    *atomic.Bool
	refused *atomic.Int32
}

func (f fencing) Put(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
	if f.lies.Load() {
		f.refused.Add(1)
		return copies.Receipt{}, fmt.Errorf("%w: %w: epoch 9 has begun", copies.ErrRefused, copies.ErrFenced)
	}
	return f.Site.Put(ctx, name, body, size)
}

// Who runs a site closes no shop: its word stops what goes to it, and nothing else.
func TestNobodyFencesByHisWordAlone(t *testing.T) {
	s := newShop(t, 33, 2)
	s.some()
	s.settled()
	s.end()
	var lies atomic.Bool
	var refused atomic.Int32
	s.wrap = func(i int, x copies.Site) copies.Site {
		if i == 1 {
			return fencing{x, &lies, &refused}
		}
		return x
	}
	s.begin()
	s.settled()
	lies.Store(true)
	s.some()
	s.eventually(func() bool { return refused.Load() >= 2 }) // it has looked for the object meanwhile
	if f := s.room.Fenced(); f != nil {
		t.Fatalf("closed by a word: %+v", f)
	}
	if a := s.room.Wait(context.Background(), 0, 1); a.Sites < 1 {
		t.Error("the other site does not go on")
	}
	lies.Store(false)
	s.settled()
	// The same words where such an object is.
	w, r := s.another(2, 1)
	w.some()
	if a := r.Wait(context.Background(), 0, 1); a.Sites != 1 {
		t.Fatal("the new shop's site does not take it")
	}
	lies.Store(true)
	s.some()
	if f := untilFenced(t, s.room); f.Site != "site1" || !strings.Contains(f.Says, "epoch 2") {
		t.Errorf("told %+v", f)
	}
}
