package account

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"kassavalv/internal/auth"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

// Kinds of mailed codes, of secret.Token.
const (
	codeKind = "account.code"
	moveKind = "account.move_code"
)

// digits is the code of a row: eight digits that only the vault can make. 26 bits, five tries a
// row, and bounded rows an hour keep guessing below one in ten thousand a month.
func (a *Accounts) digits(kind string, row db.ID) string {
	h := sha256.Sum256([]byte(a.v.Token(kind, row, 1)))
	return fmt.Sprintf("%08d", binary.BigEndian.Uint64(h[:8])%100_000_000)
}

// sameCode compares a code as it was typed, spaces and hyphens allowed.
func sameCode(want, typed string) bool {
	if len(typed) > 64 {
		return false
	}
	typed = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '-' {
			return -1
		}
		return r
	}, typed)
	return secret.Equal([]byte(want), []byte(typed))
}

// Entered is the end of a step of signing in. With a Secret the visitor is in. With Second the app's
// code is asked for next (see Second). Browser is the new value of the sign-in cookie.
type Entered struct {
	Secret  secret.Secret
	Account db.ID // 0: a proven address alone
	Second  bool
	Browser string
}

// RequestCode mails a code to the address, whoever it belongs to, and binds it to the browser; the
// earlier code of that browser is dead. It returns the new value of the sign-in cookie. 422 for what is no
// address, 429 when the network or the address has asked too often, known or not.
func (a *Accounts) RequestCode(ctx context.Context, email string, f From) (string, error) {
	to, index, err := a.address(email)
	if err != nil {
		return "", err
	}
	type res struct {
		spent
		browser string
	}
	out, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (out res, err error) {
		now := tx.Now()
		b, _ := a.browser(f.Browser, now)
		by := auth.Guest(f.Peer)
		if out.wait, err = a.roomForCode(tx, b, index, f.Peer); err != nil || out.wait > 0 {
			if err == nil {
				err = refuse(tx, by, "account.code", 0, "too_many")
			}
			return out, err
		}
		if err := a.dropCode(tx, b); err != nil {
			return out, err
		}
		b, out.browser = a.renew(b, nil, now)
		p, err := a.v.NewPerson(tx)
		if err != nil {
			return out, err
		}
		id := tx.NewID()
		sealed, err := a.v.Seal(tx, p.ID, fieldEmail, id, []byte(to))
		if err != nil {
			return out, err
		}
		if _, err := tx.Exec(`INSERT INTO account_code (id, browser, step, method, account_id, person_id, email, email_index, tries, lang, created_at, expires_at)
			VALUES ($1,$2,'code','code',0,$3,$4,$5,0,$6,$7,$8)`, id, b.hash(), p.ID, sealed, index, string(f.Lang.Or()), now, now.Add(CodeLife)); err != nil {
			return out, err
		}
		if err := by.Record(tx, "account.code", Entity, 0, "", "asked"); err != nil {
			return out, err
		}
		_, err = job.Enqueue(tx, job.Spec{Kind: JobCode, Ref: id})
		return out, err
	})
	if err == nil {
		err = out.fault()
	}
	return out.browser, err
}

// roomForCode counts a request for a code. The narrow counts come first, so that who is refused
// by his own uses up nobody else's.
func (a *Accounts) roomForCode(tx *db.Tx, b browser, index []byte, peer string) (time.Duration, error) {
	if b.knows(index) {
		return perKnown.Reserve(tx, factor.TryKey("account.code.known", index))
	}
	for _, c := range []struct {
		t   factor.Tries
		key []byte
	}{
		{perPlace, factor.TryKey("account.code.place", append([]byte(peer+"\x00"), index...))},
		{perNetwork, factor.TryKey("account.code.network", []byte(peer))},
		{perAddress, factor.TryKey("account.code.address", index)},
	} {
		if wait, err := c.t.Reserve(tx, c.key); err != nil || wait > 0 {
			return wait, err
		}
	}
	return 0, nil
}

// dropCode forgets what is bound to the browser.
func (a *Accounts) dropCode(tx *db.Tx, b browser) error {
	var person db.ID
	err := tx.QueryRow(`DELETE FROM account_code WHERE browser=$1 RETURNING person_id`, b.hash()).Scan(&person)
	if errors.Is(err, db.ErrNotFound) || err == nil && person == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return a.v.Erase(tx, person)
}

// Pending is what the browser waits for: "code", "factor", or nothing. Email is where the code went.
type Pending struct {
	Step  string
	Email string
}

// Pending reads what the browser waits for.
func (a *Accounts) Pending(q db.Q, cookie string) (Pending, error) {
	b, ok := a.browser(cookie, q.Now())
	if !ok {
		return Pending{}, nil
	}
	var p Pending
	var id, person db.ID
	var sealed []byte
	err := q.QueryRow(`SELECT id, step, person_id, email FROM account_code WHERE browser=$1 AND expires_at > $2`, b.hash(), q.Now()).Scan(&id, &p.Step, &person, &sealed)
	if errors.Is(err, db.ErrNotFound) {
		return Pending{}, nil
	}
	if err != nil || p.Step != "code" {
		return p, err
	}
	to, err := a.v.Open(q, person, fieldEmail, id, sealed)
	p.Email = string(to)
	return p, err
}

