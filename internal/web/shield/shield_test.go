package shield

import (
	"context"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"
)

func TestPrefix(t *testing.T) {
	for in, want := range map[string]string{"203.0.113.5": "203.0.113.5/32", "::ffff:203.0.113.5": "203.0.113.5/32",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64"} {
		if got := Prefix(netip.MustParseAddr(in)); got.String() != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

func TestBudgetsHinderNoShoppers(t *testing.T) {
	now := time.Unix(0, 0)
	l := NewLimiter(LimiterOptions{Now: func() time.Time { return now }})
	a := netip.MustParseAddr("203.0.113.5")
	take := func(c Class, n int) (ok int) {
		for range n {
			if _, yes := l.Take(c, a); yes {
				ok++
			}
		}
		return ok
	}
	if got := take(API, 3000); got != 2000 {
		t.Errorf("burst of %d", got)
	}
	now = now.Add(time.Second)
	if got := take(API, 3000); got != 200 {
		t.Errorf("%d a second", got)
	}
	if got := take(Purchase, 150); got != 100 {
		t.Errorf("%d purchases at once", got)
	}
	now = now.Add(10 * time.Second)
	if got := take(Purchase, 150); got != 100 {
		t.Errorf("%d purchases in 10 s", got)
	}
	if got := take(Login, 200); got < 64 || got > 100 {
		t.Errorf("%d sign-ins at once", got)
	}
	if got := take(None, 100_000); got != 100_000 {
		t.Errorf("class none was counted")
	}
	wait, ok := l.Take(Login, a)
	if ok || wait != time.Second {
		t.Errorf("wait %v %v", wait, ok)
	}
	now = now.Add(wait)
	if _, ok := l.Take(Login, a); !ok {
		t.Error("refused after the wait it named")
	}
}

func TestV6RotationDoesNotHelp(t *testing.T) {
	now := time.Unix(0, 0)
	l := NewLimiter(LimiterOptions{Now: func() time.Time { return now }, Budgets: map[Class]Budget{Login: {1, 10}}})
	ok := 0
	for i := range 1000 {
		b := netip.MustParseAddr("2001:db8:1:2::").As16()
		b[15], b[14] = byte(i), byte(i>>8)
		if _, yes := l.Take(Login, netip.AddrFrom16(b)); yes {
			ok++
		}
	}
	if ok != 10 {
		t.Errorf("%d from one /64", ok)
	}
	ok = 0
	for i := range 1000 {
		b := netip.MustParseAddr("2001:db8:7::").As16()
		b[7], b[6] = byte(i), byte(i>>8)
		if _, yes := l.Take(Login, netip.AddrFrom16(b)); yes {
			ok++
		}
	}
	if ok != 160 {
		t.Errorf("%d from one /48", ok)
	}
	if _, yes := l.Take(Login, netip.MustParseAddr("2001:db8:8::1")); !yes {
		t.Error("another network pays")
	}
	// An address that is not known is a client too.
	ok = 0
	for range 100 {
		if _, yes := l.Take(Login, netip.Addr{}); yes {
			ok++
		}
	}
	if ok != 10 {
		t.Errorf("%d from nowhere", ok)
	}
}

func TestExemptNetworks(t *testing.T) {
	l := NewLimiter(LimiterOptions{Budgets: map[Class]Budget{API: {1, 1}}, Exempt: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	for range 100 {
		if _, ok := l.Take(API, netip.MustParseAddr("::ffff:127.0.0.1")); !ok {
			t.Fatal("the exempt were counted")
		}
	}
}

func TestTableIsBounded(t *testing.T) {
	l := NewLimiter(LimiterOptions{Clients: 1000})
	for i := range 50_000 {
		l.Take(API, netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
	}
	deadline := time.Now().Add(10 * time.Second)
	for l.table.CleanUp(); l.table.EstimatedSize() > 1100; l.table.CleanUp() {
		if time.Now().After(deadline) {
			t.Fatalf("%d buckets", l.table.EstimatedSize())
		}
		time.Sleep(time.Millisecond)
	}
}

func TestGate(t *testing.T) {
	g := NewGate(GateOptions{Window: 2, Queue: 3, Patience: time.Hour})
	ctx := context.Background()
	if !g.Enter(ctx, Window) || !g.Enter(ctx, Window) {
		t.Fatal("no place in an empty house")
	}
	var wg sync.WaitGroup
	got := make(chan bool, 3)
	quit, cancel := context.WithCancel(ctx)
	wait := func(c context.Context) {
		wg.Go(func() { got <- g.Enter(c, Window) })
	}
	queued := func(n int) {
		t.Helper()
		deadline := time.Now().Add(10 * time.Second)
		for {
			if _, w := g.Load(Window); w == n {
				return
			} else if time.Now().After(deadline) {
				t.Fatalf("%d wait, want %d", w, n)
			}
			time.Sleep(time.Millisecond)
		}
	}
	wait(quit)
	queued(1)
	wait(ctx)
	queued(2)
	wait(ctx)
	queued(3)
	if g.Enter(ctx, Window) {
		t.Fatal("the queue has no end")
	}
	if LaneOf(Login) == LaneOf(Browse) || !g.Enter(ctx, LaneOf(Login)) {
		t.Fatal("browsing and sign-ins share places")
	}
	if !g.Enter(ctx, Checkout) {
		t.Fatal("browsing took the places of buyers")
	}
	g.Leave(Checkout)
	cancel()
	if <-got {
		t.Fatal("who gave up got a place")
	}
	g.Leave(Window)
	g.Leave(Window)
	if !<-got || !<-got {
		t.Fatal("places were not handed on")
	}
	wg.Wait()
	g.Leave(Window)
	g.Leave(Window)
	if busy, waiting := g.Load(Window); busy != 0 || waiting != 0 {
		t.Fatalf("%d busy, %d waiting", busy, waiting)
	}
}

// Under any load no more are inside than there are places, and all places come back.
func TestGateUnderLoad(t *testing.T) {
	g := NewGate(GateOptions{Window: 4, Queue: 500, Patience: 20 * time.Microsecond})
	var mu sync.Mutex
	inside, most := 0, 0
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			for range 50 {
				if !g.Enter(context.Background(), Window) {
					continue
				}
				mu.Lock()
				inside++
				most = max(most, inside)
				mu.Unlock()
				runtime.Gosched()
				mu.Lock()
				inside--
				mu.Unlock()
				g.Leave(Window)
			}
		})
	}
	wg.Wait()
	if most > 4 {
		t.Errorf("%d inside", most)
	}
	if busy, waiting := g.Load(Window); busy != 0 || waiting != 0 {
		t.Errorf("%d busy, %d waiting", busy, waiting)
	}
}

func TestServerLogNamesNobody(t *testing.T) {
	for in, want := range map[string]string{
		"http: TLS handshake error from 203.0.113.5:4711: EOF":            "http: TLS handshake error from client: EOF",
		"http: TLS handshake error from [2001:db8::1]:4711: EOF":          "http: TLS handshake error from client: EOF",
		`http: URL query contains semicolon "q=anna"`:                     "http: URL query contains semicolon …",
		"http2: server connection error from 127.0.0.1:1: PROTOCOL_ERROR": "http2: server connection error from client: PROTOCOL_ERROR",
	} {
		got := string(quoted.ReplaceAll(address.ReplaceAll([]byte(in), []byte("client")), []byte("…")))
		if got != want {
			t.Errorf("%q", got)
		}
	}
}

type cutter struct{ cuts int }

func (c *cutter) Cut() { c.cuts++ }

func TestOutboxCutsTheLongestWaiting(t *testing.T) {
	o := NewOutbox(OutboxLimits{Total: 6 * outboxFloor, PerClient: 3 * outboxFloor})
	a, b, c := netip.MustParseAddr("203.0.113.5"), netip.MustParseAddr("2001:db8:1:2::5"), netip.MustParseAddr("2001:db8:1:2::6")
	ws, cs := make([]Waiting, 9), make([]cutter, 9)
	begin := func(i int, from netip.Addr, size int) { o.Begin(&ws[i], from, size, &cs[i]) }
	cuts := func() (s string) {
		for _, c := range cs {
			s += string(rune('0' + c.cuts))
		}
		return
	}
	begin(0, a, 1)
	begin(1, a, 1)
	begin(2, a, 1)
	if got := cuts(); got != "000000000" || o.Held() != 3*outboxFloor {
		t.Errorf("%s, %d held", got, o.Held())
	}
	begin(3, a, 1) // the client's own oldest goes
	begin(4, b, 1)
	begin(5, c, 1) // one /64 is one client
	begin(6, b, 1)
	if got := cuts(); got != "100000000" {
		t.Error(got)
	}
	begin(7, netip.MustParseAddr("203.0.113.6"), 2*outboxFloor) // the oldest two of anyone
	if got := cuts(); got != "111000000" || o.Held() != 6*outboxFloor {
		t.Errorf("%s, %d held", got, o.Held())
	}
	for i := range 8 {
		o.End(&ws[i])
	}
	begin(8, a, 1000*outboxFloor) // larger than all, and alone: let be
	o.End(&ws[8])
	o.End(&ws[8])
	if got := cuts(); got != "111000000" || o.Held() != 0 || len(o.clients) != 0 || o.all.first != nil || o.all.last != nil {
		t.Errorf("%s, %d held, %d clients", got, o.Held(), len(o.clients))
	}
	begin(0, a, 1) // a place may be used again
	o.End(&ws[0])
}
