package privacy

import (
	"kassavalv/internal/auth"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// Notice is somebody outside who is to be told of a correction, a restriction or an erasure (art. 19).
type Notice struct {
	Request   db.ID
	Recipient string // "stripe"
	Role      string // a datamap.Recipient
	State     string // to_tell, told, needless
	By        string
}

// States of a notice.
const (
	ToTell   = "to_tell"
	Told     = "told"
	Needless = "needless" // not possible, or out of all proportion (art. 19, first sentence)
)

// notices lists on the request who else had the scope's details.
func (d *Desk) notices(tx *db.Tx, request db.ID, s hold.Scope) error {
	ps, err := d.handed(tx, s)
	if err != nil {
		return err
	}
	for _, p := range ps {
		if _, err := tx.Exec(`INSERT INTO privacy_notice (request_id, recipient, role, state, done_by, changed_at) VALUES ($1,$2,$3,'to_tell','',$4) ON CONFLICT DO NOTHING`, request, p.Name, p.Role, tx.Now()); err != nil {
			return err
		}
	}
	return nil
}

// NoticesOf lists a request's recipients, by name.
func NoticesOf(q db.Q, request db.ID) ([]Notice, error) {
	return db.All(q, func(r *db.Rows) (n Notice, err error) {
		err = r.Scan(&n.Request, &n.Recipient, &n.Role, &n.State, &n.By)
		return
	},
		`SELECT request_id, recipient, role, state, done_by FROM privacy_notice WHERE request_id=$1 ORDER BY recipient`, request)
}

// MarkNotice records that a recipient has been told, or that it is needless. It needs privacy.write.
func (d *Desk) MarkNotice(tx *db.Tx, by auth.By, request db.ID, recipient, state string) error {
	if err := by.Need(auth.PrivacyWrite); err != nil {
		return err
	}
	if state != Told && state != Needless {
		return fault.Invalid(fault.Field{Pointer: "/state", Code: "bad_value"})
	}
	n, err := tx.Exec(`UPDATE privacy_notice SET state=$3, done_by=$4, changed_at=$5 WHERE request_id=$1 AND recipient=$2 AND state='to_tell'`, request, recipient, state, actor(by), tx.Now())
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.NotFound()
	}
	return by.Record(tx, "privacy.notice", "privacy_request", request, recipient, state)
}
