package pgbackrest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/secret"
)

// DrillOptions are what a drill needs.
type DrillOptions struct {
	CloneOptions
	URL secret.Secret // of the shop's database on its own server
	Log string        // newest piece of the log that the repository had
	// Backup is when the newest backup there ended.
	Backup time.Time
	// Check looks at the restored shop, as package app knows it; it may write. Nil: none.
	Check func(ctx context.Context, d *db.DB) []copies.Finding
	// Buy walks a purchase on the restored shop, whose database is at the given address: the last thing that is done there.
	// Nil: none is asked for.
	Buy func(ctx context.Context, database secret.Secret) (notes []string, findings []copies.Finding)
	// Timeout ends the drill as inconclusive; 0: two hours.
	Timeout time.Duration
}

// Names of steps.
const (
	stepRestore = "restore"
	stepReplay  = "replay"
	stepLog     = "log"
	stepExamine = "examine"
	stepChecks  = "checks"
	stepBuy     = "purchase" // by the name that a drill of a site has for it
)

// Steps lists the steps of a drill in order.
var Steps = []string{stepRestore, stepReplay, stepLog, stepExamine, stepChecks, stepBuy}

// Drill proves the way back from one repository: it restores the newest into a clean folder,
// runs a server of its own on it, reads everything, has the shop's own checks made and a purchase
// walked. It never ends ok by silence.
func Drill(ctx context.Context, o DrillOptions) (res copies.Result) {
	res = copies.Result{Started: time.Now().UTC(), State: copies.Inconclusive}
	if o.Repo >= 1 && o.Repo <= len(o.Conf.Repos) {
		res.Site = o.Conf.Repos[o.Repo-1].Name
	}
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Hour
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	o.At, o.Data = time.Time{}, "" // the newest, in a folder of its own
	var c *Clone
	done := 0
	find := func(step string, err error) {
		res.Findings = append(res.Findings, copies.Finding{Step: step, What: err.Error(), Unknown: unknown(ctx, err)})
	}
	steps := map[string]func() (int64, error){
		stepRestore: func() (n int64, err error) {
			if r := o.Repo; r >= 1 && r <= len(o.Conf.Repos) && o.Conf.Repos[r-1].Kind == "posix" {
				if _, err := os.ReadDir(o.Conf.Repos[r-1].Path); err != nil {
					return 0, fmt.Errorf("%w: %s", errAway, o.Conf.Repos[r-1].Path)
				}
			}
			if c, err = Restore(ctx, o.CloneOptions); err != nil {
				return 0, err
			}
			res.Size = sizeOf(c.Data)
			res.Fetched = res.Size // before it was unpacked less came over the wire
			return res.Size, nil
		},
		stepReplay: func() (int64, error) {
			err := c.Start(ctx, o.URL.Reveal())
			if err == nil {
				res.Newest, res.RTO = c.At, c.Restored+c.Recovered
				if res.Newest.Before(o.Backup) {
					res.Newest = o.Backup.UTC() // a backup has everything up to its end
				}
				// What was written after it is not known here, so this is the most that is lacking.
				res.RPO = max(0, res.Started.Sub(res.Newest))
			}
			return 0, err
		},
		stepLog: func() (int64, error) { return 0, c.Reaches(o.Log) },
		stepExamine: func() (int64, error) {
			return c.Whole(ctx, o.URL.Reveal())
		},
		stepChecks: func() (int64, error) {
			if o.Check == nil {
				return 0, nil
			}
			u, err := c.URL(o.URL.Reveal())
			if err != nil {
				return 0, err
			}
			d, err := db.Open(ctx, db.Options{URL: u, Readers: 4, Existing: true})
			if errors.Is(err, db.ErrEmpty) {
				return 0, errors.New("the database that came back holds no shop")
			}
			if err != nil {
				return 0, err
			}
			defer d.Close()
			for _, f := range o.Check(ctx, d) {
				if f.Step == "" {
					f.Step = stepChecks
				}
				res.Findings = append(res.Findings, f)
			}
			return 0, nil
		},
		stepBuy: func() (int64, error) {
			for _, f := range res.Findings {
				if !f.Unknown && (f.Step == stepRestore || f.Step == stepExamine) {
					res.Findings = append(res.Findings, copies.Finding{Step: stepBuy, What: "was not tried: what came back is damaged", Unknown: true})
					return 0, nil
				}
			}
			u, err := c.URL(o.URL.Reveal())
			if err != nil {
				return 0, err
			}
			notes, findings := o.Buy(ctx, secret.Hide(u))
			res.Notes = append(res.Notes, notes...)
			for _, f := range findings {
				if f.Step == "" {
					f.Step = stepBuy
				}
				res.Findings = append(res.Findings, f)
			}
			return 0, nil
		},
	}
	for _, s := range Steps {
		if s == stepBuy && o.Buy == nil {
			done++
			continue
		}
		begun := time.Now()
		n, err := guarded(steps[s])
		res.Steps = append(res.Steps, copies.Step{Name: s, Took: time.Since(begun), Bytes: n})
		if err != nil {
			find(s, err)
			if s == stepRestore || s == stepReplay {
				break
			}
			continue
		}
		done++
	}
	if c != nil {
		if err := c.Close(); err != nil {
			find("end", fmt.Errorf("what the drill restored could not be removed, and holds the shop: %w", err))
		}
	}
	res.Took = time.Since(res.Started)
	res.State = copies.Ok
	if done < len(Steps) || ctx.Err() != nil {
		res.State = copies.Inconclusive
	}
	for _, f := range res.Findings {
		if f.Unknown {
			res.State = copies.Inconclusive
		}
	}
	for _, f := range res.Findings {
		if !f.Unknown {
			res.State = copies.Failed
		}
	}
	return res
}

// guarded takes a panic for a failure.
func guarded(fn func() (int64, error)) (n int64, err error) {
	defer func() {
		if v := recover(); v != nil {
			where := "unknown"
			for l := range strings.Lines(string(debug.Stack())) {
				if strings.Contains(l, "kassavalv/internal") && !strings.Contains(l, "pgbackrest.guarded") && !strings.HasPrefix(l, "\t") {
					where, _, _ = strings.Cut(l, "(")
					break
				}
			}
			err = fmt.Errorf("the program fell: %s, near %s", db.Fallen(v), where)
		}
	}()
	return fn()
}

var errAway = errors.New("the repository is not to be reached")

// unknown tells whether an error says nothing of the copies: time ran out, something is not
// installed, a repository is not to be reached.
func unknown(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	for _, e := range []error{ErrMissing, ErrOld, ErrRights, ErrNoPrograms, errAway, fs.ErrPermission} {
		if errors.Is(err, e) {
			return true
		}
	}
	var f *Refusal
	if errors.As(err, &f) {
		// pgBackRest's numbers (its error.yaml): what is wrong with content is a failure, the rest
		// is a machine, a disk, a wire or a service.
		return !damage[f.Code]
	}
	return false
}

// damage are the numbers by which pgBackRest says that what lies in a repository is not as it
// should be: checksum, file-invalid, format, archive-mismatch, backup-mismatch, file-missing,
// backup-set-invalid, crypto, json-format.
var damage = map[int]bool{26: true, 28: true, 29: true, 44: true, 51: true, 55: true, 75: true, 95: true, 99: true}

func sizeOf(dir string) (n int64) {
	filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if i, err := e.Info(); err == nil {
				n += i.Size()
			}
		}
		return nil
	})
	return n
}
