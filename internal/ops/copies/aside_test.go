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
	if v := verify(); len(v.Findings) > 0 || v.Objects != 5 || time.Since(v.Head) > time.Hour {
		t.Errorf("%+v", v)
	}
	for _, lost := range []string{"keys/head.kvc", "keys/current.age", "e/00000001/charter.json"} {
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
