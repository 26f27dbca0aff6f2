package copies_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/dir"
)

// A site that lacks the keys has confirmed nothing: what it holds cannot be opened.
func TestNothingIsConfirmedWithoutTheKeys(t *testing.T) {
	w := newWorld(t, 7)
	at := t.TempDir()
	site, err := dir.Open(at, dir.Options{Name: "ett", SetUp: true})
	if err != nil {
		t.Fatal(err)
	}
	keys, paper := copies.NewKeys([]byte("0123456789abcdef0123456789abcdef")), copies.NewPaper()
	var given atomic.Bool
	room, err := copies.Open(context.Background(), copies.Options{Dir: filepath.Join(w.dir, "copies"), Charter: copies.NewCharter(paper, keys, "Fiket"), Keys: keys, Epoch: 1, Stream: w.stream, DB: w.d, Log: quiet(),
		Sites: []copies.SiteOptions{{Site: site}},
		Along: func(context.Context) (copies.Along, error) {
			if !given.Load() {
				return copies.Along{}, errors.New("the keeper does not answer")
			}
			return copies.Along{Keys: "k"}, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer room.Close(context.Background())
	pos := w.some()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if k := room.Wait(ctx, pos, 1); k.Sites != 0 {
		t.Errorf("%d sites confirmed what they cannot give back", k.Sites)
	}
	given.Store(true)
	ctx, cancel = context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if k := room.Wait(ctx, pos, 1); k.Sites != 1 {
		t.Errorf("%d sites confirmed once they have the keys", k.Sites)
	}
}

// What is sealed under a key that came since goes to no site that lacks it, also after a
// restart; who keeps the keys holds back nothing while they are those that the site has.
func TestKeysGoFirst(t *testing.T) {
	w := newWorld(t, 15)
	site, err := dir.Open(t.TempDir(), dir.Options{Name: "ett", SetUp: true})
	if err != nil {
		t.Fatal(err)
	}
	shop, paper := copies.NewKeys([]byte("0123456789abcdef0123456789abcdef")), copies.NewPaper()
	charter := copies.NewCharter(paper, shop, "Fiket")
	var away atomic.Bool
	var keys atomic.Value
	keys.Store("a")
	var room *copies.Room
	stop := func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		room.Close(ctx)
	}
	open := func() {
		t.Helper()
		if room, err = copies.Open(context.Background(), copies.Options{Dir: filepath.Join(w.dir, "copies"), Charter: charter, Keys: shop, Epoch: 1, Stream: w.stream, DB: w.d, Log: quiet(),
			Sites:   []copies.SiteOptions{{Site: site}},
			KeysNow: func() string { return keys.Load().(string) },
			Along: func(context.Context) (copies.Along, error) {
				if away.Load() {
					return copies.Along{}, errors.New("the keeper does not answer")
				}
				return copies.Along{Keys: keys.Load().(string)}, nil
			}}); err != nil {
			t.Fatal(err)
		}
	}
	holds := func(sites int, patience time.Duration, when string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if k := room.Wait(ctx, w.some(), 1); k.Sites != sites {
			t.Errorf("%s: %d sites have it, not %d", when, k.Sites, sites)
		}
	}
	open()
	holds(1, time.Minute, "at first")
	stop()
	away.Store(true)
	open()
	holds(1, time.Minute, "with the keys that the site has")
	keys.Store("b")
	holds(0, 2*time.Second, "with a key that it lacks")
	stop()
	open()
	holds(0, 2*time.Second, "with a key that it lacks, after a restart")
	away.Store(false)
	holds(1, time.Minute, "when it has the key")
	stop()
}
