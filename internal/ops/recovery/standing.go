package recovery

import (
	"errors"
	"slices"
	"time"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/walarchive"
)

// Standing is how a shop stands towards the loss of its machine.
type Standing struct {
	Postgres  bool // the database is copied by PostgreSQL's own means; Status is nil, and these are not:
	Archive   *walarchive.Status
	Beside    []copies.AsideStatus // what keeps keys, configuration and files, without which the repositories open to nobody
	Charter   copies.Charter
	Status    *copies.Status   // nil: nothing is copied
	Required  int              // sites that must have an order before it is shown as paid
	Addresses []string         // of the sites, as a restore is told them; without secrets
	Warnings  []copies.Warning // the shop itself has no name in them
	Drills    []copies.Result  // the last 90 days, newest first
	Late      []string         // sites of which no drill has ended ok for more than twice the interval
	Facts     Facts
}

// Facts are what the plan needs to know of the shop. None is a secret.
type Facts struct {
	Origin         string // public address
	TLS            string // files, proxy or empty: how certificates come
	Mail, MailFrom string // server and sender
	Providers      []string
}

// What Now can say of the loss.
const (
	Everything = "everything" // nothing lies anywhere else
	Elsewhere  = "elsewhere"  // PostgreSQL: nobody has looked at the repositories since the shop began
	Unreached  = "unreached"  // PostgreSQL: none of the repositories is to be reached
	Locked     = "locked"     // PostgreSQL: no site has the passes of the repositories
	Something  = "something"
	Together   = "together" // what has copies is lost with the shop: it is on the same disk or machine
	Nothing    = "nothing"  // a site has the newest change
)

// Now is what would be lost if the machine were lost now, and how long it would take to
// come back.
type Now struct {
	Loss   string
	Lost   time.Duration // of Something
	Site   string        // which has the most
	Back   time.Duration // as the newest proof from any site measured it; 0: never proven
	Proven time.Time     // when
}

// Now tells it. The loss is counted from the best site that does not go with the shop, because
// a restore takes the freshest that is left; the time is what the slowest of the sites' newest proofs took, because nobody
// knows which site will be left.
func (s Standing) Now() (n Now) {
	n.Loss = Everything
	if s.Postgres {
		s.archived(&n)
	}
	if s.Status != nil {
		for _, x := range s.Status.Sites {
			if x.TX == 0 || n.Site != "" && x.Lag >= n.Lost {
				continue
			}
			if s.goesWithShop(x.Place.Name) {
				if n.Site == "" {
					n.Loss = Together
				}
				continue
			}
			n.Site, n.Lost, n.Loss = x.Place.Name, x.Lag, Something
			if x.Lag <= 0 {
				n.Loss = Nothing
			}
		}
	}
	seen := map[string]bool{}
	for _, d := range s.Drills {
		if d.State != copies.Ok || seen[d.Site] {
			continue
		}
		seen[d.Site] = true
		n.Back = max(n.Back, d.RTO)
		if n.Proven.IsZero() || d.Started.Before(n.Proven) {
			n.Proven = d.Started
		}
	}
	return n
}

// goesWithShop tells whether what takes the shop's machine takes a site or repository too.
// A repository and a site of one name are taken for one place: neither opens without the other.
func (s Standing) goesWithShop(name string) bool {
	return slices.ContainsFunc(s.Warnings, func(w copies.Warning) bool {
		return (w.What == "disk" || w.What == "machine") && (w.A == "" && w.B == name || w.B == "" && w.A == name)
	})
}

// archived is the loss of a shop on PostgreSQL.
func (s Standing) archived(n *Now) {
	switch {
	case s.Archive == nil || s.Archive.Report.IsZero() && (s.Archive.Archiver.On || errors.Is(s.Archive.Trouble, walarchive.ErrUnasked)):
		n.Loss = Elsewhere
		return
	case !slices.ContainsFunc(s.Beside, func(x copies.AsideStatus) bool { return x.Keys }):
		n.Loss = Locked
		return
	case !slices.ContainsFunc(s.Beside, func(x copies.AsideStatus) bool { return x.Keys && !s.goesWithShop(x.Place.Name) }):
		n.Loss = Together
		return
	}
	for _, x := range s.Archive.Repos {
		switch {
		case x.Why == walarchive.Away || x.Why == walarchive.Stanza:
			if n.Loss == Everything {
				n.Loss = Unreached
			}
		case x.At.IsZero() || n.Site != "" && x.Lag >= n.Lost:
		case s.goesWithShop(x.Name):
			if n.Site == "" {
				n.Loss = Together
			}
		default:
			n.Site, n.Lost, n.Loss = x.Name, x.Lag, Something
			if x.Lag <= 0 {
				n.Loss = Nothing
			}
		}
	}
}

// Proof is the newest drill that proved the way back from a site.
func (s Standing) Proof(site string) (copies.Result, bool) {
	i := slices.IndexFunc(s.Drills, func(d copies.Result) bool { return d.Site == site && d.State == copies.Ok })
	if i < 0 {
		return copies.Result{}, false
	}
	return s.Drills[i], true
}
