package attack

import (
	_ "embed"
	"encoding/csv"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"kassavalv/internal/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m) }

//go:embed cases.csv
var casesCSV string

type onShared func(t *testing.T, c *apptest.Client)
type onOwn func(t *testing.T, engine string)

var (
	shared = map[string]onShared{}
	own    = map[string]onOwn{}
	beside = map[string]onOwn{}
)

// attack registers a case that runs on the shop all cases of an engine share.
func attack(id string, fn onShared) struct{} {
	once(id)
	shared[id] = fn
	return struct{}{}
}

// alone registers a case that starts the programs it needs itself. Such cases run
// one after the other, so that floods and faults meet nobody else.
func alone(id string, fn onOwn) struct{} {
	once(id)
	own[id] = fn
	return struct{}{}
}

// apart registers a case that starts the programs it needs itself, and mostly waits:
// such cases disturb nobody and run side by side.
func apart(id string, fn onOwn) struct{} {
	once(id)
	beside[id] = fn
	return struct{}{}
}

func once(id string) {
	if shared[id] != nil || own[id] != nil || beside[id] != nil {
		panic(id + " is driven twice")
	}
}

// TestAttacks drives the cases that share a shop, side by side.
func TestAttacks(t *testing.T) {
	t.Parallel() // the cases of the two wait much and disturb nobody
	apptest.Each(t, apptest.Options{}, func(t *testing.T, s *apptest.Shop) {
		pid := s.PID
		t.Run("cases", func(t *testing.T) {
			for _, id := range slices.Sorted(maps.Keys(shared)) {
				t.Run(id, func(t *testing.T) {
					t.Parallel()
					shared[id](t, s.As(t))
				})
			}
			for _, id := range slices.Sorted(maps.Keys(customers)) {
				t.Run(id+"/customers", func(t *testing.T) {
					t.Parallel()
					customers[id](t, s.As(t))
				})
			}
		})
		// Whatever was thrown at it, the program that answered first answers still.
		if a := s.As(t).Do("GET", s.Ops+"/healthz", nil); a.Status != 200 || s.PID != pid || !s.Alive() {
			t.Errorf("health after the attacks: %v", a)
		}
		for _, bad := range []string{"panic", "goroutine ", "SQLSTATE"} {
			if strings.Contains(s.Records(), bad) {
				t.Errorf("the log holds %q", bad)
			}
		}
	})
}

// TestAlone drives the cases that need shops of their own, one by one.
func TestAlone(t *testing.T) {
	for _, id := range slices.Sorted(maps.Keys(own)) {
		t.Run(id, func(t *testing.T) {
			for _, e := range apptest.Engines {
				t.Run(e, func(t *testing.T) { own[id](t, e) })
			}
		})
	}
}

// TestApart drives the cases that wait for crashes, time-outs and look-ups of shops of
// their own, side by side whatever the number of cores.
func TestApart(t *testing.T) {
	t.Parallel() // the cases of the two wait much and disturb nobody
	places := make(chan struct{}, 4+2*runtime.NumCPU())
	var wg sync.WaitGroup
	for _, id := range slices.Sorted(maps.Keys(beside)) {
		for _, e := range apptest.Engines {
			wg.Go(func() {
				places <- struct{}{}
				defer func() { <-places }()
				t.Run(id+"/"+e, func(t *testing.T) { beside[id](t, e) })
			})
		}
	}
	wg.Wait()
}

// allCases is how many the list had when it was whole. It may grow.
const allCases = 104

// TestEveryCase holds that no case of the list is forgotten, driven twice, or both
// driven and called absent.
func TestEveryCase(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(casesCSV)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, r := range rows[1:] {
		id := r[0]
		if listed[id] {
			t.Errorf("%s stands twice in cases.csv", id)
		}
		listed[id] = true
		driven := shared[id] != nil || own[id] != nil || beside[id] != nil
		why, gone := absent[id]
		switch {
		case !driven && !gone:
			t.Errorf("%s (%s) is neither driven nor absent with a reason", id, r[2])
		case driven && gone:
			t.Errorf("%s is driven and called absent", id)
		case gone && len(why) < 20:
			t.Errorf("%s is absent without a reason", id)
		}
	}
	for _, id := range slices.Concat(slices.Collect(maps.Keys(shared)), slices.Collect(maps.Keys(own)), slices.Collect(maps.Keys(beside)), slices.Collect(maps.Keys(absent))) {
		if !listed[id] {
			t.Errorf("%s is not in cases.csv", id)
		}
	}
	if len(listed) < allCases {
		t.Errorf("%d cases of %d are listed", len(listed), allCases)
	}
	t.Logf("%d cases: %d driven, %d absent", len(listed), len(shared)+len(own)+len(beside), len(absent))
}
