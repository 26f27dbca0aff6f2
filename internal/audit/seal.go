package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"kassavalv/internal/db"
)

// Head is the end of the sealed log. Kept elsewhere, it proves later that the log
// was not cut or rewritten before it.
type Head struct {
	Place int64
	Hash  []byte // SHA-256; nil at place 0
}

// lookBack is how much older than the newest sealed entry an unsealed one may
// be: a transaction on PostgreSQL may commit after younger ones. None lives
// nearly so long; Verify finds what would ever fall behind it.
const lookBack = time.Hour

// batch of one sealing transaction.
const batch = 200

// Seal gives new entries their place and hash and returns how many. A loop
// calls it each second (job.Runner.Loop). Two at the same time do no harm: one
// of them fails on the key of the place.
func Seal(ctx context.Context, d *db.DB) (int, error) {
	total := 0
	for {
		// A read first: most seconds there is nothing, and that costs no commit.
		waiting, err := db.Read(ctx, d, func(q *db.Reader) (int, error) {
			es, err := unsealed(q, 1)
			return len(es), err
		})
		if err != nil || waiting == 0 {
			return total, err
		}
		n, _, err := db.WriteBulk(ctx, d, sealSome)
		total += n
		if db.IsUnique(err) {
			return total, nil // another sealer took these places
		}
		if err != nil || n < batch {
			return total, err
		}
	}
}

func unsealed(q db.Q, limit int) ([]Entry, error) {
	var newest time.Time
	err := q.QueryRow(`SELECT e.at FROM audit_seal s JOIN audit_entry e ON e.id = s.entry_id ORDER BY s.place DESC LIMIT 1`).Scan(&newest)
	if err != nil && !errors.Is(err, db.ErrNotFound) {
		return nil, err
	}
	since := int64(0)
	if !newest.IsZero() {
		since = newest.Add(-lookBack).UnixMicro()
	}
	// By instant, because that has an index: in the order of keys the whole log
	// would be read each second.
	return db.All(q, func(r *db.Rows) (e Entry, err error) { err = scan(r, &e); return },
		`SELECT `+columns+` FROM audit_entry e LEFT JOIN audit_seal s ON s.entry_id = e.id
		 WHERE e.at >= $1 AND s.place IS NULL ORDER BY e.at, e.id LIMIT $2`, since, limit)
}

func sealSome(tx *db.Tx) (int, error) {
	h, err := LastHead(tx)
	if err != nil {
		return 0, err
	}
	es, err := unsealed(tx, batch)
	if err != nil {
		return 0, err
	}
	for _, e := range es {
		h = Head{h.Place + 1, chain(h.Place+1, h.Hash, e)}
		if _, err := tx.Exec(`INSERT INTO audit_seal (place, entry_id, hash, sealed_at) VALUES ($1,$2,$3,$4)`, h.Place, e.ID, h.Hash, tx.Now()); err != nil {
			return 0, err
		}
	}
	return len(es), nil
}

// LastHead is the newest place and hash; place 0 for an empty log.
func LastHead(q db.Q) (h Head, err error) {
	err = q.QueryRow(`SELECT place, hash FROM audit_seal ORDER BY place DESC LIMIT 1`).Scan(&h.Place, &h.Hash)
	if errors.Is(err, db.ErrNotFound) {
		return Head{}, nil
	}
	return
}

// chain hashes one link. Every part carries its length, so no two entries
// have the same bytes.
func chain(place int64, prev []byte, e Entry) []byte {
	var b bytes.Buffer
	num := func(n int64) { binary.Write(&b, binary.BigEndian, n) }
	text := func(s string) { num(int64(len(s))); b.WriteString(s) }
	text("kassavalv audit 1")
	num(place)
	text(string(prev))
	num(int64(e.ID))
	num(e.At.UnixMicro())
	num(int64(e.ActorID))
	num(int64(e.EntityID))
	for _, s := range []string{e.ActorKind, e.ActorName, e.Peer, e.Action, e.Entity, e.Old, e.New, string(e.Outcome)} {
		text(s)
	}
	h := sha256.Sum256(b.Bytes())
	return h[:]
}

// Fault is a place where the log is not what was written.
type Fault struct {
	Place int64  // 0: an entry outside the chain
	Entry db.ID  // 0 if not known
	What  string // "gap", "missing", "changed", "unsealed", "cut", "rewritten"
}

func (f Fault) String() string {
	return fmt.Sprintf("place %d, entry %s: %s", f.Place, f.Entry, f.What)
}

// Verify reads the whole log, in chunks, and returns its head and what is wrong, at most
// 100 faults. anchors are heads taken earlier and kept elsewhere.
func Verify(ctx context.Context, d *db.DB, anchors ...Head) (Head, []Fault, error) {
	at := map[int64][]byte{}
	for _, a := range anchors {
		if a.Place > 0 {
			at[a.Place] = a.Hash
		}
	}
	var faults []Fault
	fault := func(place int64, id db.ID, what string) {
		if len(faults) < 100 {
			faults = append(faults, Fault{place, id, what})
		}
	}
	head := Head{}
	type link struct {
		place   int64
		hash    []byte
		entry   db.ID
		present bool
		e       Entry
	}
	for {
		links, err := db.Read(ctx, d, func(q *db.Reader) ([]link, error) {
			return db.All(q, func(r *db.Rows) (l link, err error) {
				err = scan(r, &l.e, &l.place, &l.hash, &l.entry, &l.present)
				return
			}, `SELECT COALESCE(e.id,0), COALESCE(e.at,0), COALESCE(e.actor_kind,''), COALESCE(e.actor_id,0), COALESCE(e.actor_name,''), COALESCE(e.peer,''),
				COALESCE(e.action,''), COALESCE(e.entity,''), COALESCE(e.entity_id,0), COALESCE(e.old_value,''), COALESCE(e.new_value,''), COALESCE(e.outcome,''),
				s.place, s.hash, s.entry_id, CASE WHEN e.id IS NULL THEN 0 ELSE 1 END
				FROM audit_seal s LEFT JOIN audit_entry e ON e.id = s.entry_id WHERE s.place > $1 ORDER BY s.place LIMIT 1000`, head.Place)
		})
		if err != nil {
			return head, faults, err
		}
		for _, l := range links {
			if l.place != head.Place+1 {
				fault(head.Place+1, 0, "gap")
			}
			switch {
			case !l.present:
				fault(l.place, l.entry, "missing")
			case l.place == head.Place+1 && !bytes.Equal(l.hash, chain(l.place, head.Hash, l.e)):
				fault(l.place, l.entry, "changed")
			}
			if want, ok := at[l.place]; ok {
				if !bytes.Equal(want, l.hash) {
					fault(l.place, l.entry, "rewritten")
				}
				delete(at, l.place)
			}
			head = Head{l.place, l.hash}
		}
		if len(links) < 1000 {
			break
		}
	}
	for place := range at {
		fault(place, 0, "cut")
	}
	// What has waited too long was slipped in behind the sealer, or nobody seals.
	late, err := db.Read(ctx, d, func(q *db.Reader) ([]db.ID, error) {
		return db.All(q, func(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return },
			`SELECT e.id FROM audit_entry e LEFT JOIN audit_seal s ON s.entry_id = e.id WHERE s.place IS NULL AND e.at < $1 ORDER BY e.id LIMIT 100`,
			q.Now().Add(-2*time.Minute))
	})
	for _, id := range late {
		fault(0, id, "unsealed")
	}
	return head, faults, err
}
