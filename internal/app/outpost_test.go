package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kassavalv/internal/ops/copies"
)

// freeAddr is an address of this machine that nobody has just now.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// An outpost is made and run, a shop joins it and stores, and a new machine with nothing but
// a token for that shop reads what was stored.
func TestOutpostCommands(t *testing.T) {
	ctx := context.Background()
	log := slog.New(slog.DiscardHandler)
	dir, shop, empty := filepath.Join(t.TempDir(), "outpost"), t.TempDir(), t.TempDir()
	if _, err := OutpostInit(dir, "", "", ""); err == nil || !strings.Contains(err.Error(), "--address") {
		t.Error("made without an address:", err)
	}
	if _, err := OutpostRun(ctx, dir, log); err == nil || !strings.Contains(err.Error(), "outpost init") {
		t.Error("run before it was made:", err)
	}
	var token, addr string
	var p *Outpost
	for range 10 { // the port may have been taken between
		os.RemoveAll(dir)
		addr = freeAddr(t)
		var err error
		if token, err = OutpostInit(dir, addr, addr, ""); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(filepath.Join(dir, OutpostFile), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteString("status = \"127.0.0.1:0\"\nkeep_raw = \"2d\"\n")
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		if p, err = OutpostRun(ctx, dir, log); err == nil {
			break
		}
	}
	if p == nil {
		t.Fatal("the outpost does not start")
	}
	defer p.Close(ctx)
	if _, err := OutpostRun(ctx, dir, log); !errors.Is(err, ErrLocked) {
		t.Error("run twice:", err)
	}
	if _, err := OutpostJoin(ctx, shop, token, "watch"); err == nil || !strings.Contains(err.Error(), "backup paper") {
		t.Error("a folder without a shop joined:", err)
	}
	root := make([]byte, 32)
	charter := copies.NewCharter(copies.NewPaper(), copies.NewKeys(root), "Skafferiet")
	b, err := json.Marshal(charter)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeSynced(filepath.Join(shop, copiesDir, charterFile), b); err != nil {
		t.Fatal(err)
	}
	j, err := OutpostJoin(ctx, shop, token, "watch")
	if err != nil || j.Empty || j.Site != "outpost://"+addr+"?name=watch" {
		t.Fatalf("%+v %v", j, err)
	}
	if st, err := os.Stat(filepath.Join(shop, copiesDir, "watch.toml")); err != nil || st.Mode().Perm() != 0o600 {
		t.Error(st, err)
	}
	if _, err := OutpostJoin(ctx, shop, token, "watch"); err == nil {
		t.Error("joined twice under one name")
	}
	site, err := OpenSite(j.Site, shop)
	if err != nil {
		t.Fatal(err)
	}
	defer site.Close()
	if _, err := site.Put(ctx, "e/00000001/charter.json", strings.NewReader(string(b)), int64(len(b))); err != nil {
		t.Error(err)
	}
	if st := p.Status().Shops; len(st) != 1 || st[0].State != "ok" || st[0].Shop != charter.Shop {
		t.Errorf("%+v", st)
	}
	if token, err = OutpostInit(dir, "", "", charter.Shop); err != nil {
		t.Fatal(err)
	}
	j, err = OutpostJoin(ctx, empty, token, "watch")
	if err != nil || !j.Empty {
		t.Fatalf("%+v %v", j, err)
	}
	again, err := OpenSite(j.Site, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	var got []string
	for o, err := range again.List(ctx, "", "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, o.Name)
	}
	if len(got) != 1 || got[0] != "e/00000001/charter.json" {
		t.Error(got)
	}
	if err := OutpostRelease(dir, strings.Repeat("0", 32)); err == nil {
		t.Error("a shop was released that is not there")
	}
	if err := OutpostRelease(dir, charter.Shop); err != nil {
		t.Error(err)
	}
}

func TestOutpostConfigRefusesWithTheRightWords(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"unknown":     {"address = \"a:1\"\nkeep = \"1d\"\n", "keep"},
		"no address":  {"", "address"},
		"no port":     {"address = \"watch.example\"\n", "address"},
		"open status": {"address = \"a:1\"\nstatus = \"0.0.0.0:80\"\n", "status"},
		"a wrong day": {"address = \"a:1\"\nkeep_raw = \"3 days\"\n", "keep_raw"},
		"no time":     {"address = \"a:1\"\nkeep_days = \"0d\"\n", "keep_days"},
		"silence":     {"address = \"a:1\"\nsilence = \"-2m\"\n", "silence"},
		"room":        {"address = \"a:1\"\nmax_shop_gib = -1\n", "max_shop_gib"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, OutpostFile), []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OutpostRun(context.Background(), dir, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), OutpostFile) {
			t.Errorf("%s: %v does not name %q", name, err, c.want)
		}
	}
}
