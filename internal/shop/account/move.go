package account

import (
	"context"
	"errors"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

const stopKind = "account.move" // of secret.Token: the link that stops a change

// AskMove begins a change of the account's address: a code goes to the new one, a notice with a link that stops it to the
// old one. Until the code has come back nothing is changed. The answer does not tell whether the new address has an account.
// 403 "step_up"; 422 at "/email"; 429.
func (a *Accounts) AskMove(ctx context.Context, v Visitor, email string) error {
	to, index, err := a.address(email)
	if err != nil {
		return err
	}
	out, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (out spent, err error) {
		now := tx.Now()
		if err := v.need(now); err != nil {
			return out, err
		}
		r, err := hold(tx, v.Account)
		if err != nil {
			return out, err
		}
		p, err := a.open(tx, r)
		if err != nil {
			return out, err
		}
		if to == p.Email {
			return out, fault.Invalid(fault.Field{Pointer: "/email", Code: "same_email"})
		}
		if out.wait, err = perMove.Reserve(tx, factor.TryKey("account.move", []byte(r.id.String()))); err == nil && out.wait == 0 {
			out.wait, err = perAddress.Reserve(tx, factor.TryKey("account.code.address", index))
		}
		if err != nil {
			return out, err
		}
		if out.wait > 0 {
			return out, v.By().Refuse(tx, "account.move_ask", Entity, r.id, "too_many")
		}
		if _, err := tx.Exec(`DELETE FROM account_move WHERE account_id=$1 AND state='asked'`, r.id); err != nil {
			return out, err
		}
		id := tx.NewID()
		was, err := a.v.Seal(tx, r.person, fieldEmail, id, []byte(p.Email))
		if err != nil {
			return out, err
		}
		is, err := a.v.Seal(tx, r.person, fieldEmail, id, []byte(to))
		if err != nil {
			return out, err
		}
		if _, err := tx.Exec(`INSERT INTO account_move (id, account_id, person_id, old, old_index, new, new_index, state, tries, token_hash, lang, created_at, expires_at, stop_until)
			VALUES ($1,$2,$3,$4,$5,$6,$7,'asked',0,$8,$9,$10,$11,$12)`, id, r.id, r.person, was, r.index, is, index, secret.TokenHash(a.v.Token(stopKind, id, 1)), string(r.lang.Or()), now, now.Add(CodeLife), now.Add(stopLife)); err != nil {
			return out, err
		}
		if _, err := job.Enqueue(tx, job.Spec{Kind: JobMove, Ref: id}); err != nil {
			return out, err
		}
		return out, v.By().Record(tx, "account.move_ask", Entity, r.id, "", "")
	})
	if err == nil {
		err = out.fault()
	}
	return err
}

