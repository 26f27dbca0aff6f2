package apptest

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Find runs a proof and returns what it has found, nothing when all holds. What the
// proof reports with Error or Fatal, in its own lines or in those of the helpers it
// calls, is a finding and does not fail t: so the same proof serves for the program as
// it should be and for one that is broken on purpose.
func Find(t testing.TB, proof func(t testing.TB)) []string {
	t.Helper()
	f := &finder{TB: t}
	done := make(chan struct{})
	go func() { // Fatal ends the goroutine it is called in
		defer close(done)
		proof(f)
	}()
	<-done
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.list
}

type finder struct {
	testing.TB
	mu   sync.Mutex
	list []string
}

func (f *finder) add(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, strings.TrimSuffix(s, "\n"))
}

func (f *finder) Error(args ...any)            { f.add(fmt.Sprintln(args...)) }
func (f *finder) Errorf(s string, args ...any) { f.add(fmt.Sprintf(s, args...)) }
func (f *finder) Fatal(args ...any)            { f.Error(args...); runtime.Goexit() }
func (f *finder) Fatalf(s string, args ...any) { f.Errorf(s, args...); runtime.Goexit() }
func (f *finder) Fail()                        { f.add("failed") }
func (f *finder) FailNow()                     { f.Fail(); runtime.Goexit() }

// Failed reports whether something was found.
func (f *finder) Failed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.list) > 0
}

// Report fails t with what a proof found.
func Report(t testing.TB, found []string) {
	t.Helper()
	for i, s := range found {
		if i == 40 {
			t.Errorf("… and %d more", len(found)-i)
			break
		}
		t.Error(s)
	}
}

// Caught fails t unless a proof, run against a program that is broken on purpose, found
// what belongs to the breakage: one finding must hold the given words.
func Caught(t testing.TB, found []string, words string) {
	t.Helper()
	for _, s := range found {
		if strings.Contains(s, words) {
			t.Logf("caught, with %d findings: %s", len(found), s)
			return
		}
	}
	t.Errorf("the proof does not notice it: no finding with %q among %d", words, len(found))
	Report(t, found)
}
