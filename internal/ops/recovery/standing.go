package recovery

import (
	"slices"
	"time"

	"kassavalv/internal/ops/copies"
)

// Standing is how a shop stands towards the loss of its machine.
type Standing struct {
	Postgres  bool // the database copies itself by PostgreSQL's own means
	Charter   copies.Charter
	Status    *copies.Status // nil: nothing is copied
	Required  int            // sites that must have an order before it is shown as paid
	Addresses []string       // of the sites, as a restore is told them; without secrets
	Warnings  []copies.Warning
	Drills    []copies.Result // the last 90 days, newest first
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
	Elsewhere  = "elsewhere"  // PostgreSQL: this program has no figure of its own
	Something  = "something"
	Nothing    = "nothing" // a site has the newest change
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

// Now tells it at now. The loss is counted from the best site, because a restore takes the
// freshest; the time is what the slowest of the sites' newest proofs took, because nobody
// knows which site will be left.
func (s Standing) Now(now time.Time) (n Now) {
	n.Loss = Everything
	if s.Postgres {
		n.Loss = Elsewhere
	}
	if s.Status != nil {
		for _, x := range s.Status.Sites {
			if x.TX == 0 || n.Site != "" && x.Lag >= n.Lost {
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

// Proof is the newest drill that proved the way back from a site.
func (s Standing) Proof(site string) (copies.Result, bool) {
	i := slices.IndexFunc(s.Drills, func(d copies.Result) bool { return d.Site == site && d.State == copies.Ok })
	if i < 0 {
		return copies.Result{}, false
	}
	return s.Drills[i], true
}
