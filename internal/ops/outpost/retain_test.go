package outpost

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
)

// store stores the next object of its chain, at the time of the test's clock.
func (c *customer) store(t *testing.T, p *Outpost, s copies.Site, clk *clock, h copies.Header, b []byte) {
	t.Helper()
	name, body := c.object(h, b)
	if _, err := put(s, name, body); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(p.o.Dir, "shops", c.charter.Shop, "objects", name), clk.now(), clk.now()); err != nil {
		t.Fatal(err)
	}
}

// years fills a shop with what a year of copies leaves, each stored at its time.
func years(t *testing.T, p *Outpost, c *customer, s copies.Site, clk *clock, days int) {
	t.Helper()
	tx := uint64(1)
	store := func(h copies.Header, b []byte) { t.Helper(); c.store(t, p, s, clk, h, b) }
	for d := range days {
		first := tx
		for i := range 2 {
			store(segmentHeader(1, copies.Raw, tx, tx), []byte(fmt.Sprint("raw", d, i)))
			tx++
		}
		store(segmentHeader(1, copies.Minutes, first, tx-1), []byte(fmt.Sprint("min", d)))
		store(segmentHeader(1, copies.Hours, first, tx-1), []byte(fmt.Sprint("hour", d)))
		store(segmentHeader(1, copies.Days, first, tx-1), []byte(fmt.Sprint("day", d)))
		store(segmentHeader(1, copies.Snapshot, 1, tx-1), bytes.Repeat([]byte("snapshot"), 100+d))
		clk.forward(24 * time.Hour)
	}
}

const day = 24 * time.Hour

// heard lets the shop tell its head now.
func heard(t *testing.T, p *Outpost, c *customer, s copies.Site, clk *clock) {
	t.Helper()
	if err := s.Replace(context.Background(), "keys/head.kvc", c.seal(copies.Header{Kind: copies.KindHead, Shop: c.charter.Shop, Epoch: 1, Site: "watch"}, nil)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(p.o.Dir, "shops", c.charter.Shop, "objects", "keys/head.kvc"), clk.now(), clk.now()); err != nil {
		t.Fatal(err)
	}
}

