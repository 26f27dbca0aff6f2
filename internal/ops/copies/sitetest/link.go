package sitetest

import (
	"context"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// Link is a wire to a site that can be poisoned.
type Link struct {
	Addr string // host:port of this end
	p    *toxiproxy.Proxy
}

// NewLink opens a wire to an address, host:port; it ends with the test.
func NewLink(t testing.TB, to string) *Link {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), silent(toxiproxy.NewServer))
	l := &Link{p: toxiproxy.NewProxy(server, "link", "127.0.0.1:0", to)}
	if err := l.p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.p.Stop)
	l.Addr = l.p.Listen
	return l
}

// Poison adds toxics, each as toxiproxy describes them in JSON.
func (l *Link) Poison(t testing.TB, toxics ...string) {
	t.Helper()
	for _, x := range toxics {
		if _, err := l.p.Toxics.AddToxicJson(strings.NewReader(x)); err != nil {
			t.Fatalf("%s: %v", x, err)
		}
	}
}

// Clean makes it a good wire again.
func (l *Link) Clean() { l.p.Toxics.ResetToxics(context.Background()) }

// Cut breaks every connection and refuses new ones; Mend ends that.
func (l *Link) Cut() { l.p.Stop() }

// Mend ends Cut.
func (l *Link) Mend(t testing.TB) {
	t.Helper()
	if err := l.p.Start(); err != nil {
		t.Fatal(err)
	}
}

// silent is the zero logger that toxiproxy wants, which logs nothing. Its library is
// toxiproxy's own choice, and named nowhere here.
func silent[M, L, S any](func(M, L) S) (none L) { return }
