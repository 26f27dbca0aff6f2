package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/mail"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/shop/account"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/web/admin"
)

// standing is whether this shop may sell: one that came back from copies opens for
// browsing first, and one that another machine has taken over sells nothing ever again.
type standing struct {
	mark   atomic.Pointer[Restored] // nil: open for selling
	fenced atomic.Pointer[db.Away]

	says atomic.Pointer[string] // why the last try to open it did not

	one   sync.Mutex // opening is done by one at a time
	open  chan struct{}
	over  context.Context
	ended context.CancelFunc
}

func (s *standing) set(m *Restored) {
	s.open = make(chan struct{})
	s.over, s.ended = context.WithCancel(context.Background())
	if s.mark.Store(m); m == nil {
		close(s.open)
	}
}

// errBrowsing is why a restored shop sells nothing yet.
var errBrowsing = errors.New("the shop came back from a copy and has not been opened for selling: kassavalv restore --open, or the button in the office")

// shut is checkout.Desk.Shut.
func (a *App) shut() *db.Away {
	if f := a.stands.fenced.Load(); f != nil {
		return f
	}
	if m := a.stands.mark.Load(); m != nil {
		return &db.Away{Since: m.Done, Err: errBrowsing}
	}
	return nil
}

// selling runs a loop that speaks with providers only while the shop sells.
func (a *App) selling(fn func(context.Context)) func(context.Context) {
	return func(ctx context.Context) {
		select {
		case <-a.stands.open:
		case <-ctx.Done():
			return
		}
		own, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(a.stands.over, cancel)()
		if own.Err() == nil && a.stands.over.Err() == nil {
			fn(own)
		}
		if a.stands.over.Err() != nil {
			<-ctx.Done()
		}
	}
}

// takenOver closes the shop for good: another machine has opened it.
func (a *App) takenOver(f copies.Fenced) {
	a.stands.fenced.Store(&db.Away{Since: f.At, Err: fmt.Errorf("site %s: %s", f.Site, f.Says)})
	a.stands.ended()
	a.Log.Error("the checkout is closed for good: another machine is the shop now. Stop this one", "site", f.Site, "says", f.Says)
}

// errHalf is why a folder of a restore that was cut off is not opened.
var errHalf = errors.New("a restore into this folder was cut off, or is under way: move the folder away and restore once more")

// readRestored reads the mark of a folder that came from copies; nil when there is none. It
// fails where the restore has not come to its end.
func readRestored(dir string) (*Restored, error) {
	b, err := os.ReadFile(filepath.Join(dir, restoredMark))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m := &Restored{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", filepath.Join(dir, restoredMark), err)
	}
	if m.Done.IsZero() {
		return nil, fmt.Errorf("%s: %w", dir, errHalf)
	}
	return m, nil
}

func writeRestored(dir string, m Restored) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return writeSynced(filepath.Join(dir, restoredMark), b)
}

// afterRestore ends, at the first start of a shop that came from copies, what must not come
// alive. It happens before anything listens or works; cut off, it is done again.
func (a *App) afterRestore(ctx context.Context) error {
	m, err := readRestored(a.Dir)
	a.stands.set(m)
	if err != nil || m == nil {
		return err
	}
	a.Log.Warn("this shop came back from a copy: it shows everything and sells nothing until it is opened: kassavalv restore --open --data "+a.Dir,
		"as it was", m.At, "newest known", m.Newest)
	if m.Ended != nil {
		return nil
	}
	type counts struct {
		staff            auth.Ended
		customers, asked int64
		letters          int64
	}
	by := auth.System("restore")
	n, _, err := db.Write(ctx, a.DB, func(tx *db.Tx) (n counts, err error) {
		if n.staff, err = auth.EndAfterRestore(tx); err != nil {
			return n, err
		}
		if n.customers, n.asked, err = account.EndAfterRestore(tx); err != nil {
			return n, err
		}
		if n.letters, err = mail.HoldAll(tx); err != nil {
			return n, err
		}
		return n, by.Record(tx, "shop.restored", "shop", 0, "", fmt.Sprintf("epoch %d transaction %d as of %s: ended %d and %d sessions, %d links, %d approvals; suspended %d tokens; held %d letters",
			m.From, m.TX, m.At.UTC().Format(time.RFC3339), n.staff.Sessions, n.customers, n.staff.Links+n.asked, n.staff.Approvals, n.staff.Tokens, n.letters))
	})
	if err != nil {
		return err
	}
	next := *m
	next.Ended = &RestoredEnds{Sessions: n.staff.Sessions + n.customers, Tokens: n.staff.Tokens, Links: n.staff.Links + n.asked, Letters: n.letters}
	a.stands.mark.Store(&next)
	return writeRestored(a.Dir, next)
}

