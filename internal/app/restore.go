package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/secret"
)

// RestoreOptions are what `kassavalv restore` is told.
type RestoreOptions struct {
	Paper copies.Paper
	Sites []string // addresses, as copies.sites has them
	From  string   // folder that the addresses' credential files are relative to
	To    string   // folder to restore into; must be empty or not there
	At    time.Time
	// Agree is shown what was found before anything is fetched; false ends it. Nil agrees.
	Agree    func(RestoreFound) bool
	Progress copies.Progress
	Log      *slog.Logger
}

// RestoreFound is what the sites hold.
type RestoreFound struct {
	Shop    string       `json:"shop"`
	Epochs  []uint32     `json:"epochs"`
	Sites   []SiteFound  `json:"sites"`
	Chosen  RestorePoint `json:"chosen"`
	Files   int          `json:"files"`
	Trouble []string     `json:"trouble,omitempty"`
}

// SiteFound is one site and the newest point that it leads to by itself.
type SiteFound struct {
	Name  string       `json:"name"`
	Place string       `json:"place"`
	Point RestorePoint `json:"point,omitzero"`
}

// RestorePoint is a position.
type RestorePoint struct {
	Epoch uint32    `json:"epoch"`
	TX    uint64    `json:"tx"`
	At    time.Time `json:"at"`    // of the newest change
	Bytes int64     `json:"bytes"` // to be fetched
	Steps int       `json:"steps"`
}

// RestoreReport is what a restore did.
type RestoreReport struct {
	Found   RestoreFound `json:"found"`
	Point   RestorePoint `json:"point"`
	Epoch   uint32       `json:"epoch"` // the new one
	Files   int          `json:"files"`
	Erased  int          `json:"erased"` // persons erased since the point, who stay erased
	Damages []string     `json:"damages,omitempty"`
	// Warnings are what is wrong with what lies beside the database: unsigned, or older than it should be.
	Warnings []string `json:"warnings,omitempty"`
	Took     float64  `json:"took_seconds"`
}

// ErrDeclined is returned when Agree said no.
var ErrDeclined = errors.New("nothing was restored")

// restoredMark is a file that tells that a folder came from copies and has not been opened
// for selling yet.
const restoredMark = "restored.json"

// Restored is what restoredMark holds.
type Restored struct {
	Epoch  uint32    `json:"epoch"`
	From   uint32    `json:"from"` // the epoch it came from
	TX     uint64    `json:"tx"`
	At     time.Time `json:"at"`     // of the newest change that came back
	Newest time.Time `json:"newest"` // of the newest change that any site has
	Done   time.Time `json:"done"`   // zero: it is under way, or was cut off
	// Ended is what the first start has ended; nil: there was none yet.
	Ended *RestoredEnds `json:"ended,omitempty"`
}

// RestoredEnds counts what did not come alive again.
type RestoredEnds struct {
	Sessions int64 `json:"sessions"`
	Tokens   int64 `json:"tokens"` // suspended
	Links    int64 `json:"links"`
	Letters  int64 `json:"letters"` // held
}

// finder opens the sites to restore from; done closes them.
func (o RestoreOptions) finder() (f *copies.Finder, done func(), err error) {
	f = &copies.Finder{Who: o.Paper.Identity(), Paper: &o.Paper}
	done = func() {
		for _, s := range f.Sites {
			s.Close()
		}
	}
	for _, s := range o.Sites {
		site, err := readSite(s, o.From)
		if err != nil {
			return f, done, err
		}
		f.Sites = append(f.Sites, site)
	}
	return f, done, nil
}

// Restore brings a shop back from its copies into an empty folder. The folder is marked
// before anything else lies in it, and becomes a shop when the mark is filled in, so that a
// restore that was cut off is not taken for one that was finished.
func Restore(ctx context.Context, o RestoreOptions) (rep RestoreReport, err error) {
	begun := time.Now()
	if es, err := os.ReadDir(o.To); err == nil && len(es) > 0 {
		return rep, fmt.Errorf("%s is not empty: a restore replaces nothing", o.To)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return rep, err
	}
	f, done, err := o.finder()
	defer done()
	if err != nil {
		return rep, err
	}
	inv, err := f.Look(ctx)
	if err != nil {
		return rep, err
	}
	if len(inv.Misnamed) == inv.Reached {
		return rep, errors.Join(inv.Trouble...)
	}
	plan, err := found(ctx, f, inv, o.At, &rep.Found)
	if err != nil {
		return rep, err
	}
	if o.Agree != nil && !o.Agree(rep.Found) {
		return rep, ErrDeclined
	}
	beside, warn, err := f.Beside(ctx, inv)
	if err != nil {
		return rep, err
	}
	rep.Warnings = warn
	if err := beginRestored(o.To); err != nil {
		return rep, err
	}
	defer leaveRestored(o.To, &err)
	file := filepath.Join(o.To, DatabaseFile)
	target := copies.Target{Epoch: plan.Epoch, TX: plan.Max}
	got, err := f.Database(ctx, inv, target, file, o.Progress)
	if err != nil {
		// What the chosen point needs is damaged: as far as it goes before it.
		got, err = f.Database(ctx, inv, copies.Target{At: o.At}, file, o.Progress)
	}
	if err != nil {
		return rep, err
	}
	for _, d := range got.Damages {
		rep.Damages = append(rep.Damages, d.Error())
	}
	newest := got
	if !o.At.IsZero() {
		if newest, rep.Erased, err = takeRows(ctx, f, inv, o, file); err != nil {
			return rep, err
		}
	}
	n, damages, err := f.FilesInto(ctx, inv, filepath.Join(o.To, "files"), o.Progress)
	if err != nil {
		return rep, err
	}
	for _, d := range damages {
		rep.Damages = append(rep.Damages, d.Error())
	}
	rep.Files = n
	rep.Point = RestorePoint{Epoch: got.Epoch, TX: got.TX, At: got.At, Bytes: got.Bytes, Steps: got.Steps}
	rep.Epoch = 1
	for _, e := range inv.Epochs {
		rep.Epoch = max(rep.Epoch, e+1)
	}
	if err := ctx.Err(); err != nil { // whoever broke it off does not want a shop there
		return rep, err
	}
	if err := furnish(ctx, o.To, beside, inv.Charter, Restored{Epoch: rep.Epoch, From: got.Epoch, TX: got.TX, At: got.At, Newest: newest.At, Done: time.Now().UTC()}); err != nil {
		return rep, err
	}
	rep.Took = time.Since(begun).Seconds()
	return rep, nil
}

