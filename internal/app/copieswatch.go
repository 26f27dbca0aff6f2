package app

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/incident"
)

const (
	proofEvery  = 24 * time.Hour // of each site; twice that without one is an alarm
	proofGrace  = 2 * time.Hour  // after the start: a shop that was off drills its sites first
	awayTooLong = time.Hour      // that a site takes nothing
	callAgain   = 24 * time.Hour // while it lasts
	localAgain  = time.Hour

	sinceFile = "watched.json" // in the folder of copies: since when each site is to be proven
)

// copiesCalls remembers what somebody was called for.
type copiesCalls struct {
	local atomic.Bool               // an order was shown as paid that no other place had
	file  sync.Mutex                // of provenSince
	from  atomic.Pointer[time.Time] // since when the shop watches; nil: it does not

	mu     sync.Mutex
	called map[string]time.Time // by key of the trouble
	first  time.Time            // the log of a database on PostgreSQL was seen not to arrive
}

// copyTrouble is something about the copies that a person is to look at.
type copyTrouble struct {
	what string // word admin.incident.copies.…
	site string
}

func (t copyTrouble) key() string {
	if t.site == "" {
		return t.what
	}
	return t.what + ":" + t.site
}

// watchCopies looks each minute whether somebody is to be called for the copies: an incident
// is opened, whose letter reaches those in charge.
func (a *App) watchCopies(ctx context.Context) {
	if a.sandbox {
		return
	}
	from := time.Now()
	a.calls.from.Store(&from)
	every(ctx, time.Minute, func() {
		a.guard("copies", func() { a.note("the copies could not be watched", a.callForCopies(ctx, from, time.Now())) })
	})
}

// callForCopies opens an incident for each trouble; for one that lasts, once a day. The shop
// has watched since from.
func (a *App) callForCopies(ctx context.Context, from, now time.Time) error {
	if a.Incidents == nil || a.Copies == nil && a.archive == nil {
		return nil
	}
	c := &a.calls
	c.mu.Lock()
	defer c.mu.Unlock()
	list, err := a.copyTroubles(ctx, from, now)
	if err != nil {
		return err
	}
	if c.called == nil {
		c.called = map[string]time.Time{}
	}
	for key := range c.called {
		if key != localTrouble && !slices.ContainsFunc(list, func(t copyTrouble) bool { return t.key() == key }) {
			delete(c.called, key)
		}
	}
	for _, t := range list {
		wait := callAgain
		if t.what == localTrouble {
			wait = localAgain
		}
		if at, ok := c.called[t.key()]; ok && now.Sub(at) < wait {
			continue
		}
		a.Log.Error("somebody is called for the copies", "trouble", t.what, "site", t.site)
		said := lang.T(lang.SV, "admin.incident.copies."+t.what, "site", t.site)
		if err := db.Do(ctx, a.DB, func(tx *db.Tx) error {
			_, err := a.Incidents.Open(tx, auth.System("copies"), incident.Other, incident.Facts{Place: "/admin/copies", Said: said, Key: "copies:" + t.key(), Window: callAgain})
			return err
		}); err != nil {
			return err
		}
		c.called[t.key()] = now
		if t.what == localTrouble {
			c.local.Store(false)
		}
	}
	return nil
}

// localTrouble is that an order was shown as paid before the sites had it that must.
const localTrouble = "local"

// copyTroubles is what is wrong with the copies at now.
func (a *App) copyTroubles(ctx context.Context, from, now time.Time) (out []copyTrouble, err error) {
	if a.calls.local.Load() {
		out = append(out, copyTrouble{what: localTrouble})
	}
	away := func(name string, trouble bool, since time.Time) {
		if trouble && !since.IsZero() && now.Sub(since) > awayTooLong {
			out = append(out, copyTrouble{"away", name})
		}
	}
	if a.Copies != nil {
		st := a.Copies.Status()
		if st.Trouble != nil {
			out = append(out, copyTrouble{what: "stream"})
		}
		for _, s := range st.Sites {
			away(s.Place.Name, s.Trouble != nil, s.Since)
		}
	}
	if a.archive != nil {
		st := a.archive.Look(ctx)
		for _, r := range st.Repos {
			away(r.Name, r.Trouble != "", r.Since)
		}
		switch {
		case st.Trouble == nil || len(st.Repos) == 0: // who has set nothing up is told on the page
			a.calls.first = time.Time{}
		case a.calls.first.IsZero():
			a.calls.first = now
		case now.Sub(a.calls.first) > awayTooLong:
			out = append(out, copyTrouble{what: "archive"})
		}
		if a.aside != nil {
			for _, s := range a.aside.Status() {
				away(s.Place.Name, s.Trouble != nil, s.Since)
			}
		}
	}
	late, err := a.lateProofs(ctx, from, now)
	for _, name := range late {
		out = append(out, copyTrouble{"late", name})
	}
	return out, err
}

// drilledSites are the names of what drills prove: sites, on PostgreSQL repositories.
func (a *App) drilledSites(ctx context.Context) (names []string) {
	if a.Copies != nil {
		for _, s := range a.Copies.Status().Sites {
			names = append(names, s.Place.Name)
		}
	}
	if a.archive != nil {
		for _, r := range a.archive.Look(ctx).Repos {
			names = append(names, r.Name)
		}
	}
	return names
}

// lateProofs are the sites of which no drill has ended ok for more than twice the interval.
func (a *App) lateProofs(ctx context.Context, from, now time.Time) (late []string, err error) {
	names := a.drilledSites(ctx)
	if len(names) == 0 { // on PostgreSQL until the first report after a start: what is written down stands
		return nil, nil
	}
	since, err := a.provenSince(names, now)
	if err != nil || now.Sub(from) < proofGrace {
		return nil, err
	}
	proofs, err := db.Read(ctx, a.DB, func(q *db.Reader) ([]copies.Proof, error) { return copies.Proofs(q, names, since, proofEvery, now) })
	for _, p := range proofs {
		if p.Late {
			late = append(late, p.Site)
		}
	}
	return late, err
}

// provenSince is since when each site is to be proven: it is written down when a site is first
// seen, so that a shop which is started often does not begin anew each time.
func (a *App) provenSince(names []string, now time.Time) (map[string]time.Time, error) {
	a.calls.file.Lock()
	defer a.calls.file.Unlock()
	path := filepath.Join(a.Dir, copiesDir, sinceFile)
	had := map[string]time.Time{}
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err == nil && json.Unmarshal(b, &had) != nil {
		had = map[string]time.Time{}
	}
	since, same := map[string]time.Time{}, len(had) == len(names)
	for _, name := range names {
		at, ok := had[name]
		if !ok || at.After(now) {
			at, same = now.UTC(), false
		}
		since[name] = at
	}
	if same {
		return since, nil
	}
	if b, err = json.Marshal(since); err != nil {
		return nil, err
	}
	return since, writeSynced(path, b)
}
