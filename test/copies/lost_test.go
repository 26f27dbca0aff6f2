package copies

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// TestMachineLost loses the machine again and again, with none, one and two sites that must
// have an order before it is shown as paid.
func TestMachineLost(t *testing.T) {
	t.Parallel()
	end := time.Now().Add(time.Duration(number(t, "KASSAVALV_TEST_MINUTES", 0)) * time.Minute)
	seed := number(t, "KASSAVALV_TEST_SEED", uint64(time.Now().UnixNano()))
	fmt.Printf("copies: seed %d (KASSAVALV_TEST_SEED)\n", seed)
	bank := apptest.StartBank(t)
	for required := range 3 {
		t.Run(fmt.Sprintf("%d required", required), func(t *testing.T) {
			t.Parallel()
			w := begin(t, apptest.Options{Bank: bank.URL}, required, nil, seed)
			for w.round < 3 || time.Now().Before(end) {
				found := apptest.Find(t, func(t testing.TB) { w.TB = t; w.lose(required) })
				apptest.Report(t, found)
				if len(found) > 0 {
					break
				}
			}
			verdict := 0
			if t.Failed() {
				verdict = 1
			}
			fmt.Printf("sum: copies/lost-%d rounds=%d kills=%d purchases=%d orders=%d lost=%d oldest_ms=%d differences=%d\n", required, w.round, w.kills, w.purchases.Load(), w.told(), w.lost, w.oldest.Milliseconds(), verdict)
		})
	}
}

// lose is one loss of the machine: at a moment that is drawn the program is killed and its
// folder removed. What comes back takes the shop's place.
func (w *world) lose(required int) {
	w.round++
	stop := w.crowd(8)
	before := w.told()
	if err := apptest.Poll(90*time.Second, func() bool { return w.told() >= before+5 }); err != nil {
		w.Errorf("round %d: nobody could buy", w.round)
	}
	time.Sleep(time.Duration(w.draw(3000)) * time.Millisecond) // the moment of the loss is drawn
	var away []int
	if required > 0 { // where sites are away as well, whoever was told was told by the others
		for i := range w.sites {
			if w.draw(3) == 0 {
				away = append(away, i)
				w.unmount(i)
			}
		}
		time.Sleep(time.Duration(w.draw(1000)) * time.Millisecond)
	}
	w.gone(stop, away)
	w.comesBack(required)
}

// gone is the end of the machine.
func (w *world) gone(stop func(), away []int) {
	w.shop.Kill()
	end := time.Now()
	if err := os.RemoveAll(w.shop.Dir()); err != nil {
		w.Fatal(err)
	}
	w.kills++
	stop()
	for _, i := range away {
		w.mount(i)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.promised { // an answer that was on its way counts as given
		if w.promised[i].at.After(end) {
			w.promised[i].at = end
		}
	}
}

// comesBack restores from all sites and from each alone, and compares.
func (w *world) comesBack(required int) {
	end := time.Now()
	w.mu.Lock()
	for _, p := range w.promised {
		if p.round == w.round {
			end = p.at // of the last that was told
		}
	}
	w.mu.Unlock()
	at := w.top.TempDir()
	all := filepath.Join(at, "all")
	got := w.restore(all, w.sites...)
	missing := w.missing(w.orders(all))
	if n := w.apart(); n > 0 {
		w.Logf("round %d: %d orders were shown as paid when the time for waiting was over", w.round, n)
	}
	if required > 0 && len(missing) > w.apart() {
		for _, p := range missing {
			w.Errorf("round %d: order %s was shown as paid and is missing", w.round, p.number)
		}
	}
	for _, s := range w.sites {
		alone := filepath.Join(at, filepath.Base(s))
		r := w.restore(alone, s)
		m := w.missing(w.orders(alone))
		if required == len(w.sites) && len(m) > w.apart() {
			for _, p := range m {
				w.Errorf("round %d: order %s was shown as paid and is missing at site %s", w.round, p.number, filepath.Base(s))
			}
		}
		w.Logf("round %d: site %s alone: transaction %d, %d orders short of what was told, its newest change %s before the last promise", w.round, filepath.Base(s), r.Point.TX, len(m), end.Sub(r.Point.At).Round(time.Millisecond))
		os.RemoveAll(alone)
	}
	if got.Point.Epoch+1 != got.Epoch || int(got.Point.Epoch) != w.round {
		w.Errorf("round %d: epoch %d came back as %d", w.round, got.Point.Epoch, got.Epoch)
	}
	w.lost += len(missing)
	if len(missing) > 0 {
		w.oldest = max(w.oldest, end.Sub(got.Point.At))
		lost := map[string]bool{}
		for _, p := range missing {
			lost[p.number] = true
		}
		w.mu.Lock()
		var keep []promise
		for _, p := range w.promised {
			if !lost[p.number] {
				keep = append(keep, p)
			}
		}
		w.promised = keep
		w.mu.Unlock()
	}
	w.Logf("round %d: all sites: transaction %d of epoch %d, %d orders lost of %d told", w.round, got.Point.TX, got.Point.Epoch, len(missing), w.told())
	// The shop goes on there, and sells: the steps before that are held in package app.
	if err := os.Remove(filepath.Join(all, "restored.json")); err != nil {
		w.Fatal(err)
	}
	w.o.Dir = all
	w.shop = apptest.Prepare(w.top, w.o)
	w.open()
	c := w.shop.As(w.TB)
	for i := len(w.promised) - 1; i >= 0 && i >= len(w.promised)-25; i-- { // the newest, as buyers see them
		p := w.promised[i]
		if q := c.Purchase(p.token); q.State != "paid" || q.Order == nil || q.Order.Number != p.number {
			w.Errorf("round %d: a purchase that was paid as order %s is %s after the restore", w.round, p.number, q.State)
		}
	}
}
