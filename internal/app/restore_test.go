package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/secret"
)

var fieldTest = secret.Register("test.restored", "to see whether it opens")

// sealed is a text under the key of a person of its own.
type sealed struct {
	person db.ID
	value  []byte
}

func seal(t *testing.T, a *App, text string) sealed {
	t.Helper()
	s, _, err := db.Write(t.Context(), a.DB, func(tx *db.Tx) (s sealed, err error) {
		p, err := a.Vault.NewPerson(tx)
		if err != nil {
			return s, err
		}
		s.person = p.ID
		s.value, err = a.Vault.Seal(tx, s.person, fieldTest, s.person, []byte(text))
		return s, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// opens is what it says in a shop; empty: nothing.
func (s sealed) opens(b *App) string {
	text, err := db.Read(context.Background(), b.DB, func(q *db.Reader) ([]byte, error) { return b.Vault.Open(q, s.person, fieldTest, s.person, s.value) })
	if err != nil {
		return ""
	}
	return string(text)
}

// wayBack is what brings a demo back: its paper key and the addresses of its sites.
func wayBack(t *testing.T, dir string) (copies.Paper, []string) {
	t.Helper()
	words, err := os.ReadFile(filepath.Join(dir, demoPaperFile))
	if err != nil {
		t.Fatal(err)
	}
	paper, err := copies.ParsePaper(string(words))
	if err != nil {
		t.Fatal(err)
	}
	sites, err := demoSites(dir)
	if err != nil {
		t.Fatal(err)
	}
	return paper, sites
}

// A demo comes back from either of its folders and the words of its paper key alone, and an
// older point of it does not bring back who was erased since.
func TestRestoreAShop(t *testing.T) {
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	dir := filepath.Join(t.TempDir(), "demo")
	a, _, err := Demo(ctx, DemoOptions{Dir: dir, Addr: "127.0.0.1:0", Log: log, Out: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	defer func() {
		select {
		case <-gone:
		default:
			a.Close(ctx)
		}
	}()
	stays, erased := seal(t, a, "stays"), seal(t, a, "is erased later")
	settle := func() time.Time {
		t.Helper()
		c, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if k := a.Copies.Wait(c, 0, 2); k.Sites != 2 {
			t.Fatalf("%d sites have it", k.Sites)
		}
		return a.Copies.Status().At
	}
	before := settle()
	for !time.Now().After(before.Add(10 * time.Millisecond)) {
		time.Sleep(time.Millisecond)
	}
	if err := db.Do(ctx, a.DB, func(tx *db.Tx) error { return a.Vault.Erase(tx, erased.person) }); err != nil {
		t.Fatal(err)
	}
	late := seal(t, a, "came later")
	// The keys turn a moment before the machine is lost: what is sealed under the new one
	// must open from what the sites have.
	if err := a.Vault.NewEpoch(ctx); err != nil {
		t.Fatal(err)
	}
	if n, err := a.Vault.Rewrap(ctx); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	settle()
	paper, sites := wayBack(t, dir)
	if err := a.Close(ctx); err != nil {
		t.Fatal(err)
	}
	close(gone)

	back := func(to string, from []string, at time.Time) (*App, RestoreReport) {
		t.Helper()
		rep, err := Restore(ctx, RestoreOptions{Paper: paper, Sites: from, To: to, At: at, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		if len(rep.Damages) > 0 || len(rep.Found.Trouble) > 0 || rep.Epoch != 2 {
			t.Errorf("%+v", rep)
		}
		cfg, err := LoadConfig(to, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := open(ctx, to, cfg, log, openOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close(ctx) })
		return b, rep
	}
	for i, from := range [][]string{{sites[0]}, {sites[1]}, sites} {
		b, rep := back(filepath.Join(t.TempDir(), "shop"), from, time.Time{})
		if stays.opens(b) != "stays" || late.opens(b) != "came later" || erased.opens(b) != "" {
			t.Errorf("%d: not the shop that was", i)
		}
		if rep.Files == 0 || len(rep.Found.Sites) != len(from) {
			t.Errorf("%+v", rep)
		}
		if _, err := os.Stat(filepath.Join(b.Dir, restoredMark)); err != nil {
			t.Error(err)
		}
	}
	b, rep := back(filepath.Join(t.TempDir(), "shop"), sites, before)
	if stays.opens(b) != "stays" || erased.opens(b) != "" || rep.Erased != 1 || rep.Point.At.After(before) {
		t.Errorf("an older point: %q %q %+v", stays.opens(b), erased.opens(b), rep)
	}
	if n, err := db.Read(ctx, b.DB, func(q *db.Reader) (n int, err error) {
		err = q.QueryRow(`SELECT count(*) FROM secret_person WHERE id=$1`, late.person).Scan(&n)
		return
	}); err != nil || n != 0 {
		t.Errorf("the older point knows who came later: %d, %v", n, err)
	}
	// A name that is not the site's is told, with the one that is; nothing is begun.
	wrong, nowhere := strings.Replace(sites[0], "name=plats-1", "name=nas", 1), filepath.Join(t.TempDir(), "x")
	if _, err := Restore(ctx, RestoreOptions{Paper: paper, Sites: []string{wrong}, To: nowhere}); err == nil || !strings.Contains(err.Error(), "name=plats-1") {
		t.Errorf("under another name: %v", err)
	}
	if _, err := os.Stat(nowhere); !os.IsNotExist(err) {
		t.Errorf("under another name: %v", err)
	}
	// One that is right among them is enough.
	some, err := Restore(ctx, RestoreOptions{Paper: paper, Sites: []string{wrong, sites[1]}, To: filepath.Join(t.TempDir(), "shop")})
	if err != nil || len(some.Found.Trouble) == 0 || some.Files == 0 {
		t.Errorf("one of two under another name: %v, %+v", err, some)
	}
	// Cut off at any step, the folder is no shop: empty, or marked as half.
	for _, step := range []string{"fetching", "verifying", "files"} {
		cut, cancel := context.WithCancel(ctx)
		half := filepath.Join(t.TempDir(), "shop")
		_, err := Restore(cut, RestoreOptions{Paper: paper, Sites: sites, To: half, Progress: func(what string, _, _ int64) {
			if what == step {
				cancel()
			}
		}})
		if err == nil {
			t.Fatalf("cut off at %s: it came to its end", step)
		}
		es, err := os.ReadDir(half)
		if err != nil || step == "files" && len(es) == 0 {
			t.Errorf("cut off at %s: %v, %v", step, es, err)
		}
		if len(es) == 0 {
			continue
		}
		if _, err := open(ctx, half, Config{}, log, openOptions{create: true}); !errors.Is(err, errHalf) {
			t.Errorf("cut off at %s: %v are there, and it opens: %v", step, es, err)
		}
	}
	// Nothing is replaced, and other words open nothing.
	if _, err := Restore(ctx, RestoreOptions{Paper: paper, Sites: sites, To: b.Dir}); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("into a folder that is not empty: %v", err)
	}
	if _, err := Restore(ctx, RestoreOptions{Paper: copies.NewPaper(), Sites: sites, To: filepath.Join(t.TempDir(), "x")}); err == nil || !strings.Contains(err.Error(), "paper key") {
		t.Errorf("with another key: %v", err)
	}
	// What lies at a site tells nobody anything.
	filepath.WalkDir(filepath.Join(dir, "sites"), func(p string, e os.DirEntry, _ error) error {
		if e.IsDir() {
			return nil
		}
		x, err := os.ReadFile(p)
		if err != nil {
			t.Error(err)
		}
		for _, s := range [][]byte{[]byte("SQLite format"), []byte("kassavalv-key-1 shop"), []byte("\xff\xd8\xff\xdb\x00\x84\x00")} {
			if bytes.Contains(x, s) {
				t.Errorf("%s holds %q", p, s)
			}
		}
		return nil
	})
}
