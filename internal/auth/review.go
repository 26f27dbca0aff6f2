package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// Times of a review: opened with the quarter, due in 14 days, and 14 days after that
// unconfirmed rights lapse.
const (
	reviewDue   = 14 * 24 * time.Hour
	reviewLapse = reviewDue + 14*24*time.Hour
	reviewSoon  = 3 * 24 * time.Hour // before it lapses, a last letter
)

// quarterOf names the quarter of t and tells when it began.
func quarterOf(t time.Time) (string, time.Time) {
	t = t.UTC()
	q := (int(t.Month()) - 1) / 3
	return fmt.Sprintf("%d-Q%d", t.Year(), q+1), time.Date(t.Year(), time.Month(q*3+1), 1, 0, 0, 0, 0, time.UTC)
}

// Review is the confirmation of everybody's rights in a quarter.
type Review struct {
	ID                 db.ID
	Quarter            string
	Opened, Due, Lapse time.Time
	Ended              time.Time // zero: under way
	told               int64     // letters that have left: 1 opened, 2 due, 3 soon
	Items              []ReviewItem
}

// ReviewItem is one member or token in a review.
type ReviewItem struct {
	Kind      string // "staff", "token"
	Subject   db.ID
	Rights    []Right // as they are now while it waits, as they were when it was decided
	Outcome   string  // waiting, confirmed, lapsed, kept (the last owner), gone
	DecidedBy db.ID
	Decided   time.Time
	// While it waits, for who looks: what the item is.
	Name, Role, RoleName string
	May                  bool // he covers its rights
}

const reviewColumns = `id, quarter, opened_at, due_at, lapse_at, told, ended_at`

func scanReview(scan func(...any) error) (v Review, err error) {
	err = scan(&v.ID, &v.Quarter, &v.Opened, &v.Due, &v.Lapse, &v.told, &v.Ended)
	return
}

// review opens the quarter's review, writes its letters, and lets rights lapse.
func (a *Auth) review(ctx context.Context) error {
	return db.Do(ctx, a.d, func(tx *db.Tx) error {
		if err := bump(tx); err != nil {
			return err
		}
		open, err := db.All(tx, func(r *db.Rows) (Review, error) { return scanReview(r.Scan) }, `SELECT `+reviewColumns+` FROM auth_review WHERE ended_at IS NULL ORDER BY id LIMIT 20`)
		if err != nil {
			return err
		}
		for _, v := range open {
			if err := a.stepReview(tx, v); err != nil {
				return err
			}
		}
		return a.openReview(tx)
	})
}

// openReview begins the review of the present quarter, once. It is about those whose
// rights were given before the quarter began: who came since was looked at when he
// came. Without any of them there is nothing to review.
func (a *Auth) openReview(tx *db.Tx) error {
	quarter, began := quarterOf(tx.Now())
	var n int64
	if err := tx.QueryRow(`SELECT count(*) FROM auth_review WHERE quarter=$1`, quarter).Scan(&n); err != nil || n > 0 {
		return err
	}
	all, err := members(tx)
	if err != nil {
		return err
	}
	tokens, err := db.All(tx, func(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return },
		`SELECT id FROM auth_token WHERE revoked_at IS NULL AND suspended_at IS NULL AND expires_at > $1 AND created_at < $2 ORDER BY id LIMIT 1000`, tx.Now(), began)
	if err != nil {
		return err
	}
	v := Review{ID: tx.NewID(), Quarter: quarter, Opened: tx.Now(), Due: tx.Now().Add(reviewDue), Lapse: tx.Now().Add(reviewLapse)}
	put := func(kind string, id db.ID) error {
		n++
		_, err := tx.Exec(`INSERT INTO auth_review_item (review_id, kind, subject_id, rights, outcome) VALUES ($1,$2,$3,'','waiting')`, v.ID, kind, id)
		return err
	}
	for _, m := range all {
		if m.state == "active" && m.granted.Before(began) && m.created.Before(began) {
			if err := put("staff", m.id); err != nil {
				return err
			}
		}
	}
	for _, id := range tokens {
		if err := put("token", id); err != nil {
			return err
		}
	}
	if n == 0 {
		return nil
	}
	if _, err := tx.Exec(`INSERT INTO auth_review (id, quarter, opened_at, due_at, lapse_at, told) VALUES ($1,$2,$3,$4,$5,1)`, v.ID, v.Quarter, v.Opened, v.Due, v.Lapse); err != nil {
		return err
	}
	if err := a.tellOwners(tx, LetterReview, v.ID); err != nil {
		return err
	}
	return System("auth.upkeep").Record(tx, "review.open", entityReview, v.ID, "", quarter)
}

