package support

import (
	"embed"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/customer"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations makes this room's tables.
var Migrations = db.Migrations{Room: "support", FS: migrationsFS}

var (
	fieldContact = secret.Register("support.contact", "to answer a question: name, mail address, subject")
	fieldMessage = secret.Register("support.message", "what was written in a case")
	fieldMail    = secret.Register("support.mail", "to find a person's cases when he asks for his data")
)

// Kinds of cases.
var Kinds = []string{"order", "product", "claim", "safety", "privacy", "other"}

// Safety is the kind of complaint that product safety law wants kept apart ((EU)
// 2023/988 art. 9.11–12).
const Safety = "safety"

// State of a case.
type State string

// The states.
const (
	Asked    State = "open"     // waits for the shop
	Answered State = "answered" // waits for the customer
	Solved   State = "solved"
	Reopened State = "reopened" // waits for the shop again
)

// Transitions is the whole state machine.
var Transitions = map[State][]State{
	Asked:    {Answered, Solved},
	Answered: {Solved, Reopened},
	Solved:   {Reopened},
	Reopened: {Answered, Solved},
}

// Waits reports whether the case waits for the shop.
func (s State) Waits() bool { return s == Asked || s == Reopened }

// How late an answer is.
const (
	InTime   = 0
	Soon     = 1 // four hours are left
	Breached = 2 // the time has passed
)

// warning is how long before the promised time staff are warned: at 20 of 24 hours.
const warning = 4 * time.Hour

// Case is a question with its answers.
type Case struct {
	ID, Person, Order db.ID // Order is 0 for none
	Number            int64
	TokenVersion      int64
	Kind              string
	State             State
	Lang              lang.Lang
	Opened            time.Time
	Due               time.Time // zero unless the case waits for the shop
	Late              int
	Messages          int64
	Version           int64
	contact           []byte
}

// Contact is who asked, and about what.
type Contact struct {
	Name        string
	Mail        string
	Subject     string
	OrderNumber string // as the customer wrote it; may be wrong
	Withdrawal  bool   `json:",omitempty"` // the customer withdraws from an order that was not found
}

// Message is a part of the conversation.
type Message struct {
	ID        db.ID
	Author    string // "buyer", "staff", or "note": seen by staff only
	Staff     db.ID
	Rejection bool // a no to a claim
	Body      string
	Unread    bool // Body does not open (secret.Shown): pages say so, letters wait
	At        time.Time
}

const tokenKind = "case"

// Token is the key to the case's page.
func (c Case) Token(v *secret.Vault) string { return v.Token(tokenKind, c.ID, c.TokenVersion) }

const cols = `id, number, token_version, person_id, COALESCE(order_id,0), kind, state, lang, opened_at, due_at, late, messages, version, contact`

func scan(r interface{ Scan(...any) error }) (c Case, err error) {
	var st, l string
	err = r.Scan(&c.ID, &c.Number, &c.TokenVersion, &c.Person, &c.Order, &c.Kind, &st, &l, &c.Opened, &c.Due, &c.Late, &c.Messages, &c.Version, &c.contact)
	c.State, c.Lang = State(st), lang.Lang(l)
	return
}

// ByToken reads the case for who holds its link; a 404 fault for any other text.
func ByToken(q db.Q, v *secret.Vault, token string) (Case, error) {
	h := secret.TokenHash(token)
	if len(h) == 0 {
		return Case{}, fault.NotFound()
	}
	c, err := scan(q.QueryRow(`SELECT `+cols+` FROM support_case WHERE token_hash=$1`, h))
	if errors.Is(err, db.ErrNotFound) || err == nil && !secret.Equal([]byte(c.Token(v)), []byte(token)) {
		return Case{}, fault.NotFound()
	}
	return c, err
}

// ByID reads a case for the program's own work. db.ErrNotFound.
func ByID(q db.Q, id db.ID) (Case, error) {
	return scan(q.QueryRow(`SELECT `+cols+` FROM support_case WHERE id=$1`, id))
}

// OfMessage reads the case of a message, for the mail about it. db.ErrNotFound.
func OfMessage(q db.Q, message db.ID) (Case, error) {
	return scan(q.QueryRow(`SELECT `+cols+` FROM support_case WHERE id=(SELECT case_id FROM support_message WHERE id=$1)`, message))
}

// One reads a case for staff; a 404 fault when there is none.
func One(q db.Q, by auth.By, id db.ID) (Case, error) {
	if err := by.Need(auth.CasesRead); err != nil {
		return Case{}, err
	}
	c, err := ByID(q, id)
	if errors.Is(err, db.ErrNotFound) {
		err = fault.NotFound()
	}
	return c, err
}

// ContactOf opens who asked, to who brings leave to: the link's holder, a job of the
// case's own, or staff who have opened this case. A 403 fault "masked" otherwise.
func ContactOf(q db.Q, v *secret.Vault, c Case, leave auth.Opened) (Contact, error) {
	if err := leave.Need(c.Person, "case", c.ID); err != nil {
		return Contact{}, err
	}
	return contactOf(q, v, c)
}

// Seen is who asked as the office may see him: name and address masked unless they are
// opened. What was asked is the work itself, and is not masked.
func Seen(q db.Q, v *secret.Vault, c Case, leave auth.Opened) (k Contact, open bool, err error) {
	if k, err = contactOf(q, v, c); err != nil {
		return Contact{}, false, err
	}
	if leave.Opens(c.Person, "case", c.ID) {
		return k, true, nil
	}
	k.Name, k.Mail = datamap.MaskName(k.Name), datamap.MaskEmail(k.Mail)
	return k, false, nil
}

func contactOf(q db.Q, v *secret.Vault, c Case) (Contact, error) {
	return secret.OpenJSON[Contact](v, q, c.Person, fieldContact, c.ID, c.contact)
}

// Thread opens the conversation, oldest first, without the notes of staff. The caller
// has established the right.
func Thread(q db.Q, v *secret.Vault, c Case) ([]Message, error) { return thread(q, v, c, false) }

// StaffThread is Thread with notes.
func StaffThread(q db.Q, by auth.By, v *secret.Vault, c Case) ([]Message, error) {
	if err := by.Need(auth.CasesRead); err != nil {
		return nil, err
	}
	return thread(q, v, c, true)
}

func thread(q db.Q, v *secret.Vault, c Case, notes bool) ([]Message, error) {
	type row struct {
		m    Message
		body []byte
	}
	rows, err := db.All(q, func(r *db.Rows) (x row, err error) {
		err = r.Scan(&x.m.ID, &x.m.Author, &x.m.Staff, &x.m.Rejection, &x.body, &x.m.At)
		return
	}, `SELECT id, author, staff_id, rejection, body, at FROM support_message WHERE case_id=$1 AND (author <> 'note' OR $2=1) ORDER BY id`, c.ID, notes)
	if err != nil {
		return nil, err
	}
	out := make([]Message, 0, len(rows))
	for _, x := range rows {
		b, readable, err := secret.Shown(v.Open(q, c.Person, fieldMessage, x.m.ID, x.body))
		if err != nil {
			return nil, err
		}
		x.m.Body, x.m.Unread = string(b), !readable
		out = append(out, x.m)
	}
	return out, nil
}

// After is the place in a list that the next page begins after.
type After struct {
	Due time.Time
	ID  db.ID
}

// Waiting pages the cases that wait for the shop, the most urgent first.
func Waiting(q db.Q, by auth.By, a After, n int) ([]Case, error) {
	if err := by.Need(auth.CasesRead); err != nil {
		return nil, err
	}
	if a.Due.IsZero() {
		a.Due = time.Unix(0, 1).UTC()
	}
	return db.All(q, func(r *db.Rows) (Case, error) { return scan(r) }, `SELECT `+cols+` FROM support_case
		WHERE due_at IS NOT NULL AND (due_at > $1 OR (due_at = $1 AND id > $2)) ORDER BY due_at, id LIMIT $3`, a.Due, a.ID, max(1, min(n, 100)))
}

// Filter of List; the zero value lists everything.
type Filter struct {
	State State
	Kind  string
	Order db.ID
}

// List pages cases, newest first: those with a key below before (0: from the newest).
func List(q db.Q, by auth.By, f Filter, before db.ID, n int) ([]Case, error) {
	if err := by.Need(auth.CasesRead); err != nil {
		return nil, err
	}
	if before <= 0 {
		before = 1<<63 - 1
	}
	where, args := `id < $1`, []any{before, max(1, min(n, 100))}
	add := func(column string, v any) {
		args = append(args, v)
		where += ` AND ` + column + ` = ` + db.Placeholders(len(args), 1)
	}
	if f.State != "" {
		add("state", string(f.State))
	}
	if f.Kind != "" {
		add("kind", f.Kind)
	}
	if f.Order != 0 {
		add("order_id", f.Order)
	}
	return db.All(q, func(r *db.Rows) (Case, error) { return scan(r) }, `SELECT `+cols+` FROM support_case WHERE `+where+` ORDER BY id DESC LIMIT $2`, args...)
}

// Queue tells how many cases wait and how many are late, for the office's front page and
// for the sentence that tells customers of a long queue.
func Queue(q db.Q) (waiting, late int64, err error) {
	err = q.QueryRow(`SELECT count(*), COALESCE(CAST(sum(CASE WHEN due_at < $1 THEN 1 ELSE 0 END) AS BIGINT),0) FROM support_case WHERE due_at IS NOT NULL`, q.Now()).Scan(&waiting, &late)
	return
}

// advance moves a case; the guarded update, the row of the timeline and the audit row.
func advance(tx *db.Tx, by auth.By, c *Case, to State, due time.Time) error {
	if !slices.Contains(Transitions[c.State], to) {
		return fault.Conflict("wrong_state")
	}
	n, err := tx.Exec(`UPDATE support_case SET state=$3, due_at=$4, late=0, changed_at=$5, version=version+1 WHERE id=$1 AND state=$2`, c.ID, string(c.State), string(to), due, tx.Now())
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.Conflict("wrong_state")
	}
	from := c.State
	c.State, c.Due, c.Late = to, due, InTime
	if err := event(tx, by, c.ID, string(to)); err != nil {
		return err
	}
	return record(tx, by, "case."+string(to), c.ID, string(from))
}

