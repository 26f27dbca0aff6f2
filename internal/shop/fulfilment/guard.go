package fulfilment

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sync/singleflight"

	"kassavalv/internal/lang"
)

// NearestID is the point that stands in when the carrier does not answer: the
// carrier chooses the nearest when it takes the parcel.
const NearestID = "nearest"

// Options of a Guard; zero fields take the defaults in brackets.
type Options struct {
	Template string        // address to follow a parcel, with {number}; empty: none
	Timeout  time.Duration // of asking for points (800 ms)
	Slow     time.Duration // of booking and tracking (10 s)
	Keep     time.Duration // how long an answer is good (1 h)
	Stale    time.Duration // how long it may stand in for a carrier that is down (24 h)
	Failures int           // in a row, after which the carrier is left alone (3)
	Pause    time.Duration // for this long (30 s)
	Now      func() time.Time
}

// Guard stands between the shop and a carrier: time limits, a memory, a breaker,
// and a strict look at what comes back.
type Guard struct {
	c   Carrier
	o   Options
	one singleflight.Group

	mu    sync.Mutex
	seen  map[string]kept
	fails int
	until time.Time // the breaker is open
}

type kept struct {
	points []Point
	at     time.Time
}

const (
	maxKept   = 2000 // postal codes remembered
	maxPoints = 20
)