// MovePending reads the new address of a change that waits for its code; "" when there is none.
func (a *Accounts) MovePending(q db.Q, v Visitor) (string, error) {
	var id, person db.ID
	var sealed []byte
	err := q.QueryRow(`SELECT id, person_id, new FROM account_move WHERE account_id=$1 AND state='asked' AND expires_at > $2`, v.Account, q.Now()).Scan(&id, &person, &sealed)
	if errors.Is(err, db.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	to, err := a.v.Open(q, person, fieldEmail, id, sealed)
	return string(to), err
}

// TryMove takes the code that was mailed to the new address: from now on it is the account's. All other sessions end. 422
// at "/code"; 409 "email_taken" when the new address has an account of its own, which only who has proven it is told.
func (a *Accounts) TryMove(ctx context.Context, v Visitor, code string) (secret.Secret, error) {
	type res struct {
		s     secret.Secret
		ok    bool
		taken bool
	}
	out, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (out res, err error) {
		now := tx.Now()
		if err := v.need(now); err != nil {
			return out, err
		}
		r, err := hold(tx, v.Account)
		if err != nil {
			return out, err
		}
		var id db.ID
		var sealed, index []byte
		err = tx.QueryRow(`UPDATE account_move SET tries=tries+1 WHERE account_id=$1 AND state='asked' AND tries < $2 AND expires_at > $3 RETURNING id, new, new_index`,
			r.id, codeTries, now).Scan(&id, &sealed, &index)
		if errors.Is(err, db.ErrNotFound) {
			return out, v.By().Refuse(tx, "account.move", Entity, r.id, "code")
		}
		if err != nil {
			return out, err
		}
		if !sameCode(a.digits(moveKind, id), code) {
			return out, v.By().Refuse(tx, "account.move", Entity, r.id, "code")
		}
		p, err := a.open(tx, r)
		if err != nil {
			return out, err
		}
		to, err := a.v.Open(tx, r.person, fieldEmail, id, sealed)
		if err != nil {
			return out, err
		}
		p.Email = string(to)
		profile, err := secret.SealJSON(a.v, tx, r.person, fieldProfile, r.id, p)
		if err != nil {
			return out, err
		}
		n, err := tx.Exec(`UPDATE account_account SET email_index=$2, profile=$3 WHERE id=$1 AND NOT EXISTS (SELECT 1 FROM account_account o WHERE o.email_index=$2)`, r.id, index, profile)
		if err != nil {
			return out, err
		}
		if n != 1 {
			out.taken = true
			if _, err := tx.Exec(`DELETE FROM account_move WHERE id=$1`, id); err != nil {
				return out, err
			}
			return out, v.By().Refuse(tx, "account.move", Entity, r.id, "taken")
		}
		if err := tx.ExecOne(`UPDATE account_move SET state='done', stop_until=$2 WHERE id=$1`, id, now.Add(stopLife)); err != nil {
			return out, err
		}
		if _, err := job.Enqueue(tx, job.Spec{Kind: JobMoved, Ref: id}); err != nil {
			return out, err
		}
		// Sessions of the old address, then those of the account and its new one.
		if err := a.endAll(tx, `email_index=$1`, r.index); err != nil {
			return out, err
		}
		if r, err = byID(tx, r.id); err != nil {
			return out, err
		}
		out.ok = true
		out.s, err = a.wayChanged(tx, v, r, Moved)
		return out, err
	})
	switch {
	case err != nil:
		return secret.Secret{}, err
	case out.taken:
		return secret.Secret{}, fault.Conflict("email_taken")
	case !out.ok:
		return secret.Secret{}, badCode()
	}
	return out.s, nil
}

// MoveMail is what the letters about a change of address need.
type MoveMail struct {
	Old, New, Code string
	Done           bool
	Stop           secret.Secret // token of the page that stops it
	Person         db.ID
	Lang           lang.Lang
	At             time.Time
	Expires        time.Time // of the code
	StopUntil      time.Time
}

