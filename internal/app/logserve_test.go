package app

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
	"kassavalv/internal/web"
	"kassavalv/internal/web/shield"
)

// The ops listener serves the log, and takes cosignatures of configured witnesses only.
func TestLogOnTheOpsListener(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	a, _ := small(t, dir)
	if err := a.openLog(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Do(t.Context(), a.DB, func(tx *db.Tx) error {
		return audit.Record(tx, audit.Entry{ActorKind: "system", ActorName: "test", Action: "test.act", Entity: "test"})
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Audit.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	mux, err := web.NewMux("ops", a.logRoutes(func(method, path string, h web.Handler) web.Route {
		return web.Route{Method: method, Path: path, Who: web.OpsNetwork, Rate: shield.None, Face: web.Callback, Handle: h}
	}), web.Deps{Log: a.Log})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		b, _ := io.ReadAll(w.Result().Body)
		return w.Code, string(b)
	}
	status, point := ask("GET", "/log/checkpoint", "")
	if status != http.StatusOK || !strings.HasPrefix(point, "localhost/log\n") {
		t.Errorf("%d %q", status, point)
	}
	if _, err := os.Stat(filepath.Join(dir, LogPointFile)); err != nil {
		t.Error("no checkpoint is kept beside the database:", err)
	}
	size := strings.Split(point, "\n")[1]
	if status, b := ask("GET", "/log/tile/0/000.p/"+size, ""); status != http.StatusOK || len(b)%32 != 0 || len(b) == 0 {
		t.Errorf("%d %d", status, len(b))
	}
	if status, b := ask("GET", "/log/tile/entries/000.p/"+size, ""); status != http.StatusOK || !strings.Contains(b, "kassavalv/1 act ") {
		t.Errorf("%d %q", status, b)
	}
	for _, path := range []string{"/log/tile/0/000", "/log/tile/9/000.p/1", "/log/tile/x", "/log/proof/1", "/log/proof/x"} {
		if status, _ := ask("GET", path, ""); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
	if status, _ := ask("POST", "/log/cosignatures", point); status != http.StatusForbidden {
		t.Errorf("without a witness: %d", status)
	}
}
