package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/secret"
)

// KeysReport is what `kassavalv keys` tells: names, places and times, never a key.
type KeysReport struct {
	Keeper   string             `json:"keeper"` // keys.keeper
	Where    string             `json:"where"`
	Running  bool               `json:"running"` // the shop runs, and answered
	Away     bool               `json:"away"`
	Since    time.Time          `json:"since,omitzero"` // while away: when it answered last
	Until    time.Time          `json:"until,omitzero"` // while away: when sealing and opening end
	Says     string             `json:"says,omitempty"`
	Roots    []string           `json:"roots"`
	Epochs   []secret.EpochInfo `json:"epochs"`
	Years    []secret.YearInfo  `json:"years"`
	Progress secret.Progress    `json:"progress"`

	Wrapped   int      `json:"wrapped,omitempty"`   // by `turn`
	Destroyed []string `json:"destroyed,omitempty"` // by `turn` and `destroy-epochs`; with DryRun: would be
	DryRun    bool     `json:"dry_run,omitempty"`

	Unreadable int64 `json:"unreadable"` // sealed values that did not open since the start
}

// KeysOptions are the flags of the commands.
type KeysOptions struct {
	NewEpoch bool // turn: make a new epoch key whatever the calendar says
	DryRun   bool // destroy-epochs
	Progress func(done, of int)
	Log      *slog.Logger
}

// keysSaid is a line of the running program's answer.
type keysSaid struct {
	Done   int         `json:"done,omitempty"`
	Of     int         `json:"of,omitempty"`
	Report *KeysReport `json:"report,omitempty"`
	Error  string      `json:"error,omitempty"`
}

var keysBy = auth.System("keys")

// Keys carries out status, turn or destroy-epochs. Where the shop is running, the
// running program does it, asked over its control socket.
func Keys(ctx context.Context, dir, verb string, o KeysOptions) (KeysReport, error) {
	cfg, err := LoadConfig(dir, os.Environ())
	if err != nil {
		return KeysReport{}, err
	}
	a, err := open(ctx, dir, cfg, o.Log, openOptions{})
	if errors.Is(err, ErrLocked) {
		return keysOver(ctx, dir, verb, o)
	}
	if err != nil {
		return KeysReport{}, err
	}
	defer a.Close(context.WithoutCancel(ctx))
	return a.keys(ctx, verb, o)
}

func (a *App) keys(ctx context.Context, verb string, o KeysOptions) (KeysReport, error) {
	var done KeysReport
	var err error
	switch verb {
	case "status":
		a.Vault.Probe(ctx) // what it says is part of the report
	case "turn":
		done, err = a.turnKeys(ctx, o)
	case "destroy-epochs":
		done.DryRun = o.DryRun
		done.Destroyed, err = a.Vault.DestroyOldEpochs(ctx, o.DryRun)
		if err == nil && !o.DryRun && len(done.Destroyed) > 0 {
			err = a.recordKeys(ctx, "keys.destroyed", strings.Join(done.Destroyed, " "))
		}
	case "exported":
		err = a.recordKeys(ctx, "keys.exported", "")
	default:
		return done, fmt.Errorf("keys: no such act %q", verb)
	}
	if err != nil {
		return done, err
	}
	h := a.Vault.Health()
	done.Keeper, done.Where, done.Away, done.Until, done.Says = a.Config.Keys.Keeper, h.Where, h.Away, h.Until, h.Says
	if h.Away {
		done.Since = h.Since
	}
	done.Roots, done.Epochs, done.Years = secret.RootNames(), a.Vault.Epochs(), a.Vault.Years()
	done.Unreadable, _ = a.Vault.Unreadable()
	done.Progress, err = db.Read(ctx, a.DB, func(q *db.Reader) (secret.Progress, error) { return a.Vault.Progress(q) })
	return done, err
}

// turnKeys does what the hourly job does, a new epoch first where that was asked for.
func (a *App) turnKeys(ctx context.Context, o KeysOptions) (done KeysReport, err error) {
	if o.NewEpoch {
		if err := a.Vault.NewEpoch(ctx); err != nil {
			return done, err
		}
	}
	before := map[string]bool{}
	for _, e := range a.Vault.Epochs() {
		before[e.Name] = true
	}
	ended := make(chan struct{})
	if o.Progress != nil {
		told := make(chan struct{})
		defer func() { <-told }()
		go func() {
			defer close(told)
			t := time.NewTicker(100 * time.Millisecond)
			defer t.Stop()
			for {
				select {
				case <-ended:
					return
				case <-t.C:
					if n, of, running := a.Vault.Running(); running {
						o.Progress(int(n), int(of))
					}
				}
			}
		}()
	}
	done.Wrapped, err = a.Vault.Rewrap(ctx)
	close(ended)
	if err != nil {
		return done, err
	}
	if err := a.Vault.Turn(ctx); err != nil {
		return done, err
	}
	for _, e := range a.Vault.Epochs() {
		delete(before, e.Name)
	}
	for n := range before {
		done.Destroyed = append(done.Destroyed, n)
	}
	return done, a.recordKeys(ctx, "keys.turned", fmt.Sprintf("%d wrapped, new epoch: %v", done.Wrapped, o.NewEpoch))
}

// jobTurn turns the key that a member of staff asked for; its ref is the number of the epoch
// that was current then.
const jobTurn = "keys.turn"

