package copies

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"golang.org/x/time/rate"

	"kassavalv/internal/db"
)

// State is how a drill ended.
type State string

// The states. A drill is ok only when every step was done and nothing was found.
const (
	Ok           State = "ok"
	Failed       State = "failed"       // something is damaged or missing
	Inconclusive State = "inconclusive" // something could not be looked at: the site is away, the key is another, time ran out
)

// Step is one step of a drill on the stopwatch.
type Step struct {
	Name  string        `json:"name"`
	Took  time.Duration `json:"took"`
	Bytes int64         `json:"bytes,omitempty"`
}

// Result is what a drill found out.
type Result struct {
	Site     string
	Cold     bool
	State    State
	Started  time.Time
	Took     time.Duration
	Epoch    uint32
	TX       uint64
	Newest   time.Time     // the newest change that came back
	RPO      time.Duration // how much of the shop's time the site lacked
	RTO      time.Duration // from nothing to a verified database with its files
	Size     int64         // of the database
	Fetched  int64         // bytes
	Objects  int
	Steps    []Step
	Findings []Finding
	Notes    []string
}

// Check looks at a restored database at path, as package app knows it: ledgers, stock,
// orders, the audit chain, a purchase. It may write to the file.
type Check func(ctx context.Context, path string) []Finding

// DrillOptions are what a drill needs.
type DrillOptions struct {
	Site    Site
	Charter Charter
	Who     age.Identity // the drill key, or the paper key's
	Known   *Known       // what the shop knows of the site; nil: not asked
	Policy  Policy
	// Dir is a folder of the drill's own. It must be empty or not there, and is removed.
	Dir string
	// Cold restores all files too and reads every object whole, from the site alone; else
	// Share of the objects is read whole, another share each day.
	Cold  bool
	Share float64 // 0: a seventh
	// Files tells which files the shop at path needs, by the names they have in its folder;
	// nil: not asked.
	Files func(ctx context.Context, path string) ([]string, error)
	// Coming tells of such a file that it is on its way (Room.Owes): that it is not there yet
	// is no loss. Nil: none is.
	Coming func(file string) bool
	Check  Check // nil: none
	// Buy walks a purchase on the restored shop, whose folder is dir: the last thing that is
	// done there. Nil: none is asked for.
	Buy  func(ctx context.Context, dir string) (notes []string, findings []Finding)
	Rate int64 // bytes a second that are read from the site; 0: as fast as it gives
	// Timeout ends the drill as inconclusive; 0: two hours.
	Timeout time.Duration
	Now     func() time.Time // nil: time.Now
	Tell    Progress

	disk *disk // nil: the disk
}

// Names of steps.
const (
	stepRestore = "restore"
	stepExamine = "examine"
	stepSecond  = "second road"
	stepCompare = "compare"
	stepFiles   = "files"
	stepChecks  = "checks"
	stepBuy     = "purchase"
)

// DrillSteps lists the steps in order.
var DrillSteps = []string{stepVerify, stepRestore, stepExamine, stepFiles, stepSecond, stepCompare, stepChecks, stepBuy}

// Drill proves the way back from one site: it restores the shop into a clean folder and
// looks at everything that came back. It never ends ok by silence: what was not done, for
// whatever reason, is inconclusive, and a panic in any step is a failure.
func Drill(ctx context.Context, o DrillOptions) (res Result) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Hour
	}
	if o.Share == 0 {
		o.Share = 1.0 / 7
	}
	if o.Cold {
		o.Share = 1
	}
	if o.Tell == nil {
		o.Tell = func(string, int64, int64) {}
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	d := &drill{o: o, name: o.Site.Place().Name}
	res = Result{Site: d.name, Cold: o.Cold, Started: o.Now().UTC(), State: Inconclusive}
	d.res = &res
	begun := time.Now()
	defer func() { // whatever happens, the folder with a whole shop in the clear goes
		if err := d.tidy(ctx); err != nil {
			d.say("end", o.Dir, fmt.Errorf("the folder of the drill could not be removed, and holds the shop: %w", err))
		}
		res.Took = time.Since(begun)
		res.State = d.judge(ctx)
		code(res.Findings)
	}()
	if o.Rate > 0 {
		d.o.Site = bounded(o.Site, o.Rate)
	}
	d.run(ctx)
	return res
}

