package app

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/walarchive"
	"kassavalv/internal/ops/recovery"
)

// copiesStand is how the shop stands towards the loss of its machine, for the office.
func (a *App) copiesStand(ctx context.Context) recovery.Standing {
	s := recovery.Standing{Postgres: a.Config.Database.URL.Reveal() != "", Charter: a.charter, Status: a.copiesStatus(), Required: a.Config.Copies.Required, Addresses: a.Config.Copies.Sites}
	if a.archive != nil {
		st := a.archive.Look(ctx)
		s.Archive = &st
		if a.aside != nil {
			s.Beside = a.aside.Status()
		}
	}
	s.Facts = recovery.Facts{Origin: a.Origin, TLS: a.Config.TLS.Mode, Mail: a.Config.Mail.Host, MailFrom: a.Config.Mail.From}
	for _, p := range a.Desk.Providers {
		s.Facts.Providers = append(s.Facts.Providers, p.Method())
	}
	if s.Archive != nil {
		self := copies.Place{Kind: "dir", Address: a.Dir}
		repos, beside := []copies.Place{self}, []copies.Place{self}
		for _, r := range s.Archive.Repos {
			repos = append(repos, placeOf(r.Repo))
		}
		for _, x := range s.Beside {
			beside = append(beside, x.Place)
		}
		s.Warnings = a.apartness.of(ctx, repos, beside) // a repository may lie where a site does: the one opens nothing without the other
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

// placeOf is where a repository lies, as a site tells it.
func placeOf(r walarchive.Repo) copies.Place {
	p := copies.Place{Kind: "dir", Name: r.Name, Address: r.Where, Location: r.Location, Provider: r.Provider}
	if r.Kind != "posix" {
		p.Kind, p.Address = r.Kind, r.Host
	}
	return p
}

// apartness remembers for a while whether the sites are places of their own: names are asked for
// in the network, and the page is looked at often while something is wrong.
type apartness struct {
	mu   sync.Mutex
	at   time.Time
	said []copies.Warning
}

const apartFor = 10 * time.Minute

func (p *apartness) of(ctx context.Context, sets ...[]copies.Place) []copies.Warning {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.at.IsZero() && time.Since(p.at) < apartFor {
		return p.said
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	p.said = nil
	look := copies.Look{Disk: diskOf, Resolve: func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}}
	for _, places := range sets {
		p.said = append(p.said, copies.Shared(ctx, places, look)...)
	}
	if ctx.Err() == nil {
		p.at = time.Now()
	}
	return p.said
}