// NewGuard wraps a carrier. It panics on a template that is not an https address
// with {number} in its path or query, which is a fault of the configuration that its
// reader must have found.
func NewGuard(c Carrier, o Options) *Guard {
	if err := CheckTemplate(o.Template); err != nil {
		panic(err)
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.Timeout, 800*time.Millisecond)
	def(&o.Slow, 10*time.Second)
	def(&o.Keep, time.Hour)
	def(&o.Stale, 24*time.Hour)
	def(&o.Pause, 30*time.Second)
	if o.Failures <= 0 {
		o.Failures = 3
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Guard{c: c, o: o, seen: map[string]kept{}}
}

// CheckTemplate reports what is wrong with an address template; an empty one is
// right.
func CheckTemplate(t string) error {
	if t == "" {
		return nil
	}
	u, err := url.Parse(strings.ReplaceAll(t, "{number}", "0"))
	host, _, _ := strings.Cut(strings.TrimPrefix(t, "https://"), "/")
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Contains(host, "{") || strings.Count(t, "{number}") != 1 {
		return errors.New("fulfilment: a tracking template is an https address with {number} once, after the host")
	}
	return nil
}

// Key is the carrier's.
func (g *Guard) Key() string { return g.c.Key() }

// Points lists points of a kind near a postal code. It never fails: when the carrier
// is slow, down or answers nonsense, an older answer stands in, and when there is none, or no
// point is near, the list is the one point Nearest.
func (g *Guard) Points(ctx context.Context, kind, postal, country string, l lang.Lang) []Point {
	out, _ := g.list(ctx, kind, postal, country, l)
	return out
}

// list is Points; told is false when the carrier has not said what there is.
func (g *Guard) list(ctx context.Context, kind, postal, country string, l lang.Lang) (out []Point, told bool) {
	all, told := g.points(ctx, strings.ReplaceAll(postal, " ", ""), country, l)
	for _, p := range all {
		if p.Kind == kind {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		out = []Point{Nearest(kind, l)}
	}
	return out, told
}

// Verdict on a point that a buyer chose.
type Verdict int

// The verdicts.
const (
	Unknown    Verdict = iota // the carrier has not said: it is down, and nothing is remembered
	Offered                   // near the postal code, or the stand-in
	NotOffered                // the carrier has said what there is, and this is not among it
)

// Check looks a chosen point up as Points lists them. It waits no longer than that
// does, so callers hold no transaction.
func (g *Guard) Check(ctx context.Context, kind, postal, country string, l lang.Lang, id string) (Point, Verdict) {
	if id == NearestID {
		return Nearest(kind, l), Offered
	}
	if !pointID.MatchString(id) {
		return Point{}, NotOffered
	}
	ps, told := g.list(ctx, kind, postal, country, l)
	for _, p := range ps {
		if p.ID == id {
			return p, Offered
		}
	}
	if told {
		return Point{}, NotOffered
	}
	return Point{}, Unknown
}

// Point finds one point of the list; the stand-in is always there, so that a
// purchase begun while the carrier was down can end when it is up.
func (g *Guard) Point(ctx context.Context, kind, postal, country string, l lang.Lang, id string) (Point, bool) {
	if id == NearestID {
		return Nearest(kind, l), true
	}
	for _, p := range g.Points(ctx, kind, postal, country, l) {
		if p.ID == id && id != "" {
			return p, true
		}
	}
	return Point{}, false
}

// Nearest is the stand-in point.
func Nearest(kind string, l lang.Lang) Point {
	if kind == Locker {
		return Point{ID: NearestID, Kind: kind, Name: lang.T(l, "fulfilment.nearest.locker")}
	}
	return Point{ID: NearestID, Kind: kind, Name: lang.T(l, "fulfilment.nearest.pickup")}
}

func (g *Guard) points(ctx context.Context, postal, country string, l lang.Lang) (ps []Point, told bool) {
	if !plainPostal.MatchString(postal) || !plainCountry.MatchString(country) {
		return nil, false
	}
	key := country + postal + string(l.Or())
	now := g.o.Now()
	g.mu.Lock()
	old, have := g.seen[key]
	closed := !now.Before(g.until)
	g.mu.Unlock()
	if have && now.Sub(old.at) < g.o.Keep {
		return old.points, true
	}
	if closed {
		// The call outlives a buyer who leaves: others wait for the same answer.
		ch := g.one.DoChan(key, func() (any, error) {
			c, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.o.Timeout)
			defer cancel()
			return g.ask(c, key, postal, country, l.Or())
		})
		t := time.NewTimer(g.o.Timeout)
		defer t.Stop()
		select {
		case r := <-ch:
			if r.Err == nil {
				return r.Val.([]Point), true
			}
		case <-t.C: // a carrier that does not heed its context
			g.note(context.DeadlineExceeded)
		case <-ctx.Done():
		}
	}
	if have && now.Sub(old.at) < g.o.Stale {
		return old.points, true
	}
	return nil, false
}

func (g *Guard) ask(ctx context.Context, key, postal, country string, l lang.Lang) (ps []Point, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("fulfilment: the carrier panicked")
		}
		g.note(err)
	}()
	raw, err := g.c.Points(ctx, postal, country, l)
	if err != nil {
		return nil, err
	}
	ps = sane(raw)
	if len(ps) == 0 && len(raw) > 0 {
		return nil, errors.New("fulfilment: no point of the answer is usable")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.seen) >= maxKept {
		for k := range g.seen { // any one: a memory, not a promise
			delete(g.seen, k)
			break
		}
	}
	g.seen[key] = kept{ps, g.o.Now()}
	return ps, nil
}

// note counts failures. One success closes the breaker; the next call after a
// pause is the probe.
func (g *Guard) note(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.fails, g.until = 0, time.Time{}
		return
	}
	if g.fails++; g.fails >= g.o.Failures {
		g.until = g.o.Now().Add(g.o.Pause)
	}
}

// Up reports whether the carrier is being asked at present.
func (g *Guard) Up() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.o.Now().Before(g.until)
}

// Book is the carrier's, within a time limit, with a number that was looked at.
func (g *Guard) Book(ctx context.Context, p ParcelToBook) (Booking, error) {
	ctx, cancel := context.WithTimeout(ctx, g.o.Slow)
	defer cancel()
	if p.PointID == NearestID {
		p.PointID = ""
	}
	b, err := g.c.Book(ctx, p)
	if err != nil {
		return Booking{}, err
	}
	if !trackingNumber.MatchString(b.Number) || len(b.Label) > 1<<20 {
		return Booking{}, errors.New("fulfilment: the carrier's booking is not usable")
	}
	return b, nil
}

