package outpost

import (
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

// tells lets the shop tell a head now, that says from which number on chains must be there.
func (c *customer) tells(t *testing.T, p *Outpost, s copies.Site, clk *clock, chains map[string]copies.Link) {
	t.Helper()
	h := copies.Header{Kind: copies.KindHead, Shop: c.charter.Shop, Epoch: 1, Site: "watch", Told: 1, Chains: chains}
	if err := s.Replace(context.Background(), "keys/head.kvc", c.seal(h, nil)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(p.o.Dir, "shops", c.charter.Shop, "objects", "keys/head.kvc"), clk.now(), clk.now()); err != nil {
		t.Fatal(err)
	}
}

func chain(level int) string { return fmt.Sprintf("%s/%d", copies.KindSegment, level) }

// What is old enough goes when the shop has told that it need not be there, and not before.
func TestOnlyWhatWasToldGoes(t *testing.T) {
	clk := &clock{at: time.Now().Add(-2 * 365 * day)}
	p := start(t, Options{Now: clk.now, Rate: 1 << 20, PruneEvery: 1000 * day, Policy: copies.Policy{Raw: 3 * day, Minutes: 5 * day, Hours: 15 * day, Days: 20 * day, Dumps: 3 * day}})
	c := newCustomer(t)
	s := c.join(t, p)
	shop := p.all()[0]
	prune := func() (gone []string) {
		t.Helper()
		before := names(t, s)
		if _, err := shop.prune(context.Background(), p.o); err != nil {
			t.Fatal(err)
		}
		after := names(t, s)
		for _, n := range before {
			if !slices.Contains(after, n) {
				gone = append(gone, n[strings.Index(n, "/l")+1:strings.Index(n, "/l")+3]+" "+strings.TrimLeft(strings.Split(n, "-")[1], "0"))
			}
		}
		if st := p.Status().Shops[0]; len(st.Frozen) > 0 || st.Objects+1 != len(after) {
			t.Errorf("%+v, %d objects", st, len(after))
		}
		return gone
	}
	years(t, p, c, s, clk, 12)
	// By age alone these may go: raw segments to 18, five-minute ones to 14, snapshots but the first.
	for _, x := range []struct {
		told map[string]copies.Link
		gone string
	}{
		{nil, "[]"},
		{map[string]copies.Link{chain(copies.Raw): {First: 1}, chain(copies.Minutes): {Kept: []uint64{1}}}, "[]"},
		{map[string]copies.Link{chain(copies.Raw): {First: 5}}, "[l0 1 l0 2 l0 3 l0 4]"},
		{map[string]copies.Link{chain(copies.Raw): {First: 3}}, "[]"},
		{map[string]copies.Link{chain(copies.Minutes): {First: 3}, chain(copies.Snapshot): {First: 5, Kept: []uint64{1, 3}}}, "[l1 2 l1 4 l9 4 l9 8]"},
	} {
		c.tells(t, p, s, clk, x.told)
		if got := fmt.Sprint(prune()); got != x.gone {
			t.Errorf("%v: %s goes, not %s", x.told, got, x.gone)
		}
	}
	// A header that cannot be read goes with the one that comes after it; a head that does not tell
	// leaves the rest to the age, without the snapshots.
	raw := objectsOf(t, shop, "e/00000001/l0/")
	if err := os.WriteFile(filepath.Join(shop.dir, "objects", raw[1]), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := clk.now().Add(-9 * day)
	if err := os.Chtimes(filepath.Join(shop.dir, "objects", raw[1]), at, at); err != nil {
		t.Fatal(err)
	}
	c.tells(t, p, s, clk, map[string]copies.Link{chain(copies.Raw): {First: 6}})
	if got := fmt.Sprint(prune()); got != "[l0 5]" {
		t.Error(got)
	}
	c.tells(t, p, s, clk, map[string]copies.Link{chain(copies.Raw): {First: 8}})
	if got := fmt.Sprint(prune()); got != "[l0 6 l0 7]" {
		t.Error(got)
	}
	heard(t, p, c, s, clk)
	if got := fmt.Sprint(prune()); got != "[l0 8 l0 9 l0 a l0 b l0 c l0 d l0 e l0 f l0 10 l0 11 l0 12 l1 6 l1 8 l1 a l1 c l1 e]" {
		t.Error(got)
	}
}

func objectsOf(t *testing.T, s *shop, prefix string) (out []string) {
	t.Helper()
	for o, err := range s.site.List(context.Background(), prefix, "") {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, o.Name)
	}
	return out
}

// A head that tells more than any age lets go is not the shop's as it was: nothing goes until
// somebody has looked, and then only what is old enough.
func TestToldTooMuch(t *testing.T) {
	for what, told := range map[string]map[string]copies.Link{
		"raw segments":  {chain(copies.Raw): {First: 20}},
		"all of them":   {chain(copies.Raw): {First: 1 << 40}, chain(copies.Days): {First: 1 << 40}},
		"snapshots":     {chain(copies.Snapshot): {First: 12, Kept: []uint64{1, 2, 3}}},
		"days":          {chain(copies.Days): {First: 2}},
		"all, but kept": {chain(copies.Raw): {First: 1 << 40, Kept: []uint64{19, 20, 21, 22, 23}}},
	} {
		t.Run(what, func(t *testing.T) {
			clk := &clock{at: time.Now().Add(-2 * 365 * day)}
			p := start(t, Options{Now: clk.now, Rate: 1 << 20, PruneEvery: 1000 * day, Policy: copies.Policy{Raw: 3 * day, Minutes: 5 * day, Hours: 15 * day, Days: 20 * day, Dumps: 3 * day}})
			c := newCustomer(t)
			s := c.join(t, p)
			shop := p.all()[0]
			years(t, p, c, s, clk, 12)
			c.tells(t, p, s, clk, told)
			before := names(t, s)
			n, err := shop.prune(context.Background(), p.o)
			if st := p.Status().Shops[0]; err != nil || n > 0 || st.State != "frozen" || !strings.Contains(fmt.Sprint(st.Frozen), "nothing goes so young") || !slices.Equal(before, names(t, s)) {
				t.Fatalf("%d go, %v, %+v", n, err, st)
			}
			if err := Release(p.o.Dir, c.charter.Shop); err != nil {
				t.Fatal(err)
			}
			if _, err := shop.prune(context.Background(), p.o); err != nil {
				t.Fatal(err)
			}
			if young := objectsOf(t, shop, "e/00000001/l0/"); len(young) < 6 || len(objectsOf(t, shop, "e/00000001/l3/")) != 12 {
				t.Error("what is young went:", names(t, s))
			}
			// Told as before, it stops again.
			if n, err := shop.prune(context.Background(), p.o); err != nil || n > 0 || p.Status().Shops[0].State != "frozen" {
				t.Errorf("%d go, %v, %+v", n, err, p.Status().Shops[0])
			}
		})
	}
}
