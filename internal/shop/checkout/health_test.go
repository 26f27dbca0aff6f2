package checkout

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/shop/payment"
)

type answering struct {
	payment.Provider
	method string
	up     atomic.Bool
	asked  atomic.Int64
}

func (p *answering) Method() string { return p.method }
func (p *answering) Ping(context.Context) error {
	p.asked.Add(1)
	if p.up.Load() {
		return nil
	}
	return payment.ErrUnknown
}

type mute struct{ payment.Provider }

func (mute) Method() string { return "mute" }

// A partner that does not answer is off the checkout and comes back by itself; one
// payment that hangs alone takes nothing off; who cannot be asked is tried again.
func TestHealth(t *testing.T) {
	p := &answering{method: "card"}
	d := &Desk{Providers: []payment.Provider{p, mute{}}, Times: DefaultTimes, Log: slog.New(slog.DiscardHandler)}
	silence := errors.Join(payment.ErrUnknown, errors.New("time-out"))
	p.up.Store(true)
	for range 10 {
		d.heard("card", silence)
		d.calls.Wait()
	}
	if p.asked.Load() == 0 || !d.Up("card") {
		t.Fatal("taken off though it says that it is up")
	}
	p.up.Store(false)
	for range suspect + 1 {
		d.heard("card", silence)
		d.calls.Wait()
	}
	if d.Up("card") {
		t.Fatal("not taken off")
	}
	d.probe()
	d.calls.Wait()
	if d.Up("card") {
		t.Fatal("put back without an answer")
	}
	p.up.Store(true)
	d.probe()
	d.calls.Wait()
	if !d.Up("card") {
		t.Fatal("not put back")
	}
	// Nobody buys, and it goes down: it is asked after a while, and one silence is none.
	p.up.Store(false)
	d.probe()
	d.calls.Wait()
	if n := p.asked.Load(); !d.Up("card") || d.ways.ways["card"].silent != 0 {
		t.Fatal("asked again at once", n)
	}
	d.ways.ways["card"].last = time.Now().Add(-time.Hour)
	for i := range suspect + 1 {
		if !d.Up("card") {
			t.Fatalf("taken off after %d silences", i)
		}
		d.probe()
		d.calls.Wait()
	}
	if d.Up("card") {
		t.Fatal("a partner that went down at night is still offered")
	}
	// One that cannot be asked.
	for i := range blind {
		if !d.Up("mute") {
			t.Fatalf("taken off after %d silences", i)
		}
		d.heard("mute", silence)
	}
	if d.Up("mute") {
		t.Fatal("four silences, and it is still offered")
	}
	d.ways.ways["mute"].down = time.Now().Add(-2 * halfOpen)
	d.probe()
	if !d.Up("mute") {
		t.Fatal("not tried again")
	}
	d.heard("mute", silence)
	if d.Up("mute") {
		t.Fatal("one more silence should have taken it off again")
	}
	d.heard("mute", nil)
	if !d.Up("mute") {
		t.Fatal("it answered, and is not put back")
	}
	if d.Up("unheard of") != true {
		t.Fatal("a way that was never asked counts as down")
	}
}
