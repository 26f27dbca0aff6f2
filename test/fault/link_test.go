package fault

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// link is a wire to somebody that can be poisoned.
type link struct {
	p *toxiproxy.Proxy
}

// newLink opens a wire to an address; it ends with the test.
func newLink(t testing.TB, to string) *link {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), silent(toxiproxy.NewServer))
	l := &link{toxiproxy.NewProxy(server, "link", "127.0.0.1:0", to)}
	if err := l.p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.p.Stop)
	return l
}

// through is an address with this wire in its place.
func (l *link) through(t testing.TB, address string) string {
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = l.p.Listen
	return u.String()
}

// host is where an address leads.
func host(t testing.TB, address string) string {
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// poison adds toxics, each as toxiproxy describes them in JSON.
func (l *link) poison(t testing.TB, toxics ...string) {
	for _, x := range toxics {
		if _, err := l.p.Toxics.AddToxicJson(strings.NewReader(x)); err != nil {
			t.Fatalf("%s: %v", x, err)
		}
	}
}

// clean makes it a good wire again.
func (l *link) clean() { l.p.Toxics.ResetToxics(context.Background()) }

// cut breaks every connection and refuses new ones, mend ends that.
func (l *link) cut() { l.p.Stop() }

func (l *link) mend(t testing.TB) {
	if err := l.p.Start(); err != nil {
		t.Fatal(err)
	}
}

// silent is the zero logger that toxiproxy wants, which logs nothing. Its library is
// toxiproxy's own choice, and named nowhere here.
func silent[M, L, S any](func(M, L) S) (none L) { return }