// ReopenReport tells how a restored shop was opened for selling.
type ReopenReport struct {
	Epoch  uint32            `json:"epoch"`
	Sites  int               `json:"sites"` // that have the shop in its new epoch
	Of     int               `json:"of"`
	Silent map[string]string `json:"silent,omitempty"` // sites that could not be asked for a later epoch
	Was    Restored          `json:"restored"`
}

// feeder is what feeds the sites, with all of the shop or, on PostgreSQL, with what lies beside its
// database.
type feeder interface {
	Held() bool
	Epoch() uint32
	Sites() int
	Newest(ctx context.Context) (epoch uint32, silent map[string]error)
	Begin(ctx context.Context, epoch uint32) error
	Taken(ctx context.Context, n int) int
	Fenced() *copies.Fenced
}

// feeder is nil where no site is configured.
func (a *App) feeder() feeder {
	switch {
	case a.Copies != nil:
		return a.Copies
	case a.aside != nil:
		return a.aside
	}
	return nil
}

// ErrOpen is returned for a shop that sells already.
var ErrOpen = errors.New("the shop is open for selling: there is nothing to open")

// openWait is how long opening waits for a first site to take the shop in its new epoch.
const openWait = 2 * time.Minute

// reopen opens a restored shop for selling: it takes an epoch that no site has seen, waits
// until a site holds the shop in it, which is what stops the old shop, and removes the mark.
// alone opens it although no site answers. Cut off anywhere it can be done again; each try
// takes an epoch after those that sites hold.
func (a *App) reopen(ctx context.Context, by auth.By, alone bool) (rep ReopenReport, err error) {
	a.stands.one.Lock()
	defer a.stands.one.Unlock()
	m := a.stands.mark.Load()
	if m == nil {
		return rep, ErrOpen
	}
	rep.Was, rep.Epoch = *m, m.Epoch
	if f := a.feeder(); f != nil {
		rep.Of = f.Sites()
		if f.Held() {
			look, cancel := context.WithTimeout(ctx, openWait)
			newest, silent := f.Newest(look)
			cancel()
			for n, e := range silent {
				if rep.Silent == nil {
					rep.Silent = map[string]string{}
				}
				rep.Silent[n] = e.Error()
			}
			if len(silent) == rep.Of && !alone {
				return rep, fmt.Errorf("no site answers, so nothing stops an old shop that may still run: %v; with --alone it is opened all the same", rep.Silent)
			}
			rep.Epoch = max(m.Epoch, newest+1)
			if err := writeEpoch(a.Dir, rep.Epoch); err != nil {
				return rep, err
			}
			if err := f.Begin(ctx, rep.Epoch); err != nil {
				return rep, err
			}
		} else {
			rep.Epoch = f.Epoch() // an earlier try came so far
		}
		wait, cancel := context.WithTimeout(ctx, openWait)
		rep.Sites = f.Taken(wait, 1)
		cancel()
		if f.Fenced() != nil {
			return rep, fmt.Errorf("%w: a later epoch was opened elsewhere in the meantime", copies.ErrFenced)
		}
		if rep.Sites == 0 && !alone {
			return rep, errors.New("no site has taken the shop in its new epoch yet, so nothing stops an old shop that may still run: see kassavalv backup status, and try again; with --alone it is opened all the same")
		}
	}
	err = db.Do(ctx, a.DB, func(tx *db.Tx) error {
		if err := checkout.OpenGap(tx, m.At); err != nil {
			return err
		}
		return by.Record(tx, "shop.open", "shop", 0, "restored", fmt.Sprintf("epoch %d at %d of %d sites, as of %s", rep.Epoch, rep.Sites, rep.Of, m.At.UTC().Format(time.RFC3339)))
	})
	if err != nil {
		return rep, err
	}
	if err := os.Remove(filepath.Join(a.Dir, restoredMark)); err != nil {
		return rep, err
	}
	if err := syncFolder(a.Dir); err != nil {
		return rep, err
	}
	a.stands.mark.Store(nil)
	close(a.stands.open)
	a.Log.Info("the restored shop is open for selling", "epoch", rep.Epoch, "sites", rep.Sites)
	return rep, nil
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// jobReopen opens the shop because an owner said so; its ref tells which restore he saw:
// the same job, brought back by a later restore, opens nothing.
const jobReopen = "shop.reopen"

// askReopen asks for a restored shop to be opened for selling: an owner's act, with a fresh
// proof. One is enough: the shop must come back in the night too (docs/decisions/0024).
func (a *App) askReopen(tx *db.Tx, by auth.By) error {
	if err := by.Need(auth.KeysWrite); err != nil {
		return err
	}
	if err := by.NeedFresh(tx.Now()); err != nil {
		return err
	}
	if !by.Covers(auth.AllRights) {
		return fault.Denied()
	}
	m := a.stands.mark.Load()
	if m == nil {
		return fault.Conflict("wrong_state")
	}
	if _, err := job.Enqueue(tx, job.Spec{Kind: jobReopen, Ref: db.ID(m.Done.UnixMilli()), Key: strconv.FormatInt(m.Done.UnixMilli(), 10)}); err != nil {
		return err
	}
	return by.Record(tx, "shop.open", "shop", 0, "restored", "asked")
}

func (a *App) reopenAsked(ctx context.Context, seen int64) error {
	if m := a.stands.mark.Load(); m == nil || m.Done.UnixMilli() != seen {
		return nil
	}
	_, err := a.reopen(ctx, auth.System("restore"), false)
	if err == nil || errors.Is(err, ErrOpen) {
		return nil
	}
	says := err.Error()
	a.stands.says.Store(&says)
	return job.Fail("not_open", err)
}

// sellingStands is how it stands, for the office.
func (a *App) sellingStands() (s admin.Standing) {
	if f := a.stands.fenced.Load(); f != nil {
		s.Taken = f.Since
	}
	if m := a.stands.mark.Load(); m != nil {
		s.Restored, s.At, s.Newest, s.Done = true, m.At, m.Newest, m.Done
		if e := m.Ended; e != nil {
			s.Sessions, s.Tokens, s.Letters = e.Sessions, e.Tokens, e.Letters
		}
		if t := a.stands.says.Load(); t != nil {
			s.Trouble = *t
		}
	}
	return s
}

// reopenSaid is the running program's answer.
type reopenSaid struct {
	Report ReopenReport `json:"report"`
	Error  string       `json:"error,omitempty"`
	Open   bool         `json:"open,omitempty"` // it was already
}

// controlReopen answers `kassavalv restore --open`.
func (a *App) controlReopen(w http.ResponseWriter, r *http.Request) {
	alone, _ := strconv.ParseBool(r.URL.Query().Get("alone"))
	rep, err := a.reopen(r.Context(), auth.System("restore"), alone)
	said := reopenSaid{Report: rep, Open: errors.Is(err, ErrOpen)}
	if err != nil {
		said.Error = err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(said)
}

// Reopen opens the restored shop in dir for selling; where it runs, the running program
// does it.
func Reopen(ctx context.Context, dir string, alone bool, log *slog.Logger) (ReopenReport, error) {
	cfg, err := LoadConfig(dir, os.Environ())
	if err != nil {
		return ReopenReport{}, err
	}
	a, err := open(ctx, dir, cfg, log, openOptions{})
	if errors.Is(err, ErrLocked) {
		res, done, err := askRunning(ctx, dir, "/reopen?alone="+strconv.FormatBool(alone), nil)
		if err != nil {
			return ReopenReport{}, err
		}
		defer done()
		var said reopenSaid
		if err := json.NewDecoder(res.Body).Decode(&said); err != nil {
			return ReopenReport{}, err
		}
		switch {
		case said.Open:
			return said.Report, ErrOpen
		case said.Error != "":
			return said.Report, errors.New(said.Error)
		}
		return said.Report, nil
	}
	if err != nil {
		return ReopenReport{}, err
	}
	defer a.Close(context.WithoutCancel(ctx))
	if a.stands.mark.Load() == nil {
		return ReopenReport{}, ErrOpen
	}
	if err := a.startCopies(ctx); err != nil {
		return ReopenReport{}, err
	}
	return a.reopen(ctx, auth.System("restore"), alone)
}