// MoveMail reads a change of address for its letters. ok is false when it was stopped, or it or the person is gone.
func (a *Accounts) MoveMail(q db.Q, id db.ID) (m MoveMail, ok bool, err error) {
	var was, is []byte
	var state string
	err = q.QueryRow(`SELECT person_id, old, new, state, lang, created_at, expires_at, stop_until FROM account_move WHERE id=$1`, id).
		Scan(&m.Person, &was, &is, &state, (*string)(&m.Lang), &m.At, &m.Expires, &m.StopUntil)
	if errors.Is(err, db.ErrNotFound) {
		return m, false, nil
	}
	if err != nil || state == "stopped" {
		return m, false, err
	}
	old, err := a.v.Open(q, m.Person, fieldEmail, id, was)
	if errors.Is(err, secret.ErrErased) {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	to, err := a.v.Open(q, m.Person, fieldEmail, id, is)
	m.Old, m.New, m.Done, m.Code, m.Stop = string(old), string(to), state == "done", a.digits(moveKind, id), secret.Hide(a.v.Token(stopKind, id, 1))
	return m, err == nil, err
}

// StopInfo is what the page of the link shows.
type StopInfo struct {
	Done bool // the address was changed already: stopping takes it back
}

type moveRow struct {
	id, account db.ID
	state       string
	old, index  []byte
	newIndex    []byte
	created     time.Time
}

func moveByToken(q db.Q, token string) (m moveRow, err error) {
	hash := secret.TokenHash(token)
	if hash == nil {
		return m, fault.NotFound()
	}
	err = q.QueryRow(`SELECT id, account_id, state, old, old_index, new_index, created_at FROM account_move WHERE token_hash=$1 AND stop_until > $2 AND state <> 'stopped'`, hash, q.Now()).
		Scan(&m.id, &m.account, &m.state, &m.old, &m.index, &m.newIndex, &m.created)
	if errors.Is(err, db.ErrNotFound) {
		return m, fault.NotFound()
	}
	return m, err
}

// LookMove reads a change by the token of the old address's link; 404 when it is stopped, gone or too old.
func (a *Accounts) LookMove(q db.Q, token string) (StopInfo, error) {
	m, err := moveByToken(q, token)
	return StopInfo{Done: m.state == "done"}, err
}

// StopMove is the old address's word that the change is not his. One that waits is dead. One that was made is
// taken back: the old address is the account's again, and what may have been added since goes: all sessions, the password,
// passkeys and an app younger than the change, and a key for an app that waits for its first code. An app that was there before stays, so that an old mailbox alone opens nothing. by is
// the holder of the link.
func (a *Accounts) StopMove(tx *db.Tx, by auth.By, token string) error {
	m, err := moveByToken(tx, token)
	if err != nil {
		return err
	}
	r, err := hold(tx, m.account)
	if fault.Is(err, "unauthenticated") {
		return fault.NotFound()
	}
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE account_move SET state='stopped' WHERE id=$1 AND state=$2`, m.id, m.state)
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.NotFound()
	}
	if m.state == "done" && secret.Equal(r.index, m.newIndex) {
		if err := a.takeBack(tx, by, r, m); err != nil {
			return err
		}
	}
	return by.Record(tx, "account.move_stop", Entity, r.id, m.state, "stopped")
}

func (a *Accounts) takeBack(tx *db.Tx, by auth.By, r row, m moveRow) error {
	if err := a.endOthers(tx, r, 0); err != nil {
		return err
	}
	old, err := a.v.Open(tx, r.person, fieldEmail, m.id, m.old)
	if err != nil {
		return err
	}
	p, err := a.open(tx, r)
	if err != nil {
		return err
	}
	p.Email = string(old)
	profile, err := secret.SealJSON(a.v, tx, r.person, fieldProfile, r.id, p)
	if err != nil {
		return err
	}
	// Where the old address has opened an account of its own since, this one keeps the new address but nothing
	// that opens it.
	if _, err := tx.Exec(`UPDATE account_account SET email_index=$2, profile=$3 WHERE id=$1 AND NOT EXISTS (SELECT 1 FROM account_account o WHERE o.email_index=$2)`, r.id, m.index, profile); err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE account_account SET password='', password_long=0, totp_next=NULL WHERE id=$1`, r.id); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM account_passkey WHERE account_id=$1 AND created_at >= $2`, r.id, m.created); err != nil {
		return err
	}
	if len(r.totp) > 0 && !r.totpAt.Before(m.created) {
		if _, err := tx.Exec(`UPDATE account_account SET totp=NULL, totp_at=NULL WHERE id=$1`, r.id); err != nil {
			return err
		}
		if err := putRecovery(tx, r.id, nil); err != nil {
			return err
		}
	}
	// What the new mailbox has asked for is not the owner's wish.
	if err := endLost(tx, by, r.id, "taken_back", true); err != nil {
		return err
	}
	if r, err = byID(tx, r.id); err != nil {
		return err
	}
	return a.changed(tx, r, PasswordRemoved)
}
