package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/recovery"
)

// BackupStatus is how the copies stand, for people and programs.
type BackupStatus struct {
	Shop     string          `json:"shop"`
	Epoch    uint32          `json:"epoch"`
	Required int             `json:"required"` // sites that must have an order before it is shown as paid
	Newest   time.Time       `json:"newest"`   // change in the shop
	Spool    int64           `json:"spool_bytes"`
	Trouble  string          `json:"trouble,omitempty"`
	Loss     string          `json:"loss"`         // if the machine were lost now: package recovery has the words
	Lost     float64         `json:"lost_seconds"` // of something
	Back     float64         `json:"back_seconds"` // how long coming back takes, as the newest drills measured it; 0: never proven
	Proven   time.Time       `json:"proven,omitzero"`
	Sites    []BackupSite    `json:"sites"`
	Postgres *PostgresStatus `json:"postgres,omitempty"`
	Restored *Restored       `json:"restored,omitempty"` // while it has not been opened for selling
}

// BackupSite is one site.
type BackupSite struct {
	Name     string    `json:"name"`
	Kind     string    `json:"kind"`
	Address  string    `json:"address"`
	Location string    `json:"location,omitempty"`
	Provider string    `json:"provider,omitempty"`
	Locked   bool      `json:"locked"`
	Lag      float64   `json:"lag_seconds"` // what would be lost with this site alone
	Newest   time.Time `json:"newest,omitzero"`
	Acked    time.Time `json:"acked,omitzero"`
	Took     float64   `json:"took_seconds"` // the last confirmation
	Bytes    int64     `json:"sent_bytes"`
	Trouble  string    `json:"trouble,omitempty"`
	Since    time.Time `json:"since,omitzero"`
	Holds    string    `json:"holds,omitempty"` // on PostgreSQL: database, or keys and files
	Full     time.Time `json:"full,omitzero"`   // of a repository: its newest full backup
	Backup   time.Time `json:"backup,omitzero"` // and its newest of any kind
	Log      string    `json:"log,omitempty"`   // and its newest piece of the log

	Late    bool             `json:"late,omitempty"`   // no drill has ended ok for more than twice the interval
	Drilled time.Time        `json:"drilled,omitzero"` // its last drill
	Drill   string           `json:"drill,omitempty"`  // how that ended
	RTO     float64          `json:"rto_seconds,omitempty"`
	Steps   []copies.Step    `json:"steps,omitempty"`
	Found   []copies.Finding `json:"found,omitempty"` // by it
	Notes   []string         `json:"notes,omitempty"`
}

// would fills in what the loss of the machine would take.
func (s *BackupStatus) would(stand recovery.Standing) {
	n := stand.Now()
	s.Loss, s.Lost, s.Back, s.Proven = n.Loss, n.Lost.Seconds(), n.Back.Seconds(), n.Proven
}

// ErrNoCopies is returned where nothing is copied.
var ErrNoCopies = errors.New("nothing is copied: no site is configured (copies.sites in kassavalv.toml; docs/copies.md)")

