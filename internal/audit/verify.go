package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"kassavalv/internal/db"
)

// Fault is a place where the log is not what was written.
type Fault struct {
	Place int64  `json:"place"` // in the log, from 0; -1: a row without a place
	Row   db.ID  `json:"row"`   // 0 if not known
	Kind  string `json:"kind"`  // "act", "reading", "chain", "tile", "checkpoint"
	// What is one of: "changed", "missing", "inserted", "backdated", "unsealed" (rows); "leaf",
	// "moved", "gap" (their leaves); "tile"; "signature", "rewritten", "cut", "unsigned" (checkpoints).
	What string `json:"what"`
}

func (f Fault) String() string {
	return fmt.Sprintf("place %d, %s %s: %s", f.Place, f.Kind, f.Row, f.What)
}

// maxFaults are told one by one; the rest are counted.
const maxFaults = 100

// Report is what Verify found.
type Report struct {
	Origin     string  `json:"origin"`
	Size       int64   `json:"size"` // leaves of the newest checkpoint
	Root       string  `json:"root"` // of the tree as computed from the rows, base64
	Acts       int64   `json:"acts"`
	Readings   int64   `json:"readings"`
	Expired    int64   `json:"expired"` // readings whose time was out; their hashes stand
	Waiting    int64   `json:"waiting"` // rows that wait for their place
	Points     int     `json:"checkpoints"`
	Checkpoint string  `json:"checkpoint"` // the newest one
	Faults     []Fault `json:"faults"`
	Found      int64   `json:"found"` // faults in all
}

// VerifyOptions of Verify.
type VerifyOptions struct {
	Checkpoints []string // kept elsewhere; ErrForeign for one that is not of this log
	Progress    func(done, of int64)
}

// ErrForeign is returned for a checkpoint that this log's key has not signed.
var ErrForeign = errors.New("audit: the checkpoint is not of this log")

// slack is how much later than its own instant a row may be sealed while others
// are sealed before it: a transaction on PostgreSQL may commit after younger ones, and
// none lives nearly so long.
const slack = time.Hour

// unsealedAfter is how long a row may wait while the sealer works.
const unsealedAfter = 2 * time.Minute

type point struct {
	tlog.Tree
	at int64 // 0: kept elsewhere
}

type verifying struct {
	Report
	l          *Log
	bad        map[db.ID]bool
	chainPlace int64
	chainHash  []byte
	before     int64 // readings of earlier instants have expired
	asked      int
}

func (v *verifying) fault(place int64, row db.ID, kind, what string) {
	v.Found++
	if len(v.Faults) < maxFaults {
		v.Faults = append(v.Faults, Fault{place, row, kind, what})
	}
	if row != 0 {
		v.bad[row] = true
	}
}

// maybe are the columns of an act that may not be there.
const maybe = `COALESCE(e.id,0), COALESCE(e.at,0), COALESCE(e.actor_kind,''), COALESCE(e.actor_id,0), COALESCE(e.actor_name,''), COALESCE(e.peer,''),
	COALESCE(e.action,''), COALESCE(e.entity,''), COALESCE(e.entity_id,0), COALESCE(e.old_value,''), COALESCE(e.new_value,''), COALESCE(e.outcome,'')`

// Verify reads the whole log in chunks and computes it anew: rows against leaves, leaves against
// tiles, the tree against every checkpoint that is signed, kept or cosigned. The shop may run
// meanwhile. The error is of the machinery; what was found is in the report.
func (l *Log) Verify(ctx context.Context, o VerifyOptions) (Report, error) {
	v := &verifying{l: l, bad: map[db.ID]bool{}}
	v.Origin, v.Faults = l.origin, []Fault{}
	points, err := v.points(ctx, o.Checkpoints)
	if err != nil {
		return v.Report, err
	}
	if err := v.leaves(ctx, points, o.Progress); err != nil {
		return v.Report, err
	}
	if err := v.strays(ctx); err != nil {
		return v.Report, err
	}
	if v.chainHash != nil || v.chainPlace > 0 {
		if err := v.verifyChain(ctx, l.d); err != nil {
			return v.Report, err
		}
	}
	return v.Report, nil
}

