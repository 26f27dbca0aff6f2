package app

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"
)

// The second road's copy can be had without waiting for the night.
func TestSecondRoadNow(t *testing.T) {
	ctx := t.Context()
	a, _, err := Demo(ctx, DemoOptions{Dir: filepath.Join(t.TempDir(), "demo"), Addr: "127.0.0.1:0", Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Out: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(context.WithoutCancel(ctx))
	ask := func(query string) int {
		r := httptest.NewRequest("POST", "/backup/now"+query, nil)
		r.SetPathValue("verb", "now")
		w := httptest.NewRecorder()
		a.controlBackup(w, r)
		var said backupSaid
		if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil || said.Error != "" {
			t.Fatal(err, said.Error)
		}
		list, err := filepath.Glob(filepath.Join(a.Dir, copiesDir, "dump", "dump-*.age"))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if n := ask(""); n != 0 {
		t.Errorf("%d copies without being asked for", n)
	}
	if n := ask("?second-road=yes"); n != 1 {
		t.Errorf("%d copies of the second road", n)
	}
}
