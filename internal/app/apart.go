package app

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"kassavalv/internal/fetch"
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
	if from := a.calls.from.Load(); from != nil && a.shut() == nil {
		var err error
		s.Late, err = a.lateProofs(ctx, *from, time.Now())
		a.note("how late the proofs are", err)
	}
	s.Facts = recovery.Facts{Origin: a.Origin, TLS: a.Config.TLS.Mode, Mail: a.Config.Mail.Host, MailFrom: a.Config.Mail.From}
	for _, p := range a.Desk.Providers {
		s.Facts.Providers = append(s.Facts.Providers, p.Method())
	}
	if s.Archive != nil {
		self := copies.Self("", a.Dir) // a site has a name
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
		places := []copies.Place{copies.Self("", a.Dir)}
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

// apartness remembers for a while whether these sites are places of their own: names are asked for
// in the network, and the page is looked at often while something is wrong.
type apartness struct {
	mu    sync.Mutex
	at    time.Time
	asked [][]copies.Place
	said  []copies.Warning
}

const apartFor = 10 * time.Minute

// here tells whether an address is this machine's. What ends here and leads on elsewhere (a
// tunnel) cannot be told from a server here, and is taken for one.
func here(a netip.Addr) bool {
	own, _ := fetch.Own(a)
	return own || a.IsLoopback() // 127.0.0.2 is no interface's
}

func (p *apartness) of(ctx context.Context, sets ...[]copies.Place) []copies.Warning {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.at.IsZero() && time.Since(p.at) < apartFor && slices.EqualFunc(p.asked, sets, slices.Equal) {
		return p.said
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	p.said = nil
	look := copies.Look{Disk: diskOf, Here: here, Resolve: func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}}
	for _, places := range sets {
		p.said = append(p.said, copies.Shared(ctx, places, look)...)
	}
	p.at, p.asked = time.Time{}, sets
	if ctx.Err() == nil {
		p.at = time.Now()
	}
	return p.said
}
