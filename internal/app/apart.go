package app

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/recovery"
)

// copiesStand is how the shop stands towards the loss of its machine, for the office.
func (a *App) copiesStand(ctx context.Context) recovery.Standing {
	s := recovery.Standing{Postgres: a.Config.Database.URL.Reveal() != "", Charter: a.charter, Status: a.copiesStatus(), Required: a.Config.Copies.Required, Addresses: a.Config.Copies.Sites}
	s.Facts = recovery.Facts{Origin: a.Origin, TLS: a.Config.TLS.Mode, Mail: a.Config.Mail.Host, MailFrom: a.Config.Mail.From}
	for _, p := range a.Desk.Providers {
		s.Facts.Providers = append(s.Facts.Providers, p.Method())
	}
	if s.Status != nil {
		places := []copies.Place{{Kind: "dir", Address: a.Dir}} // the shop's own machine; a site has a name
		for _, x := range s.Status.Sites {
			places = append(places, x.Place)
		}
		s.Warnings = a.apartness.of(ctx, places)
	}
	return s
}

// apartness remembers for a while whether the sites are places of their own: names are asked for
// in the network, and the page is looked at often while something is wrong.
type apartness struct {
	mu   sync.Mutex
	at   time.Time
	said []copies.Warning
}

const apartFor = 10 * time.Minute

func (p *apartness) of(ctx context.Context, places []copies.Place) []copies.Warning {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.at.IsZero() && time.Since(p.at) < apartFor {
		return p.said
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	p.said = copies.Shared(ctx, places, copies.Look{Disk: diskOf, Resolve: func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}})
	if ctx.Err() == nil {
		p.at = time.Now()
	}
	return p.said
}
