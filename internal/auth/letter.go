package auth

import (
	"errors"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

// JobMailStaff is enqueued for each letter about rights; Ref is the auth_letter.
const JobMailStaff = "auth.mail_staff"

// LetterKind is what a letter to a member is about.
type LetterKind string

// The letters. Ref is the approval, the member, the token or the review.
const (
	LetterAsked     LetterKind = "asked"      // somebody asks you to approve
	LetterWaits     LetterKind = "waits"      // an act waits a day; you may stop it
	LetterApproved  LetterKind = "approved"   // what was asked for is approved
	LetterEnded     LetterKind = "ended"      // what you asked for was refused, stopped or came too late
	LetterStopped   LetterKind = "stopped"    // somebody stopped it by the link
	LetterOwnerMade LetterKind = "owner_made" // there is a new owner
	LetterLeaving   LetterKind = "leaving"    // an outside person's end date is near
	LetterLeft      LetterKind = "left"       // it has come
	LetterDormant   LetterKind = "dormant"    // you have not signed in for long
	LetterAsleep    LetterKind = "asleep"     // and are closed for it
	LetterToken     LetterKind = "token"      // a token ends soon
	LetterReview    LetterKind = "review"     // the rights of the quarter are to be confirmed
	LetterReviewDue LetterKind = "review_due" // the day has passed
	LetterLapse     LetterKind = "lapse"      // and unconfirmed rights lapse in days
	LetterLapsed    LetterKind = "lapsed"     // they have
	LetterCodeUsed  LetterKind = "code_used"  // one of your one-time codes was used
	LetterCodes     LetterKind = "codes"      // new one-time codes were made
	LetterApp       LetterKind = "app"        // another code app
	LetterSSO       LetterKind = "sso"        // single sign-on was connected
)

// tell enqueues a letter to a member.
func tell(tx *db.Tx, staff db.ID, kind LetterKind, ref db.ID) error {
	if staff <= 0 {
		return nil
	}
	id := tx.NewID()
	if _, err := tx.Exec(`INSERT INTO auth_letter (id, staff_id, kind, ref, made_at) VALUES ($1,$2,$3,$4,$5)`, id, staff, string(kind), ref, tx.Now()); err != nil {
		return err
	}
	_, err := job.Enqueue(tx, job.Spec{Kind: JobMailStaff, Ref: id})
	return err
}

func tellAll(tx *db.Tx, to []staffRow, kind LetterKind, ref db.ID) error {
	for _, m := range to {
		if err := tell(tx, m.id, kind, ref); err != nil {
			return err
		}
	}
	return nil
}

// tellOwners writes to every owner who can read it: a suspended one too.
func (a *Auth) tellOwners(tx *db.Tx, kind LetterKind, ref db.ID) error {
	all, err := members(tx)
	if err != nil {
		return err
	}
	for _, m := range all {
		if m.role != ownerRole || m.state == "invited" {
			continue
		}
		if err := tell(tx, m.id, kind, ref); err != nil {
			return err
		}
	}
	return nil
}

// Letter is what the worker of JobMailStaff needs.
type Letter struct {
	To      Profile
	Lang    lang.Lang
	Kind    LetterKind
	Made    time.Time
	Self    bool          // it is about the reader himself
	About   string        // name of the member or token it is about
	At      time.Time     // the day it speaks of
	Act     Ask           // of approvals
	State   string        // of approvals: how it ended
	By      string        // of approvals: who asked
	Stop    secret.Secret // of LetterWaits: token of the link that stops it
	Quarter string        // of reviews: "2026-Q4"
	Count   int64         // of reviews: how many wait or lapsed; of codes: how many are left
}

// Letter reads a letter. ok is false when no letter is due any more: the receiver is
// gone, or what it is about.
func (a *Auth) Letter(q db.Q, id db.ID) (l Letter, ok bool, err error) {
	var staff, ref db.ID
	err = q.QueryRow(`SELECT staff_id, kind, ref, made_at FROM auth_letter WHERE id=$1`, id).Scan(&staff, (*string)(&l.Kind), &ref, &l.Made)
	if errors.Is(err, db.ErrNotFound) {
		return l, false, nil
	}
	if err != nil {
		return l, false, err
	}
	s, err := staffByID(q, staff)
	if errors.Is(err, db.ErrNotFound) || err == nil && s.state == "closed" && l.Kind != LetterAsleep && l.Kind != LetterLeft {
		return l, false, nil
	}
	if err != nil {
		return l, false, err
	}
	l.Lang = s.lang.Or()
	if l.To, err = a.open(q, s); err != nil {
		if errors.Is(err, secret.ErrErased) {
			err = nil
		}
		return l, false, err
	}
	name := func(id db.ID) (string, error) {
		p, err := a.Profile(q, id)
		if errors.Is(err, db.ErrNotFound) || errors.Is(err, secret.ErrErased) {
			return "", nil
		}
		return p.Name, err
	}
	switch l.Kind {
	case LetterAsked, LetterWaits, LetterApproved, LetterEnded, LetterStopped:
		p, err := approvalByID(q, ref)
		if err != nil {
			return l, false, err
		}
		if !p.Ended.IsZero() && (l.Kind == LetterAsked || l.Kind == LetterWaits) {
			return l, false, nil
		}
		l.Act, l.State, l.At, l.Self = p.Ask, p.State, p.Expires, p.AskedBy == staff
		if !p.Due.IsZero() {
			l.At = p.Due
		}
		if l.By, err = name(p.AskedBy); err != nil {
			return l, false, err
		}
		if p.Ask.Entity == entityStaff {
			if l.About, err = name(p.Ask.ID); err != nil {
				return l, false, err
			}
		}
		if l.Kind == LetterWaits {
			l.Stop = secret.Hide(a.stopToken(ref))
		}
	case LetterOwnerMade, LetterLeaving, LetterLeft, LetterDormant, LetterAsleep:
		m, err := staffByID(q, ref)
		if errors.Is(err, db.ErrNotFound) {
			return l, false, nil
		}
		if err != nil {
			return l, false, err
		}
		l.Self, l.At = ref == staff, m.ends
		if l.Kind == LetterDormant {
			l.At = l.Made.Add(dormantNotice)
		}
		if l.About, err = name(ref); err != nil {
			return l, false, err
		}
	case LetterToken:
		err := q.QueryRow(`SELECT name, expires_at FROM auth_token WHERE id=$1 AND revoked_at IS NULL`, ref).Scan(&l.About, &l.At)
		if errors.Is(err, db.ErrNotFound) {
			return l, false, nil
		}
		if err != nil {
			return l, false, err
		}
	case LetterReview, LetterReviewDue, LetterLapse, LetterLapsed:
		var due, lapse time.Time
		if err := q.QueryRow(`SELECT quarter, due_at, lapse_at FROM auth_review WHERE id=$1`, ref).Scan(&l.Quarter, &due, &lapse); err != nil {
			return l, false, err
		}
		outcome := "waiting"
		if l.At = lapse; l.Kind == LetterReview {
			l.At = due
		} else if l.Kind == LetterLapsed {
			outcome = "lapsed"
		}
		if err := q.QueryRow(`SELECT count(*) FROM auth_review_item WHERE review_id=$1 AND outcome=$2`, ref, outcome).Scan(&l.Count); err != nil {
			return l, false, err
		}
		if l.Count == 0 {
			return l, false, nil
		}
	case LetterCodeUsed, LetterCodes:
		if err := q.QueryRow(`SELECT count(*) FROM auth_recovery WHERE staff_id=$1 AND used_at IS NULL`, staff).Scan(&l.Count); err != nil {
			return l, false, err
		}
	}
	return l, true, nil
}
