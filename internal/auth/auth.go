package auth

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations are the tables of staff, sessions and tokens.
var Migrations = db.Migrations{Room: "auth", FS: migrationsFS}

// Limits. Sessions: OWASP ASVS 5.0 asks for an idle and an absolute limit; a working
// day fits into twelve hours.
const (
	idleLimit    = time.Hour
	sessionLimit = 12 * time.Hour
	freshFor     = 10 * time.Minute
	tryLimit     = 5
	tryWindow    = 15 * time.Minute
	inviteLife   = 7 * 24 * time.Hour
	recoverLife  = 30 * time.Minute
	maxTokenLife = 366 * 24 * time.Hour
	seenEvery    = time.Minute // how exact "last seen" and "last used" are
)

// Jobs that this package enqueues; Ref is the invitation or the change. Their
// workers send mail (see InviteMail and ChangeMail).
const (
	JobMailInvite  = "auth.mail_invite"  // Ref: auth_invite; invitations and recoveries
	JobMailChanged = "auth.mail_changed" // Ref: auth_change; a password, factor or role was changed
)

// Entity names in the change feed and the audit log.
const (
	entityStaff    = "auth.staff"
	entityToken    = "auth.token"
	entityPasskey  = "auth.passkey"
	entitySession  = "auth.session"
	entityRole     = "auth.role"
	entityApproval = "auth.approval"
	entityReview   = "auth.review"
)

var (
	fieldEmail   = secret.Register("staff.email", "to sign in and to be reached")
	fieldProfile = secret.Register("staff.profile", "name and mail address of a member of staff")
	fieldTOTP    = secret.Register("staff.totp", "second factor of a member of staff")
)

// Options of New.
type Options struct {
	// PublicURL is the address of the shop, https in production; passkeys are bound to it.
	PublicURL string
	// Issuer names the shop in authenticator apps.
	Issuer string
	// Words are other names of the shop that no password may be made of.
	Words []string
	// SSO is the provider of single sign-on; nil: none.
	SSO *SSO
	// Lacking tells which rights of a member wait for a lesson that he has yet to
	// pass, and its key: "lesson.needed.KEY" is then the sentence of the refusal. It
	// is asked at each request, on the snapshot that reads the session, so it MUST be
	// one cheap look-up and MUST NOT write. Rights it does not name are held. It may be
	// set with SetLacking before the first request instead. nil: no right waits.
	Lacking func(q db.Q, member db.ID, rights []Right) (map[Right]string, error)
	// Hasher bounds the hashing of passwords. A program that signs in others too gives one to all; nil is one of its own.
	Hasher *factor.Hasher
}

// Auth holds what the use cases need. Safe for concurrent use.
type Auth struct {
	d      *db.DB
	v      *secret.Vault
	hasher *factor.Hasher
	keys   *factor.Passkeys
	words  []string                                                          // about the shop; see factor.CheckPassword
	sso    *sso                                                              // nil: none
	carry  map[string]func(tx *db.Tx, by By, id db.ID, payload []byte) error // see Carry
	lacks  func(q db.Q, member db.ID, rights []Right) (map[Right]string, error)
}

// New makes the room. It fails on an address passkeys cannot be bound to.
func New(d *db.DB, v *secret.Vault, o Options) (*Auth, error) {
	if o.Hasher == nil {
		o.Hasher = factor.NewHasher(factor.OWASP)
	}
	a := &Auth{d: d, v: v, hasher: o.Hasher, words: append([]string{o.Issuer, o.PublicURL}, o.Words...), lacks: o.Lacking, carry: map[string]func(*db.Tx, By, db.ID, []byte) error{}}
	var err error
	if a.keys, err = a.passkeys(o); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if a.sso, err = newSSO(o.SSO); err != nil {
		return nil, err
	}
	a.carryStaff()
	return a, nil
}

// SetLacking is Options.Lacking for a room that is built after this one. Call it
// before the first request.
func (a *Auth) SetLacking(fn func(q db.Q, member db.ID, rights []Right) (map[Right]string, error)) {
	a.lacks = fn
}

// lacking asks for the rights of a member that wait for a lesson.
func (a *Auth) lacking(q db.Q, member db.ID, rights []Right) (map[Right]string, error) {
	if a.lacks == nil || member <= 0 || len(rights) == 0 {
		return nil, nil
	}
	return a.lacks(q, member, rights)
}

// Profile is what the shop keeps about a member of staff.
type Profile struct {
	Email string `json:"email"`
	Name  string `json:"name"`
	// Of outside people: who they work for, and what they are here to do.
	Company string `json:"company,omitempty"`
	Purpose string `json:"purpose,omitempty"`
}

