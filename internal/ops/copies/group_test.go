package copies_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/dir"
)

// grouped is a room with one site that takes segments when it may, and no clock that closes
// one.
func grouped(t *testing.T, seed int64) (*world, slow, *copies.Room) {
	t.Helper()
	w := newWorld(t, seed)
	folder, err := dir.Open(t.TempDir(), dir.Options{Name: "ett", SetUp: true})
	if err != nil {
		t.Fatal(err)
	}
	site := slow{folder, "e/00000001/l0/", make(chan struct{}), make(chan struct{})}
	keys := copies.NewKeys([]byte("0123456789abcdef0123456789abcdef"))
	w.stream.Gather(time.Hour)
	w.flushed()
	room, err := copies.Open(context.Background(), copies.Options{Dir: filepath.Join(w.dir, "copies"), Charter: copies.NewCharter(copies.NewPaper(), keys, "Fiket"), Keys: keys, Epoch: 1, Stream: w.stream, DB: w.d, Log: quiet(),
		Sites: []copies.SiteOptions{{Site: site}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop, cancel := context.WithCancel(context.Background())
		cancel()
		room.Close(stop)
	})
	// The first snapshot of the house closes a segment too: it is over before anything begins.
	end := time.After(time.Minute)
	select {
	case <-site.at:
		site.may <- struct{}{}
	case <-end:
		t.Fatal("nothing is sent")
	}
	for {
		if l, err := filepath.Glob(filepath.Join(w.dir, "copies", "spool", "l9", "*.ltx")); err != nil {
			t.Fatal(err)
		} else if len(l) > 0 {
			break
		}
		select {
		case <-time.After(time.Millisecond):
		case <-end:
			t.Fatal("no snapshot is taken")
		}
	}
	return w, site, room
}

// Who waits while every site is busy waits for one segment with all others who do.
func TestWaitersShareASegment(t *testing.T) {
	w, site, room := grouped(t, 21)
	room.Hold(0, time.Hour)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var waiters sync.WaitGroup
	wait := func() {
		w.some()
		waiters.Go(func() {
			if k := room.Wait(ctx, 0, 1); k.Sites != 1 {
				t.Errorf("%d sites have it", k.Sites)
			}
		})
	}
	wait()
	select {
	case <-site.at: // it is busy
	case <-ctx.Done():
		t.Fatal("nothing is sent")
	}
	before := w.stream.Head().TX
	const more = 5
	for n := range more {
		wait()
		for room.Waiting() < n+2 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
	}
	if tx := w.stream.Head().TX; tx != before {
		t.Errorf("segments were closed for a busy site: %d, not %d", tx, before)
	}
	site.may <- struct{}{}
	select {
	case <-site.at:
		site.may <- struct{}{}
	case <-ctx.Done():
		t.Fatal("no more is sent")
	}
	waiters.Wait()
	segs, _ := w.stream.After(before)
	if len(segs) != 1 || segs[0].Max != w.stream.Told() {
		t.Errorf("%d waited for %v", more, segs)
	}
}

// The more a segment costs this machine, the more who wait share one; but nobody's time for
// waiting is spent on that.
func TestSegmentsArePacedByWhatTheyCost(t *testing.T) {
	_, _, room := grouped(t, 24)
	short, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	long, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	const ms = time.Millisecond
	for _, c := range []struct {
		ctx                 context.Context
		closing, pace, most time.Duration
	}{
		{long, 0, 10 * ms, 20 * ms},
		{long, ms / 4, 10 * ms, 20 * ms},
		{long, ms, 20 * ms, 30 * ms},
		{long, time.Second, 50 * ms, 60 * ms},
		{context.Background(), time.Second, 50 * ms, 60 * ms},
		{short, time.Second, 50 * ms, 20 * ms},
	} {
		if pace, most := room.Paced(c.ctx, c.closing); pace != c.pace || most != c.most {
			t.Errorf("closing takes %s: %s between two, open for %s at most, to be %s and %s", c.closing, pace, most, c.pace, c.most)
		}
	}
}

// However long the sites are busy, or who else comes, a segment that somebody waits for is
// closed.
func TestAWaiterIsNotHeldUp(t *testing.T) {
	w, site, room := grouped(t, 22)
	room.Hold(time.Hour, time.Millisecond)
	ctx, cancel := context.WithCancel(context.Background())
	var waiters sync.WaitGroup
	defer waiters.Wait()
	defer cancel()
	wait := func() {
		w.some()
		told := w.stream.Told()
		waiters.Go(func() { room.Wait(ctx, 0, 1) })
		for end := time.Now().Add(time.Minute); w.stream.Head().TX < told; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("it stays open")
			}
		}
	}
	wait()
	select {
	case <-site.at: // and stays there
	case <-time.After(time.Minute):
		t.Fatal("nothing is sent")
	}
	for range 3 {
		wait()
	}
}