// stepReview writes the letter that is due, or ends the review.
func (a *Auth) stepReview(tx *db.Tx, v Review) error {
	items, err := a.reviewItems(tx, v)
	if err != nil {
		return err
	}
	waiting := 0
	for _, i := range items {
		if i.Outcome == "waiting" {
			waiting++
		}
	}
	now := tx.Now()
	var told int64
	var kind LetterKind
	switch {
	case waiting == 0 || !v.Lapse.After(now):
		return a.endReview(tx, v, items)
	case v.told < 3 && !now.Before(v.Lapse.Add(-reviewSoon)):
		told, kind = 3, LetterLapse
	case v.told < 2 && !now.Before(v.Due):
		told, kind = 2, LetterReviewDue
	default:
		return nil
	}
	n, err := tx.Exec(`UPDATE auth_review SET told=$2 WHERE id=$1 AND told < $2`, v.ID, told)
	if err != nil || n != 1 {
		return err
	}
	return a.tellOwners(tx, kind, v.ID)
}

// endReview lets what nobody confirmed lapse: members are suspended and tokens shut
// until an owner lifts it. The last owner who can come in is kept.
func (a *Auth) endReview(tx *db.Tx, v Review, items []ReviewItem) error {
	by := System("auth.upkeep")
	lapsed := 0
	for _, i := range items {
		if i.Outcome != "waiting" {
			continue
		}
		outcome := "lapsed"
		if i.Kind == "token" {
			if _, err := tx.Exec(`UPDATE auth_token SET suspended_at=$2 WHERE id=$1 AND revoked_at IS NULL AND suspended_at IS NULL`, i.Subject, tx.Now()); err != nil {
				return err
			}
			if err := by.Record(tx, "token.suspend", entityToken, i.Subject, packRights(i.Rights), "review "+v.Quarter); err != nil {
				return err
			}
		} else {
			s, err := staffByID(tx, i.Subject)
			if err != nil {
				return err
			}
			switch err := keepOwner(tx, s); {
			case fault.Is(err, "last_owner"):
				outcome = "kept"
			case err != nil:
				return err
			default:
				if err := a.suspend(tx, by, s, "review "+v.Quarter); err != nil {
					return err
				}
			}
		}
		if outcome == "lapsed" {
			lapsed++
		}
		if err := decideItem(tx, v.ID, i, outcome, 0); err != nil {
			return err
		}
	}
	if err := tx.ExecOne(`UPDATE auth_review SET ended_at=$2 WHERE id=$1 AND ended_at IS NULL`, v.ID, tx.Now()); err != nil {
		return err
	}
	if lapsed > 0 {
		if err := a.tellOwners(tx, LetterLapsed, v.ID); err != nil {
			return err
		}
	}
	return by.Record(tx, "review.end", entityReview, v.ID, v.Quarter, fmt.Sprintf("%d lapsed", lapsed))
}

func decideItem(tx *db.Tx, review db.ID, i ReviewItem, outcome string, by db.ID) error {
	n, err := tx.Exec(`UPDATE auth_review_item SET outcome=$4, rights=$5, decided_by=$6, decided_at=$7 WHERE review_id=$1 AND kind=$2 AND subject_id=$3 AND outcome='waiting'`,
		review, i.Kind, i.Subject, outcome, packRights(i.Rights), by, tx.Now())
	if err == nil && n != 1 {
		err = fault.Conflict("changed_meanwhile")
	}
	return err
}

// suspend shuts a member out until an owner lifts it: his rights and ways in stay,
// his sessions end, and his tokens answer nobody while it lasts.
func (a *Auth) suspend(tx *db.Tx, by By, s staffRow, why string) error {
	if s.state != "active" {
		return nil
	}
	if err := tx.ExecOne(`UPDATE auth_staff SET suspended_at=$2, version=version+1 WHERE id=$1 AND suspended_at IS NULL AND state='active'`, s.id, tx.Now()); err != nil {
		return err
	}
	if err := endSessions(tx, s.id, 0); err != nil {
		return err
	}
	if err := tx.Changed(entityStaff, s.id); err != nil {
		return err
	}
	return by.Record(tx, "staff.suspend", entityStaff, s.id, s.state, why)
}

// Lift lets a suspended member in again, with the role he has: an owner's act, with
// fresh proof.
func (a *Auth) Lift(tx *db.Tx, by By, id db.ID) error {
	if err := bump(tx); err != nil {
		return err
	}
	s, err := a.target(tx, by, id)
	if err != nil {
		return err
	}
	if !by.Covers(AllRights) {
		return fault.Denied()
	}
	if s.state != stateSuspended {
		return fault.Conflict("changed_meanwhile")
	}
	if err := tx.ExecOne(`UPDATE auth_staff SET suspended_at=NULL, granted_at=$3, awake_at=$3, warned_at=NULL, version=version+1 WHERE id=$1 AND version=$2`, s.id, s.version, tx.Now()); err != nil {
		return err
	}
	if err := tx.Changed(entityStaff, s.id); err != nil {
		return err
	}
	return by.Record(tx, "staff.lift", entityStaff, s.id, "suspended", "role "+s.role)
}

