package shield

import (
	"net/netip"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"
)

// Class names a budget. Every route has exactly one.
type Class string

// The rate classes. None is not counted at all: static files and answers that
// cost no more than a refusal would.
const (
	None     Class = "none"
	Browse   Class = "browse"
	Search   Class = "search"
	Cart     Class = "cart"
	API      Class = "api"
	Purchase Class = "purchase"
	Login    Class = "login"
	Lookup   Class = "lookup"
	Support  Class = "support"
	Upload   Class = "upload"
	Report   Class = "report"
	Admin    Class = "admin"
	Hook     Class = "hook"
	Ops      Class = "ops"
)

// Budget is what one client may do in one class: Burst requests at once, and
// PerSecond more each second after that.
type Budget struct {
	PerSecond float64
	Burst     int
}

// Budgets returns the budgets the shop promises. They never hinder 64 shoppers
// behind one address (an office, a mobile operator): API 200 a second with a
// burst of 2,000, purchases 100 in 10 s. The slow classes allow each of those 64
// one try and then some; guessing against one account or code is stopped by
// counters in the database, not here.
func Budgets() map[Class]Budget {
	return map[Class]Budget{
		Browse:   {PerSecond: 200, Burst: 2000},
		Search:   {PerSecond: 50, Burst: 500},
		Cart:     {PerSecond: 100, Burst: 1000},
		API:      {PerSecond: 200, Burst: 2000},
		Purchase: {PerSecond: 10, Burst: 100},
		Login:    {PerSecond: 1, Burst: 100},
		Lookup:   {PerSecond: 1, Burst: 100},
		Support:  {PerSecond: 0.5, Burst: 70},
		Upload:   {PerSecond: 1, Burst: 70},
		Report:   {PerSecond: 1, Burst: 20},
		Admin:    {PerSecond: 100, Burst: 1000},
		Hook:     {PerSecond: 200, Burst: 2000},
	}
}

// wider is how many times the budget of one client a whole IPv6 /48 has.
const wider = 16

// LimiterOptions: the zero value means Budgets(), nobody exempt, 100,000 clients.
type LimiterOptions struct {
	Budgets map[Class]Budget
	Exempt  []netip.Prefix // networks that are not counted (load tests)
	Clients int            // most buckets kept; the least used are forgotten first
	Now     func() time.Time
}

// Limiter counts requests by client and class. It is safe for concurrent use.
type Limiter struct {
	budgets map[Class]Budget
	exempt  []netip.Prefix
	now     func() time.Time
	table   *otter.Cache[bucketKey, *rate.Limiter]
}

type bucketKey struct {
	class  Class
	client netip.Prefix
}

// NewLimiter builds a limiter.
func NewLimiter(o LimiterOptions) *Limiter {
	if o.Budgets == nil {
		o.Budgets = Budgets()
	}
	if o.Clients <= 0 {
		o.Clients = 100_000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Limiter{
		budgets: o.Budgets,
		exempt:  o.Exempt,
		now:     o.Now,
		table: otter.Must(&otter.Options[bucketKey, *rate.Limiter]{
			MaximumSize: o.Clients,
			// The slowest budget is full again after a few minutes; a bucket that
			// nobody touched for ten says nothing any more.
			ExpiryCalculator: otter.ExpiryAccessing[bucketKey, *rate.Limiter](10 * time.Minute),
		}),
	}
}

// Known reports whether class has a budget (None and Ops are known and unlimited).
func (l *Limiter) Known(class Class) bool {
	if class == None || class == Ops {
		return true
	}
	_, ok := l.budgets[class]
	return ok
}

// Take spends one request of client in class. When the budget is empty it spends
// nothing and returns how long to wait. An invalid address is counted as one
// client of its own, never let through.
func (l *Limiter) Take(class Class, client netip.Addr) (wait time.Duration, ok bool) {
	budget, counted := l.budgets[class]
	if !counted || class == None || class == Ops {
		return 0, true
	}
	client = client.Unmap()
	for _, p := range l.exempt {
		if p.Contains(client) {
			return 0, true
		}
	}
	now := l.now()
	if wait, ok = l.take(bucketKey{class, Prefix(client)}, budget, 1, now); !ok {
		return wait, false
	}
	if client.Is6() {
		if p, err := client.WithZone("").Prefix(48); err == nil {
			return l.take(bucketKey{class, p}, budget, wider, now)
		}
	}
	return 0, true
}

func (l *Limiter) take(k bucketKey, b Budget, times int, now time.Time) (time.Duration, bool) {
	bucket, ok := l.table.GetIfPresent(k)
	if !ok {
		bucket, ok = l.table.ComputeIfAbsent(k, func() (*rate.Limiter, bool) {
			return rate.NewLimiter(rate.Limit(b.PerSecond*float64(times)), b.Burst*times), false
		})
		if !ok {
			return time.Second, false
		}
	}
	r := bucket.ReserveN(now, 1)
	if !r.OK() {
		return time.Minute, false
	}
	if d := r.DelayFrom(now); d > 0 {
		r.CancelAt(now)
		return d, false
	}
	return 0, true
}

// Prefix is the network that counts as one client: an IPv4 address by itself, the
// /64 of an IPv6 address.
func Prefix(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
