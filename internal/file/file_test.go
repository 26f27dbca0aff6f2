package file

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
)

var rooms = []db.Migrations{Migrations}

func open(t *testing.T, d *db.DB) (*Files, *failing) {
	t.Helper()
	s, err := OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	fs := &failing{Store: s}
	f := New(d, fs)
	f.wait = 100 * time.Millisecond
	return f, fs
}

func nobody(db.Q, []Hash) (map[Hash]bool, error) { return nil, nil }

// age moves every file into the past.
func age(t *testing.T, d *db.DB, by time.Duration) {
	t.Helper()
	if err := db.Do(context.Background(), d, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE file_file SET last_linked = last_linked - $1`, by.Microseconds())
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func blobs(t *testing.T, f *Files) int {
	t.Helper()
	n := 0
	if err := f.s.List(t.Context(), func(Info) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAttachments(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		f, fs := open(t, d)
		h, err := f.PutAttachment(ctx, []byte("sealed"))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := f.PutAttachment(ctx, []byte("sealed")); err != nil || again != h {
			t.Fatal(again, err)
		}
		if b, err := f.Attachment(ctx, h); err != nil || string(b) != "sealed" {
			t.Fatal(b, err)
		}
		for _, bad := range []Hash{"", "../../shop.db", Hash(strings.Repeat("0", 64)), Hash(strings.ToUpper(string(h)))} {
			if _, err := f.Attachment(ctx, bad); !fault.Is(err, "not_found") {
				t.Errorf("%q: %v", bad, err)
			}
			if err := f.Remove(ctx, bad); !fault.Is(err, "not_found") {
				t.Errorf("%q: %v", bad, err)
			}
			if err := db.Do(ctx, d, func(tx *db.Tx) error { return Link(tx, bad) }); !fault.Is(err, "not_found") {
				t.Errorf("%q: %v", bad, err)
			}
		}
		// Bytes that fail leave no file behind that could be read or linked.
		fs.put = errors.New("disk")
		lost, err := f.PutAttachment(ctx, []byte("lost"))
		if err == nil {
			t.Fatal("stored without bytes")
		}
		fs.put = nil
		lost = hashOf([]byte("lost"))
		if _, err := f.Attachment(ctx, lost); !fault.Is(err, "not_found") {
			t.Fatal(err)
		}
		if err := db.Do(ctx, d, func(tx *db.Tx) error { return Link(tx, lost) }); !fault.Is(err, "not_found") {
			t.Fatal(err)
		}
		// Damage is told, not handed out.
		if err := f.s.Put(ctx, string(h), []byte("forged")); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Attachment(ctx, h); err == nil {
			t.Fatal("damaged bytes were handed out")
		}
		if err := f.Remove(ctx, h); err != nil || blobs(t, f) != 0 {
			t.Fatal(err)
		}
		if _, err := f.PutAttachment(ctx, make([]byte, MaxUpload+1)); fault.As(err) == nil || fault.As(err).Kind != fault.TooLarge {
			t.Fatal(err)
		}
		if _, err := f.PutAttachment(ctx, nil); !fault.Is(err, "invalid") {
			t.Fatal(err)
		}
	})
}

func TestCollect(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		f, fs := open(t, d)
		put := func(s string) Hash {
			h, err := f.PutAttachment(ctx, []byte(s))
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		kept, loose := put("kept"), put("loose")
		p, err := f.AcceptPicture(ctx, bytes.NewReader(pngOf(t, quarters(20, 20))))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Collect(ctx); err == nil {
			t.Fatal("collected with no keeper")
		}
		if c, err := f.Collect(ctx, nobody); err != nil || c.Files != 0 {
			t.Fatal("young files went", c, err)
		}
		age(t, d, Keep+time.Hour)
		fresh := put("fresh")
		if err := db.Do(ctx, d, func(tx *db.Tx) error { return Link(tx, loose) }); err != nil {
			t.Fatal(err)
		}
		keeper := func(_ db.Q, hs []Hash) (map[Hash]bool, error) { return map[Hash]bool{kept: true, p.Hash: false}, nil }
		// A store that fails leaves the file marked; the next run ends it.
		fs.del = errors.New("disk")
		if _, err := f.Collect(ctx, nobody, keeper); err == nil {
			t.Fatal("no error")
		}
		if err := db.Do(ctx, d, func(tx *db.Tx) error { return Link(tx, p.Hash) }); !fault.Is(err, "not_found") {
			t.Fatal("a leaving file was linked", err)
		}
		if _, err := f.AcceptPicture(ctx, bytes.NewReader(pngOf(t, quarters(20, 20)))); !fault.Is(err, "file_leaving") {
			t.Fatal(err)
		}
		fs.del = nil
		if c, err := f.Collect(ctx, nobody, keeper); err != nil || c.Files != 1 {
			t.Fatal(c, err)
		}
		for h, want := range map[Hash]bool{kept: true, loose: true, fresh: true} {
			if _, err := f.Attachment(ctx, h); (err == nil) != want {
				t.Error(h, err)
			}
		}
		if n := blobs(t, f); n != 3 {
			t.Fatal(n, "blobs")
		}
		if _, err := f.AcceptPicture(ctx, bytes.NewReader(pngOf(t, quarters(20, 20)))); err != nil {
			t.Fatal(err)
		}
		bad := errors.New("keeper")
		age(t, d, Keep+time.Hour)
		if _, err := f.Collect(ctx, func(db.Q, []Hash) (map[Hash]bool, error) { return nil, bad }); !errors.Is(err, bad) {
			t.Fatal(err)
		}
		if n := blobs(t, f); n != 6 {
			t.Fatal("files went though a keeper did not answer")
		}
	})
}

func TestLinkAndCollectMeet(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		f, _ := open(t, d)
		for range 10 {
			h, err := f.PutAttachment(ctx, []byte("x"))
			if err != nil {
				t.Fatal(err)
			}
			age(t, d, Keep+time.Hour)
			var wg sync.WaitGroup
			var linked error
			wg.Go(func() { linked = db.Do(ctx, d, func(tx *db.Tx) error { return Link(tx, h) }) })
			wg.Go(func() {
				if _, err := f.Collect(ctx, nobody); err != nil {
					t.Error(err)
				}
			})
			wg.Wait()
			if _, err := f.Attachment(ctx, h); (err == nil) != (linked == nil) {
				t.Fatal("linked:", linked, "readable:", err)
			}
		}
	})
}

func TestOrphans(t *testing.T) {
	f, _ := open(t, dbtest.SQLite(t, rooms))
	key := string(hashOf([]byte("left")))
	f.s.Put(t.Context(), key, []byte("left"))
	old := &aged{f.s}
	f.s = old
	c, err := f.Collect(t.Context(), nobody)
	if err != nil || c.Orphans != 1 || blobs(t, f) != 0 {
		t.Fatal(c, err)
	}
}

// aged shows every blob a month old.
type aged struct{ Store }

func (a *aged) List(ctx context.Context, fn func(Info) error) error {
	return a.Store.List(ctx, func(i Info) error { i.Modified = i.Modified.Add(-30 * 24 * time.Hour); return fn(i) })
}

func TestPictures(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		f, _ := open(t, d)
		src := withExif(jpegOf(t, quarters(900, 600)), 1)
		p, err := f.AcceptPicture(ctx, bytes.NewReader(src))
		if err != nil || p.Width != 900 || p.Height != 600 {
			t.Fatal(p, err)
		}
		staged, err := f.StagePicture(ctx, iotest{bytes.NewReader(src)})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if r, err := f.RenderPicture(ctx, staged); err != nil || r != p {
				t.Fatal(r, err)
			}
		}
		if err := errors.Join(f.DropStaged(ctx, staged), f.DropStaged(ctx, staged)); err != nil {
			t.Fatal(err)
		}
		if _, err := f.RenderPicture(ctx, staged); !fault.Is(err, "not_found") {
			t.Fatal(err)
		}
		if n := blobs(t, f); n != 3 {
			t.Fatal(n, "blobs: the original was kept")
		}
		got, _, err := db.Write(ctx, d, func(tx *db.Tx) (Picture, error) { return LinkPicture(tx, p.Hash) })
		if err != nil || got != p {
			t.Fatal(got, err)
		}
		w, h := p.Size(400)
		if w != 400 || h != 267 || !strings.HasSuffix(p.URL(400), "-400.jpg") {
			t.Fatal(w, h, p.URL(400))
		}
		if _, err := f.AcceptPicture(ctx, io.MultiReader(bytes.NewReader(src), endless{})); fault.As(err) == nil || fault.As(err).Kind != fault.TooLarge {
			t.Fatal(err)
		}
		// A re-upload of what we serve, staged, must not drop the served one with it.
		b, _ := f.s.Get(ctx, string(p.Hash)+"-1600.jpg")
		served, _ := io.ReadAll(b)
		b.Close()
		if s, err := f.StagePicture(ctx, bytes.NewReader(served)); err != nil || s == p.Hash || f.DropStaged(ctx, s) != nil {
			t.Fatal(s, err)
		}
		if _, err := db.Read(ctx, d, func(q *db.Reader) (Picture, error) { return Look(q, p.Hash) }); err != nil {
			t.Fatal(err)
		}
	})
}

type iotest struct{ io.Reader }

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestManyBombsAtOnce(t *testing.T) {
	f, _ := open(t, dbtest.SQLite(t, rooms))
	// Every place is taken: bombs must be refused without one.
	for range cap(f.reading) {
		f.reading <- struct{}{}
	}
	var wg sync.WaitGroup
	for _, b := range bombs() {
		for range 4 {
			wg.Go(func() {
				if _, err := f.AcceptPicture(t.Context(), bytes.NewReader(b)); !fault.Is(err, "picture_too_large") {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if _, err := f.AcceptPicture(t.Context(), bytes.NewReader(pngOf(t, quarters(9, 9)))); !fault.Is(err, "pictures_busy") {
		t.Fatal(err)
	}
}

func TestHandler(t *testing.T) {
	f, _ := open(t, dbtest.SQLite(t, rooms))
	p, err := f.AcceptPicture(t.Context(), bytes.NewReader(pngOf(t, quarters(1000, 500))))
	if err != nil {
		t.Fatal(err)
	}
	att, err := f.PutAttachment(t.Context(), []byte("sealed"))
	if err != nil {
		t.Fatal(err)
	}
	staged, err := f.StagePicture(t.Context(), bytes.NewReader(pngOf(t, quarters(30, 30))))
	if err != nil {
		t.Fatal(err)
	}
	h := f.Handler()
	do := func(method, target string, kv ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, target, nil)
		for i := 0; i < len(kv); i += 2 {
			r.Header.Set(kv[i], kv[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	w := do("GET", p.URL(400))
	etag := w.Header().Get("ETag")
	if w.Code != 200 || w.Header().Get("Content-Type") != "image/jpeg" || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") ||
		w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Content-Security-Policy") != "default-src 'none'; sandbox; frame-ancestors 'none'" || etag == "" ||
		w.Header().Get("Set-Cookie") != "" || letters(t, w.Body.Bytes()) != "RGBW" {
		t.Fatal(w.Code, w.Header())
	}
	if hd := do("HEAD", p.URL(400)); hd.Code != 200 || hd.Body.Len() != 0 || hd.Header().Get("Content-Length") != w.Header().Get("Content-Length") {
		t.Fatal(hd.Code, hd.Header())
	}
	if nm := do("GET", p.URL(400), "If-None-Match", etag); nm.Code != 304 {
		t.Fatal(nm.Code)
	}
	if rg := do("GET", p.URL(800), "Range", "bytes=0-9"); rg.Code != 206 || rg.Body.Len() != 10 {
		t.Fatal(rg.Code)
	}
	if w := do("POST", p.URL(400)); w.Code != 405 {
		t.Fatal(w.Code)
	}
	good := string(p.Hash)
	for _, target := range []string{"/media/", "/media/" + good, "/media/" + good + "-401.jpg", "/media/" + good + "-400.png", "/media/" + good + "-400.jpg?w=1",
		"/media/" + strings.ToUpper(good) + "-400.jpg", "/media/" + strings.Repeat("0", 64) + "-400.jpg", "/media/" + string(att) + "-400.jpg",
		"/media/" + string(att), "/media/" + string(staged) + "-400.jpg", "/media/../../shop.db", "/media/%2e%2e%2f%2e%2e%2fshop.db", "/media/..%5cshop.db",
		"/media/%252e%252e%252fshop.db", "/media/" + good + "-400.jpg%00", "/media//etc/passwd", "/media/" + good + "%2d400.jpg", "/media/" + good + "-400.jpg/"} {
		w := do("GET", target)
		if w.Code != http.StatusNotFound || w.Body.Len() != 0 || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("ETag") != "" {
			t.Errorf("%s: %d %v", target, w.Code, w.Header())
		}
	}
	if err := f.remove(t.Context(), p.Hash, picture); err != nil {
		t.Fatal(err)
	}
	if w := do("GET", p.URL(400)); w.Code != 404 {
		t.Fatal("a removed picture is served")
	}
}
