package copies_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/dir"
)

// What lies beside a database that is copied by other means tells, as every site does, that the
// shop is there, and can be looked at without a key: whole it is well, and each loss is found.
func TestAsideIsLookedAt(t *testing.T) {
	keys := copies.NewKeys([]byte("0123456789abcdef0123456789abcdef"))
	charter := copies.NewCharter(copies.NewPaper(), keys, "Fiket")
	files, place := t.TempDir(), t.TempDir()
	name := strings.Repeat("ab", 20)
	if err := os.MkdirAll(filepath.Join(files, "ab", "ab"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(files, "ab", "ab", name), []byte("a picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := func() copies.Site {
		t.Helper()
		x, err := dir.Open(place, dir.Options{Name: "site", SetUp: true})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	a, err := copies.OpenAside(context.Background(), copies.Options{Dir: t.TempDir(), Charter: charter, Keys: keys, Epoch: 1, Files: files, Log: quiet(), Sites: []copies.SiteOptions{{Site: open()}},
		Along: func(context.Context) (copies.Along, error) { return copies.Along{Keys: "kassavalv-key-1 link"}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); a.Status()[0].Whole.IsZero(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(a.Status()[0].Trouble)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	verify := func() copies.Verified {
		return copies.Verify(context.Background(), open(), charter, copies.VerifyOptions{Share: 1, Aside: true})
	}
	if v := verify(); len(v.Findings) > 0 || v.Objects != 6 || time.Since(v.Head) > time.Hour {
		t.Errorf("%+v", v)
	}
	for _, lost := range []string{"keys/head.kvc", "keys/current.age", "e/00000001/charter.json", "e/00000001/epoch.kvc"} {
		p := filepath.Join(place, lost)
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
		if v := verify(); len(v.Findings) == 0 || v.Findings[0].Unknown {
			t.Errorf("%s is gone: %+v", lost, v.Findings)
		}
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if v := verify(); len(v.Findings) > 0 {
		t.Errorf("put back: %+v", v.Findings)
	}
}

// A machine that was the shop stops where the shop has begun another life, also where no segment
// tells of it, and only by what the shop has signed.
func TestAnOldAsideStops(t *testing.T) {
	keys := copies.NewKeys([]byte("0123456789abcdef0123456789abcdef"))
	charter := copies.NewCharter(copies.NewPaper(), keys, "Fiket")
	place := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	aside := func(folder string, epoch uint32, held bool, told func(copies.Fenced)) *copies.Aside {
		t.Helper()
		x, err := dir.Open(place, dir.Options{Name: "site", SetUp: true})
		if err != nil {
			t.Fatal(err)
		}
		a, err := copies.OpenAside(ctx, copies.Options{Dir: folder, Charter: charter, Keys: keys, Epoch: epoch, Log: quiet(), Sites: []copies.SiteOptions{{Site: x}}, LookEvery: time.Millisecond, Held: held, OnFenced: told,
			Along: func(context.Context) (copies.Along, error) { return copies.Along{Keys: "kassavalv-key-1 link"}, nil }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		return a
	}
	was, now := t.TempDir(), t.TempDir()
	told := make(chan copies.Fenced, 2)
	old := aside(was, 1, false, func(f copies.Fenced) { told <- f })
	if old.Taken(ctx, 1) != 1 {
		t.Fatal("the site does not take it")
	}
	// What who runs a site can make: a name, and the mark of another epoch under it.
	mark, err := os.ReadFile(filepath.Join(place, "e", "00000001", "epoch.kvc"))
	if err != nil {
		t.Fatal(err)
	}
	for e, b := range map[string][]byte{"00000008": []byte("rubbish"), "00000009": mark} {
		if err := os.MkdirAll(filepath.Join(place, "e", e), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(place, "e", e, "epoch.kvc"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	young := aside(now, 2, true, nil)
	if n, silent := young.Newest(ctx); n != 1 || len(silent) > 0 {
		t.Fatalf("epoch %d is the newest, %v", n, silent)
	}
	if _, err := os.Stat(filepath.Join(place, "e", "00000002")); err == nil || old.Fenced() != nil {
		t.Fatal("one that is held touches the site")
	}
	if err := young.Begin(ctx, 2); err != nil {
		t.Fatal(err)
	}
	if young.Taken(ctx, 1) != 1 || young.Epoch() != 2 || young.Held() {
		t.Fatal("the new life does not begin")
	}
	select {
	case f := <-told:
		if f.Site != "site" || !strings.Contains(f.Says, "epoch 2") {
			t.Errorf("told %+v", f)
		}
	case <-ctx.Done():
		t.Fatal("the old shop goes on as if it were alone")
	}
	if young.Fenced() != nil {
		t.Error("the new shop holds itself for the old one")
	}
	old.Close()
	place = t.TempDir() // it stays so over a restart, also with the site gone
	if old = aside(was, 1, false, nil); old.Fenced() == nil {
		t.Error("a restart makes the old shop forget that it is over")
	}
	if es, _ := os.ReadDir(filepath.Join(place, "e")); len(es) > 0 {
		t.Error("it still stores something")
	}
}

// A site whose state was lost learns its mark again.
func TestTheMarkIsStoredOnce(t *testing.T) {
	keys := copies.NewKeys([]byte("0123456789abcdef0123456789abcdef"))
	charter := copies.NewCharter(copies.NewPaper(), keys, "Fiket")
	place := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for range 2 {
		x, err := dir.Open(place, dir.Options{Name: "site", SetUp: true})
		if err != nil {
			t.Fatal(err)
		}
		a, err := copies.OpenAside(ctx, copies.Options{Dir: t.TempDir(), Charter: charter, Keys: keys, Epoch: 1, Log: quiet(), Sites: []copies.SiteOptions{{Site: x}}})
		if err != nil {
			t.Fatal(err)
		}
		if a.Taken(ctx, 1) != 1 {
			t.Errorf("%+v", a.Status())
		}
		a.Close()
		if v := copies.Verify(ctx, x, charter, copies.VerifyOptions{Share: 1, Aside: true}); len(v.Findings) > 0 || v.Epoch != 1 {
			t.Errorf("%+v", v)
		}
	}
}