func event(tx *db.Tx, by auth.By, id db.ID, kind string) error {
	a := actorKind(by)
	if by.ID > 0 {
		a += ":" + by.ID.String()
	}
	_, err := tx.Exec(`INSERT INTO support_event (id, case_id, kind, actor, at) VALUES ($1,$2,$3,$4,$5)`, tx.NewID(), id, kind, a, tx.Now())
	return err
}

func actorKind(by auth.By) string {
	switch by.Kind {
	case auth.StaffKind:
		return "staff"
	case auth.APIKind:
		return "token"
	case auth.SystemKind:
		return "system"
	}
	return "guest"
}

func record(tx *db.Tx, by auth.By, action string, id db.ID, old string) error {
	return audit.Record(tx, audit.Entry{ActorKind: actorKind(by), ActorID: by.ID, ActorName: by.Name, Peer: by.Peer, Action: action, Entity: "case", EntityID: id, Old: old})
}

// text tidies and checks what somebody wrote.
func text(f *fault.Fields, pointer, s string, limit int, lines bool) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	if lines {
		s = strings.TrimSpace(s)
	} else {
		s = strings.Join(strings.Fields(s), " ")
	}
	switch {
	case s == "":
		f.Add(pointer, "required")
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return r == utf8.RuneError || r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
	}):
		f.Add(pointer, "bad_characters")
	case utf8.RuneCountInString(s) > limit:
		f.Add(pointer, "too_long")
	}
	return s
}

func ofMail(q db.Q, by auth.By, v *secret.Vault, mail string) ([]Case, error) {
	if err := by.Need(auth.CasesRead); err != nil {
		return nil, err
	}
	ix, err := v.Index(fieldMail, mail)
	if err != nil {
		return nil, nil
	}
	return db.All(q, func(r *db.Rows) (Case, error) { return scan(r) }, `SELECT `+cols+` FROM support_case WHERE mail_index=$1 ORDER BY id DESC LIMIT 50`, ix)
}

// LikeCustomer lists the cases with a customer's mail address, newest first, at most
// 50. The address is opened to look, and shown to nobody. It needs customers.read and cases.read.
func LikeCustomer(q db.Q, by auth.By, v *secret.Vault, id db.ID) ([]Case, error) {
	if err := by.Need(auth.CustomersRead); err != nil {
		return nil, err
	}
	c, err := customer.Load(q, v, id)
	if err != nil {
		return nil, err
	}
	return ofMail(q, by, v, c.Contact.Email)
}