// points collects the checkpoints to compare with, in the order of size, and looks at the end
// of the log in one snapshot.
func (v *verifying) points(ctx context.Context, kept []string) ([]point, error) {
	type row struct {
		size, at int64
		note     string
	}
	type state struct {
		rows         []row
		leaves, tile int64
		orphans      []int64
		taking       int64
	}
	signed := v.l.signed() // before the snapshot: what it says was committed
	s, err := db.Read(ctx, v.l.d, func(q *db.Reader) (s state, err error) {
		s.rows, err = db.All(q, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.size, &x.at, &x.note); return }, `SELECT size, at, note FROM audit_log_checkpoint ORDER BY size`)
		if err != nil {
			return s, err
		}
		if err := q.QueryRow(`SELECT COALESCE(max(place)+1, 0) FROM audit_log_leaf`).Scan(&s.leaves); err != nil {
			return s, err
		}
		if err := q.QueryRow(`SELECT count(*) FROM audit_log_leaf WHERE digest IS NULL`).Scan(&s.taking); err != nil {
			return s, err
		}
		if s.tile, err = newTiles(q).size(); err != nil {
			return s, err
		}
		s.orphans, err = db.All(q, func(r *db.Rows) (n int64, err error) { err = r.Scan(&n); return },
			`SELECT c.size FROM audit_log_cosignature c LEFT JOIN audit_log_checkpoint p ON p.size=c.size WHERE p.size IS NULL`)
		return s, err
	})
	if err != nil {
		return nil, err
	}
	var out []point
	for _, r := range s.rows {
		v.Points++
		t, _, err := v.l.parse(r.note)
		if err != nil || t.N != r.size {
			v.fault(r.size, 0, "checkpoint", "signature")
			continue
		}
		v.Size, v.Checkpoint = t.N, r.note
		out = append(out, point{Tree: t, at: r.at})
	}
	for _, n := range s.orphans {
		v.fault(n, 0, "checkpoint", "cut")
	}
	// What is sealed is signed in the same transaction.
	if s.taking == 0 {
		if s.leaves > v.Size {
			v.fault(v.Size, 0, "checkpoint", "unsigned")
		}
		if s.tile > v.Size {
			v.fault(v.Size, 0, "tile", "unsigned")
		}
	}
	if s.leaves < v.Size {
		v.fault(s.leaves, 0, "checkpoint", "cut")
	}
	if v.l.strange {
		v.fault(v.Size, 0, "checkpoint", "signature")
	}
	trees := []tlog.Tree{signed}
	for i, text := range kept {
		t, _, err := v.l.parse(text)
		if err != nil {
			return nil, fmt.Errorf("%w: number %d: %w", ErrForeign, i+1, err)
		}
		trees = append(trees, t)
	}
	for _, t := range trees {
		if t.N > v.Size {
			v.fault(v.Size, 0, "checkpoint", "cut")
		} else if t.N > 0 {
			at := len(out)
			for at > 0 && out[at-1].N > t.N {
				at--
			}
			out = append(out[:at], append([]point{{Tree: t}}, out[at:]...)...)
		}
	}
	return out, nil
}

// row is a leaf with what it is about.
type row struct {
	leaf
	e Entry
	a salted
}

func (x row) digestNow() []byte {
	switch x.kind {
	case leafAct:
		return x.e.digest()
	case leafReading:
		return x.a.digest(x.a.salt)
	}
	return x.digest
}

// chunk of leaves in one snapshot.
const chunk = 2000

func readRows(q db.Q, from, to int64) ([]row, error) {
	return db.All(q, func(r *db.Rows) (x row, err error) {
		var kinds string
		err = r.Scan(&x.e.ID, &x.e.At, &x.e.ActorKind, &x.e.ActorID, &x.e.ActorName, &x.e.Peer, &x.e.Action, &x.e.Entity, &x.e.EntityID, &x.e.Old, &x.e.New, &x.e.Outcome,
			&x.a.ID, &x.a.At, &x.a.ActorKind, &x.a.ActorID, &x.a.ActorName, &x.a.Person, &kinds, &x.a.Entity, &x.a.EntityID, &x.a.Reason, &x.a.salt,
			&x.id, &x.kind, &x.at, &x.digest, &x.place)
		x.a.Kinds = strings.Fields(kinds)
		return
	}, `SELECT `+maybe+`, COALESCE(a.id,0), COALESCE(a.at,0), COALESCE(a.actor_kind,''), COALESCE(a.actor_id,0), COALESCE(a.actor_name,''), COALESCE(a.person_id,0), COALESCE(a.kinds,''), COALESCE(a.entity,''),
		COALESCE(a.entity_id,0), COALESCE(a.reason,''), a.salt, l.id, l.kind, l.at, l.digest, l.place
		FROM audit_log_leaf l LEFT JOIN audit_entry e ON e.id=l.id AND l.kind='act' LEFT JOIN audit_access a ON a.id=l.id AND l.kind='reading'
		WHERE l.place >= $1 AND l.place < $2 ORDER BY l.place`, from, to)
}