func TestRetention(t *testing.T) {
	clk := &clock{at: time.Now().Add(-2 * 365 * day)}
	p := start(t, Options{Now: clk.now, Rate: 1 << 20, PruneEvery: 1000 * day, Policy: copies.Policy{Raw: 3 * day, Minutes: 10 * day, Hours: 15 * day, Days: 20 * day, Dumps: 20 * day}})
	c := newCustomer(t)
	s := c.join(t, p)
	shop := p.all()[0]
	prune := func() int {
		t.Helper()
		n, err := shop.prune(context.Background(), p.o)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	years(t, p, c, s, clk, 12)
	heard(t, p, c, s, clk)
	// Raw ones of more than three days, five-minute ones of more than ten.
	if n := prune(); n != 2*9+2 {
		t.Errorf("%d objects were removed; %v", n, p.Status().Shops[0].Frozen)
	}
	left := map[string]int{}
	for _, n := range names(t, s) {
		if part := strings.Split(n, "/"); len(part) > 2 {
			left[part[2]]++
		}
	}
	if fmt.Sprint(left) != "map[l0:6 l1:10 l2:12 l3:12 l9:12]" {
		t.Error(left)
	}
	if n := prune(); n != 0 {
		t.Error("again:", n)
	}
	if st := p.Status().Shops[0]; st.State != "ok" || st.Objects != 52 {
		t.Errorf("%+v", st)
	}
	// What nothing else holds stays, however old.
	name, b := c.object(segmentHeader(1, copies.Raw, 25, 25), []byte("after the last snapshot"))
	if _, err := put(s, name, b); err != nil {
		t.Fatal(err)
	}
	past := clk.now().Add(-19 * day)
	if err := os.Chtimes(filepath.Join(shop.dir, "objects", name), past, past); err != nil {
		t.Fatal(err)
	}
	prune()
	if _, err := get(s, name); err != nil {
		t.Error("what nothing else holds was removed:", err)
	}
	// A clock that jumps a year removes nothing, and says why; so it does when it is back.
	before := names(t, s)
	clk.forward(365 * day)
	if n := prune(); n != 0 || !slices.Equal(names(t, s), before) {
		t.Errorf("a clock that jumped removed %d objects", n)
	}
	if st := p.Status().Shops[0]; len(st.Frozen) != 1 || !strings.Contains(st.Frozen[0], "clock") {
		t.Errorf("%+v", st)
	}
	clk.forward(-365 * day)
	if n := prune(); n != 0 || len(p.Status().Shops[0].Frozen) != 0 {
		t.Errorf("the clock is right again: %d, %+v", n, p.Status().Shops[0])
	}
	if err := Release(p.o.Dir, "../.."); err == nil {
		t.Error("released what is no shop")
	}
}

// More than half goes only after a person has looked.
func TestRetentionOfTooMuch(t *testing.T) {
	clk := &clock{at: time.Now().Add(-2 * 365 * day)}
	p := start(t, Options{Now: clk.now, Rate: 1 << 20, PruneEvery: 1000 * day, Policy: copies.Policy{Raw: 2 * day, Minutes: 2 * day, Hours: 2 * day, Days: 2 * day, Dumps: 2 * day}})
	c := newCustomer(t)
	s := c.join(t, p)
	shop := p.all()[0]
	years(t, p, c, s, clk, 40)
	heard(t, p, c, s, clk)
	before := names(t, s)
	n, err := shop.prune(context.Background(), p.o)
	if st := p.Status().Shops[0]; err != nil || n != 0 || len(st.Frozen) != 1 || !strings.Contains(st.Frozen[0], "half") || st.State != "frozen" || !slices.Equal(names(t, s), before) {
		t.Errorf("%d, %v, %+v", n, err, st)
	}
	if err := Release(p.o.Dir, c.charter.Shop); err != nil {
		t.Fatal(err)
	}
	p.look(context.Background()) // within seconds, not at the next hour
	if st := p.Status().Shops[0]; st.Objects >= len(before)/2 || len(st.Frozen) != 0 || st.Objects+1 != len(names(t, s)) {
		t.Errorf("released: %+v", st)
	}
}

// Nothing is removed while something looks wrong.
func TestRetentionFreezes(t *testing.T) {
	for what, c := range map[string]struct {
		harm func(t *testing.T, p *Outpost, c *customer, s copies.Site, clk *clock)
		says string
	}{
		"the snapshot shrinks": {func(t *testing.T, p *Outpost, c *customer, s copies.Site, clk *clock) {
			c.store(t, p, s, clk, segmentHeader(1, copies.Snapshot, 1, 30), []byte("small"))
		}, "less than half"},
		"a link of the chain is missing": {func(t *testing.T, p *Outpost, c *customer, s copies.Site, clk *clock) {
			c.object(segmentHeader(1, copies.Raw, 25, 25), []byte("lost"))
			c.store(t, p, s, clk, segmentHeader(1, copies.Raw, 26, 26), []byte("follows"))
		}, "chain"},
		"the chain forks": {func(t *testing.T, p *Outpost, c *customer, s copies.Site, clk *clock) {
			at := fmt.Sprint(1, copies.KindSegment, copies.Raw)
			last, hash := c.chains[at], c.hashes[at]
			for i := range 2 {
				c.chains[at], c.hashes[at] = last, hash
				c.store(t, p, s, clk, segmentHeader(1, copies.Raw, 25, 25), []byte(fmt.Sprint("fork ", i)))
			}
		}, "chain"},
		"a link follows another one": {func(t *testing.T, p *Outpost, c *customer, s copies.Site, clk *clock) {
			c.hashes[fmt.Sprint(1, copies.KindSegment, copies.Raw)] = strings.Repeat("0", 64)
			c.store(t, p, s, clk, segmentHeader(1, copies.Raw, 25, 25), []byte("of another history"))
		}, "chain"},
		"the shop is silent": {func(_ *testing.T, _ *Outpost, _ *customer, _ copies.Site, clk *clock) { clk.forward(45 * time.Minute) }, ""},
	} {
		t.Run(what, func(t *testing.T) {
			clk := &clock{at: time.Now().Add(-365 * 24 * time.Hour)}
			p := start(t, Options{Now: clk.now, FreezeAfter: 30 * time.Minute, Rate: 1 << 20, PruneEvery: 1000 * 24 * time.Hour, Policy: copies.Policy{Raw: 3 * day, Minutes: 10 * day, Hours: 15 * day, Days: 20 * day, Dumps: 20 * day}})
			cu := newCustomer(t)
			s := cu.join(t, p)
			shop := p.all()[0]
			years(t, p, cu, s, clk, 12)
			heard(t, p, cu, s, clk)
			c.harm(t, p, cu, s, clk)
			before := names(t, s)
			if len(before) != 73 && len(before) != 74 && len(before) != 75 {
				t.Fatal(len(before), "objects")
			}
			if n, err := shop.prune(context.Background(), p.o); err != nil || n != 0 || !slices.Equal(names(t, s), before) {
				t.Errorf("%d objects were removed, %v", n, err)
			}
			st := p.Status().Shops[0]
			if c.says == "" {
				if !st.Silent || len(st.Frozen) != 0 {
					t.Errorf("%+v", st)
				}
				return
			} else if len(st.Frozen) == 0 || !strings.Contains(st.Frozen[0], c.says) {
				t.Errorf("%q", st.Frozen)
			}
			// It stays so over a restart.
			stop(t, p)
			p = start(t, Options{Dir: p.o.Dir, Now: clk.now})
			if now := p.Status().Shops[0]; len(now.Frozen) == 0 || now.Frozen[0] != st.Frozen[0] {
				t.Errorf("after a restart: %q, before %q", now.Frozen, st.Frozen)
			}
		})
	}
}