type codeRow struct {
	id, account, person db.ID
	email, index        []byte
	method              string
}

// countTry takes one of the tries of what the browser waits for; false when there is nothing, or no try left.
func countTry(tx *db.Tx, b browser, step string) (c codeRow, ok bool, err error) {
	err = tx.QueryRow(`UPDATE account_code SET tries=tries+1 WHERE browser=$1 AND step=$2 AND tries < $3 AND expires_at > $4
		RETURNING id, account_id, person_id, email, email_index, method`, b.hash(), step, codeTries, tx.Now()).Scan(&c.id, &c.account, &c.person, &c.email, &c.index, &c.method)
	if errors.Is(err, db.ErrNotFound) {
		return c, false, nil
	}
	return c, err == nil, err
}

// TryCode takes the code that was mailed. Right: the visitor is in, with the account of the address or, where there
// is none, with the proven address alone; or, where the account has an app, its code is next. Every code that does not
// do is one 422 fault at "/code".
func (a *Accounts) TryCode(ctx context.Context, code string, f From) (Entered, error) {
	out, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (out Entered, err error) {
		b, _ := a.browser(f.Browser, tx.Now())
		by := auth.Guest(f.Peer)
		c, ok, err := countTry(tx, b, "code")
		if err != nil {
			return out, err
		}
		if !ok {
			return out, refuse(tx, by, "account.sign_in", 0, "code")
		}
		r, err := byIndex(tx, c.index)
		if err != nil {
			return out, err
		}
		if !sameCode(a.digits(codeKind, c.id), code) {
			return out, refuse(tx, by, "account.sign_in", r.id, "code")
		}
		to, err := a.v.Open(tx, c.person, fieldEmail, c.id, c.email)
		if err != nil {
			return out, err
		}
		// The row goes: of two right answers at once, one finds it.
		n, err := tx.Exec(`DELETE FROM account_code WHERE id=$1 AND step='code'`, c.id)
		if err != nil || n != 1 {
			return out, err
		}
		if r.id == 0 {
			out.Secret, err = a.enterGuest(tx, c.person, string(to), c.index, f)
			_, out.Browser = a.renew(b, c.index, tx.Now())
			return out, err
		}
		if err := a.v.Erase(tx, c.person); err != nil {
			return out, err
		}
		return a.firstDone(tx, b, r, "code", f)
	})
	if err == nil && out.Browser == "" {
		err = badCode()
	}
	return out, err
}

// firstDone goes on after the first factor of an account: in, or to the app's code.
func (a *Accounts) firstDone(tx *db.Tx, b browser, r row, method string, f From) (out Entered, err error) {
	now := tx.Now()
	if len(r.totp) > 0 {
		if err := a.dropCode(tx, b); err != nil {
			return out, err
		}
		b, out.Browser = a.renew(b, nil, now)
		out.Account, out.Second = r.id, true
		_, err := tx.Exec(`INSERT INTO account_code (id, browser, step, method, account_id, person_id, tries, lang, created_at, expires_at)
			VALUES ($1,$2,'factor',$3,$4,0,0,$5,$6,$7)`, tx.NewID(), b.hash(), method, r.id, string(f.Lang.Or()), now, now.Add(factorLife))
		return out, err
	}
	_, out.Browser = a.renew(b, r.index, now)
	out.Account = r.id
	out.Secret, err = a.enter(tx, r, method, f)
	return out, err
}

// CodeMail is what the letter of JobCode needs.
type CodeMail struct {
	To, Code string
	Person   db.ID
	Lang     lang.Lang
	Expires  time.Time
}

// CodeMail reads a code for its letter. ok is false when it was used, replaced, or is too old: then no
// letter is due.
func (a *Accounts) CodeMail(q db.Q, id db.ID) (m CodeMail, ok bool, err error) {
	var sealed []byte
	err = q.QueryRow(`SELECT person_id, email, lang, expires_at FROM account_code WHERE id=$1 AND step='code' AND expires_at > $2`, id, q.Now()).
		Scan(&m.Person, &sealed, (*string)(&m.Lang), &m.Expires)
	if errors.Is(err, db.ErrNotFound) {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	to, err := a.v.Open(q, m.Person, fieldEmail, id, sealed)
	m.To, m.Code = string(to), a.digits(codeKind, id)
	return m, err == nil, err
}

// Again mails another code to where the last one went. A 422 fault at "/email" when the browser waits for none.
func (a *Accounts) Again(ctx context.Context, f From) (string, error) {
	p, err := db.Read(ctx, a.d, func(q *db.Reader) (Pending, error) { return a.Pending(q, f.Browser) })
	if err != nil {
		return "", err
	}
	if p.Step != "code" {
		return "", fault.Invalid(fault.Field{Pointer: "/email", Code: "required"})
	}
	return a.RequestCode(ctx, p.Email, f)
}
