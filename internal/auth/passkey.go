package auth

import (
	"context"
	"errors"
	"time"

	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

// passkeys are those of staff. Their handles are the bare id; customers' begin with a word (package account).
func (a *Auth) passkeys(o Options) (*factor.Passkeys, error) {
	return factor.NewPasskeys(a.d, o.PublicURL, o.Issuer, factor.Side{Who: a.whoHolds, Keys: "auth_passkey", Challenges: "auth_challenge", Holder: "staff_id"})
}

// whoHolds names a member to his authenticator.
func (a *Auth) whoHolds(q db.Q, id db.ID) (name, shown string, err error) {
	s, err := staffByID(q, id)
	if err == nil && s.state != "active" {
		err = db.ErrNotFound
	}
	if err != nil {
		return "", "", err
	}
	p, err := a.open(q, s)
	return p.Email, p.Name, err
}

// BeginPasskey starts the registration of a passkey for the member himself, who needs
// fresh proof.
func (a *Auth) BeginPasskey(ctx context.Context, by By) (factor.Ceremony, error) {
	if by.Kind != StaffKind || by.ID <= 0 {
		return factor.Ceremony{}, fault.Denied()
	}
	if err := by.NeedFresh(time.Now()); err != nil {
		return factor.Ceremony{}, err
	}
	return a.keys.BeginNew(ctx, by.ID)
}

// FinishPasskey stores the passkey the browser made. answer is the browser's
// JSON, 64 kB at most; name is the owner's word for it.
func (a *Auth) FinishPasskey(ctx context.Context, by By, token string, answer []byte, name string) (db.ID, error) {
	if by.Kind != StaffKind || by.ID <= 0 {
		return 0, fault.Denied()
	}
	if err := by.NeedFresh(time.Now()); err != nil {
		return 0, err
	}
	k, err := a.keys.FinishNew(ctx, by.ID, token, answer)
	if fault.Is(err, "passkey_failed") {
		if e := RecordRefusal(ctx, a.d, by, "passkey.add", entityStaff, by.ID, "ceremony"); e != nil {
			return 0, e
		}
	}
	if err != nil {
		return 0, err
	}
	id, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (db.ID, error) {
		id, err := a.keys.Add(tx, by.ID, k, cleanLine(name, 60))
		if err != nil {
			return 0, err
		}
		if err := changed(tx, by.ID, PasskeyAdded); err != nil {
			return 0, err
		}
		return id, by.Record(tx, "passkey.add", entityPasskey, id, "", "")
	})
	return id, err
}

// Passkeys lists the member's own passkeys.
func (a *Auth) Passkeys(q db.Q, by By) ([]factor.Passkey, error) {
	if by.Kind != StaffKind || by.ID <= 0 {
		return nil, fault.Denied()
	}
	return a.keys.List(q, by.ID)
}

// RemovePasskey removes one of the member's own passkeys and ends his other
// sessions; 404 for another's.
func (a *Auth) RemovePasskey(tx *db.Tx, by By, id db.ID) error {
	if by.Kind != StaffKind || by.ID <= 0 {
		return fault.Denied()
	}
	if err := by.NeedFresh(tx.Now()); err != nil {
		return err
	}
	if err := a.keys.Remove(tx, by.ID, id); err != nil {
		return err
	}
	if err := endSessions(tx, by.ID, by.Session); err != nil {
		return err
	}
	if err := changed(tx, by.ID, PasskeyRemoved); err != nil {
		return err
	}
	return by.Record(tx, "passkey.remove", entityPasskey, id, "", "")
}

// BeginPasskeySignIn starts a sign-in without a name.
func (a *Auth) BeginPasskeySignIn(ctx context.Context) (factor.Ceremony, error) {
	return a.keys.BeginSignIn(ctx)
}

// PasskeyAnswer is the end of a sign-in or step-up by passkey.
type PasskeyAnswer struct {
	Token  string // of the Ceremony
	Answer []byte // the browser's JSON, 64 kB at most
	Peer   string
	Agent  string
	Lang   lang.Lang
	Old    string // session secret the browser holds already
}

// FinishPasskeySignIn verifies the answer and opens a session. A verified
// passkey is both factors. Every failure is the 401 fault "sign_in_failed". The lock of
// passwords does not apply: a signature cannot be guessed.
func (a *Auth) FinishPasskeySignIn(ctx context.Context, in PasskeyAnswer) (Session, error) {
	k, err := a.keys.FinishSignIn(ctx, in.Token, in.Answer)
	if err != nil {
		return Session{}, err
	}
	return a.finishPasskey(ctx, in, k, "staff.sign_in", func(tx *db.Tx, s staffRow) (Session, error) {
		if in.Old != "" {
			if err := endByHash(tx, secret.TokenHash(in.Old)); err != nil {
				return Session{}, err
			}
		}
		return a.openSession(tx, s, "passkey", in.Peer, in.Agent, in.Lang, "staff.sign_in")
	})
}

// BeginPasskeyStepUp starts a new proof for a living session.
func (a *Auth) BeginPasskeyStepUp(ctx context.Context, by By) (factor.Ceremony, error) {
	if by.Kind != StaffKind || by.ID <= 0 {
		return factor.Ceremony{}, fault.Denied()
	}
	return a.keys.BeginAgain(ctx, by.ID)
}

// FinishPasskeyStepUp is StepUp with a passkey: the session gets a new secret.
func (a *Auth) FinishPasskeyStepUp(ctx context.Context, by By, in PasskeyAnswer) (Session, error) {
	if by.Kind != StaffKind || by.ID <= 0 || by.Session <= 0 {
		return Session{}, fault.Denied()
	}
	k, err := a.keys.FinishAgain(ctx, by.ID, in.Token, in.Answer)
	if err != nil {
		return Session{}, err
	}
	return a.finishPasskey(ctx, in, k, "staff.step_up", func(tx *db.Tx, s staffRow) (Session, error) {
		ses, err := scanSession(tx.QueryRow(`SELECT `+sessionColumns+sessionFrom+`
			WHERE s.id=$1 AND s.staff_id=$2 AND s.expires_at > $3 AND s.seen_at > $4`, by.Session, s.id, tx.Now(), tx.Now().Add(-idleLimit)).Scan)
		if errors.Is(err, db.ErrNotFound) {
			return Session{}, fault.SignIn()
		}
		if err != nil {
			return Session{}, err
		}
		return a.freshen(tx, ses, in.Peer)
	})
}

// finishPasskey uses the passkey and goes on with then, or records the refusal.
func (a *Auth) finishPasskey(ctx context.Context, in PasskeyAnswer, k factor.Shown, action string, then func(*db.Tx, staffRow) (Session, error)) (Session, error) {
	s, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (Session, error) {
		refuse := func(why string) (Session, error) {
			return Session{}, Guest(in.Peer).Refuse(tx, action, entityStaff, k.Holder, why)
		}
		if k.Refused != "" {
			return refuse(k.Refused)
		}
		staff, err := staffByID(tx, k.Holder)
		if errors.Is(err, db.ErrNotFound) || err == nil && staff.state != "active" {
			return refuse("closed")
		}
		if err != nil {
			return Session{}, err
		}
		ok, err := a.keys.Use(tx, k)
		if err != nil {
			return Session{}, err
		}
		if !ok {
			return refuse("passkey_cloned")
		}
		return then(tx, staff)
	})
	if err == nil && s.ID == 0 {
		err = factor.Failed()
	}
	return s, err
}
