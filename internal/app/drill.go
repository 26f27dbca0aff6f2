package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/file"
	"kassavalv/internal/lang"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/incident"
	"kassavalv/internal/secret"
)

// When sites are drilled.
const (
	coldEvery = 7 * 24 * time.Hour
	drillHour = 3        // local hour from which the day's drills may begin
	drillRate = 48 << 20 // bytes a second that a daily drill reads: buyers come first
)

// drills runs the day's drills, one site after the other, until ctx ends.
func (a *App) drills(ctx context.Context) {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-a.wantDrill:
			asked = true
		case <-tick.C:
		}
		a.drillRound(ctx, asked)
	}
}

// drillNow asks for a drill of every site; false when that was asked already.
func (a *App) drillNow() bool {
	if a.Copies == nil || !a.drilling.TryLock() {
		return false
	}
	a.drilling.Unlock()
	select {
	case a.wantDrill <- struct{}{}:
		return true
	default:
		return false
	}
}

// drillsByHand is drillNow where there is something to drill.
func (a *App) drillsByHand() func() bool {
	if len(a.Config.Copies.Sites) == 0 || a.Config.Database.URL.Reveal() != "" {
		return nil
	}
	return a.drillNow
}

// drillRound drills the sites that are due, or all of them.
func (a *App) drillRound(ctx context.Context, all bool) {
	if a.Copies == nil || a.Copies.Fenced() != nil {
		return
	}
	for _, s := range a.Copies.Status().Sites {
		due, cold, err := a.drillDue(ctx, s.Place.Name, time.Now())
		if err == nil && (due || all) && ctx.Err() == nil {
			_, err = a.drill(ctx, s.Place.Name, cold && !all)
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, errUndrilled) {
			a.Log.Error("a drill could not be done", "site", s.Place.Name, "error", err)
		}
	}
}

// drillDue tells whether a site waits for its drill: the first as soon as it has anything,
// then once a day in the quiet hours, and at once when the last is older than a day and a half.
func (a *App) drillDue(ctx context.Context, site string, now time.Time) (due, cold bool, err error) {
	list, err := db.Read(ctx, a.DB, func(q *db.Reader) ([]copies.Result, error) { return copies.Drills(q, now.Add(-coldEvery)) })
	if err != nil {
		return false, false, err
	}
	cold = true
	var last time.Time
	for _, r := range list {
		if r.Site != site {
			continue
		}
		if r.Started.After(last) {
			last = r.Started
		}
		if r.Cold && r.State == copies.Ok {
			cold = false
		}
	}
	age := now.Sub(last)
	quiet := now.In(lang.Zone).Hour() >= drillHour && now.In(lang.Zone).Hour() < drillHour+3
	due = last.IsZero() || age > drillEvery+drillEvery/2 || age > drillEvery-6*time.Hour && quiet
	if last.IsZero() && now.Sub(a.started) < 5*time.Minute { // it has just begun to take copies
		due = false
	}
	return due, cold, nil
}

// ErrNoSite is returned for a site that is not configured.
var ErrNoSite = errors.New("no such site")

// errUndrilled is why there is nothing to drill at a site.
var errUndrilled = errors.New("there is nothing to drill")

// drillable tells whether a site holds this shop, in the life that it has now: of an earlier
// one nothing is to be expected here, and what a restore went back behind is not lost.
func (a *App) drillable(site string) error {
	if a.Copies == nil {
		return fmt.Errorf("%w: %s", ErrNoSite, site)
	}
	st := a.Copies.Status()
	for _, s := range st.Sites {
		switch {
		case s.Place.Name != site:
			continue
		case st.Fenced != nil:
			return fmt.Errorf("%w: %s", errUndrilled, st.Fenced.Says)
		case st.Held:
			return fmt.Errorf("%w: %w", errUndrilled, errBrowsing)
		case s.TX == 0:
			return fmt.Errorf("%w: site %s has no whole copy yet", errUndrilled, site)
		}
		if _, sealed := a.Copies.Known(site); !sealed {
			return fmt.Errorf("%w: site %s is kept unsealed, for another program", errUndrilled, site)
		}
		return nil
	}
	return fmt.Errorf("%w: %s", ErrNoSite, site)
}

// drillSpare is what a drill leaves free on the data directory's disk.
const drillSpare = 256 << 20

