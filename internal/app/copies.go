package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/proof"
	"kassavalv/internal/secret"
)

// Names in the data directory.
const (
	copiesDir   = "copies"
	charterFile = "charter.json"
	epochFile   = "epoch"
)

// usualBudget is how long "paid" waits for other sites.
const usualBudget = 250 * time.Millisecond

func (c *Config) budget() time.Duration {
	if d, err := time.ParseDuration(c.Copies.Budget); err == nil {
		return d
	}
	return usualBudget
}

// readCharter is the identity of the shop's copies; os.ErrNotExist when there is none yet.
func readCharter(dir string) (c copies.Charter, err error) {
	b, err := os.ReadFile(filepath.Join(dir, copiesDir, charterFile))
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(b, &c); err != nil || c.Seal == "" {
		return c, fmt.Errorf("%s cannot be read; make another with: kassavalv backup paper --data %s", filepath.Join(dir, copiesDir, charterFile), dir)
	}
	return c, nil
}

// readEpoch is the number of the shop's life: each restore begins another.
func readEpoch(dir string) (uint32, error) {
	b, err := os.ReadFile(filepath.Join(dir, copiesDir, epochFile))
	if errors.Is(err, os.ErrNotExist) {
		return 1, nil
	}
	if err != nil {
		return 0, err
	}
	var n uint32
	if _, err := fmt.Sscanf(string(b), "%d", &n); err != nil || n == 0 {
		return 0, fmt.Errorf("%s holds no number", filepath.Join(dir, copiesDir, epochFile))
	}
	return n, nil
}

func writeEpoch(dir string, n uint32) error {
	return writeSynced(filepath.Join(dir, copiesDir, epochFile), []byte(fmt.Sprintln(n)))
}

