package secret

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// DefaultGrace is how long the vault goes on from memory while its keeper does not answer.
const DefaultGrace = 24 * time.Hour

// errAway is what seals and opens once the grace is over. One value, so that errors.Is knows it.
var errAway = &fault.Error{Kind: fault.Unavailable, Code: "keys", RetryAfter: 5 * time.Minute, Cause: errors.New("secret: the keeper of the keys has been away for too long")}

// ErrAway: the keeper has not answered for longer than the grace. Nothing is
// sealed or opened until it answers; nothing is ever kept unsealed instead. It reaches people as 503 "keys".
var ErrAway error = errAway

// Health is how the keeper was when it was last asked.
type Health struct {
	Where string    // the keeper
	Away  bool      // it did not answer, or not with the right key
	Since time.Time // when it answered last, or the start
	Until time.Time // while Away: from when on nothing is sealed or opened
	Over  bool      // Until has passed
	Says  string    // the last error, without keys
}

// health is the state behind Health.
type health struct {
	mu    sync.Mutex
	grace time.Duration
	seen  time.Time
	away  bool
	says  string
	told  time.Time // when the log was told last
}

// SetGrace sets how long the vault goes on from memory; it is DefaultGrace otherwise.
func (v *Vault) SetGrace(d time.Duration) {
	v.health.mu.Lock()
	defer v.health.mu.Unlock()
	v.health.grace = d
}

// SetLog says where alarms go; otherwise to slog's default.
func (v *Vault) SetLog(l *slog.Logger) { v.log.Store(l) }

func (v *Vault) logger() *slog.Logger {
	if l := v.log.Load(); l != nil {
		return l
	}
	return slog.Default()
}

// Health tells how the keeper is.
func (v *Vault) Health() Health {
	v.health.mu.Lock()
	defer v.health.mu.Unlock()
	h := Health{Where: v.keeper.Where(), Away: v.health.away, Since: v.health.seen, Says: v.health.says}
	if h.Away {
		h.Until = v.health.seen.Add(v.health.grace)
		h.Over = !v.now().Before(h.Until)
	}
	return h
}

// usable is ErrAway once the keeper has been away for longer than the grace.
func (v *Vault) usable() error {
	v.health.mu.Lock()
	defer v.health.mu.Unlock()
	if v.health.away && !v.now().Before(v.health.seen.Add(v.health.grace)) {
		return ErrAway
	}
	return nil
}

// probeTime bounds one question to the keeper.
const probeTime = 30 * time.Second

// Probe asks the keeper for the current epoch key and compares it with the one in
// memory. An alarm is logged when it goes away, each hour while it is, and when it is back.
func (v *Vault) Probe(ctx context.Context) error {
	v.mu.RLock()
	cur := v.epochs[v.last]
	v.mu.RUnlock()
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	key, err := v.keeper.Get(ctx, cur.Name)
	if err == nil && !key.Same(cur) {
		err = fmt.Errorf("secret: the key %s in %s is another than before", cur.Name, v.keeper.Where())
	}
	now := v.now()
	h := &v.health
	h.mu.Lock()
	was, since := h.away, h.seen
	h.away = err != nil
	if err == nil {
		h.seen, h.says = now, ""
	} else {
		h.says = err.Error()
	}
	until := h.seen.Add(h.grace)
	tell := err != nil && (!was || now.Sub(h.told) >= time.Hour)
	if tell {
		h.told = now
	}
	h.mu.Unlock()
	switch {
	case tell:
		v.logger().Error("the keeper of the keys does not answer; the shop goes on from memory until then, and afterwards seals and opens nothing", "keeper", v.keeper.Where(), "until", until.UTC().Format(time.RFC3339), "err", err)
	case err == nil && was:
		v.logger().Warn("the keeper of the keys answers again", "keeper", v.keeper.Where(), "away", now.Sub(since).Round(time.Second).String())
	}
	return err
}

// Watch asks the keeper each minute, and takes in the keys that another node has made. It returns when ctx ends.
func (v *Vault) Watch(ctx context.Context, every time.Duration) {
	if every <= 0 {
		every = time.Minute
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if v.Probe(ctx) == nil {
			v.learn(ctx)
		}
	}
}

// learn reads keys that the keeper has and this vault does not know.
func (v *Vault) learn(ctx context.Context) {
	list, err := v.keeper.List(ctx)
	if err != nil {
		return
	}
	for _, n := range list {
		if kindOf(n) == "" {
			continue
		}
		v.mu.RLock()
		var known bool
		for _, k := range v.epochs {
			known = known || k.Name == n
		}
		for _, k := range v.years {
			known = known || k.Name == n
		}
		v.mu.RUnlock()
		if !known {
			if err := v.reload(ctx); err != nil && ctx.Err() == nil {
				v.logger().Error("keys that another node has made cannot be read", "err", err)
			}
			return
		}
	}
}

// unreadable remembers the values that did not open.
type unreadable struct {
	mu    sync.Mutex
	rows  map[brokenAt]bool
	times int64
}

type brokenAt struct {
	field Field
	row   db.ID
}

// maxUnreadable bounds what is remembered: beyond it a row may be logged again.
const maxUnreadable = 10_000

// alarm counts a value that did not open and logs it once a row, without data.
func (v *Vault) alarm(field Field, row db.ID) {
	u := &v.broken
	u.mu.Lock()
	u.times++
	if u.rows == nil || len(u.rows) >= maxUnreadable {
		u.rows = map[brokenAt]bool{}
	}
	at := brokenAt{field, row}
	tell := !u.rows[at]
	u.rows[at] = true
	u.mu.Unlock()
	if tell {
		v.logger().Error("a sealed value does not open: it was changed, or moved here from another place", "field", string(field), "row", row.String())
	}
}

// Unreadable counts the values that did not open since the start (ErrBroken): how often, and
// how many rows' values.
func (v *Vault) Unreadable() (times, values int64) {
	v.broken.mu.Lock()
	defer v.broken.mu.Unlock()
	return v.broken.times, int64(len(v.broken.rows))
}

// Shown is the one rule of pages for a sealed value that does not open: the field is
// shown as unreadable (readable false, val zero) and the rest of the page goes on; the vault has raised its alarm
// already. Every other error stays one. A mail, a paper or a step of the shop MUST NOT use
// it: what would be sent or done with an empty value is left undone, and its job tries again.
func Shown[T any](val T, err error) (_ T, readable bool, _ error) {
	if errors.Is(err, ErrBroken) {
		var zero T
		return zero, false, nil
	}
	return val, err == nil, err
}
