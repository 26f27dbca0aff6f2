// Package local is the carrier of the demo: it takes no parcel anywhere, answers
// at once with points that are the same each time, and misbehaves on demand. Its
// places are invented.
package local

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"kassavalv/internal/lang"
	"kassavalv/internal/shop/fulfilment"
)

// Faults say how to misbehave.
type Faults struct {
	Delay     time.Duration // before each answer
	Down      bool          // no answer but an error
	Garbage   bool          // points that cannot be used
	Duplicate bool          // each point twice
	Panic     bool
}

// Carrier implements fulfilment.Carrier.
type Carrier struct {
	mu     sync.Mutex
	faults Faults
	booked map[string]time.Time
}

// New makes the carrier.
func New() *Carrier { return &Carrier{booked: map[string]time.Time{}} }

// Set chooses how to misbehave from now on.
func (c *Carrier) Set(f Faults) {
	c.mu.Lock()
	c.faults = f
	c.mu.Unlock()
}

// Key is "local".
func (c *Carrier) Key() string { return "local" }

var errDown = errors.New("local: down")

func (c *Carrier) behave(ctx context.Context) (Faults, error) {
	c.mu.Lock()
	f := c.faults
	c.mu.Unlock()
	if f.Delay > 0 {
		t := time.NewTimer(f.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return f, ctx.Err()
		}
	}
	if f.Panic {
		panic("local: on demand")
	}
	if f.Down {
		return f, errDown
	}
	return f, ctx.Err()
}

var (
	towns = []struct{ prefix, name string }{{"10", "Stockholm"}, {"11", "Stockholm"}, {"12", "Stockholm"}, {"16", "Stockholm"}, {"17", "Solna"}, {"20", "Malmö"}, {"21", "Malmö"}, {"22", "Lund"},
		{"25", "Helsingborg"}, {"30", "Halmstad"}, {"35", "Växjö"}, {"39", "Kalmar"}, {"40", "Göteborg"}, {"41", "Göteborg"}, {"42", "Göteborg"}, {"50", "Borås"}, {"55", "Jönköping"}, {"58", "Linköping"},
		{"60", "Norrköping"}, {"62", "Visby"}, {"65", "Karlstad"}, {"70", "Örebro"}, {"72", "Västerås"}, {"75", "Uppsala"}, {"80", "Gävle"}, {"85", "Sundsvall"}, {"90", "Umeå"}, {"93", "Skellefteå"}, {"97", "Luleå"}, {"98", "Kiruna"}}
	shops   = []string{"Hörnbutiken", "Kvarterslivs", "Torgkiosken", "Tobak & Spel", "Nära Livs", "Bensin & Bröd"}
	boxes   = []string{"Paketboxen", "Skåpet", "Lådan"}
	streets = []string{"Paketvägen", "Kolligatan", "Ombudsgränd", "Snörvägen", "Vågmästargatan", "Etikettstigen", "Kartonggatan", "Budkavlevägen"}
)

func town(postal string) string {
	for _, t := range towns {
		if strings.HasPrefix(postal, t.prefix) {
			return t.name
		}
	}
	return "Byn"
}

// Points gives three service points and two parcel boxes, the same for the same
// postal code.
func (c *Carrier) Points(ctx context.Context, postal, country string, l lang.Lang) ([]fulfilment.Point, error) {
	f, err := c.behave(ctx)
	if err != nil {
		return nil, err
	}
	if f.Garbage {
		return []fulfilment.Point{{}, {ID: "../../etc", Kind: fulfilment.Pickup, Name: "<script>", Street: "x", City: "y"}, {ID: "ok", Kind: "castle", Name: "a", Street: "b", City: "c"},
			{ID: "a1", Kind: fulfilment.Locker, Name: "a\x00b", Street: "b", City: "c"}, {ID: "a2", Kind: fulfilment.Locker, Name: strings.Repeat("x", 10_000), Street: "b", City: "c"}}, nil
	}
	if country != "SE" {
		return nil, nil
	}
	seed := sha256.Sum256([]byte("local point " + postal))
	at := func(i int) int { return int(seed[i%len(seed)]) }
	var out []fulfilment.Point
	for i := range 5 {
		p := fulfilment.Point{ID: fmt.Sprintf("L%s-%d", postal, i+1), Kind: fulfilment.Pickup, PostalCode: postal[:3] + " " + postal[3:], City: town(postal),
			Street: fmt.Sprintf("%s %d", streets[(at(3*i)+i)%len(streets)], 1+at(3*i+1)%40), Distance: 250 + 310*i + at(3*i+2)}
		if i%2 == 0 {
			p.Name = shops[(at(20+i)+i)%len(shops)] + " " + p.City
			p.Hours = lang.T(l, "fulfilment.local.hours")
		} else {
			p.Kind, p.Name = fulfilment.Locker, fmt.Sprintf("%s %d, %s", boxes[(at(20+i)+i)%len(boxes)], 1+at(25+i)%9, p.City)
			p.Hours = lang.T(l, "fulfilment.local.always")
		}
		out = append(out, p)
		if f.Duplicate {
			out = append(out, p)
		}
	}
	return out, nil
}

// Book gives a number that follows from the key, so that the same key books once.
func (c *Carrier) Book(ctx context.Context, p fulfilment.ParcelToBook) (fulfilment.Booking, error) {
	if _, err := c.behave(ctx); err != nil {
		return fulfilment.Booking{}, err
	}
	if p.Key == "" || p.Country != "SE" || p.WeightG > 35_000 {
		return fulfilment.Booking{}, fulfilment.ErrRefused
	}
	h := sha256.Sum256([]byte("local booking " + p.Key))
	n := fmt.Sprintf("%011d", binary.BigEndian.Uint64(h[:8])%100_000_000_000)
	b := fulfilment.Booking{Number: "LK" + n + check(n)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.booked[b.Number]; !ok && len(c.booked) < 100_000 {
		c.booked[b.Number] = time.Now()
	}
	return b, nil
}

// Track moves a parcel on by the time since it was booked; a number from before a
// restart is under way.
func (c *Carrier) Track(ctx context.Context, number string) (fulfilment.Tracking, error) {
	if _, err := c.behave(ctx); err != nil {
		return fulfilment.Tracking{}, err
	}
	if len(number) != 14 || number[:2] != "LK" || strings.Trim(number[2:], "0123456789") != "" || check(number[2:13]) != number[13:] {
		return fulfilment.Tracking{}, fulfilment.ErrNoSuchParcel
	}
	c.mu.Lock()
	at, ok := c.booked[number]
	c.mu.Unlock()
	t := fulfilment.Tracking{Stage: fulfilment.Underway, At: at}
	if ok {
		switch age := time.Since(at); {
		case age < time.Minute:
			t.Stage = fulfilment.Booked
		case age > 24*time.Hour:
			t.Stage = fulfilment.Ready
		}
	}
	return t, nil
}

// check is a digit that tells a mistyped number.
func check(n string) string {
	sum := 0
	for i := range len(n) {
		sum += int(n[i]-'0') * (1 + 2*(i%2))
	}
	return fmt.Sprint((10 - sum%10) % 10)
}
