package fulfilment_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/lang"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/fulfilment/carriertest"
	"kassavalv/internal/shop/fulfilment/local"
)

func TestLocalCarrier(t *testing.T) { carriertest.Suite(t, local.New(), "41100") }

// counting counts the questions and answers from a clock of its own.
type counting struct {
	fulfilment.Carrier
	n atomic.Int64
}

func (c *counting) Points(ctx context.Context, p, k string, l lang.Lang) ([]fulfilment.Point, error) {
	c.n.Add(1)
	return c.Carrier.Points(ctx, p, k, l)
}

func TestGuard(t *testing.T) {
	var mu sync.Mutex
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	pass := func(d time.Duration) { mu.Lock(); now = now.Add(d); mu.Unlock() }
	loc := local.New()
	c := &counting{Carrier: loc}
	g := fulfilment.NewGuard(c, fulfilment.Options{Timeout: 50 * time.Millisecond, Now: clock})
	ctx := context.Background()
	ask := func(postal string) []fulfilment.Point { return g.Points(ctx, fulfilment.Pickup, postal, "SE", lang.SV) }

	good := ask("112 21")
	if len(good) != 3 || good[0].City != "Stockholm" {
		t.Fatalf("%+v", good)
	}
	for range 5 {
		ask("11221")
	}
	if c.n.Load() != 1 {
		t.Errorf("asked %d times for one postal code", c.n.Load())
	}
	stands := func(what string, ps []fulfilment.Point) {
		t.Helper()
		if len(ps) != 1 || ps[0].ID != fulfilment.NearestID || ps[0].Name == "" {
			t.Errorf("%s: %+v", what, ps)
		}
	}
	loc.Set(local.Faults{Garbage: true})
	stands("garbage", ask("11300"))
	loc.Set(local.Faults{Delay: time.Hour})
	stands("slow", ask("11400"))
	loc.Set(local.Faults{Panic: true})
	stands("panic", ask("11500"))
	if g.Up() {
		t.Error("three failures did not open the breaker")
	}
	asked := c.n.Load()
	loc.Set(local.Faults{})
	stands("breaker", ask("11600"))
	if c.n.Load() != asked {
		t.Error("the carrier was asked while the breaker was open")
	}
	pass(time.Minute)
	if len(ask("11600")) != 3 || !g.Up() {
		t.Error("the probe did not close the breaker")
	}
	// An old answer stands in for a carrier that is down.
	pass(2 * time.Hour)
	loc.Set(local.Faults{Down: true})
	if ps := ask("11221"); len(ps) != 3 {
		t.Errorf("no stale answer: %+v", ps)
	}
	pass(48 * time.Hour)
	stands("too old", ask("11221"))
	pass(time.Hour)
	loc.Set(local.Faults{Duplicate: true})
	if ps := ask("11221"); len(ps) != 3 {
		t.Errorf("duplicates: %d", len(ps))
	}
	stands("another country", g.Points(ctx, fulfilment.Pickup, "11221", "NO", lang.SV))
	stands("no postal code", ask("'; drop"))
	if p, ok := g.Point(ctx, fulfilment.Locker, "11221", "SE", lang.EN, fulfilment.NearestID); !ok || p.Kind != fulfilment.Locker {
		t.Error("the stand-in cannot be chosen")
	}
	for _, id := range []string{"", "no-such", good[0].ID + "x"} {
		if _, ok := g.Point(ctx, fulfilment.Pickup, "11221", "SE", lang.SV, id); ok {
			t.Errorf("%q is a point", id)
		}
	}
}

func TestTrackURL(t *testing.T) {
	cs := fulfilment.Carriers{"local": fulfilment.NewGuard(local.New(), fulfilment.Options{Template: "https://track.example/p?n={number}"})}
	if u := cs.TrackURL("local", "AB 1-2"); u != "https://track.example/p?n=AB1-2" {
		t.Error(u)
	}
	for _, n := range []string{"", "a&b=c", "x\nLocation:", "../..", strings.Repeat("1", 61)} {
		if u := cs.TrackURL("local", n); u != "" {
			t.Errorf("%q gives %q", n, u)
		}
	}
	if cs.TrackURL("other", "1") != "" {
		t.Error("an unknown carrier has an address")
	}
	for _, bad := range []string{"http://a.example/{number}", "https://{number}.example/", "https://a.example/", "https://u:p@a.example/{number}", "javascript:{number}", "https://a.example/{number}{number}"} {
		if fulfilment.CheckTemplate(bad) == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

// A chosen point is judged by what the carrier has said, and by nothing when it has
// said nothing.
func TestCheckPoint(t *testing.T) {
	c := local.New()
	now := time.Now()
	g := fulfilment.NewGuard(c, fulfilment.Options{Now: func() time.Time { return now }})
	check := func(postal, id string) fulfilment.Verdict {
		_, v := g.Check(context.Background(), fulfilment.Pickup, postal, "SE", lang.SV, id)
		return v
	}
	c.Set(local.Faults{Down: true})
	for id, want := range map[string]fulfilment.Verdict{"L11221-1": fulfilment.Unknown, "nearest": fulfilment.Offered, "../x": fulfilment.NotOffered, "": fulfilment.NotOffered} {
		if got := check("112 21", id); got != want {
			t.Errorf("down, %q: %v", id, got)
		}
	}
	c.Set(local.Faults{})
	now = now.Add(time.Minute) // the breaker is closed again
	for id, want := range map[string]fulfilment.Verdict{"L11221-1": fulfilment.Offered, "L11221-2": fulfilment.NotOffered, "L98137-1": fulfilment.NotOffered} {
		if got := check("112 21", id); got != want {
			t.Errorf("up, %q: %v", id, got)
		}
	}
	// What it said stands for a day when it goes down.
	c.Set(local.Faults{Down: true})
	now = now.Add(2 * time.Hour)
	if got := check("112 21", "L98137-1"); got != fulfilment.NotOffered {
		t.Errorf("remembered: %v", got)
	}
	now = now.Add(48 * time.Hour)
	if got := check("112 21", "L98137-1"); got != fulfilment.Unknown {
		t.Errorf("forgotten: %v", got)
	}
	if _, v := (fulfilment.Carriers{}).Check(context.Background(), "posten", fulfilment.Pickup, "11221", "SE", lang.SV, "P1"); v != fulfilment.Unknown {
		t.Errorf("a carrier nobody speaks with: %v", v)
	}
}
