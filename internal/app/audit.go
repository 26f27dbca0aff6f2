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
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
)

// LogPointFile holds the newest checkpoint of the audit log, beside the database: a
// log that was cut off there is seen by it.
const LogPointFile = "log.checkpoint"

// maxCheckpoint bytes are read of a checkpoint's file.
const maxCheckpoint = 64 << 10

// openLog opens the audit log. A new one is named after the shop's address.
func (a *App) openLog(ctx context.Context) error {
	origin := a.Origin
	if origin == "" {
		origin = a.Config.HTTP.PublicURL
	}
	host := "localhost"
	if u, err := url.Parse(origin); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	kept, err := os.ReadFile(filepath.Join(a.Dir, LogPointFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var witnesses []note.Verifier
	for _, k := range a.Config.Audit.Witnesses {
		w, err := audit.Witness(k)
		if err != nil {
			return err
		}
		witnesses = append(witnesses, w)
	}
	a.sealed.Store(true)
	a.Audit, err = audit.OpenLog(ctx, a.DB, audit.Options{Origin: host + "/log", Keys: a.Vault.LogSigner, Kept: string(kept), Keep: a.keepPoint, Witnesses: witnesses, Watch: a.watch()})
	return err
}

// keepPoint replaces the file of the newest checkpoint.
func (a *App) keepPoint(text string) error {
	name := filepath.Join(a.Dir, LogPointFile)
	if err := os.WriteFile(name+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// sealLog gives new rows their place each second. What it refuses to sign is told once
// and again each hour, not each second.
func (a *App) sealLog(ctx context.Context) {
	var told time.Time
	every(ctx, time.Second, func() {
		_, err := a.Audit.Seal(ctx)
		a.sealed.Store(err == nil || !errors.Is(err, audit.ErrBroken))
		if errors.Is(err, audit.ErrBroken) {
			if time.Since(told) < time.Hour {
				return
			}
			told = time.Now()
			a.note("audit alarm", a.Audit.RaiseBroken(ctx))
		}
		a.note("audit seal", err)
	})
}

// VerifyOptions of VerifyAudit.
type VerifyOptions struct {
	Checkpoint string // a checkpoint that was kept elsewhere, as text
	Progress   func(done, of int64)
}

// verified is a line of the answer: how far it is, or the end.
type verified struct {
	Done    int64         `json:"done,omitempty"`
	Of      int64         `json:"of,omitempty"`
	Report  *audit.Report `json:"report,omitempty"`
	Error   string        `json:"error,omitempty"`
	Foreign bool          `json:"foreign,omitempty"`
}

// VerifyAudit computes the audit log anew. Where the shop is running, the running
// program does it, asked over its control socket.
func VerifyAudit(ctx context.Context, dir string, log *slog.Logger, o VerifyOptions) (audit.Report, error) {
	a, err := openForLog(ctx, dir, log)
	if errors.Is(err, ErrLocked) {
		return verifyOver(ctx, dir, o)
	}
	if err != nil {
		return audit.Report{}, err
	}
	defer a.Close(context.WithoutCancel(ctx))
	return a.Audit.Verify(ctx, audit.VerifyOptions{Checkpoints: kept(o.Checkpoint), Progress: o.Progress})
}

// AuditCheckpoint is the newest checkpoint, with its cosignatures, and the key that
// verifies it. Empty before the first.
func AuditCheckpoint(ctx context.Context, dir string, log *slog.Logger) (text, key string, err error) {
	a, err := openForLog(ctx, dir, log)
	if errors.Is(err, ErrLocked) {
		res, done, err := askRunning(ctx, dir, "/audit/checkpoint", nil)
		if err != nil {
			return "", "", err
		}
		defer done()
		b, err := io.ReadAll(io.LimitReader(res.Body, maxCheckpoint))
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("the running program answers: %s", strings.TrimSpace(string(b)))
		}
		return string(b), res.Header.Get("X-Key"), err
	}
	if err != nil {
		return "", "", err
	}
	defer a.Close(context.WithoutCancel(ctx))
	return a.logPoint(ctx)
}

func (a *App) logPoint(ctx context.Context) (text, key string, err error) {
	text, err = db.Read(ctx, a.DB, func(q *db.Reader) (string, error) { return a.Audit.Checkpoint(q) })
	if errors.Is(err, db.ErrNotFound) {
		text, err = "", nil
	}
	if err == nil {
		key, err = a.Vault.LogVerifierKey(a.Audit.Origin())
	}
	return text, key, err
}

func openForLog(ctx context.Context, dir string, log *slog.Logger) (*App, error) {
	cfg, err := LoadConfig(dir, os.Environ())
	if err != nil {
		return nil, err
	}
	a, err := open(ctx, dir, cfg, log, openOptions{})
	if err != nil {
		return nil, err
	}
	if err := a.openLog(ctx); err != nil {
		a.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	return a, nil
}

func kept(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

func verifyOver(ctx context.Context, dir string, o VerifyOptions) (audit.Report, error) {
	res, done, err := askRunning(ctx, dir, "/audit/verify", strings.NewReader(o.Checkpoint))
	if err != nil {
		return audit.Report{}, err
	}
	defer done()
	dec := json.NewDecoder(res.Body)
	for {
		var v verified
		if err := dec.Decode(&v); err != nil {
			return audit.Report{}, fmt.Errorf("the running program broke off: %w", err)
		}
		switch {
		case v.Foreign:
			return audit.Report{}, audit.ErrForeign
		case v.Error != "":
			return audit.Report{}, errors.New(v.Error)
		case v.Report != nil:
			return *v.Report, nil
		case o.Progress != nil:
			o.Progress(v.Done, v.Of)
		}
	}
}

// controlVerify takes a checkpoint in the body, or nothing, and answers lines of JSON:
// progress, then one with the report.
func (a *App) controlVerify(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	say := func(v verified) {
		json.NewEncoder(w).Encode(v)
		http.NewResponseController(w).Flush()
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, maxCheckpoint))
	if err != nil {
		say(verified{Error: err.Error()})
		return
	}
	last := time.Time{}
	rep, err := a.Audit.Check(r.Context(), audit.VerifyOptions{Checkpoints: kept(string(text)), Progress: func(done, of int64) {
		if time.Since(last) > 100*time.Millisecond {
			last = time.Now()
			say(verified{Done: done, Of: of})
		}
	}})
	if err != nil {
		say(verified{Error: err.Error(), Foreign: errors.Is(err, audit.ErrForeign)})
		return
	}
	say(verified{Report: &rep})
}

// controlCheckpoint answers with what AuditCheckpoint returns.
func (a *App) controlCheckpoint(w http.ResponseWriter, r *http.Request) {
	text, key, err := a.logPoint(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("X-Key", key)
	io.WriteString(w, text)
}

// checkAudit refuses what cannot be meant.
func (c *Config) checkAudit(bad func(key, what string) error) error {
	if d := c.Audit.ReadingsDays; d != 0 && (d < int(audit.MinKeepReadings.Hours()/24) || d > 3650) {
		return bad("audit.readings_days", "must be between 180 and 3650 days, or 0 for two years")
	}
	for _, k := range c.Audit.Witnesses {
		if _, err := audit.Witness(k); err != nil {
			return bad("audit.witnesses", err.Error())
		}
	}
	return nil
}