// staffRow is auth_staff.
type staffRow struct {
	id, person db.ID
	profile    []byte
	role       string
	state      string
	password   string
	totp       []byte
	totpStep   int64
	version    int64
	created    time.Time
	signedIn   time.Time
	lang       lang.Lang // of the pages he last signed in on
	standing   time.Time // from when he counts as a second person
	granted    time.Time // when his role was given
	ends       time.Time // of outside people; zero: no end
	suspended  time.Time // since when he waits for an owner; zero: not
	awake      time.Time // when he last signed in, was invited or let in again
	warned     time.Time // when a letter told him that his account will close; zero: not
	rights     []Right   // of his role, as it is now
	roleName   string    // of an own role
}

// state of a member who may not come in although nobody has closed him.
const (
	stateSuspended = "suspended" // his rights lapsed; an owner lifts it
	stateEnded     = "ended"     // an outside person past his end date; closed by the next upkeep
)

const (
	staffColumns = `m.id, m.person_id, m.profile, m.role, m.state, m.password, m.totp, m.totp_step, m.version, m.created_at, m.signed_in_at, m.lang,
		m.standing_at, m.granted_at, m.ends_at, m.suspended_at, COALESCE(m.awake_at, m.signed_in_at, m.created_at), m.warned_at, COALESCE(r.rights,''), COALESCE(r.name,'')`
	staffFrom = ` FROM auth_staff m LEFT JOIN auth_role r ON r.key = m.role`
	// may is the condition of a member m who may come in at the instant $N.
	mayAt = ` AND m.state='active' AND m.suspended_at IS NULL AND (m.ends_at IS NULL OR m.ends_at > `
)

// scanStaff reads a member as he is at now: one who is suspended or past his end
// date is not active.
func scanStaff(now time.Time, scan func(...any) error) (s staffRow, err error) {
	var own string
	err = scan(&s.id, &s.person, &s.profile, &s.role, &s.state, &s.password, &s.totp, &s.totpStep, &s.version, &s.created, &s.signedIn, (*string)(&s.lang),
		&s.standing, &s.granted, &s.ends, &s.suspended, &s.awake, &s.warned, &own, &s.roleName)
	s.rights = rightsOf(s.role, own)
	if s.state == "active" {
		switch {
		case !s.ends.IsZero() && !s.ends.After(now):
			s.state = stateEnded
		case !s.suspended.IsZero():
			s.state = stateSuspended
		}
	}
	return
}

// rightsOf are those of a built-in role, or of an own one as its row says.
func rightsOf(role, own string) []Right {
	if rs, ok := Roles[role]; ok {
		return known(rs)
	}
	return scopesOf(own)
}

func staffByID(q db.Q, id db.ID) (staffRow, error) {
	if id <= 0 {
		return staffRow{}, db.ErrNotFound
	}
	return scanStaff(q.Now(), q.QueryRow(`SELECT `+staffColumns+staffFrom+` WHERE m.id=$1`, id).Scan)
}

func staffByEmail(q db.Q, index []byte) (staffRow, error) {
	if len(index) == 0 {
		return staffRow{}, db.ErrNotFound
	}
	return scanStaff(q.Now(), q.QueryRow(`SELECT `+staffColumns+staffFrom+` WHERE m.email_index=$1 AND m.state <> 'closed'`, index).Scan)
}

func (a *Auth) open(q db.Q, s staffRow) (Profile, error) {
	return secret.OpenJSON[Profile](a.v, q, s.person, fieldProfile, s.id, s.profile)
}

// email reads the address of a member of staff: ASCII only, so that no two
// names look alike in a list of who may do what.
func (a *Auth) email(s string) (string, []byte, error) {
	e, err := secret.CanonicalEmail(s)
	if err != nil || strings.Contains(e, "xn--") {
		return "", nil, fault.Invalid(fault.Field{Pointer: "/email", Code: "bad_email"})
	}
	i, err := a.v.Index(fieldEmail, e)
	return e, i, err
}

func cleanLine(s string, n int) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s))
	if r := []rune(s); len(r) > n {
		s = string(r[:n])
	}
	return s
}

// Act runs fn in a transaction on behalf of by. When fn is refused (403), that is
// recorded in a transaction of its own, because fn's was undone. Faces run the use
// cases of staff and tokens through it.
func Act[T any](ctx context.Context, d *db.DB, by By, action, entity string, id db.ID, fn func(tx *db.Tx) (T, error)) (T, error) {
	v, _, err := db.Write(ctx, d, fn)
	if f := fault.As(err); f != nil && (f.Kind == fault.Forbidden || f.Kind == fault.Unauthenticated) {
		if e := RecordRefusal(ctx, d, by, action, entity, id, f.Code); e != nil {
			err = errors.Join(err, e)
		}
	}
	return v, err
}

// RecordRefusal writes a refusal in a transaction of its own: for reads and for
// routes that refuse before any use case.
func RecordRefusal(ctx context.Context, d *db.DB, by By, action, entity string, id db.ID, why string) error {
	return db.Do(ctx, d, func(tx *db.Tx) error { return by.Refuse(tx, action, entity, id, why) })
}