// drillRoom fails where a drill could fill the disk that the shop writes to. It restores the
// database up to three times beside each other; a cold one the files as well.
func (a *App) drillRoom(cold bool) error {
	free, err := a.free(a.Dir)
	if err != nil {
		return fmt.Errorf("how much room is left: %w", err)
	}
	if free < 0 {
		return nil // this system does not tell
	}
	need := int64(drillSpare)
	if st, err := os.Stat(filepath.Join(a.Dir, DatabaseFile)); err == nil {
		need += 3 * st.Size()
	}
	if cold {
		err := filepath.WalkDir(filepath.Join(a.Dir, "files"), func(_ string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				if i, err := e.Info(); err == nil {
					need += i.Size()
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if free < need {
		return fmt.Errorf("%d MB are free on the disk of the data directory and a drill needs %d: it was not begun, so that the shop can write", free>>20, need>>20)
	}
	return nil
}

// drill proves the way back from one site and keeps the result.
func (a *App) drill(ctx context.Context, site string, cold bool) (copies.Result, error) {
	a.drilling.Lock()
	defer a.drilling.Unlock()
	if err := a.drillable(site); err != nil {
		return copies.Result{}, err
	}
	r, err := a.drillSite(ctx, site, cold)
	if ctx.Err() != nil {
		return r, ctx.Err() // the shop stops: that says nothing of the site
	}
	if err != nil { // it was not looked at, and that is kept too
		r = copies.Result{Site: site, Cold: cold, State: copies.Inconclusive, Started: time.Now().UTC(), Findings: []copies.Finding{{Step: "begin", Object: site, What: err.Error(), Unknown: true}}}
	}
	return r, a.keepDrill(ctx, r)
}

// drillSite has the drill done and adds what only the running shop can tell.
func (a *App) drillSite(ctx context.Context, site string, cold bool) (copies.Result, error) {
	if err := a.drillRoom(cold); err != nil {
		return copies.Result{}, err
	}
	t := drillTask{Keep: a.Copies.Policy(), Data: a.Dir, Demo: a.demo, Folder: a.drillFolder(), Charter: a.charter, Cold: cold, Shift: a.shift}
	for _, s := range a.Config.Copies.Sites {
		if x, err := parseSite(s); err == nil && x.name == site {
			t.Site = s
		}
	}
	if t.Site == "" {
		return copies.Result{}, fmt.Errorf("%w: %s", ErrNoSite, site)
	}
	root, err := secret.CopyRoot(ctx, a.keeper)
	if err != nil {
		return copies.Result{}, err
	}
	t.Who = copies.NewKeys(root).Drill.String()
	if t.Prints, err = secret.Prints(ctx, a.keeper); err != nil {
		return copies.Result{}, err
	}
	if t.LogKey, err = a.Vault.LogVerifierKey(a.Audit.Origin()); err != nil {
		return copies.Result{}, err
	}
	owed, err := a.Copies.Owing(site)
	if err != nil {
		return copies.Result{}, err
	}
	t.Owed = map[string]bool{}
	for _, f := range owed {
		t.Owed[f] = true
	}
	if !cold {
		t.Rate = drillRate
	}
	if k, ok := a.Copies.Known(site); ok && !cold { // a cold drill asks the site alone
		t.Known = &k
	}
	if t.Folder, err = filepath.Abs(t.Folder); err != nil {
		return copies.Result{}, err
	}
	if t.Data, err = filepath.Abs(t.Data); err != nil {
		return copies.Result{}, err
	}
	if err := os.RemoveAll(t.Folder); err != nil {
		return copies.Result{}, err
	}
	said, err := drillApart(ctx, t, a.Log)
	switch {
	case err != nil:
		return copies.Result{}, err
	case said.Error != "" || said.Result == nil:
		return copies.Result{}, errors.New(cmp.Or(said.Error, "the process of the drill said nothing"))
	}
	r := *said.Result
	r.Site, r.Cold = site, cold
	if said.Orders != nil {
		live, err := countOrders(ctx, a.DB, db.ID(said.Orders.Newest))
		switch {
		case err != nil:
			r.Findings = append(r.Findings, copies.Finding{Step: "checks", Object: "orders", What: fmt.Sprintf("could not be counted: %v", err), Unknown: true})
		case live.below != said.Orders.All:
			r.Findings = append(r.Findings, copies.Finding{Step: "checks", Object: "orders", What: fmt.Sprintf("%d came back, the shop has %d up to the newest of them", said.Orders.All, live.below)})
		}
	} else if r.State == copies.Ok {
		r.Findings = append(r.Findings, copies.Finding{Step: "checks", Object: "orders", What: "were not counted", Unknown: true})
	}
	r.Rejudge(true)
	return r, nil
}

// keepDrill keeps a result, tells of it, and opens an incident of one that failed.
func (a *App) keepDrill(ctx context.Context, r copies.Result) error {
	err := db.Do(ctx, a.DB, func(tx *db.Tx) error {
		if err := copies.Record(tx, r); err != nil {
			return err
		}
		if r.State != copies.Failed || a.Incidents == nil {
			return nil
		}
		_, err := a.Incidents.Open(tx, auth.System("drill"), incident.Other, incident.Facts{Place: "/admin/copies", Key: "drill:" + r.Site, Window: 24 * time.Hour})
		return err
	})
	switch {
	case r.State == copies.Ok:
		a.Log.Info("the way back from a site is proven", "site", r.Site, "cold", r.Cold, "took", r.Took.Round(time.Millisecond), "rto", r.RTO.Round(time.Millisecond), "rpo", r.RPO.Round(time.Millisecond))
	default:
		for i, f := range r.Findings {
			if i == 10 {
				break
			}
			a.Log.Error("a drill found something", "site", r.Site, "state", string(r.State), "finding", f.String())
		}
	}
	return err
}

// fileGrace is how long a new file may take to its sites before a drill misses it.
const fileGrace = 10 * time.Minute

// neededFiles lists the files that a restored shop needs.
func neededFiles(ctx context.Context, path string) ([]string, error) {
	d, err := db.Open(ctx, db.Options{Path: path, Existing: true})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return db.Read(ctx, d, func(q *db.Reader) ([]string, error) { return file.Names(q, time.Now().Add(-fileGrace)) })
}

// Drilled is the result of a drill, for people and programs.
type Drilled struct {
	Site     string        `json:"site"`
	State    string        `json:"state"` // ok, failed or inconclusive
	Cold     bool          `json:"cold"`
	Took     float64       `json:"took_seconds"`
	RTO      float64       `json:"rto_seconds"` // from nothing to a verified database with its files
	RPO      float64       `json:"rpo_seconds"` // of the shop's time that the site lacked
	Size     int64         `json:"size_bytes"`
	Objects  int           `json:"objects"`
	Steps    []copies.Step `json:"steps,omitempty"`
	Findings []string      `json:"findings,omitempty"`
	Notes    []string      `json:"notes,omitempty"`
	Error    string        `json:"error,omitempty"`
}

func drilled(site string, r copies.Result, err error) Drilled {
	d := Drilled{Site: site, State: string(r.State), Cold: r.Cold, Took: r.Took.Seconds(), RTO: r.RTO.Seconds(), RPO: r.RPO.Seconds(), Size: r.Size, Objects: r.Objects, Steps: r.Steps, Notes: r.Notes}
	for _, f := range r.Findings {
		d.Findings = append(d.Findings, f.String())
	}
	if err != nil {
		d.Error = err.Error()
	}
	return d
}

// controlDrill answers `kassavalv backup drill`: one line of JSON for each site.
func (a *App) controlDrill(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	if a.Copies == nil {
		enc.Encode(Drilled{Error: ErrNoCopies.Error()})
		return
	}
	for _, s := range a.Copies.Status().Sites {
		name := s.Place.Name
		if one := r.URL.Query().Get("site"); one != "" && one != name {
			continue
		}
		res, err := a.drill(r.Context(), name, r.URL.Query().Get("cold") == "yes")
		enc.Encode(drilled(name, res, err))
		http.NewResponseController(w).Flush()
	}
}

// DrillNow asks the running shop to prove the way back from a site, or from all.
func DrillNow(ctx context.Context, dir, site string, cold bool, each func(Drilled)) error {
	q := url.Values{"site": {site}}
	if cold {
		q.Set("cold", "yes")
	}
	res, done, err := askRunning(ctx, dir, "/backup/drill?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	defer done()
	d, n := json.NewDecoder(res.Body), 0
	for ; ; n++ {
		var one Drilled
		if err := d.Decode(&one); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if one.Site == "" {
			return errors.New(one.Error)
		}
		each(one)
	}
	if n == 0 {
		return fmt.Errorf("%w: %s", ErrNoSite, site)
	}
	return nil
}
