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
