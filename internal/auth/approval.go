package auth

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

// Names of the acts that need a second person.
const (
	ActPayout       = "company.payout"      // the accounts that customers pay to
	ActExport       = "export.bulk"         // many people's data at once
	ActAudit        = "audit.bounds"        // when the log raises an alarm
	ActKeys         = "keys.turn"           // a new key for the personal details of everybody
	ActOwnerMade    = "staff.owner_made"    //
	ActOwnerRemoved = "staff.owner_removed" // closed, given another role, or his ways in taken
	ActOutside      = "staff.outside"       // an outside person comes in, or stays longer
)

// Second is an act that one member alone may not do.
type Second struct {
	Act   string
	Right Right // of who asks and of who approves
	Owner bool  // who approves holds every right
	Time  bool  // where nobody else could approve, a day stands in; otherwise it is refused
}

// SecondPerson lists the acts that need a second person. What is not here is held
// by its right, and by a fresh proof where the use case asks for one (By.NeedFresh). Money to another account than it came from, and taking
// keys out or destroying them, are not here because the office cannot do them (docs/decisions/0014).
var SecondPerson = []Second{
	{ActPayout, SettingsWrite, false, true},
	{ActExport, ExportBulk, false, true},
	{ActAudit, SettingsWrite, true, true},
	{ActKeys, KeysWrite, false, true},
	{ActOwnerMade, StaffWrite, true, true},
	{ActOwnerRemoved, StaffWrite, true, true},
	{ActOutside, StaffWrite, true, false},
}

func secondOf(act string) (Second, bool) {
	for _, s := range SecondPerson {
		if s.Act == act {
			return s, true
		}
	}
	return Second{}, false
}

// Times of approvals.
const (
	approvalLife = 24 * time.Hour // how long one waits, and how long an approved one may be used
	standAfter   = 24 * time.Hour // how long after his role was given a member counts as a second person
)

// Ask is exactly what is to be done. Was and Is are short facts without personal
// data, as in the audit log; Payload is what the act needs to be carried out, and
// holds no personal data either.
type Ask struct {
	Act, Entity string
	ID          db.ID
	Was, Is     string
	Payload     []byte
}

// digest binds an approval to every part of the Ask.
func (k Ask) digest() []byte {
	h := sha256.New()
	var b [8]byte
	for _, part := range [][]byte{[]byte("kassavalv approval 1"), []byte(k.Act), []byte(k.Entity), []byte(k.ID.String()), []byte(k.Was), []byte(k.Is), k.Payload} {
		binary.BigEndian.PutUint64(b[:], uint64(len(part)))
		h.Write(b[:])
		h.Write(part)
	}
	return h.Sum(nil)
}

// SecondNeeded is the cause of the fault "second_person": what must be asked for.
type SecondNeeded struct{ Ask Ask }

func (*SecondNeeded) Error() string { return "auth: a second person is needed" }

// NeedSecond returns a 409 fault "second_person", with a SecondNeeded in it, unless
// exactly this was approved for b (see Auth.Take and Auth.Approve). Use cases of
// SecondPerson call it after Need; the program itself passes, a token never does.
func (b By) NeedSecond(k Ask) error {
	switch {
	case b.Kind == SystemKind:
		return nil
	case b.Kind != StaffKind:
		return &fault.Error{Kind: fault.Forbidden, Code: "needs_person"}
	case b.approved != "" && b.approved == string(k.digest()):
		return nil
	}
	return &fault.Error{Kind: fault.Clash, Code: "second_person", Cause: &SecondNeeded{k}}
}

// Wanted is the Ask that a use case wants a second person for; false when err is
// something else.
func Wanted(err error) (Ask, bool) {
	var n *SecondNeeded
	if !errors.As(err, &n) {
		return Ask{}, false
	}
	return n.Ask, true
}

// Carry registers how an approved act is carried out, in the transaction that
// approves it and on behalf of who asked. An act without one is used by who asked,
// by asking again (Take). Call it before the first request.
func (a *Auth) Carry(act string, fn func(tx *db.Tx, by By, id db.ID, payload []byte) error) {
	if _, ok := secondOf(act); !ok || a.carry[act] != nil {
		panic("auth: bad act " + act)
	}
	a.carry[act] = fn
}

// Approval is an act that waits or has ended.
type Approval struct {
	ID                      db.ID
	Ask                     Ask
	State                   string // waiting, approved, done, refused, withdrawn, stopped, expired, void
	AskedBy, ApprovedBy     db.ID
	Asked, Due, Expires     time.Time // Due: zero where a person must approve
	Ended                   time.Time
	Digest                  string // hex, posted back by who approves: he approves what he saw
	digest                  []byte
	MayApprove, MayWithdraw bool // set by Approvals, for who looks
}