type drill struct {
	o    DrillOptions
	name string
	res  *Result
	done []string // steps that were gone through

	inv           *Inventory
	finder        *Finder
	first, second string // files
	at            Report
	dump          *Dump
	foreign       bool
	seqs          map[string]uint64
}

func (d *drill) tidy(ctx context.Context) error {
	if d.foreign {
		return nil
	}
	for _, p := range []string{d.first, d.second} {
		if p != "" {
			giveUp(ctx, p)
		}
	}
	return os.RemoveAll(d.o.Dir)
}

func (d *drill) say(step, object string, err error) {
	d.res.Findings = append(d.res.Findings, findingOf(step, object, err))
}

func (d *drill) found(step, object, form string, args ...any) {
	d.res.Findings = append(d.res.Findings, Finding{Step: step, Object: object, What: fmt.Sprintf(form, args...)})
}

// judge is the state that findings and steps add up to.
func (d *drill) judge(ctx context.Context) State {
	unknown := false
	for _, f := range d.res.Findings {
		if !f.Unknown {
			return Failed
		}
		unknown = true
	}
	for _, s := range DrillSteps {
		if !slices.Contains(d.done, s) {
			if ctx.Err() != nil {
				d.say(s, d.name, fmt.Errorf("was not done: %w", context.Cause(ctx)))
			} else if !unknown {
				d.say(s, d.name, errors.New("was not done"))
			}
			return Inconclusive
		}
	}
	if unknown {
		return Inconclusive
	}
	return Ok
}

func (d *drill) run(ctx context.Context) {
	if es, err := os.ReadDir(d.o.Dir); err == nil && len(es) > 0 {
		d.foreign = true // what lies there is not the drill's to remove
		d.say(stepRestore, d.o.Dir, errors.New("the folder is not empty"))
		return
	}
	if err := os.MkdirAll(d.o.Dir, 0o700); err != nil {
		d.say(stepRestore, d.o.Dir, err)
		return
	}
	c := d.o.Charter
	d.finder = &Finder{Sites: []Site{d.o.Site}, Who: d.o.Who, Charter: &c, Quietly: true, disk: d.o.disk}
	d.first, d.second = filepath.Join(d.o.Dir, "shop.db"), filepath.Join(d.o.Dir, "second.db")
	steps := map[string]func(context.Context) (bytes int64, more bool){
		stepVerify: d.verify, stepRestore: d.restore, stepExamine: d.examine, stepFiles: d.files, stepSecond: d.secondRoad, stepCompare: d.compare, stepChecks: d.checks, stepBuy: d.buy,
	}
	begun := time.Now()
	for _, s := range DrillSteps {
		if ctx.Err() != nil {
			return
		}
		if s == stepBuy && d.o.Buy == nil {
			d.done = append(d.done, s)
			return
		}
		d.o.Tell(s, 0, 0)
		t := time.Now()
		n, more := d.step(ctx, s, steps[s])
		d.res.Steps = append(d.res.Steps, Step{Name: s, Took: time.Since(t), Bytes: n})
		switch s {
		case stepVerify: // a restore does not wait for it
			begun = time.Now()
		case stepFiles:
			d.res.RTO = time.Since(begun)
		}
		if !more {
			return
		}
		if ctx.Err() == nil {
			d.done = append(d.done, s)
		}
	}
}

