package account

import (
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// Close ends the visitor's own account: sessions, passkeys, password, app and codes die with the commit, address and
// name are erased. What belongs to purchases is not touched. 403 "step_up".
func (a *Accounts) Close(tx *db.Tx, v Visitor) error {
	if err := v.need(tx.Now()); err != nil {
		return err
	}
	r, err := hold(tx, v.Account)
	if err != nil {
		return err
	}
	p, err := a.open(tx, r)
	if err != nil {
		return err
	}
	// The letter about it needs the address for some days: sealed for a person of its own.
	own, err := a.v.NewPerson(tx)
	if err != nil {
		return err
	}
	if err := a.tell(tx, r.id, own.ID, p.Email, r.lang, Closed); err != nil {
		return err
	}
	if err := a.end(tx, r); err != nil {
		return err
	}
	return v.By().Record(tx, "account.close", Entity, r.id, "active", "closed")
}

// end takes everything from an account and destroys its person's key.
func (a *Accounts) end(tx *db.Tx, r row) error {
	if err := a.endOthers(tx, r, 0); err != nil {
		return err
	}
	for _, q := range []string{
		`DELETE FROM account_passkey WHERE account_id=$1`,
		`DELETE FROM account_challenge WHERE account_id=$1`,
		`DELETE FROM account_recovery WHERE account_id=$1`,
		`DELETE FROM account_move WHERE account_id=$1`,
		`DELETE FROM account_lost WHERE account_id=$1`,
		`DELETE FROM account_code WHERE account_id=$1 AND account_id > 0`,
	} {
		if _, err := tx.Exec(q, r.id); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(`DELETE FROM account_change WHERE account_id=$1 AND person_id=$2`, r.id, r.person); err != nil {
		return err
	}
	if err := tx.ExecOne(`UPDATE account_account SET state='closed', email_index=NULL, profile=NULL, password='', password_long=0, totp=NULL, totp_next=NULL, totp_at=NULL, closed_at=$2 WHERE id=$1 AND state='active'`, r.id, tx.Now()); err != nil {
		return err
	}
	if err := a.v.Erase(tx, r.person); err != nil {
		return err
	}
	return tx.Changed(Entity, r.id)
}

// mayErase lets the program, staff with the right, and who has proven the address.
func mayErase(by auth.By) error {
	if by.Kind == auth.SystemKind || by.Kind == auth.CustomerKind || by.Has(auth.PrivacyWrite) {
		return nil
	}
	return fault.Denied()
}

// Erase ends what is kept here of a proven address: its account, sessions without one, codes. It returns how many
// persons were erased. The caller (privacy) decides whether it may be, and for a customer that the address is his. Erasing
// twice is no error.
func (a *Accounts) Erase(tx *db.Tx, by auth.By, email string) (int, error) {
	if err := mayErase(by); err != nil {
		return 0, err
	}
	_, index, err := a.address(email)
	if err != nil {
		return 0, err
	}
	persons, err := a.Persons(tx, email)
	if err != nil {
		return 0, err
	}
	r, err := byIndex(tx, index)
	if err != nil {
		return 0, err
	}
	if r.id > 0 {
		if r, err = hold(tx, r.id); err != nil {
			return 0, err
		}
		if err := a.end(tx, r); err != nil {
			return 0, err
		}
	}
	if err := a.endAll(tx, `email_index=$1`, index); err != nil {
		return 0, err
	}
	for _, p := range persons {
		if err := a.v.Erase(tx, p); err != nil {
			return 0, err
		}
	}
	if _, err := tx.Exec(`DELETE FROM account_code WHERE email_index=$1`, index); err != nil {
		return 0, err
	}
	return len(persons), by.Record(tx, "account.erase", Entity, r.id, "", "")
}

// Persons lists the persons of the vault under which this room keeps something of a proven address: the account's, and
// those of sessions and codes without one.
func (a *Accounts) Persons(q db.Q, email string) ([]db.ID, error) {
	_, index, err := a.address(email)
	if err != nil {
		return nil, err
	}
	scan := func(r *db.Rows) (p db.ID, err error) { err = r.Scan(&p); return }
	var out []db.ID
	for _, t := range []string{
		`SELECT person_id FROM account_account WHERE email_index=$1`,
		`SELECT person_id FROM account_session WHERE email_index=$1`,
		`SELECT person_id FROM account_code WHERE email_index=$1 AND person_id > 0`,
	} {
		ps, err := db.All(q, scan, t, index)
		if err != nil {
			return nil, err
		}
		out = append(out, ps...)
	}
	return out, nil
}

// Holding is everything that this room keeps of a proven address, for who asks to see it.
type Holding struct {
	Account  *Kept     `json:"account,omitempty"`
	Sessions []Session `json:"sessions,omitempty"`
	Attempts []Attempt `json:"sign_ins,omitempty"`
}

// Kept is an account as its holder may see it: that there is a password, never which.
type Kept struct {
	ID       db.ID            `json:"id"`
	Profile  Profile          `json:"profile"`
	Created  time.Time        `json:"created"`
	Password bool             `json:"password"`
	App      bool             `json:"app"`
	Recovery int64            `json:"recovery_codes_left"`
	Passkeys []factor.Passkey `json:"passkeys,omitempty"`
}

// Holding reads everything of a proven address. by as for Erase.
func (a *Accounts) Holding(q db.Q, by auth.By, email string) (h Holding, err error) {
	if err := mayErase(by); err != nil {
		return h, err
	}
	_, index, err := a.address(email)
	if err != nil {
		return h, err
	}
	r, err := byIndex(q, index)
	if err != nil {
		return h, err
	}
	if h.Sessions, err = sessionsOf(q, 0, index); err != nil || r.id == 0 {
		return h, err
	}
	own, err := sessionsOf(q, r.id, nil)
	if err != nil {
		return h, err
	}
	h.Sessions = append(h.Sessions, own...)
	w, err := a.waysOf(q, r)
	if err != nil {
		return h, err
	}
	h.Account = &Kept{ID: r.id, Created: r.created, Password: w.Password, App: w.App, Recovery: w.Recovery, Passkeys: w.Passkeys}
	if h.Account.Profile, err = a.open(q, r); err != nil {
		return h, err
	}
	h.Attempts, err = attemptsOf(q, r.id, 200)
	return h, err
}

// CorrectName writes another name into the account of a proven address, for staff who answer a request. 404 when there is
// no account.
func (a *Accounts) CorrectName(tx *db.Tx, by auth.By, email, name string) error {
	if err := mayErase(by); err != nil {
		return err
	}
	_, index, err := a.address(email)
	if err != nil {
		return err
	}
	r, err := byIndex(tx, index)
	if err != nil {
		return err
	}
	if r.id == 0 {
		return fault.NotFound()
	}
	if r, err = hold(tx, r.id); err != nil {
		return err
	}
	return a.rename(tx, by, r, name)
}
