package copies

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// steps are those of package proof between a commit and a site.
var steps = []string{"db.untold", "copies.unnamed", "copies.put", "copies.half a snapshot", "copies.half kept"}

// TestRig hurts the way of the copies while buyers come, and compares afterwards.
func TestRig(t *testing.T) {
	t.Parallel()
	end := time.Now().Add(time.Duration(number(t, "KASSAVALV_TEST_MINUTES", 0)) * time.Minute)
	seed := number(t, "KASSAVALV_TEST_SEED", uint64(time.Now().UnixNano()))
	bank := apptest.StartBank(t)
	for _, p := range []struct {
		name string
		open func(t *testing.T) *world
		run  func(w *world)
	}{
		{"killed", func(t *testing.T) *world { return begin(t, apptest.Options{Bank: bank.URL, Proof: true}, 1, nil, seed) }, (*world).killed},
		{"disk", func(t *testing.T) *world {
			d := apptest.SmallDisk(t, "sqlite", 128<<20)
			w := begin(t, apptest.Options{Bank: bank.URL, Dir: d.Dir}, 1, nil, seed)
			w.disk = d
			return w
		}, (*world).fullDisk},
		{"site", func(t *testing.T) *world {
			d := apptest.SmallDisk(t, "sqlite", 128<<20)
			first := d.Dir
			if d.Limited() {
				first = filepath.Join(t.TempDir(), "shop")
			}
			w := begin(t, apptest.Options{Bank: bank.URL}, 1, []string{first, filepath.Join(t.TempDir(), "tva")}, seed)
			w.disk = d
			return w
		}, (*world).badSite},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			w := p.open(t)
			for {
				found := apptest.Find(t, func(t testing.TB) { w.TB = t; p.run(w); w.settle() })
				w.round++
				apptest.Report(t, found)
				if len(found) > 0 || w.round >= 6 && w.disk != nil || !time.Now().Before(end) { // a small disk does not hold many rounds
					break
				}
			}
			verdict := 0
			if t.Failed() {
				verdict = 1
			}
			fmt.Printf("sum: copies/%s rounds=%d kills=%d purchases=%d orders=%d differences=%d\n", p.name, w.round, w.kills, w.purchases.Load(), w.told(), verdict)
		})
	}
}

// reborn kills the program, if it still lives, and opens it again.
func (w *world) reborn(env ...string) {
	w.shop.Kill()
	w.gate.Lock()
	defer w.gate.Unlock()
	w.shop.Environ(append(env, w.o.Env...)...)
	w.open()
}

// doomed has the program end itself when it passes a step for the nth time.
func (w *world) doomed(step string, nth int) {
	w.shop.Kill()
	w.gate.Lock()
	if step == "copies.half a snapshot" { // it is due where there is none
		old, err := filepath.Glob(filepath.Join(w.shop.Dir(), "copies", "spool", "l9", "*"))
		if err != nil {
			w.Fatal(err)
		}
		for _, p := range old {
			os.Remove(p)
		}
	}
	w.shop.Environ(append([]string{fmt.Sprintf("KASSAVALV_PROOF_KILL=%s:%d", step, nth)}, w.o.Env...)...)
	err := w.shop.Open()
	w.gate.Unlock()
	if err != nil && w.shop.Alive() {
		w.Fatalf("kill %d: it does not open again: %v", w.kills, err)
	}
	if step == "copies.half kept" && err == nil { // everything is kept before a stop in order
		w.sells("before a stop")
		w.shop.Stop()
	}
	select {
	case <-w.shop.Died():
		w.kills++
		if n := w.shop.Status(); n != -1 { // -1: by a signal
			w.Fatalf("at the step %q the program ended by itself with status %d", step, n)
		}
	case <-time.After(90 * time.Second):
		w.Errorf("the step %q was not passed within a minute and a half", step)
	}
}

// killed ends the program at random and at every step.
func (w *world) killed() {
	stop := w.crowd(4)
	defer stop()
	for range 3 {
		w.sells("between kills")
		time.Sleep(time.Duration(w.draw(1000)) * time.Millisecond) // the moment of a crash is drawn
		w.kills++
		w.reborn()
	}
	for _, s := range steps {
		nth := 1
		switch s {
		case "db.untold":
			nth += 100 + w.draw(100)
		case "copies.unnamed", "copies.put":
			nth += 3 + w.draw(20)
		}
		w.doomed(s, nth)
	}
	w.reborn()
	w.sells("after all kills")
}

