package intake_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/fetch"
	"kassavalv/internal/file"
	"kassavalv/internal/job"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/intake"
)

func paint(c color.Color) []byte {
	m := image.NewRGBA(image.Rect(0, 0, 40, 30))
	for i := range 40 * 30 {
		m.Set(i%40, i/40, c)
	}
	var b bytes.Buffer
	png.Encode(&b, m)
	return b.Bytes()
}

func files(t testing.TB, d *db.DB) *file.Files {
	t.Helper()
	folder, err := file.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return file.New(d, folder)
}

func media(t testing.TB, d *db.DB, handle string) []catalog.Media {
	t.Helper()
	p, err := db.Read(context.Background(), d, func(q *db.Reader) (*catalog.Product, error) { return catalog.AnyByHandle(q, handle) })
	if err != nil {
		t.Fatal(err)
	}
	return p.Media
}

// work does the picture jobs that wait, as the runner would, and returns how
// many there were.
func work(t testing.TB, d *db.DB, p *intake.Pictures, attempt int) (n int, failed []string) {
	t.Helper()
	ids, err := db.Read(context.Background(), d, func(q *db.Reader) ([]db.ID, error) {
		return db.All(q, func(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return }, `SELECT ref_id FROM job_job WHERE kind = $1 ORDER BY id DESC`, intake.JobPicture)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if err := p.Work(context.Background(), job.Job{Ref: id, Attempt: attempt, Max: 8}); err != nil {
			failed = append(failed, err.Error())
		}
	}
	return len(ids), failed
}

func TestPicturesLater(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		var asked atomic.Int64
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			switch r.URL.Path {
			case "/1.png":
				w.Write(paint(color.RGBA{200, 0, 0, 255}))
			case "/2.png":
				w.Write(paint(color.RGBA{0, 200, 0, 255}))
			case "/text.png":
				w.Write([]byte("<svg onload=alert(1)>"))
			case "/busy.png":
				w.WriteHeader(503)
			default:
				w.WriteHeader(404)
			}
		}))
		defer srv.Close()
		opt := intake.FetchOptions
		opt.AllowNets = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		p := &intake.Pictures{DB: d, Files: files(t, d), Client: fetch.New(opt)}
		in := "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price,Image Src,Image Position,Image Alt Text,Variant Image\n" +
			"m,Mugg,Färg,Blå,A,10,U/1.png,1,Blå mugg,\nm,,,Röd,B,10,U/2.png,2,,U/2.png\nm,,,,,,U/404.png,3,,\nm,,,,,,U/text.png,4,,\nm,,,,,,U/busy.png,5,,\nm,,,,,,ftp://x/y.png,6,,\nm,,,,,,http://192.168.1.1/x.png,7,,\n"
		in = strings.ReplaceAll(in, "U/", srv.URL+"/")
		rep := run(t, d, in, intake.Options{})
		if rep.PicturesDue != 6 || rep.Products.Created != 1 {
			t.Errorf("%+v", rep)
		}
		if diff := cmp.Diff([]string{"7 Image Src bad_picture"}, codes(rep.Problems)); diff != "" {
			t.Error(diff)
		}
		n, failed := work(t, d, p, 1) // backwards, so that places are put right
		if n != 6 || len(failed) != 2 {
			t.Errorf("%d jobs, %v", n, failed)
		}
		if n, failed = work(t, d, p, 8); len(failed) != 0 {
			t.Errorf("the last try fails no job: %v", failed)
		}
		ps := media(t, d, "m")
		if len(ps) != 2 || ps[0].Alt.SV != "Blå mugg" || ps[0].Variant != 0 || ps[1].Variant == 0 || ps[0].Width != 40 {
			t.Errorf("%+v", ps)
		}
		st, err := db.Read(context.Background(), d, func(q *db.Reader) (intake.PictureState, error) { return intake.Pending(q) })
		if err != nil || st != (intake.PictureState{Done: 2, Failed: 4}) {
			t.Errorf("%+v %v", st, err)
		}
		lost, err := db.Read(context.Background(), d, func(q *db.Reader) ([]intake.Missing, error) { return intake.Failed(q, by, 100) })
		got := map[string]string{}
		for _, m := range lost {
			got[m.URL[strings.LastIndex(m.URL, "/")+1:]] = m.Code
		}
		if diff := cmp.Diff(map[string]string{"404.png": "bad_answer", "text.png": "picture_format", "busy.png": "bad_answer", "x.png": fetch.Unreachable}, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
		if _, err := db.Read(context.Background(), d, func(q *db.Reader) ([]intake.Missing, error) { return intake.Failed(q, auth.Guest(""), 100) }); !fault.Is(err, "denied") {
			t.Error(err)
		}
		// Again: nothing is asked for, nothing doubles.
		before := asked.Load()
		if rep := run(t, d, in, intake.Options{}); rep.PicturesDue != 0 || rep.Products.Unchanged != 1 {
			t.Errorf("%+v", rep)
		}
		work(t, d, p, 1)
		if asked.Load() != before || len(media(t, d, "m")) != 2 {
			t.Errorf("asked %d times more, %d pictures", asked.Load()-before, len(media(t, d, "m")))
		}
	})
}

