package audit

import (
	"bytes"
	"context"

	"kassavalv/internal/db"
)

// The hash chain that acts were sealed by before the log (audit_seal). Nothing is added to
// it. Its end is a leaf of the log, and verifying goes on over it.

// chain hashes one link.
func chain(place int64, prev []byte, e Entry) []byte {
	var p packer
	p.text("kassavalv audit 1")
	p.num(place)
	p.text(string(prev))
	p.num(int64(e.ID), e.At.UnixMicro(), int64(e.ActorID), int64(e.EntityID))
	p.text(e.ActorKind, e.ActorName, e.Peer, e.Action, e.Entity, e.Old, e.New, string(e.Outcome))
	return p.sum()
}

// verifyChain walks the chain and compares its end with the leaf of the log. bad are
// acts that are known to be changed or gone: their links are told once.
func (v *verifying) verifyChain(ctx context.Context, d *db.DB) error {
	type link struct {
		place   int64
		hash    []byte
		entry   db.ID
		present bool
		e       Entry
	}
	place, prev := int64(0), []byte(nil)
	for {
		links, err := db.Read(ctx, d, func(q *db.Reader) ([]link, error) {
			return db.All(q, func(r *db.Rows) (l link, err error) {
				err = scan(r, &l.e, &l.place, &l.hash, &l.entry, &l.present)
				return
			}, `SELECT `+maybe+`, s.place, s.hash, s.entry_id, CASE WHEN e.id IS NULL THEN 0 ELSE 1 END
				FROM audit_seal s LEFT JOIN audit_entry e ON e.id = s.entry_id WHERE s.place > $1 ORDER BY s.place LIMIT 1000`, place)
		})
		if err != nil {
			return err
		}
		for _, l := range links {
			switch {
			case l.place != place+1:
				v.fault(place, 0, "chain", "gap")
			case v.bad[l.entry]:
			case !l.present:
				v.fault(l.place, l.entry, "chain", "missing")
			case !bytes.Equal(l.hash, chain(l.place, prev, l.e)):
				v.fault(l.place, l.entry, "chain", "changed")
			}
			place, prev = l.place, l.hash
		}
		if len(links) < 1000 {
			break
		}
	}
	if place != v.chainPlace || !bytes.Equal(prev, v.chainHash) {
		v.fault(v.chainPlace, 0, "chain", "cut")
	}
	return nil
}
