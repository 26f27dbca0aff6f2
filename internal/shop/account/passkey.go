package account

import (
	"context"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

// handleWord sets customers' passkeys apart from those of staff, which are bound to the same host.
const handleWord = "customer"

func (a *Accounts) passkeys(o Options) (*factor.Passkeys, error) {
	return factor.NewPasskeys(a.d, o.PublicURL, o.Issuer, factor.Side{Word: handleWord, Who: a.whoHolds, Keys: "account_passkey", Challenges: "account_challenge", Holder: "account_id"})
}

// whoHolds names an account to its holder's authenticator.
func (a *Accounts) whoHolds(q db.Q, id db.ID) (name, shown string, err error) {
	r, err := byID(q, id)
	if err == nil && r.state != "active" {
		err = db.ErrNotFound
	}
	if err != nil {
		return "", "", err
	}
	p, err := a.open(q, r)
	if p.Name == "" {
		p.Name = p.Email
	}
	return p.Email, p.Name, err
}

// BeginPasskey starts the registration of a passkey for the visitor's account. 403 "step_up"; 409 "too_many_passkeys".
func (a *Accounts) BeginPasskey(ctx context.Context, v Visitor) (factor.Ceremony, error) {
	if err := v.need(time.Now()); err != nil {
		return factor.Ceremony{}, err
	}
	return a.keys.BeginNew(ctx, v.Account)
}

// FinishPasskey stores the passkey that the browser made. answer is the browser's JSON, 64 kB at most; name is
// the owner's word for it. It returns the session's new secret. 422 "passkey_failed", 409 "passkey_known".
func (a *Accounts) FinishPasskey(ctx context.Context, v Visitor, token string, answer []byte, name string) (secret.Secret, error) {
	var none secret.Secret
	if err := v.need(time.Now()); err != nil {
		return none, err
	}
	k, err := a.keys.FinishNew(ctx, v.Account, token, answer)
	if fault.Is(err, "sign_in_failed") { // no such ceremony: who is signed in is not sent to the door
		err = &fault.Error{Kind: fault.Unprocessable, Code: "passkey_failed"}
	}
	if fault.Is(err, "passkey_failed") {
		if e := auth.RecordRefusal(ctx, a.d, v.By(), "account.passkey_added", Entity, v.Account, "ceremony"); e != nil {
			return none, e
		}
	}
	if err != nil {
		return none, err
	}
	s, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (secret.Secret, error) {
		if err := v.need(tx.Now()); err != nil {
			return none, err
		}
		r, err := hold(tx, v.Account)
		if err != nil {
			return none, err
		}
		if _, err := a.keys.Add(tx, r.id, k, line(name, 60)); err != nil {
			return none, err
		}
		return a.wayChanged(tx, v, r, PasskeyAdded)
	})
	return s, err
}

// RemovePasskey removes one of the visitor's own passkeys; 404 for another's.
func (a *Accounts) RemovePasskey(tx *db.Tx, v Visitor, id db.ID) (secret.Secret, error) {
	if err := v.need(tx.Now()); err != nil {
		return secret.Secret{}, err
	}
	r, err := hold(tx, v.Account)
	if err != nil {
		return secret.Secret{}, err
	}
	if err := a.keys.Remove(tx, r.id, id); err != nil {
		return secret.Secret{}, err
	}
	return a.wayChanged(tx, v, r, PasskeyRemoved)
}

// BeginPasskeySignIn starts a sign-in without a name.
func (a *Accounts) BeginPasskeySignIn(ctx context.Context) (factor.Ceremony, error) {
	return a.keys.BeginSignIn(ctx)
}

// FinishPasskeySignIn verifies the answer and lets the visitor in. A verified passkey is both factors. Every failure
// is the 401 fault "sign_in_failed". No count of tries applies: a signature cannot be guessed.
func (a *Accounts) FinishPasskeySignIn(ctx context.Context, token string, answer []byte, f From) (Entered, error) {
	k, err := a.keys.FinishSignIn(ctx, token, answer)
	if err != nil {
		return Entered{}, err
	}
	out, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (out Entered, err error) {
		by := auth.Guest(f.Peer)
		if k.Refused != "" {
			return out, refuse(tx, by, "account.sign_in", k.Holder, k.Refused)
		}
		r, err := byID(tx, k.Holder)
		if gone(err) || err == nil && r.state != "active" {
			return out, refuse(tx, by, "account.sign_in", k.Holder, "closed")
		}
		if err != nil {
			return out, err
		}
		ok, err := a.keys.Use(tx, k)
		if err != nil {
			return out, err
		}
		if !ok {
			return out, refuse(tx, by, "account.sign_in", r.id, "passkey_cloned")
		}
		b, _ := a.browser(f.Browser, tx.Now())
		if err := a.dropCode(tx, b); err != nil {
			return out, err
		}
		_, out.Browser = a.renew(b, r.index, tx.Now())
		out.Account = r.id
		out.Secret, err = a.enter(tx, r, "passkey", f)
		return out, err
	})
	if err == nil && out.Browser == "" {
		err = factor.Failed()
	}
	return out, err
}