const approvalColumns = `id, act, entity, entity_id, digest, old_value, new_value, payload, state, asked_by, asked_at, due_at, expires_at, COALESCE(approved_by,0), ended_at`

func scanApproval(scan func(...any) error) (p Approval, err error) {
	err = scan(&p.ID, &p.Ask.Act, &p.Ask.Entity, &p.Ask.ID, &p.digest, &p.Ask.Was, &p.Ask.Is, &p.Ask.Payload, &p.State, &p.AskedBy, &p.Asked, &p.Due, &p.Expires, &p.ApprovedBy, &p.Ended)
	p.Digest = hex.EncodeToString(p.digest)
	return
}

func approvalByID(q db.Q, id db.ID) (Approval, error) {
	if id <= 0 {
		return Approval{}, fault.NotFound()
	}
	p, err := scanApproval(q.QueryRow(`SELECT `+approvalColumns+` FROM auth_approval WHERE id=$1`, id).Scan)
	if errors.Is(err, db.ErrNotFound) {
		err = fault.NotFound()
	}
	return p, err
}

// may says whether a member counts as the second person of an act.
func (s Second) may(m staffRow, now time.Time) bool {
	if m.state != "active" || m.standing.After(now) || !slices.Contains(m.rights, s.Right) {
		return false
	}
	return !s.Owner || StaffBy(m.id, "", m.rights).Covers(AllRights)
}

// members reads every member who has not been closed.
func members(q db.Q) ([]staffRow, error) {
	now := q.Now()
	return db.All(q, func(r *db.Rows) (staffRow, error) { return scanStaff(now, r.Scan) },
		`SELECT `+staffColumns+staffFrom+` WHERE m.state <> 'closed' ORDER BY m.id LIMIT 2000`)
}

// approvers are who could approve an act that asker asks for. He whom it is about
// has no say in it.
func (a *Auth) approvers(q db.Q, s Second, asker db.ID, k Ask) ([]staffRow, error) {
	all, err := members(q)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(m staffRow) bool {
		return m.id == asker || k.Entity == entityStaff && m.id == k.ID || !s.may(m, q.Now())
	}), nil
}

// Ask puts an act before a second person: a member with the same right who has
// stood for a day, other than by. Where there is none, the act waits a day and
// every owner gets a letter that can stop it. The same act asked twice is one.
// by needs the right and a fresh proof.
func (a *Auth) Ask(tx *db.Tx, by By, k Ask) (Approval, error) {
	s, ok := secondOf(k.Act)
	if !ok || by.Kind != StaffKind || by.ID <= 0 {
		return Approval{}, fault.Denied()
	}
	if err := by.Need(s.Right); err != nil {
		return Approval{}, err
	}
	if err := by.NeedFresh(tx.Now()); err != nil {
		return Approval{}, err
	}
	if k.Payload == nil {
		k.Payload = []byte{}
	}
	// In turn with every change of rights: who could approve is settled here.
	if err := bump(tx); err != nil {
		return Approval{}, err
	}
	same, err := scanApproval(tx.QueryRow(`SELECT `+approvalColumns+` FROM auth_approval WHERE asked_by=$1 AND digest=$2 AND ended_at IS NULL`, by.ID, k.digest()).Scan)
	if err == nil && same.Expires.After(tx.Now()) {
		return same, nil
	}
	if err == nil { // too old, and not yet swept
		_, err = tx.Exec(`UPDATE auth_approval SET state='expired', ended_at=$2 WHERE id=$1 AND ended_at IS NULL`, same.ID, tx.Now())
	}
	if err != nil && !errors.Is(err, db.ErrNotFound) {
		return Approval{}, err
	}
	others, err := a.approvers(tx, s, by.ID, k)
	if err != nil {
		return Approval{}, err
	}
	if len(others) == 0 && !s.Time {
		return Approval{}, fault.Conflict("no_second_person")
	}
	p := Approval{ID: tx.NewID(), Ask: k, State: "waiting", AskedBy: by.ID, Asked: tx.Now(), Expires: tx.Now().Add(approvalLife), digest: k.digest()}
	p.Digest = hex.EncodeToString(p.digest)
	if len(others) == 0 {
		p.Due = p.Expires
		p.Expires = p.Due.Add(approvalLife)
	}
	_, err = tx.Exec(`INSERT INTO auth_approval (id, act, entity, entity_id, digest, old_value, new_value, payload, state, asked_by, asked_at, due_at, expires_at, stop_hash) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,'waiting',$9,$10,$11,$12,$13)`,
		p.ID, k.Act, k.Entity, k.ID, p.digest, k.Was, k.Is, k.Payload, by.ID, p.Asked, nilTime(p.Due), p.Expires, secret.TokenHash(a.stopToken(p.ID)))
	if err != nil {
		return Approval{}, err
	}
	if len(others) > 0 {
		err = tellAll(tx, others, LetterAsked, p.ID)
	} else {
		err = a.tellOwners(tx, LetterWaits, p.ID)
	}
	if err != nil {
		return Approval{}, err
	}
	return p, by.Record(tx, "approval.ask", entityApproval, p.ID, k.Was, k.Act+" "+k.Is)
}

func nilTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

const stopKind = "auth.stop" // of secret.Token

func (a *Auth) stopToken(id db.ID) string { return a.v.Token(stopKind, id, 1) }

// Take uses an approved act: exactly k, asked for by by himself, once. The By it
// returns passes NeedSecond for k in this transaction; by unchanged when there is
// none.
func (a *Auth) Take(tx *db.Tx, by By, k Ask) (By, error) {
	if by.Kind != StaffKind || by.ID <= 0 {
		return by, nil
	}
	var id db.ID
	err := tx.QueryRow(`UPDATE auth_approval SET state='done', ended_at=$3 WHERE asked_by=$1 AND digest=$2 AND ended_at IS NULL AND state='approved' AND expires_at > $3 RETURNING id`,
		by.ID, k.digest(), tx.Now()).Scan(&id)
	if errors.Is(err, db.ErrNotFound) {
		return by, nil
	}
	if err != nil {
		return by, err
	}
	stamped := by
	stamped.approved = string(k.digest())
	return stamped, by.Record(tx, "approval.use", entityApproval, id, "approved", k.Act)
}

// Approve is the second person's yes to exactly what he saw (digest, hex). The act
// is carried out in the same transaction where Carry knows how; it returns whether
// it was. 403 for who may not, or who asked himself; 409 "changed_meanwhile" when it
// no longer waits. It takes the database itself: an act that cannot be carried out
// any more is ended as void.
func (a *Auth) Approve(ctx context.Context, by By, id db.ID, digest string) (done bool, err error) {
	done, err = Act(ctx, a.d, by, "approval.approve", entityApproval, id, func(tx *db.Tx) (bool, error) {
		p, s, err := a.judge(tx, by, id)
		if err != nil {
			return false, err
		}
		if digest != p.Digest {
			return false, fault.Conflict("changed_meanwhile")
		}
		n, err := tx.Exec(`UPDATE auth_approval SET state='approved', approved_by=$2, expires_at=$3 WHERE id=$1 AND state='waiting' AND ended_at IS NULL AND expires_at > $4 AND asked_by <> $2`,
			id, by.ID, tx.Now().Add(approvalLife), tx.Now())
		if err != nil {
			return false, err
		}
		if n != 1 {
			return false, fault.Conflict("changed_meanwhile")
		}
		if err := by.Record(tx, "approval.approve", entityApproval, id, p.Ask.Was, p.Ask.Act+" "+p.Ask.Is); err != nil {
			return false, err
		}
		done, err := a.carryOut(tx, p, s)
		if err != nil {
			return false, err
		}
		return done, tell(tx, p.AskedBy, LetterApproved, id)
	})
	if void(err) {
		if e := a.end(ctx, by, id, "void", "waiting"); e != nil {
			return false, e
		}
	}
	return done, err
}

// void reports whether an act was refused by itself, and not by who approves it.
func void(err error) bool {
	var cannot *cannotCarry
	return errors.As(err, &cannot)
}

type cannotCarry struct{ err error }

func (c *cannotCarry) Error() string { return "auth: cannot carry out: " + c.err.Error() }
func (c *cannotCarry) Unwrap() error { return c.err }

// judge reads what by may decide about.
func (a *Auth) judge(tx *db.Tx, by By, id db.ID) (Approval, Second, error) {
	if by.Kind != StaffKind || by.ID <= 0 {
		return Approval{}, Second{}, fault.Denied()
	}
	if err := bump(tx); err != nil {
		return Approval{}, Second{}, err
	}
	p, err := approvalByID(tx, id)
	if err != nil {
		return p, Second{}, err
	}
	s, ok := secondOf(p.Ask.Act)
	if !ok {
		return p, s, fault.NotFound()
	}
	if err := by.Need(s.Right); err != nil {
		return p, s, err
	}
	if err := by.NeedFresh(tx.Now()); err != nil {
		return p, s, err
	}
	m, err := staffByID(tx, by.ID)
	if errors.Is(err, db.ErrNotFound) {
		return p, s, fault.Denied()
	}
	if err != nil {
		return p, s, err
	}
	if by.ID == p.AskedBy || p.Ask.Entity == entityStaff && p.Ask.ID == by.ID || !s.may(m, tx.Now()) || s.Owner && !by.Covers(AllRights) {
		return p, s, fault.Denied()
	}
	if p.State != "waiting" {
		return p, s, fault.Conflict("changed_meanwhile")
	}
	return p, s, nil
}

