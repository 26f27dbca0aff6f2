package copies_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
)

// asked is a site that takes segments of five minutes when it may. Once the first of them is
// stored its answer waits, and a change of the database is refused; so it is asked what it has,
// and what it tells of that segment waits as well.
type asked struct {
	copies.Site
	may, refused *atomic.Bool
	longer       *atomic.Int32 // segments of five minutes that were stored
	heads        *atomic.Int32
	once         *sync.Once
	stored       chan struct{} // the first of them
	answer       chan struct{}
	looks        chan struct{} // somebody asks for it
	tell         chan struct{}
}

const fiveMinutes = "e/00000001/l1/"

func (a asked) Put(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
	five := strings.HasPrefix(name, fiveMinutes)
	if five && !a.may.Load() {
		return copies.Receipt{}, copies.ErrFull
	}
	if strings.HasPrefix(name, "e/00000001/l0/") && a.longer.Load() > 0 && !a.refused.Swap(true) {
		return copies.Receipt{}, errDown
	}
	r, err := a.Site.Put(ctx, name, body, size)
	if err == nil && five && a.longer.Add(1) == 1 {
		close(a.stored)
		return r, open(ctx, a.answer)
	}
	return r, err
}

func (a asked) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if strings.HasPrefix(name, fiveMinutes) && a.longer.Load() == 1 {
		a.once.Do(func() { close(a.looks) })
		if err := open(ctx, a.tell); err != nil {
			return nil, err
		}
	}
	return a.Site.Get(ctx, name)
}

func (a asked) Replace(ctx context.Context, name string, body []byte) error {
	err := a.Site.Replace(ctx, name, body)
	if err == nil && name == "keys/head.kvc" {
		a.heads.Add(1)
	}
	return err
}

// open waits until a door is open.
func open(ctx context.Context, door chan struct{}) error {
	select {
	case <-door:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// What a site confirms while it is asked what it has is newer than what it tells: the next
// takes no place in the chain that is taken.
func TestConfirmedWhileTheSiteIsAsked(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s := newShop(t, 91, 2)
	s.end()
	var ahead atomic.Int64
	ahead.Store(int64(10 * time.Minute)) // the five minutes are over
	s.clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	a := asked{may: &atomic.Bool{}, refused: &atomic.Bool{}, longer: &atomic.Int32{}, heads: &atomic.Int32{}, once: &sync.Once{},
		stored: make(chan struct{}), answer: make(chan struct{}), looks: make(chan struct{}), tell: make(chan struct{})}
	s.wrap = func(i int, x copies.Site) copies.Site {
		if i > 0 {
			return x
		}
		a.Site = x
		return a
	}
	s.begin()
	for n := range 2 {
		s.some()
		s.settled()
		s.end()
		s.begin()
		s.eventually(func() bool {
			m, err := filepath.Glob(filepath.Join(s.dir, "copies", "spool", "l1", "*"))
			return err == nil && len(m) > n
		})
	}
	s.end()
	a.may.Store(true)
	s.begin()
	if err := open(ctx, a.stored); err != nil {
		t.Fatal("no longer segment comes")
	}
	s.some()
	if err := open(ctx, a.looks); err != nil {
		t.Fatal("the site is not asked what it has")
	}
	sent := s.room.Status().Sites[0].Bytes
	close(a.answer)
	s.eventually(func() bool { // the second is confirmed
		size := int64(0)
		list := s.longer()
		for _, p := range list {
			st, err := os.Stat(p)
			if err != nil {
				t.Fatal(err)
			}
			size += st.Size()
		}
		return len(list) > 1 && s.room.Status().Sites[0].Bytes >= sent+size
	})
	for range 10 { // what was sealed for both is no longer at hand
		s.some()
		if k := s.room.Wait(ctx, 0, 1); k.Sites < 1 {
			t.Fatal("the other site does not take it")
		}
	}
	close(a.tell)
	for range 6 { // a head goes after everything that is due has begun
		n := a.heads.Load()
		ahead.Add(int64(time.Minute))
		s.some()
		s.settled()
		s.eventually(func() bool { return a.heads.Load() > n })
	}
	s.end()
	places := map[uint64]string{}
	for _, p := range s.longer() {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		h, err := copies.HeaderOf(b)
		if err != nil {
			t.Fatal(err)
		}
		if places[h.Seq] != "" {
			t.Errorf("number %d of the chain is %s and %s", h.Seq, places[h.Seq], filepath.Base(p))
		}
		places[h.Seq] = filepath.Base(p)
	}
	if len(places) < 2 {
		t.Errorf("there are %d segments", len(places))
	}
}