// step runs one step and takes a panic in it for a failure.
func (d *drill) step(ctx context.Context, name string, fn func(context.Context) (int64, bool)) (n int64, more bool) {
	defer func() {
		if p := recover(); p != nil {
			where := "unknown"
			for _, l := range strings.Split(string(debug.Stack()), "\n") {
				if strings.Contains(l, "kassavalv/internal") && !strings.Contains(l, "copies.(*drill).step") && !strings.HasPrefix(l, "\t") {
					where, _, _ = strings.Cut(l, "(")
					break
				}
			}
			d.found(name, "", "the program fell: %s, near %s", db.Fallen(p), where)
			more = false
		}
	}()
	return fn(ctx)
}

func (d *drill) verify(ctx context.Context) (int64, bool) {
	v := Verify(ctx, d.o.Site, d.o.Charter, VerifyOptions{Who: d.o.Who, Known: d.o.Known, Policy: d.o.Policy, Share: d.o.Share, Now: d.o.Now(), Tell: d.o.Tell})
	d.res.Findings = append(d.res.Findings, v.Findings...)
	d.res.Notes = append(d.res.Notes, v.Notes...)
	d.res.Objects = v.Objects
	d.inv, d.seqs = v.inv, v.seqs
	if v.wrongKey {
		return v.Bytes, false
	}
	return v.Bytes, d.inv != nil && len(d.inv.Segments) > 0
}

func (d *drill) restore(ctx context.Context) (int64, bool) {
	rep, err := d.finder.Database(ctx, d.inv, Target{}, d.first, d.o.Tell)
	real := d.damages(ctx, stepRestore, rep.Damages)
	if err != nil {
		d.res.Findings = append(d.res.Findings, Finding{Step: stepRestore, Object: d.name, What: "the shop does not come back: " + err.Error(), Unknown: !real || ctx.Err() != nil})
		return rep.Bytes, false
	}
	d.at = rep
	d.res.Epoch, d.res.TX, d.res.Newest, d.res.Size, d.res.Fetched = rep.Epoch, rep.TX, rep.At, rep.Size, rep.Bytes
	// What the site lacks is what the shop changed after the newest change that came back.
	until := d.res.Started
	if k := d.o.Known; k != nil && !k.Newest.IsZero() {
		until = k.Newest
	}
	d.res.RPO = max(0, until.Sub(rep.At))
	return rep.Bytes, true
}

// damages says what a restore went around. What the retention took away meanwhile, and told
// of in the head, is no damage.
func (d *drill) damages(ctx context.Context, step string, all []error) (real bool) {
	if len(all) == 0 {
		return false
	}
	v := &verifier{site: d.o.Site, c: d.o.Charter, name: d.name}
	v.key, _ = d.o.Charter.VerifyKey()
	now, ok, _ := v.headNow(ctx)
	for _, e := range all {
		f := findingOf(step, d.name, e)
		if ok && strings.HasPrefix(f.What, goneFrom) {
			c := chainOf(KindDump, 0)
			if x, is := segmentAt(Object{Name: f.Object}); is {
				c = chainOf(KindSegment, x.Level)
			}
			if n := d.seqs[f.Object]; n > 0 && n < now.Chains[c].First && !slices.Contains(now.Chains[c].Kept, n) {
				continue
			}
		}
		real = real || !f.Unknown
		if !slices.ContainsFunc(d.res.Findings, func(o Finding) bool { return o.Object == f.Object && o.What == f.What }) {
			d.res.Findings = append(d.res.Findings, f)
		}
	}
	return real
}

func (d *drill) examine(ctx context.Context) (int64, bool) {
	faults, err := db.ExamineFile(ctx, d.first)
	if err != nil {
		d.say(stepExamine, "shop.db", err)
	}
	for _, f := range faults {
		d.found(stepExamine, "shop.db", "%s", f)
	}
	return d.at.Size, true
}