// What is sealed once for all sites opens at each: it is restored from each alone.
func TestSealedOnceForAllSites(t *testing.T) {
	s := newShop(t, 23, 2)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s.settled()
	var pos db.Pos
	for range 12 {
		pos = s.some()
		if k := s.room.Wait(ctx, pos, 2); k.Sites != 2 {
			t.Fatalf("%d sites have it", k.Sites)
		}
	}
	s.end()
	both := 0
	for _, name := range objects(t, s.places[0], "e/00000001/l0/") {
		one, two := readAt(t, s.places[0], name), readAt(t, s.places[1], name)
		if two == nil {
			continue // the other got it with more
		}
		a, err := copies.HeaderOf(one)
		if err != nil {
			t.Fatal(err)
		}
		b, err := copies.HeaderOf(two)
		if err != nil {
			t.Fatal(err)
		}
		if both++; a.Site == b.Site {
			t.Errorf("%s was made for %s at both", name, a.Site)
		}
		if !bytes.Equal(one[payload(one):], two[payload(two):]) {
			t.Errorf("%s was sealed twice", name)
		}
	}
	if both < 12 {
		t.Errorf("%d objects are at both sites", both)
	}
	for i := range 2 {
		path, _, err := s.restore(s.finder(i), copies.Target{})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.is(path); got != pos {
			t.Errorf("site %d leads to %d, not %d", i, got, pos)
		}
	}
}

// readAt is an object in a folder; nil: it is not there.
func readAt(t *testing.T, place, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(place, filepath.FromSlash(name)))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return b
}

// mute is a site that stores, and whose answer is lost.
type mute struct {
	copies.Site
	is *bool
}

func (m mute) Put(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
	r, err := m.Site.Put(ctx, name, body, size)
	if err == nil && *m.is && strings.HasPrefix(name, fiveMinutes) {
		return r, errors.New("the answer is lost")
	}
	return r, err
}

// A longer segment that may have arrived keeps its place in the chain: nobody who waited
// behind it takes that before the site was asked.
func TestLostAnswerOfALongerSegment(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, 24)
	place := t.TempDir()
	folder, err := dir.Open(place, dir.Options{Name: "ett", SetUp: true})
	if err != nil {
		t.Fatal(err)
	}
	lost := true
	keys := copies.NewKeys([]byte("0123456789abcdef0123456789abcdef"))
	room, err := copies.Open(ctx, copies.Options{Dir: filepath.Join(w.dir, "copies"), Charter: copies.NewCharter(copies.NewPaper(), keys, "Fiket"), Keys: keys, Epoch: 1, Stream: w.stream, DB: w.d, Log: quiet(), Held: true,
		Sites: []copies.SiteOptions{{Site: mute{folder, &lost}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer room.Close(ctx)
	var longer []copies.Segment
	for from := uint64(0); len(longer) < 2; from = w.stream.Head().TX {
		w.some()
		w.flushed()
		segs, _ := w.stream.After(from)
		g, err := room.Longer(segs)
		if err != nil {
			t.Fatal(err)
		}
		longer = append(longer, g)
	}
	if err := room.PutLonger(ctx, longer[0]); err == nil {
		t.Fatal("the answer was not lost")
	}
	lost = false
	if err := room.PutLonger(ctx, longer[1]); err == nil {
		t.Error("the next goes before the site was asked")
	}
	if err := room.Adopt(ctx); err != nil {
		t.Fatal(err)
	}
	if err := room.PutLonger(ctx, longer[1]); err != nil {
		t.Fatal(err)
	}
	seqs := map[uint64]string{}
	for _, name := range objects(t, place, fiveMinutes) {
		h, err := copies.HeaderOf(readAt(t, place, name))
		if err != nil {
			t.Fatal(err)
		}
		if seqs[h.Seq] != "" {
			t.Errorf("number %d of the chain is %s and %s", h.Seq, seqs[h.Seq], name)
		}
		seqs[h.Seq] = name
	}
	if len(seqs) != 2 {
		t.Errorf("%d segments are there", len(seqs))
	}
}

// Nobody asks for it, and segments come to disk: the writer does not wait for all of them
// when its log is full.
func TestSegmentsComeToDiskBesideTheWriter(t *testing.T) {
	w := newWorld(t, 25)
	kept := w.stream.Kept()
	for i := range 3 {
		w.do(func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO t (id, s) VALUES ($1, $2)`, int64(5000+i), letters(w.r, 5<<20))
			return err
		})
		w.flushed()
	}
	for end := time.Now().Add(time.Minute); w.stream.Kept() == kept; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing comes to disk")
		}
	}
}

// A page that is written again and again is one page of its segment, which stays open until it
// is as large as a segment may become.
func TestASegmentIsAsLargeAsItsPages(t *testing.T) {
	w := newWorld(t, 22)
	w.stream.Gather(time.Hour)
	w.flushed()
	before := w.stream.Head().TX
	write := func(id int, text string) {
		t.Helper()
		if err := db.Do(context.Background(), w.d, func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO t (id, s) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET s=excluded.s`, id, text)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 600 { // more than 2 MiB of pages, of which all but a few are the same
		write(1, strings.Repeat(string(rune('a'+n%26)), 100))
	}
	if err := w.d.Told(); err != nil {
		t.Fatal(err)
	}
	w.flushed()
	if segs, whole := w.stream.After(before); len(segs) != 1 || !whole {
		t.Errorf("600 changes of one page are in %d segments", len(segs))
	}
	before = w.stream.Head().TX
	for n := range 3 { // each as large as a segment may become
		write(100+n, strings.Repeat("mycket ", 200_000))
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if segs, _ := w.stream.After(before); len(segs) > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a segment that is full stays open")
		}
	}
}