// carryOut does the act of an approval that was just approved, or whose day has
// passed; false when it is left to who asked.
func (a *Auth) carryOut(tx *db.Tx, p Approval, s Second) (bool, error) {
	fn := a.carry[p.Ask.Act]
	if fn == nil {
		return false, nil
	}
	m, err := staffByID(tx, p.AskedBy)
	if err != nil && !errors.Is(err, db.ErrNotFound) {
		return false, err
	}
	if err != nil || m.state != "active" || !slices.Contains(m.rights, s.Right) {
		return false, &cannotCarry{fault.Conflict("asker_gone")}
	}
	by := StaffBy(m.id, "", m.rights)
	by.FreshUntil = tx.Now().Add(time.Minute) // he proved himself when he asked
	by.approved = string(p.Ask.digest())
	if err := fn(tx, by, p.Ask.ID, p.Ask.Payload); err != nil {
		if fault.As(err) != nil || errors.Is(err, db.ErrNotFound) {
			err = &cannotCarry{err}
		}
		return false, err
	}
	return true, tx.ExecOne(`UPDATE auth_approval SET state='done', ended_at=$2 WHERE id=$1 AND ended_at IS NULL`, p.ID, tx.Now())
}

// Refuse is the second person's no.
func (a *Auth) Refuse(tx *db.Tx, by By, id db.ID) error {
	p, _, err := a.judge(tx, by, id)
	if err != nil {
		return err
	}
	return a.endIn(tx, by, p, "refused", "waiting")
}

// Withdraw ends what by himself has asked for, while it waits or is unused.
func (a *Auth) Withdraw(tx *db.Tx, by By, id db.ID) error {
	if by.Kind != StaffKind || by.ID <= 0 {
		return fault.Denied()
	}
	p, err := approvalByID(tx, id)
	if err != nil {
		return err
	}
	if p.AskedBy != by.ID {
		return fault.NotFound()
	}
	return a.endIn(tx, by, p, "withdrawn", "waiting", "approved")
}

// LookStop reads an act that waits for its day by the token of an owner's letter;
// 404 when it has ended.
func (a *Auth) LookStop(q db.Q, token string) (Approval, error) {
	hash := secret.TokenHash(token)
	if hash == nil {
		return Approval{}, fault.NotFound()
	}
	p, err := scanApproval(q.QueryRow(`SELECT `+approvalColumns+` FROM auth_approval WHERE stop_hash=$1 AND ended_at IS NULL AND due_at IS NOT NULL AND expires_at > $2`, hash, q.Now()).Scan)
	if errors.Is(err, db.ErrNotFound) {
		err = fault.NotFound()
	}
	return p, err
}

// Stop ends an act that waits for its day, by the token of an owner's letter. It
// needs no sign-in: whoever holds the session may be a thief, and all that the
// token can do is to keep things as they are.
func (a *Auth) Stop(tx *db.Tx, by By, token string) error {
	p, err := a.LookStop(tx, token)
	if err != nil {
		return err
	}
	if err := a.endIn(tx, by, p, "stopped", "waiting", "approved"); err != nil {
		return err
	}
	return a.tellOwners(tx, LetterStopped, p.ID)
}

// endIn ends an approval that is in one of the states. What only waited for it
// ends too.
func (a *Auth) endIn(tx *db.Tx, by By, p Approval, state string, from ...string) error {
	ok := slices.Contains(from, p.State)
	n, err := int64(0), error(nil)
	if ok {
		n, err = tx.Exec(`UPDATE auth_approval SET state=$2, ended_at=$3 WHERE id=$1 AND state=$4 AND ended_at IS NULL`, p.ID, state, tx.Now(), p.State)
	}
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.Conflict("changed_meanwhile")
	}
	if err := a.dropInvited(tx, p); err != nil {
		return err
	}
	if p.AskedBy != by.ID || by.Kind != StaffKind {
		if err := tell(tx, p.AskedBy, LetterEnded, p.ID); err != nil {
			return err
		}
	}
	return by.Record(tx, "approval."+state, entityApproval, p.ID, p.State, p.Ask.Act+" "+p.Ask.Is)
}