func (d *drill) files(ctx context.Context) (int64, bool) {
	gone := map[string]bool{}
	if d.o.Cold {
		into := filepath.Join(d.o.Dir, "files")
		n, damages, err := d.finder.FilesInto(ctx, d.inv, into, d.o.Tell)
		for _, e := range damages {
			// One that was there and is gone is missed below, if the shop needs it: the retention
			// takes what the shop has not had for long.
			if f := findingOf(stepFiles, d.name, e); strings.HasPrefix(f.What, goneFrom) && d.o.Files != nil {
				gone[f.Object] = true
				continue
			}
			d.say(stepFiles, d.name, e)
		}
		if err != nil {
			d.say(stepFiles, d.name, fmt.Errorf("after %d files: %w", n, err))
		}
	}
	if d.o.Files == nil {
		return 0, true
	}
	names, err := d.o.Files(ctx, d.first)
	if err != nil {
		d.say(stepFiles, "shop.db", err)
		return 0, true
	}
	have := map[string]bool{}
	for _, x := range d.inv.Files {
		have[x.Name] = !gone[x.Name]
	}
	missing, coming := 0, 0
	for _, n := range names {
		o := fileObject(d.o.Charter.Shop, n)
		switch {
		case have[o]:
		case d.o.Coming != nil && d.o.Coming(n):
			coming++
		default:
			if missing++; missing <= 20 {
				d.found(stepFiles, o, "is gone: the shop needs the file %s", n)
			}
		}
	}
	if coming > 0 {
		d.say(stepFiles, d.name, fmt.Errorf("%d of %d files that the shop needs have not been brought there yet", coming, len(names)))
	}
	if missing > 20 {
		d.found(stepFiles, d.name, "%d of %d files that the shop needs are gone", missing, len(names))
	}
	return 0, true
}

// dumpStale is the age from which the second road is no longer each night's.
const dumpStale = 48 * time.Hour

func (d *drill) secondRoad(ctx context.Context) (int64, bool) {
	dumps, damages, err := d.finder.Dumps(ctx, d.inv)
	d.damages(ctx, stepSecond, damages)
	if err != nil {
		d.say(stepSecond, d.name, err)
		return 0, true
	}
	if len(dumps) == 0 {
		d.say(stepSecond, d.name, errors.New("the site has no copy of the second road yet"))
		return 0, true
	}
	x := dumps[0]
	h, err := d.finder.OpenDump(ctx, d.inv, x.Found, d.second, d.o.Tell)
	if err != nil {
		d.say(stepSecond, x.Name, err)
		return x.Size, true
	}
	x.Header = h
	faults, err := db.ExamineFile(ctx, d.second)
	if err != nil {
		d.say(stepSecond, x.Name, err)
	}
	for _, f := range faults {
		d.found(stepSecond, x.Name, "%s", f)
	}
	switch age := d.at.At.Sub(h.Time()); {
	case age <= dumpStale:
	case h.Epoch < d.at.Epoch: // the shop has just come back, and makes its first one soon
		d.say(stepSecond, x.Name, fmt.Errorf("is the newest of the second road, of epoch %d: there is none of epoch %d yet", h.Epoch, d.at.Epoch))
	default:
		d.found(stepSecond, x.Name, "is the newest of the second road, and %s behind the first", age.Round(time.Minute))
	}
	if err == nil && len(faults) == 0 {
		d.dump = &x
	}
	return x.Size, true
}

