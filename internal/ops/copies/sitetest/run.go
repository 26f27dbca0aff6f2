// Package sitetest is the suite that every copies.Site passes. That it finds what it should
// is shown by its own tests: there it is run over sites that lie (lies.go), and each lie must
// be found by the case that names it.
package sitetest

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
)

// Kind is a kind of site under test.
type Kind struct {
	// Open gives a site that holds nothing. It is called once a case, and sites of two
	// calls MUST NOT see each other's objects.
	Open func(t *testing.T) copies.Site
	// Again opens what a site holds a second time, as another process would; nil: not tried.
	Again func(t *testing.T, s copies.Site) copies.Site
	// Earlier counts what can be had of name beside its current bytes: earlier versions,
	// drafts. nil: not tried.
	Earlier func(t *testing.T, s copies.Site, name string) int
	Secrets []string // what no error and no place may say
	Large   int64    // size of the large object; 0: 64 MiB
	Many    int      // number of objects of the long list; 0: 2,600
	// Dress makes a body of a site that looks at what it takes; nil: any bytes will do.
	Dress func(name string, plain []byte) []byte
}

// Run runs the suite over sites that open makes.
func Run(t *testing.T, open func(t *testing.T) copies.Site) { Kind{Open: open}.Run(t) }

// Run runs the suite.
func (k Kind) Run(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k.run(t, c, t, nil)
		})
	}
}

// judge is what a case complains to: a test, or the notes of a run over a liar.
type judge interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// scene is one run of one case.
type scene struct {
	judge
	kind Kind
	t    *testing.T // for what a site needs; complaints go to judge
	site copies.Site
	ctx  context.Context

	mu     sync.Mutex
	errors []error // every error that was seen
}

var cases = []struct {
	name string
	run  func(s *scene)
}{
	{"empty", empty},
	{"put and get", putAndGet},
	{"seen again", seenAgain},
	{"put twice", putTwice},
	{"cut bodies", cutBodies},
	{"order", order},
	{"after and prefix", afterAndPrefix},
	{"many", many},
	{"large", large},
	{"replace", replace},
	{"replace while reading", replaceWhileReading},
	{"what is not replaced", notReplaced},
	{"one name at once", oneName},
	{"many at once", manyAtOnce},
	{"cancelled", cancelled},
	{"absent", absent},
	{"hostile names", hostile},
	{"remove", remove},
	{"receipts", receipts},
	{"place", place},
}

func (k Kind) run(t *testing.T, c struct {
	name string
	run  func(s *scene)
}, j judge, lie func(copies.Site) copies.Site) {
	site := k.Open(t)
	t.Cleanup(func() { site.Close() })
	if lie != nil {
		site = lie(site)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	s := &scene{judge: j, kind: k, t: t, site: site, ctx: ctx}
	c.run(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, err := range s.errors {
		for _, secret := range k.Secrets {
			if strings.Contains(err.Error(), secret) || strings.Contains(fmt.Sprintf("%+v %#v", err, err), secret) {
				j.Errorf("an error says a secret: %v", err)
			}
		}
	}
}

// note keeps an error for the search for secrets and gives it back.
func (s *scene) note(err error) error {
	if err != nil {
		s.mu.Lock()
		s.errors = append(s.errors, err)
		s.mu.Unlock()
	}
	return err
}

// notes collects the complaints about a liar.
type notes struct {
	mu  sync.Mutex
	got []string
}

func (n *notes) Helper() {}

func (n *notes) Errorf(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.got = append(n.got, fmt.Sprintf(format, args...))
}

func (n *notes) Fatalf(format string, args ...any) {
	n.Errorf(format, args...)
	runtime.Goexit()
}
