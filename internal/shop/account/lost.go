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

// Times of the way back without the app.
const (
	LostWait = 7 * 24 * time.Hour // as long as an old address may stop a change: one that was stolen is back before the app falls away
	lostSoon = 24 * time.Hour     // the second letter leaves that long before
)

const lostKind = "account.lost" // of secret.Token: the link that stops it

// Lost is what the page about a lost app shows a browser.
type Lost struct {
	May bool      // it has proven the mail address with a code and is asked for the app's
	Due time.Time // when the app falls away; zero: nothing waits, or May is false
}

// unproven is the account whose app's code the browser is asked for, after a mailed code; 0 when there is none. A password
// is not enough here: it shows nothing of the address that the letters go to.
func unproven(q db.Q, b browser) (id db.ID, err error) {
	err = q.QueryRow(`SELECT account_id FROM account_code WHERE browser=$1 AND step='factor' AND method='code' AND expires_at > $2`, b.hash(), q.Now()).Scan(&id)
	if errors.Is(err, db.ErrNotFound) {
		return 0, nil
	}
	return id, err
}

// dueOf is when the app of an account falls away; zero when nothing waits.
func dueOf(q db.Q, account db.ID) (due time.Time, err error) {
	err = q.QueryRow(`SELECT due_at FROM account_lost WHERE account_id=$1 AND state='waiting'`, account).Scan(&due)
	if errors.Is(err, db.ErrNotFound) {
		return time.Time{}, nil
	}
	return due, err
}

// LookLost reads what the page about a lost app shows.
func (a *Accounts) LookLost(q db.Q, cookie string) (l Lost, err error) {
	b, ok := a.browser(cookie, q.Now())
	if !ok {
		return l, nil
	}
	id, err := unproven(q, b)
	if err != nil || id == 0 {
		return l, err
	}
	l.May = true
	l.Due, err = dueOf(q, id)
	return l, err
}

// AskLost begins the way back for who has lost both his app and his recovery codes. The browser MUST have proven the mail
// address with a code just now. After LostWait the app falls away, unless it is stopped: by the link in each of the letters, on each of
// the own pages of who is signed in, or by a sign-in with the app or a recovery code. Asking again while it waits changes nothing.
// 401 for who has proven nothing, whatever the reason; 429 after three of the account in a day.
func (a *Accounts) AskLost(ctx context.Context, f From) (time.Time, error) {
	type res struct {
		spent
		due time.Time
	}
	out, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (out res, err error) {
		now := tx.Now()
		b, _ := a.browser(f.Browser, now)
		by := auth.Guest(f.Peer)
		id, err := unproven(tx, b)
		if err != nil {
			return out, err
		}
		if id == 0 {
			return out, refuse(tx, by, "account.lost_ask", 0, "unproven")
		}
		r, err := hold(tx, id)
		if fault.Is(err, "unauthenticated") {
			return out, refuse(tx, by, "account.lost_ask", id, "closed")
		}
		if err != nil {
			return out, err
		}
		// Again, now that the account is held: a change of the ways in ends what waits for the app.
		if id, err = unproven(tx, b); err != nil {
			return out, err
		}
		if id != r.id || len(r.totp) == 0 {
			return out, refuse(tx, by, "account.lost_ask", r.id, "changed")
		}
		if out.due, err = dueOf(tx, r.id); err != nil || !out.due.IsZero() {
			return out, err
		}
		if out.wait, err = perLost.Reserve(tx, factor.TryKey("account.lost", []byte(r.id.String()))); err != nil {
			return out, err
		}
		if out.wait > 0 {
			return out, refuse(tx, by, "account.lost_ask", r.id, "too_many")
		}
		row := tx.NewID()
		out.due = now.Add(LostWait)
		if _, err := tx.Exec(`INSERT INTO account_lost (id, account_id, state, token_hash, asked_at, due_at) VALUES ($1,$2,'waiting',$3,$4,$5)`,
			row, r.id, secret.TokenHash(a.v.Token(lostKind, row, 1)), now, out.due); err != nil {
			return out, err
		}
		for _, j := range []job.Spec{{Kind: JobLost, Ref: row}, {Kind: JobLostSoon, Ref: row, RunAt: out.due.Add(-lostSoon)}} {
			if _, err := job.Enqueue(tx, j); err != nil {
				return out, err
			}
		}
		return out, by.Record(tx, "account.lost_ask", Entity, r.id, "", "asked")
	})
	switch {
	case err != nil:
		return time.Time{}, err
	case out.wait > 0:
		return time.Time{}, out.fault()
	case out.due.IsZero():
		return time.Time{}, fault.SignIn()
	}
	return out.due, nil
}

// Losing is when the app of the visitor's account falls away, for each of his own pages; zero when nothing waits.
func (a *Accounts) Losing(q db.Q, v Visitor) (time.Time, error) {
	if v.Account <= 0 {
		return time.Time{}, nil
	}
	return dueOf(q, v.Account)
}

// StopLost keeps the app. Any living session of the account may, without a fresh proof: all it can do is to leave things as
// they are. Stopping what does not wait is no error.
func (a *Accounts) StopLost(tx *db.Tx, v Visitor) error {
	if !v.SignedIn() {
		return fault.SignIn()
	}
	if v.Account <= 0 {
		return fault.Denied()
	}
	r, err := hold(tx, v.Account)
	if err != nil {
		return err
	}
	return endLost(tx, v.By(), r.id, "session", true)
}