// compare brings the first road to where the second stands and compares them.
func (d *drill) compare(ctx context.Context) (int64, bool) {
	if d.dump == nil {
		if !slices.ContainsFunc(d.res.Findings, func(f Finding) bool { return f.Step == stepSecond }) {
			d.say(stepCompare, d.name, errors.New("there is nothing to compare with"))
		}
		return 0, true
	}
	x := *d.dump
	path := d.first
	if d.at.Epoch != x.Header.Epoch || d.at.TX != x.Header.Max {
		path = filepath.Join(d.o.Dir, "then.db")
		rep, err := d.finder.Database(ctx, d.inv, Target{Epoch: x.Header.Epoch, TX: x.Header.Max}, path, d.o.Tell)
		d.damages(ctx, stepCompare, rep.Damages)
		if err != nil {
			if x.Header.Epoch != d.at.Epoch {
				d.res.Notes = append(d.res.Notes, "the second road's newest copy is of an earlier epoch and could not be compared")
				return 0, true
			}
			d.res.Findings = append(d.res.Findings, Finding{Step: stepCompare, Object: x.Name, What: "the first road could not be brought to where it stands: " + err.Error(), Unknown: true})
			return 0, true
		}
		defer giveUp(ctx, path)
	}
	differs, err := Compare(ctx, path, d.second)
	if errors.Is(err, ErrPositions) {
		d.found(stepCompare, x.Name, "%v", err)
	} else if err != nil {
		d.say(stepCompare, x.Name, err)
	}
	for _, s := range differs {
		d.found(stepCompare, x.Name, "the two roads differ: %s (first: the segments, second: this copy)", s)
	}
	return 2 * d.at.Size, true
}

func (d *drill) checks(ctx context.Context) (int64, bool) {
	giveUp(ctx, d.second)
	if d.o.Check == nil {
		return 0, true
	}
	for _, f := range d.o.Check(ctx, d.first) {
		if f.Step == "" {
			f.Step = stepChecks
		}
		d.res.Findings = append(d.res.Findings, f)
	}
	return 0, true
}

// buy walks a purchase on what came back, where it is worth it: on a shop that is known to be
// damaged it would prove nothing.
func (d *drill) buy(ctx context.Context) (int64, bool) {
	for _, f := range d.res.Findings {
		if !f.Unknown && (f.Step == stepRestore || f.Step == stepExamine) {
			d.say(stepBuy, "", errors.New("was not tried: what came back is damaged"))
			return 0, true
		}
	}
	notes, findings := d.o.Buy(ctx, d.o.Dir)
	d.res.Notes = append(d.res.Notes, notes...)
	for _, f := range findings {
		if f.Step == "" {
			f.Step = stepBuy
		}
		d.res.Findings = append(d.res.Findings, f)
	}
	return 0, true
}

// Rejudge is the state of a result that came from elsewhere, findings added to it or not:
// never ok while a step is missing or anything was found. bought says that a purchase was
// asked for.
func (r *Result) Rejudge(bought bool) {
	unknown := r.State != Ok
	for _, f := range r.Findings {
		if !f.Unknown {
			r.State = Failed
			return
		}
		unknown = true
	}
	for _, s := range DrillSteps {
		if s == stepBuy && !bought {
			continue
		}
		if unknown {
			break
		}
		if !slices.ContainsFunc(r.Steps, func(x Step) bool { return x.Name == s }) {
			r.Findings = append(r.Findings, Finding{Step: s, Object: r.Site, What: "was not done", Unknown: true})
			unknown = true
		}
	}
	if r.State != Failed && unknown {
		r.State = Inconclusive
	}
}

// slowly is a site that is read at a bounded rate. What it does not do is not asked of it.
type slowly struct {
	Site
	l *rate.Limiter
}

func (s slowly) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := s.Site.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{readFunc(func(p []byte) (int, error) {
		if len(p) > s.l.Burst() {
			p = p[:s.l.Burst()]
		}
		n, err := r.Read(p)
		if n > 0 {
			if werr := s.l.WaitN(ctx, n); werr != nil {
				return n, werr
			}
		}
		return n, err
	}), r}, nil
}

func bounded(site Site, bytes int64) Site {
	s := slowly{site, rate.NewLimiter(rate.Limit(bytes), int(min(bytes, 1<<20)))}
	if r, ok := site.(Remover); ok { // Verify asks who removes there
		return struct {
			slowly
			Remover
		}{s, r}
	}
	return s
}