// differ is a place where the leaf and the hash in the tiles are two.
type differ struct {
	leaf
	mine, stored tlog.Hash
}

// upper is a hash of a tile above the lowest, as the lowest tiles have it.
type upper struct {
	tile tileKey
	i    int64 // in the tile
	at   int64 // the place of the first leaf under it
	h    tlog.Hash
}

// leaves walks the sealed rows. Two trees are computed side by side: one of the leaves
// as their rows say, one of the hashes in the tiles. The one that the checkpoints agree with
// says which of the two was altered where they differ.
func (v *verifying) leaves(ctx context.Context, points []point, progress func(done, of int64)) error {
	var differs []differ
	var byRows, byTiles builder
	var uppers []upper
	byTiles.full = func(level int, n int64, h tlog.Hash) {
		uppers = append(uppers, upper{tileKey{level, n / tileWidth}, n % tileWidth, n << (level * tileHeight), h})
	}
	rowsRight, tilesRight, next, signedAt := true, true, 0, int64(0)
	lastRight, told := int64(0), false
	compare := func() {
		for ; next < len(points) && points[next].N == byTiles.n; next++ {
			p := points[next]
			r, t := byRows.root() == p.Hash, byTiles.root() == p.Hash
			rowsRight, tilesRight = rowsRight && r, tilesRight && t
			switch {
			case r || t:
				lastRight = p.N
			case !told: // one is enough: what comes after is wrong with it
				told = true
				v.fault(lastRight, 0, "checkpoint", "rewritten")
			}
			signedAt = max(signedAt, p.at)
		}
	}
	type part struct {
		rows  []row
		tiles *tiles
	}
	compare()
	for from := int64(0); from < v.Size; from += chunk {
		to := min(from+chunk, v.Size)
		got, err := db.Read(ctx, v.l.d, func(q *db.Reader) (p part, err error) {
			if p.rows, err = readRows(q, from, to); err != nil {
				return p, err
			}
			p.tiles = newTiles(q)
			for n := from / tileWidth; n <= (to-1)/tileWidth; n++ {
				if _, err := p.tiles.read(tileKey{0, n}); err != nil {
					return p, err
				}
			}
			return p, nil
		})
		if err != nil {
			return err
		}
		rows := got.rows
		for place := from; place < to; place++ {
			stored, has := hashAt(got.tiles.kept[tileKey{0, place / tileWidth}], place%tileWidth)
			mine := stored
			if len(rows) == 0 || rows[0].place != place {
				v.fault(place, 0, "leaf", "gap")
			} else {
				x := rows[0]
				rows = rows[1:]
				mine = x.hash()
				if err := v.row(ctx, x); err != nil {
					return err
				}
				if signedAt > 0 && x.at < signedAt-slack.Microseconds() {
					v.fault(place, x.id, x.kind, "backdated")
				}
				if (!has || mine != stored) && len(differs) < 10*maxFaults {
					differs = append(differs, differ{x.leaf, mine, stored})
				}
			}
			byRows.add(mine)
			byTiles.add(stored)
			compare()
		}
		if err := v.uppers(ctx, uppers); err != nil {
			return err
		}
		uppers = uppers[:0]
		if progress != nil {
			progress(to, v.Size)
		}
	}
	v.Root = byRows.root().String()
	v.judge(differs, rowsRight && !tilesRight)
	return nil
}

// row compares what a leaf is about with its digest.
func (v *verifying) row(ctx context.Context, x row) error {
	switch x.kind {
	case leafAct:
		v.Acts++
	case leafReading:
		v.Readings++
	default:
		v.chainPlace, v.chainHash = int64(x.id), x.digest
		return nil
	}
	if x.e.ID != 0 || x.a.ID != 0 {
		if !bytes.Equal(x.digestNow(), x.digest) {
			v.fault(x.place, x.id, x.kind, "changed")
		}
		return nil
	}
	if x.kind == leafReading {
		expired, err := v.expired(ctx, x.at)
		if err != nil {
			return err
		}
		if expired {
			v.Expired++
			return nil
		}
	}
	v.fault(x.place, x.id, x.kind, "missing")
	return nil
}

