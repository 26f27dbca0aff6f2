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

// slowFiles is a site that takes a file only when it may.
type slowFiles struct {
	copies.Site
	may chan struct{}
}

func (s slowFiles) Put(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
	if strings.HasPrefix(name, "f/") {
		select {
		case <-s.may:
		case <-ctx.Done():
			return copies.Receipt{}, ctx.Err()
		}
	}
	return s.Site.Put(ctx, name, body, size)
}

// Many files do not hold back what changes in the database: it goes between two of them.
func TestFilesDoNotHoldBackChanges(t *testing.T) {
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
	site := slowFiles{folder, make(chan struct{})}
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
	site.may <- struct{}{} // the first file is under way
	pos := w.some()
	site.may <- struct{}{} // and the second; three wait
	if k := room.Wait(ctx, pos, 1); k.Sites != 1 {
		t.Errorf("a change waits for all files: %d sites have it", k.Sites)
	}
}
