package copies_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/dir"
)

// slow is a site that takes what begins with prefix only when it may.
type slow struct {
	copies.Site
	prefix  string
	at, may chan struct{} // it is there, and may go on
}

func (s slow) Put(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
	if strings.HasPrefix(name, s.prefix) {
		select {
		case s.at <- struct{}{}:
		case <-ctx.Done():
			return copies.Receipt{}, ctx.Err()
		}
		select {
		case <-s.may:
		case <-ctx.Done():
			return copies.Receipt{}, ctx.Err()
		}
	}
	return s.Site.Put(ctx, name, body, size)
}

// What takes long on the wire does not hold back what changes in the database: files, the
// second road's copy, a snapshot.
func TestNothingLargeHoldsBackChanges(t *testing.T) {
	for what, prefix := range map[string]string{"files": "f/", "second road": "v/", "snapshot": "e/00000001/l9/"} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, 8)
			files := t.TempDir()
			for i := range 5 {
				name := strings.Repeat(fmt.Sprint(i), 64)
				if err := os.MkdirAll(filepath.Join(files, name[:2], name[2:4]), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(files, name[:2], name[2:4], name), []byte(name), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			folder, err := dir.Open(t.TempDir(), dir.Options{Name: "ett", SetUp: true})
			if err != nil {
				t.Fatal(err)
			}
			site := slow{folder, prefix, make(chan struct{}), make(chan struct{})}
			keys := copies.NewKeys([]byte("0123456789abcdef0123456789abcdef"))
			room, err := copies.Open(context.Background(), copies.Options{Dir: filepath.Join(w.dir, "copies"), Charter: copies.NewCharter(copies.NewPaper(), keys, "Fiket"), Keys: keys, Epoch: 1, Stream: w.stream, DB: w.d, Files: files, Log: quiet(),
				Sites: []copies.SiteOptions{{Site: site}}})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			defer func() {
				stop, cancel := context.WithCancel(context.Background())
				cancel()
				room.Close(stop)
			}()
			if prefix == "v/" {
				if err := room.Dump(ctx); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				select {
				case <-site.at: // under way
				case <-ctx.Done():
					t.Fatal("nothing was sent")
				}
				pos := w.some()
				if k := room.Wait(ctx, pos, 1); k.Sites != 1 {
					t.Errorf("a change waits: %d sites have it", k.Sites)
				}
				if prefix != "f/" {
					break
				}
				site.may <- struct{}{}
			}
		})
	}
}