// sells holds that buyers get orders from now on.
func (w *world) sells(when string) {
	before := w.told()
	if apptest.Poll(90*time.Second, func() bool { return w.told() >= before+3 }) != nil {
		w.Errorf("%s: no order within a minute and a half", when)
	}
}

// fullDisk fills the disk of the shop for a while.
func (w *world) fullDisk() {
	stop := w.crowd(4)
	w.sells("before the disk is full")
	w.disk.Fill(w.top, w.shop)
	for range 10 {
		time.Sleep(200 * time.Millisecond) // buyers come meanwhile
		w.disk.TopUp()
	}
	if w.draw(2) == 0 { // also killed while it is full
		w.shop.Kill()
		w.kills++
		w.disk.Free(w.top)
		w.reborn()
	} else {
		w.disk.Free(w.top)
	}
	w.sells("after the disk was full")
	stop()
	if !w.shop.Alive() {
		w.Errorf("the program did not outlive a full disk")
	}
}

// badSite hurts the first site: full, read-only, not mounted. The other goes on.
func (w *world) badSite() {
	stop := w.crowd(4)
	defer stop()
	for _, f := range []struct {
		name    string
		on, off func()
	}{
		{"full", func() { w.disk.Fill(w.top, w.shop) }, func() { w.disk.Free(w.top) }},
		{"read-only", func() { w.readOnly(true) }, func() { w.readOnly(false) }},
		{"not mounted", func() { w.unmount(0) }, func() { w.mount(0) }},
	} {
		if f.name == "full" && w.disk.Limited() { // a limit would be the shop's
			w.Log("the site is not filled: no small file system here")
			continue
		}
		w.sells("before a site is " + f.name)
		f.on()
		w.sells("while a site is " + f.name)
		if w.draw(2) == 0 {
			w.kills++
			w.reborn()
			w.sells("started while a site is " + f.name)
		}
		f.off()
	}
}

func (w *world) readOnly(on bool) {
	if err := w.disk.ReadOnly(on, w.sites[0]); err != nil {
		w.Fatal(err)
	}
}

// settle lets the copies catch up by themselves, stops the shop in order and compares what
// each site gives with what the shop has. Where a stop left a site behind, which it tells
// nobody, the next start brings it up.
func (w *world) settle() {
	var why string
	for range 3 {
		if !w.shop.Alive() {
			w.open()
		}
		if err := apptest.Poll(w.patience, func() bool { return w.caughtUp() }); err != nil {
			w.Fatalf("the copies have not caught up after %s", w.patience)
		}
		if n := w.shop.Stop(); n != 0 {
			w.Errorf("a stop in order ended with %d", n)
		}
		if why = w.differs(); why == "" {
			break
		}
		w.Log(why)
	}
	if why != "" {
		w.Error(why)
	}
	if m := w.missing(w.orders(w.shop.Dir())); len(m) > 0 {
		w.Errorf("%d orders that were told are missing in the shop itself, the first is %s", len(m), m[0].number)
	}
	w.reborn()
}

// caughtUp asks as a merchant would.
func (w *world) caughtUp() bool {
	_, status := apptest.Command(w.top, nil, "backup", "now", "--data", w.shop.Dir())
	return status == 0
}

// differs tells in what the sites' databases differ from the shop's.
func (w *world) differs() string {
	if st, err := os.Stat(filepath.Join(w.shop.Dir(), "shop.db-wal")); err == nil && st.Size() > 0 {
		return "the shop left a log beside its database"
	}
	want, err := os.ReadFile(filepath.Join(w.shop.Dir(), "shop.db"))
	if err != nil {
		w.Fatal(err)
	}
	at := w.top.TempDir()
	defer os.RemoveAll(at)
	for i, from := range [][]string{w.sites, w.sites[:1], w.sites[1:]} {
		to := filepath.Join(at, fmt.Sprint(i))
		r := w.restore(to, from...)
		got, err := os.ReadFile(filepath.Join(to, "shop.db"))
		if err != nil {
			w.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			n, first := 0, -1
			for p := 0; p*4096 < max(len(got), len(want)); p++ {
				a, b := page(got, p), page(want, p)
				if !bytes.Equal(a, b) {
					if n++; first < 0 {
						first = p + 1
					}
				}
			}
			return fmt.Sprintf("%v leads to transaction %d, whose database is %d bytes, the shop's %d; %d pages differ, the first is %d", from, r.Point.TX, len(got), len(want), n, first)
		}
	}
	return ""
}

func page(b []byte, no int) []byte {
	lo := min(no*4096, len(b))
	return b[lo:min(lo+4096, len(b))]
}