type lostRow struct {
	id, account db.ID
	due         time.Time
}

func lostByToken(q db.Q, token string) (l lostRow, err error) {
	hash := secret.TokenHash(token)
	if hash == nil {
		return l, fault.NotFound()
	}
	err = q.QueryRow(`SELECT id, account_id, due_at FROM account_lost WHERE token_hash=$1 AND state='waiting'`, hash).Scan(&l.id, &l.account, &l.due)
	if errors.Is(err, db.ErrNotFound) {
		return l, fault.NotFound()
	}
	return l, err
}

// LookStopLost reads when the app falls away, by the token of a letter's link; 404 when it has ended.
func (a *Accounts) LookStopLost(q db.Q, token string) (time.Time, error) {
	l, err := lostByToken(q, token)
	return l.due, err
}

// StopLostByLink keeps the app, by the token of a letter's link; 404 when it has ended. by is the holder of the link.
func (a *Accounts) StopLostByLink(tx *db.Tx, by auth.By, token string) error {
	l, err := lostByToken(tx, token)
	if err != nil {
		return err
	}
	if _, err := hold(tx, l.account); fault.Is(err, "unauthenticated") {
		return fault.NotFound()
	} else if err != nil {
		return err
	}
	if l, err = lostByToken(tx, token); err != nil {
		return err
	}
	return endLost(tx, by, l.account, "link", true)
}

// endLost ends what waits for the account, if anything does; tell sends the letter about it. The condition settles it
// against the day that comes at the same moment.
func endLost(tx *db.Tx, by auth.By, account db.ID, how string, tell bool) error {
	var id db.ID
	err := tx.QueryRow(`UPDATE account_lost SET state='stopped', ended_at=$2 WHERE account_id=$1 AND state='waiting' RETURNING id`, account, tx.Now()).Scan(&id)
	if errors.Is(err, db.ErrNotFound) {
		return nil
	}
	if err == nil && tell {
		_, err = job.Enqueue(tx, job.Spec{Kind: JobLostEnded, Ref: id})
	}
	if err != nil {
		return err
	}
	return by.Record(tx, "account.lost_stop", Entity, account, "waiting", how)
}

// lostDue lets the apps fall away whose time has come.
func (a *Accounts) lostDue(ctx context.Context) error {
	due, err := db.Read(ctx, a.d, func(q *db.Reader) ([]lostRow, error) {
		return db.All(q, func(r *db.Rows) (l lostRow, err error) { err = r.Scan(&l.id, &l.account, &l.due); return },
			`SELECT id, account_id, due_at FROM account_lost WHERE state='waiting' AND due_at <= $1 ORDER BY due_at LIMIT 200`, q.Now())
	})
	if err != nil {
		return err
	}
	for _, l := range due {
		if err := db.Do(ctx, a.d, func(tx *db.Tx) error { return a.fallAway(tx, l) }); err != nil {
			return err
		}
	}
	return nil
}

// fallAway takes the app and the recovery codes from an account, a password that may not stand alone, and all that is signed in.
func (a *Accounts) fallAway(tx *db.Tx, l lostRow) error {
	r, err := hold(tx, l.account)
	if fault.Is(err, "unauthenticated") { // closed in the meantime, and this with it
		return nil
	}
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE account_lost SET state='done', ended_at=$2 WHERE id=$1 AND state='waiting' AND due_at <= $2`, l.id, tx.Now())
	if err != nil || n != 1 {
		return err
	}
	if err := a.endOthers(tx, r, 0); err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE account_account SET totp=NULL, totp_next=NULL, totp_at=NULL, password=CASE WHEN password_long=1 THEN password ELSE '' END WHERE id=$1`, r.id); err != nil {
		return err
	}
	if err := putRecovery(tx, r.id, nil); err != nil {
		return err
	}
	if _, err := job.Enqueue(tx, job.Spec{Kind: JobLostEnded, Ref: l.id}); err != nil {
		return err
	}
	return auth.System("account.sweep").Record(tx, "account.lost_done", Entity, r.id, "waiting", "app_removed")
}

// LostMail is what the letters about a lost app need.
type LostMail struct {
	To      string
	At, Due time.Time
	Waiting bool          // it can be stopped still
	Done    bool          // the app is gone
	Stop    secret.Secret // token of the page that stops it
	Person  db.ID
	Lang    lang.Lang
}

// LostMail reads what waits or has ended for its letters. ok is false when it or the account is gone.
func (a *Accounts) LostMail(q db.Q, id db.ID) (m LostMail, ok bool, err error) {
	var account db.ID
	var state string
	err = q.QueryRow(`SELECT account_id, state, asked_at, due_at FROM account_lost WHERE id=$1`, id).Scan(&account, &state, &m.At, &m.Due)
	if errors.Is(err, db.ErrNotFound) {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	r, err := byID(q, account)
	if gone(err) || err == nil && r.state != "active" {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	p, err := a.open(q, r)
	if errors.Is(err, secret.ErrErased) {
		return m, false, nil
	}
	m.To, m.Person, m.Lang, m.Waiting, m.Done, m.Stop = p.Email, r.person, r.lang, state == "waiting", state == "done", secret.Hide(a.v.Token(lostKind, id, 1))
	return m, err == nil, err
}