// turnByHand asks for a new epoch key: with keys.write, a fresh proof and a second person,
// who says yes to turning away from the very key that is current. A job does it once this is
// committed, because the keeper may be a service far away.
func (a *App) turnByHand(tx *db.Tx, by auth.By) error {
	if err := by.Need(auth.KeysWrite); err != nil {
		return err
	}
	if err := by.NeedFresh(tx.Now()); err != nil {
		return err
	}
	cur := a.currentEpoch()
	if err := by.NeedSecond(auth.Ask{Act: auth.ActKeys, Entity: "keys", ID: db.ID(cur.Number), Was: cur.Name}); err != nil {
		return err
	}
	if _, err := job.Enqueue(tx, job.Spec{Kind: jobTurn, Ref: db.ID(cur.Number), Key: cur.Name}); err != nil {
		return err
	}
	return by.Record(tx, "keys.turn", "keys", db.ID(cur.Number), cur.Name, "asked")
}

func (a *App) currentEpoch() secret.EpochInfo {
	es := a.Vault.Epochs()
	return es[len(es)-1]
}

// turnAsked makes the next epoch key and wraps all data keys by it. Stopped anywhere and tried again
// it makes no second one: where the epoch that was asked about is current no more, only the wrapping goes on.
func (a *App) turnAsked(ctx context.Context, from int64) error {
	_, err := a.turnKeys(ctx, KeysOptions{NewEpoch: a.currentEpoch().Number == from})
	return err
}

func (a *App) recordKeys(ctx context.Context, action, what string) error {
	return db.Do(ctx, a.DB, func(tx *db.Tx) error { return keysBy.Record(tx, action, "keys", 0, "", what) })
}

// controlKeys answers lines of JSON: progress, then one with the report or the error.
func (a *App) controlKeys(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	tell := func(s keysSaid) {
		json.NewEncoder(w).Encode(s)
		http.NewResponseController(w).Flush()
	}
	q := r.URL.Query()
	fresh, _ := strconv.ParseBool(q.Get("new"))
	dry, _ := strconv.ParseBool(q.Get("dry_run"))
	rep, err := a.keys(r.Context(), r.PathValue("verb"), KeysOptions{NewEpoch: fresh, DryRun: dry, Progress: func(done, of int) { tell(keysSaid{Done: done, Of: of}) }})
	rep.Running = true
	s := keysSaid{Report: &rep}
	if err != nil {
		s.Error = err.Error()
	}
	tell(s)
}

func keysOver(ctx context.Context, dir, verb string, o KeysOptions) (KeysReport, error) {
	res, done, err := askRunning(ctx, dir, "/keys/"+verb+"?"+url.Values{"new": {strconv.FormatBool(o.NewEpoch)}, "dry_run": {strconv.FormatBool(o.DryRun)}}.Encode(), nil)
	if err != nil {
		return KeysReport{}, err
	}
	defer done()
	dec := json.NewDecoder(res.Body)
	for {
		var s keysSaid
		if err := dec.Decode(&s); err != nil {
			return KeysReport{}, fmt.Errorf("the running program broke off; what it had done stands, run the command again: %w", err)
		}
		switch {
		case s.Error != "":
			return KeysReport{}, errors.New(s.Error)
		case s.Report != nil:
			return *s.Report, nil
		case o.Progress != nil:
			o.Progress(s.Done, s.Of)
		}
	}
}

// ExportKeys reads every key from the keeper that dir's configuration names. The result is
// as secret as the shop. It is written down in the audit log before the keys are given out.
func ExportKeys(ctx context.Context, dir string, log *slog.Logger) (secret.Secret, error) {
	cfg, err := LoadConfig(dir, os.Environ())
	if err != nil {
		return secret.Secret{}, err
	}
	if err := need(ctx, dir, cfg, notOwned); err != nil {
		return secret.Secret{}, err
	}
	k, err := openKeeper(ctx, dir, cfg, false)
	if err != nil {
		return secret.Secret{}, err
	}
	text, err := secret.Export(ctx, k)
	if err != nil {
		return secret.Secret{}, err
	}
	if _, err := Keys(ctx, dir, "exported", KeysOptions{Log: log}); err != nil {
		return secret.Secret{}, fmt.Errorf("that the keys are given out could not be recorded, so they are not: %w", err)
	}
	return text, nil
}

// ImportKeys puts keys into the keeper that dir's configuration names: those of an exported text, or, where text is
// nil, those in plain files of the keeper's own folder, which are destroyed once the service gives every one of them back. It returns their names.
func ImportKeys(ctx context.Context, dir string, text io.Reader) ([]string, error) {
	cfg, err := LoadConfig(dir, os.Environ())
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, lockFile)); err == nil {
		l, err := lockDir(dir)
		if err != nil {
			return nil, err
		}
		defer l.Abandon()
	}
	keeper, err := openKeeper(ctx, dir, cfg, true)
	if err != nil {
		return nil, err
	}
	var files *secret.FileKeeper
	var keys secret.Secret
	if text != nil {
		b, err := io.ReadAll(io.LimitReader(text, 1<<20))
		if err != nil {
			return nil, err
		}
		keys = secret.Hide(string(b))
	} else {
		if !cfg.wrapped() {
			return nil, errors.New(`name the file to import; without one, keys move from plain files into the key service that keys.keeper names ("transit", "kms" or "gcp")`)
		}
		if files, err = secret.OpenFiles(keyFolder(dir, cfg)); err != nil {
			return nil, err
		}
		if keys, err = secret.Export(ctx, files); err != nil {
			return nil, err
		}
	}
	if err := secret.Import(ctx, keeper, keys); err != nil {
		return nil, err
	}
	// Import again compares what the keeper gives back.
	if err := secret.Import(ctx, keeper, keys); err != nil {
		return nil, err
	}
	names, err := keeper.List(ctx)
	if err != nil || files == nil {
		return names, err
	}
	old, err := files.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range old {
		if err := files.Destroy(ctx, n); err != nil {
			return nil, err
		}
	}
	return names, nil
}
