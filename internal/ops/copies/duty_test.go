package copies

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// Who looks seldom begins the next as soon as the last is seen to be over; after a failure
// it is asked first what arrived.
func TestSeldomLookedAt(t *testing.T) {
	var large sync.WaitGroup
	began := 0
	var fails error
	d := &duty{every: time.Second, large: &large, do: func(context.Context) error { began++; return fails }}
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	look := func() error {
		err := d.due(context.Background(), func() time.Time { return at })
		large.Wait()
		return err
	}
	for hour := range 4 {
		if err := look(); err != nil || began != hour+1 {
			t.Fatalf("at hour %d it began %d times: %v", hour, began, err)
		}
		at = at.Add(time.Hour)
	}
	at = at.Add(-time.Hour)
	if err := look(); err != nil || began != 4 {
		t.Fatalf("it is not due again: %d, %v", began, err)
	}
	at = at.Add(time.Hour)
	if fails = errors.New("full"); look() != nil || began != 5 {
		t.Fatalf("the one before was well: %d", began)
	}
	at = at.Add(time.Hour)
	if err := look(); err == nil || began != 5 {
		t.Fatalf("a failure is told before the next begins: %d, %v", began, err)
	}
	if look(); began != 6 {
		t.Fatalf("it is tried again: %d", began)
	}
}