// Track is the carrier's, within a time limit.
func (g *Guard) Track(ctx context.Context, number string) (Tracking, error) {
	ctx, cancel := context.WithTimeout(ctx, g.o.Slow)
	defer cancel()
	t, err := g.c.Track(ctx, number)
	if err != nil {
		return Tracking{}, err
	}
	switch t.Stage {
	case Booked, Underway, Ready, Delivered, Lost, Back:
		return t, nil
	}
	return Tracking{}, errors.New("fulfilment: the carrier's tracking is not usable")
}

var (
	plainPostal    = regexp.MustCompile(`^[0-9A-Z]{2,10}$`)
	plainCountry   = regexp.MustCompile(`^[A-Z]{2}$`)
	pointID        = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)
	trackingNumber = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9 -]{0,58}[A-Za-z0-9])?$`)
	carrierKey     = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$`)
)

// sane keeps the points that can be shown and named: each id once, texts of plain
// characters and bounded length, at most maxPoints.
func sane(in []Point) []Point {
	var out []Point
	seen := map[string]bool{}
	for _, p := range in {
		if len(out) == maxPoints {
			break
		}
		if !pointID.MatchString(p.ID) || p.ID == NearestID || seen[p.ID] || p.Kind != Pickup && p.Kind != Locker || p.Name == "" || p.Street == "" || p.City == "" || p.Distance < 0 || p.Distance > 500_000 {
			continue
		}
		ok := true
		for _, s := range []string{p.Name, p.Street, p.PostalCode, p.City, p.Hours} {
			ok = ok && len(s) <= 200 && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
				return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029'
			})
		}
		if ok {
			seen[p.ID] = true
			out = append(out, p)
		}
	}
	return out
}

// Carriers are the shop's carriers by key.
type Carriers map[string]*Guard

// Points is Guard.Points of the carrier; the stand-in alone for an unknown one.
func (cs Carriers) Points(ctx context.Context, carrier, kind, postal, country string, l lang.Lang) []Point {
	if g := cs[carrier]; g != nil {
		return g.Points(ctx, kind, postal, country, l)
	}
	return []Point{Nearest(kind, l)}
}

// Point is Guard.Point of the carrier.
func (cs Carriers) Point(ctx context.Context, carrier, kind, postal, country string, l lang.Lang, id string) (Point, bool) {
	if g := cs[carrier]; g != nil {
		return g.Point(ctx, kind, postal, country, l, id)
	}
	return Nearest(kind, l), id == NearestID
}

// Check is Guard.Check of the carrier. A carrier that the shop does not speak with
// offers the stand-in alone, and says nothing about others.
func (cs Carriers) Check(ctx context.Context, carrier, kind, postal, country string, l lang.Lang, id string) (Point, Verdict) {
	if g := cs[carrier]; g != nil {
		return g.Check(ctx, kind, postal, country, l, id)
	}
	switch {
	case id == NearestID:
		return Nearest(kind, l), Offered
	case !pointID.MatchString(id):
		return Point{}, NotOffered
	}
	return Point{}, Unknown
}

// TrackURL is where to follow a parcel by the template that the carrier's program
// brought, or "" when there is none or the number is none.
func (cs Carriers) TrackURL(carrier, number string) string {
	if g := cs[carrier]; g != nil {
		return fill(g.o.Template, number)
	}
	return ""
}

// fill puts a number into a template; "" when either is none.
func fill(template, number string) string {
	if template == "" || CheckTemplate(template) != nil || !trackingNumber.MatchString(number) {
		return ""
	}
	return strings.ReplaceAll(template, "{number}", url.QueryEscape(strings.ReplaceAll(number, " ", "")))
}