// expired: a reading of that instant is gone by the rules. The log is asked again
// when the answer is no, a few times: more may expire while it is read.
func (v *verifying) expired(ctx context.Context, at int64) (bool, error) {
	for {
		if at < v.before {
			return true, nil
		}
		if v.asked > 10 {
			return false, nil
		}
		v.asked++
		before, err := db.Read(ctx, v.l.d, func(q *db.Reader) (time.Time, error) { return expiredBefore(q) })
		if err != nil {
			return false, err
		}
		if before.IsZero() || before.UnixMicro() <= v.before {
			return at < v.before, nil
		}
		v.before = before.UnixMicro()
	}
}

func (v *verifying) uppers(ctx context.Context, us []upper) error {
	if len(us) == 0 {
		return nil
	}
	t, err := db.Read(ctx, v.l.d, func(q *db.Reader) (*tiles, error) {
		t := newTiles(q)
		for _, u := range us {
			if _, err := t.read(u.tile); err != nil {
				return nil, err
			}
		}
		return t, nil
	})
	if err != nil {
		return err
	}
	for _, u := range us {
		if h, has := hashAt(t.kept[u.tile], u.i); !has || h != u.h {
			v.fault(u.at, 0, "tile", "tile")
		}
	}
	return nil
}

// judge tells of each place where leaf and tile differ. onlyTiles: the rows agree with
// every checkpoint, so it is the tiles that were altered.
func (v *verifying) judge(differs []differ, onlyTiles bool) {
	at := map[tlog.Hash]int64{}
	for _, x := range differs {
		at[x.stored] = x.place
	}
	tile := int64(-1)
	for _, x := range differs {
		_, moved := at[x.mine]
		switch {
		case onlyTiles:
			if x.place/tileWidth != tile { // once a tile
				tile = x.place / tileWidth
				v.fault(x.place, 0, "tile", "tile")
			}
		case moved:
			v.fault(x.place, x.id, x.kind, "moved")
		default:
			v.fault(x.place, x.id, x.kind, "leaf")
		}
	}
}

// strays are rows that the log does not hold: they wait for longer than the sealer
// needs, or were slipped in beside the program.
func (v *verifying) strays(ctx context.Context) error {
	type waiting struct {
		leaf
		late bool
	}
	ws, err := db.Read(ctx, v.l.d, func(q *db.Reader) ([]waiting, error) {
		var signed int64
		if err := q.QueryRow(`SELECT COALESCE(max(at), 0) FROM audit_log_checkpoint`).Scan(&signed); err != nil {
			return nil, err
		}
		return db.All(q, func(r *db.Rows) (w waiting, err error) {
			err = r.Scan(&w.id, &w.kind, &w.at, &w.digest)
			// Since a checkpoint that is younger than the row by minutes: the sealer has passed
			// it by. While the program does not run, nothing is late.
			w.late = w.digest != nil && signed > 0 && w.at < signed-unsealedAfter.Microseconds()
			return
		}, `SELECT id, kind, at, digest FROM audit_log_leaf WHERE place IS NULL`)
	})
	if err != nil {
		return err
	}
	for _, w := range ws {
		if v.Waiting++; w.late {
			v.fault(-1, w.id, w.kind, "unsealed")
		}
	}
	for kind, text := range map[string]string{
		leafAct:     `SELECT e.id, CASE WHEN l.id IS NULL THEN 1 ELSE 0 END FROM audit_entry e LEFT JOIN audit_log_leaf l ON l.id=e.id AND l.kind='act' WHERE e.id > $1 ORDER BY e.id LIMIT 5000`,
		leafReading: `SELECT e.id, CASE WHEN l.id IS NULL THEN 1 ELSE 0 END FROM audit_access e LEFT JOIN audit_log_leaf l ON l.id=e.id AND l.kind='reading' WHERE e.id > $1 ORDER BY e.id LIMIT 5000`,
	} {
		type stray struct {
			id    db.ID
			alone bool
		}
		for last := db.ID(-1 << 62); ; {
			rows, err := db.Read(ctx, v.l.d, func(q *db.Reader) ([]stray, error) {
				return db.All(q, func(r *db.Rows) (s stray, err error) { err = r.Scan(&s.id, &s.alone); return }, text, last)
			})
			if err != nil {
				return err
			}
			for _, s := range rows {
				if last = s.id; s.alone && !v.bad[s.id] {
					v.fault(-1, s.id, kind, "inserted")
				}
			}
			if len(rows) < 5000 {
				break
			}
		}
	}
	return nil
}

func hashAt(tile []byte, i int64) (h tlog.Hash, ok bool) {
	if int64(len(tile)) < (i+1)*tlog.HashSize {
		return h, false
	}
	copy(h[:], tile[i*tlog.HashSize:])
	return h, true
}
