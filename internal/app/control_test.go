package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/file"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/search"
)

const goodsFile = "Handle,Title,Variant SKU,Variant Price,Variant Inventory Qty\nmugg,Mugg,M-1,129.50,4\nvas,Vas,V-1,abc,\n"

func write(t *testing.T, dir, text string) string {
	t.Helper()
	p := filepath.Join(dir, "varor.csv")
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// small makes a shop in dir, without listeners.
func small(t *testing.T, dir string) (*App, Config) {
	t.Helper()
	cfg, err := LoadConfig(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := open(context.Background(), dir, cfg, slog.New(slog.DiscardHandler), openOptions{create: true})
	if err != nil {
		t.Fatal(err)
	}
	return a, cfg
}

func TestImportWithoutARunningShop(t *testing.T) {
	dir := t.TempDir()
	if _, err := Import(context.Background(), dir, Config{}, write(t, dir, goodsFile), ImportOptions{}); !errors.Is(err, ErrNoShop) {
		t.Errorf("an empty folder: %v", err)
	}
	a, cfg := small(t, dir)
	if err := a.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		rep, err := Import(context.Background(), dir, cfg, write(t, dir, goodsFile), ImportOptions{DryRun: dry})
		if err != nil || rep.Products.Created != 1 || rep.ProblemCount != 1 || rep.DryRun != dry {
			t.Errorf("%v %+v", err, rep)
		}
	}
	for path, want := range map[string]string{filepath.Join(dir, "no.csv"): "no such file", dir: "is a folder"} {
		if _, err := Import(context.Background(), dir, cfg, path, ImportOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestImportBesideARunningShop(t *testing.T) {
	for _, name := range []string{"kort", strings.Repeat("lång", 30)} {
		t.Run(name[:4], func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), name)
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			a, cfg := small(t, dir)
			folder, err := file.OpenFolder(filepath.Join(dir, "files"))
			if err != nil {
				t.Fatal(err)
			}
			a.Files = file.New(a.DB, folder)
			a.Index = search.New(a.DB, Currency, Country, a.Log)
			if err := a.openLog(t.Context()); err != nil {
				t.Fatal(err)
			}
			// Locked, and not answering yet.
			if _, err := Import(context.Background(), dir, cfg, write(t, dir, goodsFile), ImportOptions{}); !errors.Is(err, ErrLocked) {
				t.Errorf("before it answers: %v", err)
			}
			// What a dead program left is no hindrance.
			if err := os.WriteFile(filepath.Join(dir, ControlSocket), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			defer stop()
			ended := make(chan error, 1)
			go a.Index.Run(ctx)
			go func() { ended <- a.control(ctx) }()
			path, done, err := socketPath(dir, ControlSocket)
			if err != nil {
				t.Fatal(err)
			}
			defer done()
			for deadline := time.Now().Add(10 * time.Second); ; {
				if c, err := net.Dial("unix", path); err == nil {
					c.Close()
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("nobody answers")
				}
				time.Sleep(5 * time.Millisecond) // polling: the socket appears
			}
			if st, err := os.Stat(filepath.Join(dir, ControlSocket)); err != nil || st.Mode().Perm() != 0o600 || st.Mode()&os.ModeSocket == 0 {
				t.Errorf("%v %v", st.Mode(), err)
			}
			calls := 0
			rep, err := Import(context.Background(), dir, cfg, write(t, dir, goodsFile), ImportOptions{Progress: func(done, of int) { calls++ }})
			if err != nil || rep.Products.Created != 1 || rep.ProblemCount != 1 || calls == 0 {
				t.Errorf("%v %+v, %d calls", err, rep, calls)
			}
			// The log is walked by the program that holds the folder, and it tells of a
			// row that somebody changed.
			if _, err := a.Audit.Seal(ctx); err != nil {
				t.Fatal(err)
			}
			point, key, err := AuditCheckpoint(context.Background(), dir, a.Log)
			if err != nil || !strings.HasPrefix(point, "localhost/log\n") || !strings.HasPrefix(key, "localhost/log+") {
				t.Errorf("%v %q %q", err, point, key)
			}
			steps := 0
			if r, err := VerifyAudit(context.Background(), dir, a.Log, VerifyOptions{Checkpoint: point, Progress: func(done, of int64) { steps++ }}); err != nil || r.Size == 0 || r.Found != 0 || steps == 0 {
				t.Errorf("%v %+v, %d steps", err, r, steps)
			}
			if _, err := VerifyAudit(context.Background(), dir, a.Log, VerifyOptions{Checkpoint: strings.Replace(point, "localhost/log\n", "other.example/log\n", 1)}); !errors.Is(err, audit.ErrForeign) {
				t.Errorf("a checkpoint of another log: %v", err)
			}
			if err := db.Do(ctx, a.DB, func(tx *db.Tx) error {
				_, err := tx.Exec(`UPDATE audit_entry SET action = 'product.nothing' WHERE action = 'product.create'`)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if r, err := VerifyAudit(context.Background(), dir, a.Log, VerifyOptions{}); err != nil || len(r.Faults) != 1 || r.Faults[0].What != "changed" {
				t.Errorf("a changed row: %v %v", err, r.Faults)
			}
			if p := rep.Problems[0]; p.Line != 3 || p.Column != "Variant Price" || !strings.Contains(p.Sentence(lang.SV), "”abc”") {
				t.Errorf("%+v %s", p, p.Sentence(lang.SV))
			}
			if a.Index.Size() != 1 {
				t.Error("it cannot be found when the command ends")
			}
			if _, err := db.Read(context.Background(), a.DB, func(q *db.Reader) (*catalog.Product, error) { return catalog.AnyByHandle(q, "mugg") }); err != nil {
				t.Error(err)
			}
			rep, err = Import(context.Background(), dir, cfg, write(t, dir, "a,b\n1,2\n"), ImportOptions{})
			if !fault.Is(err, "import_format") || rep.In() != 0 {
				t.Errorf("%v %+v", err, rep)
			}
			if _, err = Import(context.Background(), dir, cfg, write(t, dir, goodsFile), ImportOptions{Images: "/no/such/folder"}); !fault.Is(err, "import_images") {
				t.Error(err)
			}
			left, err := filepath.Glob(filepath.Join(dir, "import-*"))
			if err != nil || len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			stop()
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("it does not stop")
			}
			if _, err := os.Stat(filepath.Join(dir, ControlSocket)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the socket stays: %v", err)
			}
			if err := a.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}
