package mail

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations are the tables of this room.
var Migrations = db.Migrations{Room: "mail", FS: migrationsFS}

var fieldSealed = secret.Register("mail.copy", "the letter as it was sent, which is what the customer was told")

// JobKind is the kind of the delivery jobs.
const JobKind = "mail.send"

// MaxTries with Backoff reach over about three days.
const MaxTries = 30

// Backoff is the wait between tries: 15 s doubled, four hours at most.
func Backoff(attempt int) time.Duration {
	if attempt > 10 {
		return 4 * time.Hour
	}
	return min(4*time.Hour, 15*time.Second<<max(attempt-1, 0))
}

// Spec is a letter to be sent.
type Spec struct {
	Kind    string    // registered with Mailer.Render: "order.placed"
	RefKind string    // what it is about: "order"
	Ref     db.ID     // its id
	Person  db.ID     // whose key seals the copy; 0 for staff, sealed with the shop's key
	Lang    lang.Lang // of the recipient
	// Once makes a second letter of this kind about the same row impossible.
	Once bool
	// Until is when the letter is no use any more (a sign-in code); zero: never.
	Until time.Time
}

var (
	kindForm = regexp.MustCompile(`^[a-z]+(\.[a-z][a-z0-9_]*)+$`)
	refForm  = regexp.MustCompile(`^[a-z][a-z0-9_.]{0,63}$`)
)

// Queue writes a letter's row and job in tx and returns the letter's id. With
// Once it returns the id of the letter that is already there.
func Queue(tx *db.Tx, s Spec) (db.ID, error) {
	if !kindForm.MatchString(s.Kind) || !refForm.MatchString(s.RefKind) || s.Ref <= 0 || s.Person < 0 {
		return 0, fmt.Errorf("mail: bad spec of kind %q", s.Kind)
	}
	id := tx.NewID()
	var once any
	key := s.Kind + ":" + s.RefKind + ":" + s.Ref.String()
	if s.Once {
		once = key
	}
	h := sha256.Sum256([]byte("kassavalv mail " + key + ":" + strconv.FormatInt(int64(id), 10)))
	n, err := tx.Exec(`INSERT INTO mail_message (id, kind, ref_kind, ref_id, person_id, lang, once_key, message_id, state, attempts, last_code, relay, queued_at, until_at)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,'queued',0,'','',$9,$10) ON CONFLICT (once_key) WHERE once_key IS NOT NULL DO NOTHING`,
		id, s.Kind, s.RefKind, s.Ref, s.Person, string(s.Lang.Or()), once, hex.EncodeToString(h[:16]), tx.Now(), s.Until)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		err := tx.QueryRow(`SELECT id FROM mail_message WHERE once_key=$1`, key).Scan(&id)
		return id, err
	}
	_, err = job.Enqueue(tx, job.Spec{Kind: JobKind, Ref: id, Max: MaxTries})
	return id, err
}

// ErrDrop is returned by a Renderer when the letter is no longer wanted.
var ErrDrop = errors.New("mail: no longer wanted")

// Renderer writes a letter about ref in the given language. It opens its own
// reads. ErrDrop ends the letter in peace; any other error is tried again.
type Renderer func(ctx context.Context, d *db.DB, ref db.ID, l lang.Lang) (Message, error)

// KindOpts are the habits of a kind.
type KindOpts struct {
	// Forget drops the copy as soon as the letter is sent: it held a code or a
	// link that works as a key.
	Forget bool
}

// Options of a Mailer.
type Options struct {
	DB      *db.DB
	Vault   *secret.Vault
	From    Address
	ReplyTo string
	// Domain is the right part of Message-IDs; empty: that of From.
	Domain string
	// Relays in order of preference.
	Relays []Sender
}

// Mailer renders and delivers.
type Mailer struct {
	o     Options
	kinds map[string]kindOf
	hold  func() bool // nil: never
	await func(ctx context.Context)
}

type kindOf struct {
	render Renderer
	o      KindOpts
}

// New makes a Mailer; an error names what is wrong with the options.
func New(o Options) (*Mailer, error) {
	from, err := Recipient(o.From.Email)
	if err != nil {
		return nil, fmt.Errorf("mail: the sender: %w", err)
	}
	if err := CheckHeader(o.From.Name, 100); err != nil {
		return nil, fmt.Errorf("mail: the sender's name: %w", err)
	}
	if o.ReplyTo != "" {
		if _, err := Recipient(o.ReplyTo); err != nil {
			return nil, fmt.Errorf("mail: reply-to: %w", err)
		}
	}
	if o.Domain == "" {
		o.Domain = from[lastAt(from)+1:]
	}
	if !messageID.MatchString("00000000@" + o.Domain) {
		return nil, fmt.Errorf("mail: %q is not a domain", o.Domain)
	}
	if len(o.Relays) == 0 || o.DB == nil || o.Vault == nil {
		return nil, errors.New("mail: database, vault and a relay are needed")
	}
	return &Mailer{o: o, kinds: map[string]kindOf{}}, nil
}

func lastAt(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '@' {
			return i
		}
	}
	return -1
}

// Render registers a kind. It panics on a bad or second registration, and
// must not be called once the runner has started.
func (m *Mailer) Render(kind string, o KindOpts, r Renderer) {
	if _, ok := m.kinds[kind]; ok || !kindForm.MatchString(kind) || r == nil {
		panic("mail: bad registration of kind " + kind)
	}
	m.kinds[kind] = kindOf{r, o}
}

// Kinds lists what is registered, sorted.
func (m *Mailer) Kinds() []string { return slices.Sorted(maps.Keys(m.kinds)) }

// Handle gives the runner the delivery jobs.
func (m *Mailer) Handle(r *job.Runner) {
	r.Handle(JobKind, job.Opts{Workers: 4, Limit: 5 * time.Minute, Backoff: Backoff}, m.Send)
}
