package app

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
)

// A demo's sites are proven by the shop itself; a copy in which a series has a gap or a level
// of stock does not add up is not, and opens an incident.
func TestShopDrillsItsSites(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "demo")
	a, _, err := Demo(ctx, DemoOptions{Dir: dir, Addr: "127.0.0.1:0", Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Out: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(ctx)
	settle := func() {
		t.Helper()
		c, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if k := a.Copies.Wait(c, 0, 2); k.Sites != 2 {
			t.Fatalf("%d sites have it", k.Sites)
		}
	}
	settle()
	if err := a.Copies.Dump(ctx); err != nil {
		t.Fatal(err)
	}
	drill := func() copies.Result {
		t.Helper()
		r, err := a.drill(ctx, "plats-1", false)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	// The second road and the files come to the site a moment later.
	var r copies.Result
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if r = drill(); r.State == copies.Ok {
			break
		}
	}
	if r.State != copies.Ok || r.RTO <= 0 || r.TX == 0 {
		t.Fatalf("%+v", r)
	}
	// The last step bought something on what came back; its books were looked at again.
	if last := r.Steps[len(r.Steps)-1]; last.Name != "purchase" || last.Took <= 0 {
		t.Errorf("steps: %+v", r.Steps)
	}
	t.Logf("%v", r.Steps)
	if due, _, err := a.drillDue(ctx, "plats-1", time.Now()); err != nil || due {
		t.Errorf("due again at once: %v %v", due, err)
	}
	if due, cold, err := a.drillDue(ctx, "plats-1", time.Now().Add(40*time.Hour)); err != nil || !due || !cold {
		t.Errorf("not due after 40 hours, or not cold: %v %v %v", due, cold, err)
	}
	if due, _, err := a.drillDue(ctx, "plats-2", time.Now().Add(time.Hour)); err != nil || !due {
		t.Errorf("a site that was never drilled is not due: %v %v", due, err)
	}
	// Where a drill could fill the shop's own disk, it does not begin, and that is kept.
	a.free = func(string) (int64, error) { return drillSpare, nil }
	if r := drill(); r.State != copies.Inconclusive || len(r.Steps) != 0 || len(r.Findings) != 1 || !strings.Contains(r.Findings[0].What, "are free") {
		t.Errorf("without room: %+v", r)
	}
	a.free = freeOf
	if n, err := freeOf(dir); err != nil || n == 0 {
		t.Errorf("%d bytes free: %v", n, err)
	}
	verify := func() (found, unseen int) {
		t.Helper()
		if err := VerifySites(ctx, dir, "plats-1", 1, func(v VerifiedSite) {
			found, unseen = len(v.Findings), len(v.Unseen)
			if v.Objects == 0 || v.Read == 0 {
				t.Errorf("%+v", v)
			}
		}); err != nil {
			t.Fatal(err)
		}
		return
	}
	if found, unseen := verify(); found+unseen != 0 {
		t.Errorf("a whole site: %d damaged, %d not looked at", found, unseen)
	}
	looked, err := Check(ctx, dir, CheckOptions{Resolver: names{}})
	if err != nil {
		t.Fatal(err)
	}
	answers := 0
	for _, x := range looked {
		if x.Area == "copies" && x.Judge == Good {
			answers++
		}
		if x.Area == "config" && x.Judge == Amiss || strings.Contains(x.What, "no site is configured") {
			t.Errorf("the demo's folder is judged as a shop's: %+v", x)
		}
	}
	if answers != 2 {
		t.Errorf("%d of the demo's two sites answer a check: %+v", answers, looked)
	}
	spoilt := ""
	filepath.WalkDir(filepath.Join(dir, "sites", "plats-1", "f"), func(p string, e os.DirEntry, _ error) error {
		if !e.IsDir() {
			spoilt = p
		}
		return nil
	})
	whole, err := os.ReadFile(spoilt)
	if err != nil {
		t.Fatal(err)
	}
	bad := append([]byte{}, whole...)
	bad[len(bad)-1] ^= 1
	if err := os.WriteFile(spoilt, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if found, _ := verify(); found != 1 {
		t.Errorf("one bit turned over: %d findings", found)
	}
	if err := os.WriteFile(spoilt, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := VerifySites(ctx, dir, "nowhere", 1, func(VerifiedSite) {}); err == nil {
		t.Error("a site that is not configured was verified")
	}
	if _, err := a.drill(ctx, "nowhere", false); err == nil {
		t.Error("a site that is not configured")
	}
	for _, c := range []struct{ object, spoil, mend string }{
		{"series", `UPDATE order_series SET next=next+1 WHERE name='receipt'`, `UPDATE order_series SET next=next-1 WHERE name='receipt'`},
		{"stock", `UPDATE stock_level SET held=held+1 WHERE variant_id=(SELECT min(variant_id) FROM stock_level WHERE tracked=1 AND on_hand > held+allocated)`, `UPDATE stock_level SET held=0`},
	} {
		run := func(text string) {
			t.Helper()
			if err := db.Do(ctx, a.DB, func(tx *db.Tx) error { _, err := tx.Exec(text); return err }); err != nil {
				t.Fatal(err)
			}
			settle()
		}
		run(c.spoil)
		r := drill()
		found := false
		for _, f := range r.Findings {
			found = found || f.Object == c.object
		}
		if r.State != copies.Failed || !found {
			t.Errorf("%s: %s %v", c.object, r.State, r.Findings)
		}
		run(c.mend)
	}
	n, err := db.Read(ctx, a.DB, func(q *db.Reader) (n int, err error) {
		err = q.QueryRow(`SELECT count(*) FROM incident_record WHERE kind='other'`).Scan(&n)
		return
	})
	if err != nil || n != 1 {
		t.Errorf("%d incidents of the failed drills, %v", n, err)
	}
	callsForLateProofs(t, a)
	if _, err := os.Stat(filepath.Join(dir, "copies", "drill")); !os.IsNotExist(err) {
		t.Errorf("the drill left a shop in the clear: %v", err)
	}
}