// end is endIn in a transaction of its own; an approval that has ended already is
// no fault.
func (a *Auth) end(ctx context.Context, by By, id db.ID, state string, from ...string) error {
	err := db.Do(ctx, a.d, func(tx *db.Tx) error {
		p, err := approvalByID(tx, id)
		if err != nil {
			return err
		}
		return a.endIn(tx, by, p, state, from...)
	})
	if fault.Is(err, "changed_meanwhile") || fault.Is(err, "not_found") {
		return nil
	}
	return err
}

// withdrawAll ends what a leaver has asked for.
func (a *Auth) withdrawAll(tx *db.Tx, staff db.ID) error {
	ps, err := db.All(tx, func(r *db.Rows) (Approval, error) { return scanApproval(r.Scan) },
		`SELECT `+approvalColumns+` FROM auth_approval WHERE asked_by=$1 AND ended_at IS NULL`, staff)
	if err != nil {
		return err
	}
	for _, p := range ps {
		if _, err := tx.Exec(`UPDATE auth_approval SET state='void', ended_at=$2 WHERE id=$1 AND ended_at IS NULL`, p.ID, tx.Now()); err != nil {
			return err
		}
		if err := a.dropInvited(tx, p); err != nil {
			return err
		}
	}
	return nil
}

// Approvals lists what waits and what ended lately, newest first, for who has the
// right of one of the acts or has asked himself.
func (a *Auth) Approvals(q db.Q, by By) ([]Approval, error) {
	if by.Kind != StaffKind || by.ID <= 0 {
		return nil, fault.Denied()
	}
	all, err := db.All(q, func(r *db.Rows) (Approval, error) { return scanApproval(r.Scan) },
		`SELECT `+approvalColumns+` FROM auth_approval ORDER BY id DESC LIMIT 200`)
	if err != nil {
		return nil, err
	}
	me, err := staffByID(q, by.ID)
	if err != nil {
		return nil, err
	}
	var out []Approval
	for _, p := range all {
		s, ok := secondOf(p.Ask.Act)
		if !ok || p.AskedBy != by.ID && !by.Has(s.Right) {
			continue
		}
		open := p.Ended.IsZero() && p.Expires.After(q.Now())
		if !open && p.Ended.IsZero() {
			p.State = "expired"
		}
		p.MayWithdraw = open && p.AskedBy == by.ID
		p.MayApprove = open && p.State == "waiting" && p.AskedBy != by.ID && !(p.Ask.Entity == entityStaff && p.Ask.ID == by.ID) && s.may(me, q.Now())
		out = append(out, p)
	}
	return out, nil
}

// due carries out the acts whose day has passed, and ends what nobody answered.
func (a *Auth) due(ctx context.Context) error {
	by := System("auth.upkeep")
	ids, err := db.Read(ctx, a.d, func(q *db.Reader) ([]db.ID, error) {
		return db.All(q, func(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return },
			`SELECT id FROM auth_approval WHERE ended_at IS NULL AND (expires_at <= $1 OR state='waiting' AND due_at <= $1) ORDER BY expires_at LIMIT 500`, q.Now())
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := db.Do(ctx, a.d, func(tx *db.Tx) error {
			if err := bump(tx); err != nil {
				return err
			}
			p, err := approvalByID(tx, id)
			if err != nil {
				return err
			}
			s, ok := secondOf(p.Ask.Act)
			switch {
			case !p.Ended.IsZero():
				return nil
			case !p.Expires.After(tx.Now()) || !ok:
				return a.endIn(tx, by, p, "expired", "waiting", "approved")
			case p.State != "waiting" || p.Due.IsZero() || p.Due.After(tx.Now()):
				return nil
			}
			n, err := tx.Exec(`UPDATE auth_approval SET state='approved', expires_at=$2 WHERE id=$1 AND state='waiting' AND ended_at IS NULL AND due_at <= $3`, id, tx.Now().Add(approvalLife), tx.Now())
			if err != nil || n != 1 {
				return err
			}
			if err := by.Record(tx, "approval.day_passed", entityApproval, id, p.Ask.Was, p.Ask.Act+" "+p.Ask.Is); err != nil {
				return err
			}
			if _, err := a.carryOut(tx, p, s); err != nil {
				return err
			}
			return a.tellOwners(tx, LetterApproved, id)
		})
		if void(err) {
			err = a.end(ctx, by, id, "void", "waiting", "approved")
		}
		if err != nil && !fault.Is(err, "changed_meanwhile") {
			return err
		}
	}
	return nil
}