// LiftToken opens a token again that a review shut: an owner's act, with fresh proof.
func (a *Auth) LiftToken(tx *db.Tx, by By, id db.ID) error {
	if err := by.needPerson(tx.Now()); err != nil {
		return err
	}
	if !by.Covers(AllRights) {
		return fault.Denied()
	}
	n, err := tx.Exec(`UPDATE auth_token SET suspended_at=NULL WHERE id=$1 AND suspended_at IS NOT NULL AND revoked_at IS NULL`, id)
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.NotFound()
	}
	return by.Record(tx, "token.lift", entityToken, id, "suspended", "")
}

// reviewItems reads the items of a review; those that wait with what they are now.
// What has gone since needs no confirmation.
func (a *Auth) reviewItems(q db.Q, v Review) ([]ReviewItem, error) {
	items, err := db.All(q, func(r *db.Rows) (i ReviewItem, err error) {
		var rights string
		var decider *int64
		err = r.Scan(&i.Kind, &i.Subject, &rights, &i.Outcome, &decider, &i.Decided)
		if i.Rights = scopesOf(rights); decider != nil {
			i.DecidedBy = db.ID(*decider)
		}
		return
	}, `SELECT kind, subject_id, rights, outcome, decided_by, decided_at FROM auth_review_item WHERE review_id=$1 ORDER BY kind, subject_id LIMIT 3000`, v.ID)
	if err != nil {
		return nil, err
	}
	for n := range items {
		i := &items[n]
		if i.Kind == "token" {
			var rights string
			var dead bool
			err := q.QueryRow(`SELECT name, rights, revoked_at IS NOT NULL OR suspended_at IS NOT NULL OR expires_at <= $2 FROM auth_token WHERE id=$1`, i.Subject, q.Now()).Scan(&i.Name, &rights, &dead)
			if err != nil && !errors.Is(err, db.ErrNotFound) {
				return nil, err
			}
			if i.Outcome == "waiting" {
				if i.Rights = scopesOf(rights); err != nil || dead {
					i.Outcome = "gone"
				}
			}
			continue
		}
		s, err := staffByID(q, i.Subject)
		if err != nil && !errors.Is(err, db.ErrNotFound) {
			return nil, err
		}
		if i.Role, i.RoleName = s.role, s.roleName; i.Outcome == "waiting" {
			if i.Rights = s.rights; err != nil || s.state != "active" {
				i.Outcome = "gone"
			}
		}
	}
	return items, nil
}

// Reviews gives the reviews, the newest first, with their items. It needs
// staff.write. The names of members are not in it; see Names.
func (a *Auth) Reviews(q db.Q, by By) ([]Review, error) {
	if err := by.Need(StaffWrite); err != nil {
		return nil, err
	}
	vs, err := db.All(q, func(r *db.Rows) (Review, error) { return scanReview(r.Scan) }, `SELECT `+reviewColumns+` FROM auth_review ORDER BY id DESC LIMIT 12`)
	if err != nil {
		return nil, err
	}
	for n := range vs {
		if vs[n].Items, err = a.reviewItems(q, vs[n]); err != nil {
			return nil, err
		}
		for k := range vs[n].Items {
			vs[n].Items[k].May = by.Covers(vs[n].Items[k].Rights)
		}
	}
	return vs, nil
}

// Confirm says that a member's or token's rights are right. by needs a fresh proof,
// and every one of those rights himself; rights is what he saw, and 409
// "changed_meanwhile" when they are others by now.
func (a *Auth) Confirm(tx *db.Tx, by By, review db.ID, kind string, subject db.ID, rights []Right) error {
	if err := by.needPerson(tx.Now()); err != nil {
		return err
	}
	if err := bump(tx); err != nil {
		return err
	}
	v, err := scanReview(tx.QueryRow(`SELECT `+reviewColumns+` FROM auth_review WHERE id=$1 AND ended_at IS NULL`, review).Scan)
	if errors.Is(err, db.ErrNotFound) {
		return fault.Conflict("changed_meanwhile")
	}
	if err != nil {
		return err
	}
	items, err := a.reviewItems(tx, v)
	if err != nil {
		return err
	}
	for _, i := range items {
		if i.Kind != kind || i.Subject != subject {
			continue
		}
		if !by.Covers(i.Rights) {
			return fault.Denied()
		}
		if i.Outcome != "waiting" || packRights(i.Rights) != packRights(rights) {
			return fault.Conflict("changed_meanwhile")
		}
		if err := decideItem(tx, v.ID, i, "confirmed", by.ID); err != nil {
			return err
		}
		entity := entityStaff
		if kind == "token" {
			entity = entityToken
		}
		return by.Record(tx, "review.confirm", entity, subject, v.Quarter, packRights(i.Rights))
	}
	return fault.NotFound()
}