// beginRestored makes the folder and marks it as one that nothing may be opened in yet: a
// database, keys and configuration without what comes after them would be a shop that sells.
func beginRestored(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := writeRestored(dir, Restored{}); err != nil {
		return err
	}
	return syncFolder(dir)
}

// leaveRestored takes the mark away again where nothing has come of it but the mark.
func leaveRestored(dir string, err *error) {
	if es, _ := os.ReadDir(dir); *err != nil && len(es) == 1 {
		os.Remove(filepath.Join(dir, restoredMark))
	}
}

// found tells what each site leads to, and chooses the freshest point of all together, or
// the asked one.
func found(ctx context.Context, f *copies.Finder, inv *copies.Inventory, at time.Time, out *RestoreFound) (copies.Plan, error) {
	out.Shop, out.Epochs = inv.Charter.Name, inv.Epochs
	for _, t := range inv.Trouble {
		out.Trouble = append(out.Trouble, t.Error())
	}
	names := map[string]bool{}
	for _, x := range inv.Files {
		names[x.Name] = true
	}
	out.Files = len(names)
	point := func(p copies.Plan) (RestorePoint, error) {
		h, err := f.Header(ctx, inv, p.Steps[len(p.Steps)-1])
		return RestorePoint{Epoch: p.Epoch, TX: p.Max, At: h.Time(), Bytes: p.Bytes(), Steps: len(p.Steps)}, err
	}
	var rep copies.Report
	for i, s := range f.Sites {
		one := *inv
		one.Segments = nil
		for _, g := range inv.Segments {
			if g.Site == i {
				one.Segments = append(one.Segments, g)
			}
		}
		x := SiteFound{Name: s.Place().Name, Place: s.Place().Address}
		if p, err := f.Choose(ctx, &one, copies.Target{At: at}, map[copies.Found]bool{}, &rep); err == nil {
			if x.Point, err = point(p); err != nil {
				out.Trouble = append(out.Trouble, fmt.Sprintf("site %s: %v", x.Name, err))
			}
		}
		out.Sites = append(out.Sites, x)
	}
	p, err := f.Choose(ctx, inv, copies.Target{At: at}, map[copies.Found]bool{}, &rep)
	if err != nil {
		return p, err
	}
	if out.Chosen, err = point(p); err != nil {
		out.Trouble = append(out.Trouble, err.Error())
	}
	return p, nil
}

// takeRows gives an older position the persons' keys of the newest: who is erased since
// stays erased.
func takeRows(ctx context.Context, f *copies.Finder, inv *copies.Inventory, o RestoreOptions, file string) (newest copies.Report, erased int, err error) {
	tmp := file + ".newest"
	defer func() {
		for _, s := range []string{"", "-wal", "-shm"} {
			os.Remove(tmp + s)
		}
	}()
	if newest, err = f.Database(ctx, inv, copies.Target{}, tmp, o.Progress); err != nil {
		return newest, 0, fmt.Errorf("the newest position, whose keys the older one needs: %w", err)
	}
	from, err := db.Open(ctx, db.Options{Path: tmp, Existing: true})
	if err != nil {
		return newest, 0, err
	}
	defer from.Close()
	to, err := db.Open(ctx, db.Options{Path: file, Existing: true})
	if err != nil {
		return newest, 0, err
	}
	erased, err = secret.TakeRows(ctx, to, from)
	return newest, erased, errors.Join(err, to.Close())
}

// furnish puts beside the database what a shop needs to start.
func furnish(ctx context.Context, dir string, a copies.Along, c copies.Charter, m Restored) error {
	for name, b := range a.Files {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return fmt.Errorf("the copies hold a file %q that leads out of the folder", name)
		}
		if err := writeSynced(filepath.Join(dir, filepath.FromSlash(name)), b); err != nil {
			return err
		}
	}
	cfg, err := LoadConfig(dir, os.Environ())
	if err != nil {
		return err
	}
	k, err := openKeeper(ctx, dir, cfg, true)
	if err != nil {
		return err
	}
	// A keeper that is elsewhere has its keys still; files are made again.
	if err := secret.Import(ctx, k, secret.Hide(a.Keys)); err != nil && !errors.Is(err, secret.ErrReadOnly) {
		return err
	}
	cj, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(dir, copiesDir, charterFile), cj); err != nil {
		return err
	}
	if err := writeEpoch(dir, m.Epoch); err != nil {
		return err
	}
	return writeRestored(dir, m)
}