func TestPicturesOfFolder(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	top := t.TempDir()
	dir := filepath.Join(top, "bilder")
	os.MkdirAll(filepath.Join(dir, "under"), 0o755)
	secret := paint(color.Black)
	os.WriteFile(filepath.Join(top, "utanför.png"), secret, 0o644)
	os.Symlink(filepath.Join(top, "utanför.png"), filepath.Join(dir, "länk.png"))
	os.WriteFile(filepath.Join(dir, "röd mugg.png"), paint(color.RGBA{200, 0, 0, 255}), 0o644)
	os.WriteFile(filepath.Join(dir, "under", "grön.png"), paint(color.RGBA{0, 200, 0, 255}), 0o644)
	os.WriteFile(filepath.Join(dir, "text.png"), []byte("hej"), 0o644)
	in := "Handle,Title,Variant Price,Image Src\nm,Mugg,10,https://bilder.example/cdn/r%C3%B6d%20mugg.png?v=12\nm,,,under/grön.png\nm,,,../utanför.png\nm,,,länk.png\nm,,,text.png\nm,,,saknas.png\nm,,,https://bilder.example/annan.png\nm,,,..\nm,,,under\n"
	dry := run(t, d, in, intake.Options{Images: dir, DryRun: true})
	if dry.PicturesNow != 3 || len(media0(d)) != 0 {
		t.Errorf("%+v", dry)
	}
	f := files(t, d)
	rep := run(t, d, in, intake.Options{Images: dir, Files: f})
	if rep.PicturesNow != 2 || rep.ProblemCount != 0 || rep.Products.Created != 1 {
		t.Errorf("%+v", rep)
	}
	if diff := cmp.Diff([]string{"4 Image Src picture_missing", "5 Image Src picture_missing", "6 Image Src picture_refused", "7 Image Src picture_missing", "9 Image Src picture_missing", "10 Image Src picture_missing"}, codes(rep.Notes)); diff != "" {
		t.Error(diff)
	}
	ps := media(t, d, "m")
	if len(ps) != 2 {
		t.Fatalf("%+v", ps)
	}
	// What was missing is taken when the folder has it; nothing is taken twice.
	os.WriteFile(filepath.Join(dir, "saknas.png"), paint(color.RGBA{0, 0, 200, 255}), 0o644)
	if rep := run(t, d, in, intake.Options{Images: dir, Files: f}); rep.PicturesNow != 1 || rep.Products.Unchanged != 1 || len(media(t, d, "m")) != 3 {
		t.Errorf("%+v", rep)
	}
}

func media0(d *db.DB) []string {
	ids, _ := db.Read(context.Background(), d, func(q *db.Reader) ([]string, error) {
		return db.All(q, func(r *db.Rows) (s string, err error) { err = r.Scan(&s); return }, `SELECT file FROM catalog_media`)
	})
	return ids
}