func (a *App) backupStatus(ctx context.Context) (BackupStatus, error) {
	if a.archive != nil {
		return a.archiveStatus(ctx)
	}
	if a.Copies == nil {
		return BackupStatus{}, ErrNoCopies
	}
	s := a.Copies.Status()
	out := BackupStatus{Shop: a.charter.Name, Epoch: s.Epoch, Required: a.Config.Copies.Required, Newest: s.At, Spool: s.Spool, Restored: a.stands.mark.Load()}
	if s.Fenced != nil {
		out.Trouble = s.Fenced.Says
	}
	if s.Trouble != nil {
		out.Trouble = s.Trouble.Error()
	}
	drills, err := db.Read(ctx, a.DB, func(q *db.Reader) ([]copies.Result, error) { return copies.Drills(q, time.Now().AddDate(0, 0, -90)) })
	if err != nil {
		return out, err
	}
	stand := a.copiesStand(ctx)
	stand.Drills = drills
	out.would(stand)
	lately := time.Now().Add(-2 * coldEvery)
	drills = slices.DeleteFunc(drills, func(d copies.Result) bool { return d.Started.Before(lately) })
	for _, x := range s.Sites {
		y := BackupSite{Name: x.Place.Name, Kind: x.Place.Kind, Address: x.Place.Address, Location: x.Place.Location, Provider: x.Place.Provider, Locked: x.Place.Locked,
			Lag: x.Lag.Seconds(), Newest: x.Newest, Acked: x.Acked, Took: x.Took.Seconds(), Bytes: x.Bytes, Since: x.Since}
		if x.Trouble != nil {
			y.Trouble = x.Trouble.Error()
		}
		if i := slices.IndexFunc(drills, func(d copies.Result) bool { return d.Site == y.Name }); i >= 0 { // the newest
			d := drills[i]
			y.Late = slices.Contains(stand.Late, y.Name)
			y.Drilled, y.Drill, y.RTO, y.Steps, y.Found, y.Notes = d.Started, string(d.State), d.RTO.Seconds(), d.Steps, d.Findings, d.Notes
		}
		out.Sites = append(out.Sites, y)
	}
	return out, nil
}

// backupSaid is the running program's answer.
type backupSaid struct {
	Status *BackupStatus `json:"status,omitempty"`
	Error  string        `json:"error,omitempty"`
	None   bool          `json:"none,omitempty"`
}

// secondRoadNow takes the second road's copy, where this shop feeds sites at all.
func (a *App) secondRoadNow(ctx context.Context) error {
	if f := a.Copies.Fenced(); f != nil {
		return errors.New(f.Says)
	}
	if a.Copies.Held() {
		return errBrowsing
	}
	return a.Copies.Dump(ctx)
}

// controlBackup answers `kassavalv backup status` and `now`.
func (a *App) controlBackup(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("verb") == "now" && a.Copies != nil {
		n := len(a.Copies.Status().Sites)
		if r.URL.Query().Get("second-road") == "yes" {
			if err := a.secondRoadNow(r.Context()); err != nil {
				w.Header().Set("Content-Type", "application/json")
				json.NewEncoder(w).Encode(backupSaid{Error: err.Error()})
				return
			}
		}
		a.Copies.Retry()
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Minute)
		defer cancel()
		if k := a.Copies.Wait(ctx, 0, n); k.Sites < n {
			a.Log.Warn("backup now: not every site confirmed", "confirmed", k.Sites, "sites", n)
		}
	}
	s, err := a.backupStatus(r.Context())
	said := backupSaid{Status: &s}
	if err != nil {
		said = backupSaid{Error: err.Error(), None: errors.Is(err, ErrNoCopies) || errors.Is(err, ErrNoRepositories)}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(said)
}

// Backup asks the running shop how its copies stand; verb now brings them up to date first,
// and now?second-road=yes takes the night's copy of the second road before that.
// It asks the one that feeds them: nobody else knows.
func Backup(ctx context.Context, dir, verb string, _ *slog.Logger) (BackupStatus, error) {
	res, done, err := askRunning(ctx, dir, "/backup/"+verb, nil)
	if err != nil {
		return BackupStatus{}, fmt.Errorf("the shop in %s does not run or does not answer, and it alone knows how its copies stand: %w", dir, err)
	}
	defer done()
	var said backupSaid
	if err := json.NewDecoder(res.Body).Decode(&said); err != nil {
		return BackupStatus{}, err
	}
	if said.None && said.Error == ErrNoRepositories.Error() {
		return BackupStatus{}, ErrNoRepositories
	}
	if said.None {
		return BackupStatus{}, ErrNoCopies
	}
	if said.Error != "" {
		return BackupStatus{}, errors.New(said.Error)
	}
	return *said.Status, nil
}

// copiesStatus is how the copies stand; nil where nothing is copied.
func (a *App) copiesStatus() *copies.Status {
	if a.Copies == nil {
		return nil
	}
	s := a.Copies.Status()
	return &s
}