// writeSynced puts a small file in its place, whole or not at all.
func writeSynced(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// openStream makes the stream of segments, if the shop's copies have a charter: whatever
// opens the database tells it, the commands too.
func (a *App) openStream(o db.Options) (db.Tap, error) {
	if _, err := os.Stat(filepath.Join(a.Dir, demoMark)); o.URL != "" || err != nil && len(a.Config.Copies.Sites) == 0 {
		return nil, nil // nobody would take the segments from the spool
	}
	c, err := readCharter(a.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a.charter = c
	if a.stream, err = copies.OpenStream(filepath.Join(a.Dir, copiesDir), a.Log); err != nil {
		return nil, err
	}
	return a.stream, nil
}

// startCopies begins to feed the sites.
func (a *App) startCopies(ctx context.Context) error {
	if err := os.RemoveAll(a.drillFolder()); err != nil { // of a drill that was cut off with the shop
		return err
	}
	if a.onPostgres() && a.sandbox { // nobody copies a clone
		return nil
	}
	if a.onPostgres() {
		return a.startArchive(ctx)
	}
	if len(a.Config.Copies.Sites) == 0 {
		if !a.demo && !a.sandbox {
			a.Log.Warn("no site is configured: if this machine is lost, the shop is lost; see docs/copies.md")
		}
		return nil
	}
	if a.stream == nil {
		return fmt.Errorf("copies.sites are configured, and there is no paper key yet: make one with: kassavalv backup paper --data %s", a.Dir)
	}
	epoch, err := readEpoch(a.Dir)
	if err != nil {
		return err
	}
	root, err := secret.CopyRoot(ctx, a.keeper)
	if err != nil {
		return err
	}
	keep, _, err := a.Config.Copies.policy()
	if err != nil {
		return err
	}
	o := copies.Options{Policy: keep, Dir: filepath.Join(a.Dir, copiesDir), Charter: a.charter, Keys: copies.NewKeys(root), Epoch: epoch, Stream: a.stream, DB: a.DB,
		Files: filepath.Join(a.Dir, "files"), Along: a.along, KeysNow: a.keysNow, LookEvery: a.lookEvery, Log: a.Log, Held: a.stands.mark.Load() != nil, OnFenced: a.takenOver}
	for _, s := range a.Config.Copies.Sites {
		so, err := a.site(s)
		if err != nil {
			return err
		}
		o.Sites = append(o.Sites, so)
	}
	if a.Copies, err = copies.Open(ctx, o); err != nil {
		return err
	}
	n := a.Config.Copies.Required
	switch {
	case n > 0 && a.Desk != nil:
		budget := a.Config.budget()
		a.Desk.Copied = func(ctx context.Context) { a.copied(ctx, n, budget) }
		if a.Mail != nil {
			a.Mail.Await(func(ctx context.Context) {
				if a.shut() != nil {
					return // what may leave then tells of no purchase
				}
				if k := a.confirmed(ctx, n, budget); k.Sites < n && ctx.Err() == nil {
					a.Log.Error("a letter leaves although the sites have not confirmed in time what it tells of", "required", n, "confirmed", k.Sites, "waited", k.Took.Round(time.Millisecond))
				}
			})
		}
	case n == 0 && !a.demo: // the demo's page of copies says it
		a.Log.Warn("orders are shown as paid before another site has them (copies.required = 0): what the last moments brought can be lost with this machine")
	}
	return nil
}

// site opens one of copies.sites; a demo's may lie in its own data directory.
func (a *App) site(address string) (copies.SiteOptions, error) {
	if a.demo {
		return demoSite(address, a.Dir)
	}
	return feedSite(address, a.Dir)
}

// confirmed waits until n sites have what is committed, for as long as the merchant lets
// buyers wait.
func (a *App) confirmed(ctx context.Context, n int, budget time.Duration) copies.Ack {
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	return a.Copies.Wait(ctx, 0, n)
}

// copied is that wait of an order that is about to be shown as paid.
func (a *App) copied(ctx context.Context, n int, budget time.Duration) {
	if proof.Broken("wait") {
		return
	}
	k := a.confirmed(ctx, n, budget)
	a.meters.copied(k.Took, k.Sites >= n)
	if k.Sites < n {
		a.calls.local.Store(true)
		a.Log.Error("an order is shown as paid and lies on this machine only: the sites did not confirm in time", "required", n, "confirmed", k.Sites, "waited", k.Took.Round(time.Millisecond))
	}
}

// closeCopies lets the sites take what they can, and stops.
func (a *App) closeCopies(ctx context.Context) error {
	var errs []error
	if a.aside != nil {
		errs = append(errs, a.aside.Close())
	}
	if a.Copies != nil {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		errs = append(errs, a.Copies.Close(ctx))
	}
	if a.stream != nil {
		errs = append(errs, a.stream.Close())
	}
	return errors.Join(errs...)
}

// keysNow names the keys that come and go.
func (a *App) keysNow() string {
	var b strings.Builder
	for _, e := range a.Vault.Epochs() {
		b.WriteString(e.Name + " ")
	}
	for _, y := range a.Vault.Years() {
		b.WriteString(y.Name + " ")
	}
	return b.String()
}

// along is what a restore needs beside the database and the files: the vault's keys, the
// configuration, certificates, and what opens the sites.
func (a *App) along(ctx context.Context) (copies.Along, error) {
	keys, err := secret.Export(ctx, a.keeper)
	if err != nil {
		return copies.Along{}, err
	}
	out := copies.Along{Keys: keys.Reveal(), Files: map[string][]byte{}}
	names := []string{ConfigFile}
	if a.demo { // or what comes back is taken for a real shop, whose secrets nobody knows
		names = append(names, demoMark)
	}
	if a.Config.TLS.Mode == "files" {
		names = append(names, a.Config.TLS.Cert, a.Config.TLS.Key)
	}
	names = append(names, a.Config.Swish.Cert, a.Config.Swish.Key, a.Config.Swish.P12, a.Config.Swish.CA)
	for _, s := range a.Config.Copies.Sites {
		if u, err := parseSite(s); err == nil {
			names = append(names, u.credentials, u.q.Get("ca"))
		}
	}
	if a.onPostgres() {
		names = append(names, repositoriesFile, copiesDir+"/"+epochFile)
	}
	for _, n := range names {
		if n == "" || filepath.IsAbs(n) || strings.HasPrefix(filepath.Clean(n), "..") {
			continue // outside the data directory: the operator's own, and told in docs/copies.md
		}
		b, err := os.ReadFile(filepath.Join(a.Dir, n))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return copies.Along{}, err
		}
		out.Files[filepath.ToSlash(filepath.Clean(n))] = b
	}
	return out, nil
}

// NewPaper draws a paper key for the shop in dir and writes the charter that goes with it.
// What copies there are under another one can no longer be added to: the next start begins
// anew at each site, under another epoch. The words are told once and kept nowhere.
func NewPaper(ctx context.Context, dir, name string) (words secret.Secret, err error) {
	cfg, err := LoadConfig(dir, os.Environ())
	if err != nil {
		return secret.Secret{}, err
	}
	k, err := openKeeper(ctx, dir, cfg, false)
	if err != nil {
		return secret.Secret{}, err
	}
	return newPaper(ctx, dir, name, k)
}

func newPaper(ctx context.Context, dir, name string, k secret.Keeper) (words secret.Secret, err error) {
	root, err := secret.CopyRoot(ctx, k)
	if err != nil {
		return secret.Secret{}, err
	}
	epoch, err := readEpoch(dir)
	if err != nil {
		return secret.Secret{}, err
	}
	p := copies.NewPaper()
	c := copies.NewCharter(p, copies.NewKeys(root), name)
	switch old, err := readCharter(dir); {
	case err == nil: // the shop stays the same one
		c = c.As(old.Shop, p)
		epoch++
	case !errors.Is(err, os.ErrNotExist):
		return secret.Secret{}, err
	}
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return secret.Secret{}, err
	}
	if err := writeEpoch(dir, epoch); err != nil {
		return secret.Secret{}, err
	}
	return p.Words(), writeSynced(filepath.Join(dir, copiesDir, charterFile), b)
}
