package account

import (
	"embed"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"kassavalv/internal/auth"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations makes this room's tables.
var Migrations = db.Migrations{Room: "account", FS: migrationsFS}

// Limits. ASVS 5.0 V7.3 asks for both limits of a session; a buyer comes back once a month at
// most, and what a session shows is his own.
const (
	IdleLimit    = 30 * 24 * time.Hour
	SessionLimit = 90 * 24 * time.Hour
	freshFor     = 10 * time.Minute
	maxSessions  = 20
	CodeLife     = 10 * time.Minute // ASVS 5.0 V6.5.5: at most ten minutes
	codeTries    = 5
	factorLife   = 10 * time.Minute
	stopLife     = 7 * 24 * time.Hour
	browserLife  = 180 * 24 * time.Hour
	changeLife   = 5 * 24 * time.Hour // longer than a letter is tried
	seenEvery    = time.Hour          // how exact "last seen" is
	maxName      = 100
)

// Tries: what each counter is of stands beside its key.
var (
	perPlace   = factor.Tries{Limit: 5, Window: 15 * time.Minute}  // an address from one network
	perKnown   = factor.Tries{Limit: 10, Window: 15 * time.Minute} // an address from browsers that have signed in as it
	perAddress = factor.Tries{Limit: 20, Window: time.Hour}        // codes to an address from everywhere
	perSecret  = factor.Tries{Limit: 20, Window: 15 * time.Minute} // passwords of an address from everywhere
	perNetwork = factor.Tries{Limit: 120, Window: time.Hour}       // codes that one network has mailed
	perFactor  = factor.Tries{Limit: 10, Window: 15 * time.Minute} // codes of the app, after a first factor
	perMove    = factor.Tries{Limit: 5, Window: time.Hour}         // changes of address that an account asks for
	perLost    = factor.Tries{Limit: 3, Window: 24 * time.Hour}    // requests that the app fall away, of an account
	perChange  = factor.Tries{Limit: 5, Window: 15 * time.Minute}  // the old password when it is changed
)

// Jobs that this room enqueues; their workers send mail.
const (
	JobCode    = "account.mail_code"    // Ref: account_code
	JobMove    = "account.mail_move"    // Ref: account_move: the code to the new address, the notice to the old
	JobMoved   = "account.mail_moved"   // Ref: account_move: to the old address
	JobChanged = "account.mail_changed" // Ref: account_change

	JobLost      = "account.mail_lost"       // Ref: account_lost: that the app will fall away
	JobLostSoon  = "account.mail_lost_soon"  // Ref: account_lost: the same, once more, the day before
	JobLostEnded = "account.mail_lost_ended" // Ref: account_lost: that it did, or was stopped
)

// Entity names in the audit log and the change feed.
const (
	Entity        = "account"
	entitySession = "account.session"
	entityPasskey = "account.passkey"
)

var (
	fieldEmail   = secret.Register("account.email", "to sign in and to find one's own purchases")
	fieldProfile = secret.Register("account.profile", "mail address and name of an account")
	fieldTOTP    = secret.Register("account.totp", "second factor of an account")
)

// Options of New.
type Options struct {
	PublicURL string         // of the shop; passkeys are bound to it
	Issuer    string         // names the shop in authenticator apps
	Words     []string       // other names of the shop that no password may be made of
	Hasher    *factor.Hasher // shared with staff's sign-in; nil: one of its own
}

// Accounts holds what the use cases need. Safe for concurrent use.
type Accounts struct {
	d      *db.DB
	v      *secret.Vault
	hasher *factor.Hasher
	keys   *factor.Passkeys
	words  []string // about the shop; see factor.CheckPassword
}

// New makes the room. It fails on an address that passkeys cannot be bound to.
func New(d *db.DB, v *secret.Vault, o Options) (*Accounts, error) {
	if o.Hasher == nil {
		o.Hasher = factor.NewHasher(factor.OWASP)
	}
	a := &Accounts{d: d, v: v, hasher: o.Hasher, words: append([]string{o.Issuer, o.PublicURL}, o.Words...)}
	var err error
	if a.keys, err = a.passkeys(o); err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	return a, nil
}

// Profile is what an account keeps about its holder.
type Profile struct {
	Email string `json:"email"`
	Name  string `json:"name,omitempty"`
}

// From is where a request comes from.
type From struct {
	Peer    string    // the client's network prefix
	Agent   string    // short name of the browser, for the list of sessions
	Lang    lang.Lang // of the page, and of letters from then on
	Browser string    // the value of the browser's sign-in cookie, if it has one
	Old     string    // session secret that the browser holds already; it ends
}

// row is account_account.
type row struct {
	id, person   db.ID
	index        []byte
	profile      []byte
	state        string
	password     string
	passwordLong bool
	totp, next   []byte
	totpAt       time.Time
	lang         lang.Lang
	version      int64
	created      time.Time
}

const columns = `id, person_id, email_index, profile, state, password, password_long, totp, totp_next, totp_at, lang, version, created_at`

func scanRow(scan func(...any) error) (r row, err error) {
	err = scan(&r.id, &r.person, &r.index, &r.profile, &r.state, &r.password, &r.passwordLong, &r.totp, &r.next, &r.totpAt, (*string)(&r.lang), &r.version, &r.created)
	return
}

func byID(q db.Q, id db.ID) (row, error) {
	if id <= 0 {
		return row{}, db.ErrNotFound
	}
	return scanRow(q.QueryRow(`SELECT `+columns+` FROM account_account WHERE id=$1`, id).Scan)
}

// byIndex finds the living account of an address; the zero row, without an error, when there is none.
func byIndex(q db.Q, index []byte) (row, error) {
	if len(index) == 0 {
		return row{}, nil
	}
	r, err := scanRow(q.QueryRow(`SELECT `+columns+` FROM account_account WHERE email_index=$1`, index).Scan)
	if errors.Is(err, db.ErrNotFound) {
		return row{}, nil
	}
	return r, err
}

// hold takes the account's row before it is read, so that two who change it take turns; a
// 401 fault when it is closed.
func hold(tx *db.Tx, id db.ID) (row, error) {
	n, err := tx.Exec(`UPDATE account_account SET version=version+1 WHERE id=$1 AND state='active'`, id)
	if err != nil {
		return row{}, err
	}
	if n != 1 {
		return row{}, fault.SignIn()
	}
	return byID(tx, id)
}

func (a *Accounts) open(q db.Q, r row) (Profile, error) {
	return secret.OpenJSON[Profile](a.v, q, r.person, fieldProfile, r.id, r.profile)
}

// address reads a mail address as it was typed; a 422 fault at "/email".
func (a *Accounts) address(s string) (string, []byte, error) {
	if strings.TrimSpace(s) == "" {
		return "", nil, fault.Invalid(fault.Field{Pointer: "/email", Code: "required"})
	}
	e, err := secret.CanonicalEmail(s)
	if err != nil {
		return "", nil, fault.Invalid(fault.Field{Pointer: "/email", Code: "bad_email"})
	}
	i, err := a.v.Index(fieldEmail, e)
	return e, i, err
}

// line makes one line of what was typed, n characters at most.
func line(s string, n int) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, s))
	if r := []rune(s); len(r) > n {
		s = string(r[:n])
	}
	return s
}

// badCode is the one answer to a code that does not do, whatever is wrong with it.
func badCode() error { return fault.Invalid(fault.Field{Pointer: "/code", Code: "code_wrong"}) }

// spent is nothing to be told of: a try that found no room.
type spent struct{ wait time.Duration }

func (s spent) fault() error {
	if s.wait > 0 {
		return fault.TooMany(s.wait)
	}
	return nil
}

// refuse records that a stranger, or who he says he is, was not let in.
func refuse(tx *db.Tx, by auth.By, action string, account db.ID, why string) error {
	return by.Refuse(tx, action, Entity, account, why)
}
