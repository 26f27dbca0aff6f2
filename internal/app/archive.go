package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/walarchive"
	"kassavalv/internal/secret"
)

// A shop on PostgreSQL: the database is copied by that server's own means, of which the shop
// is told (walarchive); keys, configuration and files go to the sites from here.

// repositoriesFile holds, in the data directory, the configuration of pgBackRest with the
// passes of its repositories, so that it goes to the sites sealed to the paper key.
const repositoriesFile = "copies/pgbackrest.conf"

// startArchive begins to watch the archive and to feed the sites with what lies beside.
func (a *App) startArchive(ctx context.Context) error {
	a.archive = &walarchive.Watcher{DB: a.DB}
	if len(a.Config.Copies.Sites) == 0 {
		if !a.demo {
			a.Log.Warn("no site is configured: keys, configuration and pictures lie on this machine only, and the database's copies open to nobody without the keys; see docs/copies.md")
		}
		return nil
	}
	c, err := readCharter(a.Dir)
	if err != nil {
		return fmt.Errorf("copies.sites are configured, and there is no paper key yet: make one with: kassavalv backup paper --data %s (%w)", a.Dir, err)
	}
	a.charter = c
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
	o := copies.Options{Policy: keep, Dir: filepath.Join(a.Dir, copiesDir), Charter: c, Keys: copies.NewKeys(root), Epoch: epoch, Files: filepath.Join(a.Dir, "files"), Along: a.along, Log: a.Log, Held: a.stands.mark.Load() != nil, OnFenced: a.takenOver}
	for _, s := range a.Config.Copies.Sites {
		so, err := a.site(s)
		if err != nil {
			return err
		}
		o.Sites = append(o.Sites, so)
	}
	a.aside, err = copies.OpenAside(ctx, o)
	return err
}

// archiveStatus is backupStatus for a shop on PostgreSQL.
func (a *App) archiveStatus(ctx context.Context) (BackupStatus, error) {
	st := a.archive.Look(ctx)
	out := BackupStatus{Shop: a.charter.Name, Newest: time.Now().UTC(), Postgres: &PostgresStatus{Report: st.Report, Archived: st.Archiver.Last, ArchivedAt: st.Archiver.LastAt,
		Current: st.Archiver.Current, Failures: st.Archiver.Failures, Failed: st.Archiver.Missed, FailedAt: st.Archiver.MissedAt}}
	out.Epoch, _ = readEpoch(a.Dir)
	stand := a.copiesStand(ctx)
	drills, err := db.Read(ctx, a.DB, func(q *db.Reader) ([]copies.Result, error) { return copies.Drills(q, time.Now().AddDate(0, 0, -90)) })
	if err != nil {
		return out, err
	}
	stand.Drills = drills
	out.would(stand)
	out.Restored = a.stands.mark.Load()
	if st.Trouble != nil {
		out.Trouble = st.Trouble.Error()
	}
	for _, r := range st.Repos {
		out.Sites = append(out.Sites, BackupSite{Name: r.Name, Kind: "pgbackrest", Address: r.Where, Location: r.Location, Provider: r.Provider, Lag: r.Lag.Seconds(), Newest: r.At, Acked: st.Report,
			Bytes: r.Bytes, Trouble: r.Trouble, Since: r.Since, Full: r.Full, Backup: r.Newest, Log: r.Log, Holds: "database", Late: slices.Contains(stand.Late, r.Name)})
		if i := slices.IndexFunc(drills, func(d copies.Result) bool { return d.Site == r.Name }); i >= 0 {
			x := &out.Sites[len(out.Sites)-1]
			x.Drilled, x.Drill, x.RTO, x.Steps = drills[i].Started, string(drills[i].State), drills[i].RTO.Seconds(), drills[i].Steps
		}
	}
	if a.aside != nil {
		if f := a.aside.Fenced(); f != nil {
			out.Trouble = f.Says
		}
		for _, s := range a.aside.Status() {
			x := BackupSite{Name: s.Place.Name, Kind: s.Place.Kind, Address: s.Place.Address, Location: s.Place.Location, Provider: s.Place.Provider, Locked: s.Place.Locked, Acked: s.Whole, Bytes: s.Bytes, Since: s.Since, Holds: "keys and files"}
			if s.Trouble != nil {
				x.Trouble = s.Trouble.Error()
			}
			out.Sites = append(out.Sites, x)
		}
	}
	if len(out.Sites) == 0 {
		return out, ErrNoRepositories
	}
	return out, nil
}

// ErrNoRepositories is returned for a shop on PostgreSQL of whose copies nothing is known.
var ErrNoRepositories = errors.New("nothing is known of copies: no repository is set up, or kassavalv backup tend-postgres does not run (docs/copies.md)")

// archiveReport is what `kassavalv backup tend-postgres` hands over.
type archiveReport struct {
	Report walarchive.Report `json:"report"`
	Drills []copies.Result   `json:"drills,omitempty"`
}

// controlArchive takes a report in.
func (a *App) controlArchive(w http.ResponseWriter, r *http.Request) {
	said := backupSaid{}
	err := func() error {
		if a.archive == nil {
			return errors.New("this shop is not on PostgreSQL")
		}
		var in archiveReport
		if err := json.NewDecoder(io.LimitReader(r.Body, 4<<20)).Decode(&in); err != nil {
			return err
		}
		err := a.archive.Take(r.Context(), in.Report)
		for _, d := range in.Drills {
			err = errors.Join(err, a.keepDrill(r.Context(), d))
		}
		return err
	}()
	if err != nil {
		said.Error = err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(said)
}

// PostgresStatus is what only a shop on PostgreSQL has.
type PostgresStatus struct {
	Report     time.Time `json:"report,omitzero"` // when the repositories were last looked at
	Archived   string    `json:"archived,omitempty"`
	ArchivedAt time.Time `json:"archived_at,omitzero"`
	Current    string    `json:"current,omitempty"` // the piece of the log that is written now
	Failures   int64     `json:"failures"`
	Failed     string    `json:"failed,omitempty"`
	FailedAt   time.Time `json:"failed_at,omitzero"`
}

func (a *App) onPostgres() bool { return a.DB != nil && a.DB.Engine() == db.Postgres }
