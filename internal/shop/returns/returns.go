package returns

import (
	"embed"
	"errors"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/order"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations makes this room's tables.
var Migrations = db.Migrations{Room: "returns", FS: migrationsFS}

var (
	fieldStatement = secret.Register("returns.statement", "the buyer's withdrawal as he wrote it, which the law makes the shop acknowledge")
	fieldAnswer    = secret.Register("returns.answer", "why a return was not accepted in full, as told to the buyer")
)

// Why staff should look at a withdrawal before agreeing; they never hinder it.
const (
	Late   = "late"   // the shop counts the period as over
	Exempt = "exempt" // some of the goods are excepted from the right
)

// Return is goods that come back, or that the buyer no longer wants.
type Return struct {
	ID, Order, Person db.ID
	State             State
	Lang              lang.Lang
	Disputed          []string  // Late, Exempt, Used
	Whole             bool      // everything that was left of the order
	Stated            time.Time // when the buyer told us: the server's clock
	RefundBy          time.Time // 14 days from Stated (distansavtalslagen 2 kap. 14 §)
	ReceivedAt        time.Time
	Version           int64
	Lines             []Line
	statement, answer []byte
}

// SendBackBy is the last day to send the goods (distansavtalslagen 2 kap. 13 §).
func (r Return) SendBackBy() time.Time { return r.RefundBy }

// Pieces is the number of pieces of all lines.
func (r Return) Pieces() (n int64) {
	for _, l := range r.Lines {
		n += l.Quantity
	}
	return
}

// ToSend is how many pieces the buyer has and sends back.
func (r Return) ToSend() (n int64) {
	for _, l := range r.Lines {
		n += l.Quantity - l.Cancelled
	}
	return
}

// Line is a number of pieces of an order line.
type Line struct {
	Line      db.ID
	Quantity  int64
	Cancelled int64 // of these, never shipped, or gift cards that were closed
	Received  int64
	Accepted  int64 // besides the cancelled
	Restocked int64
	Credited  int64
	Condition string // of what was received; empty: not looked at
}

// Conditions of goods that came back.
var Conditions = []string{"new", "opened", "used", "damaged"}

// Statement is what the buyer gave and said.
type Statement struct {
	Name string
	Mail string
	Text string
}

const cols = `id, order_id, person_id, state, lang, disputed, whole, statement, answer, stated_at, refund_by, received_at, version`

func scan(r interface{ Scan(...any) error }) (x Return, err error) {
	var st, l, disputed string
	err = r.Scan(&x.ID, &x.Order, &x.Person, &st, &l, &disputed, &x.Whole, &x.statement, &x.answer, &x.Stated, &x.RefundBy, &x.ReceivedAt, &x.Version)
	x.State, x.Lang = State(st), lang.Lang(l)
	if disputed != "" {
		x.Disputed = strings.Split(disputed, " ")
	}
	return
}

func withLines(q db.Q, r Return, err error) (Return, error) {
	if err != nil {
		return Return{}, err
	}
	r.Lines, err = db.All(q, func(rs *db.Rows) (l Line, err error) {
		err = rs.Scan(&l.Line, &l.Quantity, &l.Cancelled, &l.Received, &l.Accepted, &l.Restocked, &l.Credited, &l.Condition)
		return
	}, `SELECT line_id, quantity, cancelled, received, accepted, restocked, credited, condition FROM returns_line WHERE return_id=$1 ORDER BY line_id`, r.ID)
	return r, err
}

// ByID reads a return for the program's own work. db.ErrNotFound.
func ByID(q db.Q, id db.ID) (Return, error) {
	r, err := scan(q.QueryRow(`SELECT `+cols+` FROM returns_return WHERE id=$1`, id))
	return withLines(q, r, err)
}

// One reads a return for staff; a 404 fault when there is none.
func One(q db.Q, by auth.By, id db.ID) (Return, error) {
	if err := by.Need(auth.OrdersRead); err != nil {
		return Return{}, err
	}
	r, err := ByID(q, id)
	if errors.Is(err, db.ErrNotFound) {
		err = fault.NotFound()
	}
	return r, err
}

// OfOrder lists the returns of an order, oldest first. The caller has established
// the right to see the order.
func OfOrder(q db.Q, orderID db.ID) ([]Return, error) {
	return many(q, `SELECT `+cols+` FROM returns_return WHERE order_id=$1 ORDER BY id`, orderID)
}

func many(q db.Q, text string, args ...any) ([]Return, error) {
	rs, err := db.All(q, func(r *db.Rows) (Return, error) { return scan(r) }, text, args...)
	if err != nil {
		return nil, err
	}
	for i := range rs {
		if rs[i], err = withLines(q, rs[i], nil); err != nil {
			return nil, err
		}
	}
	return rs, nil
}

// Filter of List; the zero value lists everything.
type Filter struct {
	State State
	Open  bool // not at an end
	Due   bool // open, and the tenth of the fourteen days has passed
}

// List pages returns for staff, newest first: those with a key below before (0: from the
// newest), at most n.
func List(q db.Q, by auth.By, f Filter, before db.ID, n int) ([]Return, error) {
	if err := by.Need(auth.OrdersRead); err != nil {
		return nil, err
	}
	if before <= 0 {
		before = 1<<63 - 1
	}
	due := q.LegalNow().Add(4 * 24 * time.Hour)
	where, args := `id < $1`, []any{before, max(1, min(n, 100))}
	if f.State != "" {
		args = append(args, string(f.State))
		where += ` AND state = ` + db.Placeholders(len(args), 1)
	}
	if f.Open || f.Due {
		where += ` AND state IN ('registered','received','accepted','partly')` // as the index has it
	}
	if f.Due {
		args = append(args, due)
		where += ` AND refund_by <= ` + db.Placeholders(len(args), 1)
	}
	return many(q, `SELECT `+cols+` FROM returns_return WHERE `+where+` ORDER BY id DESC LIMIT $2`, args...)
}

// StatementOf opens what the buyer wrote and who he is, to who brings leave to: the
// buyer himself, a job of the return's own, or staff who have opened it. A 403 fault "masked" otherwise.
func StatementOf(q db.Q, v *secret.Vault, r Return, leave auth.Opened) (Statement, error) {
	if err := leave.Need(r.Person, "return", r.ID); err != nil {
		return Statement{}, err
	}
	return statementOf(q, v, r)
}

// Seen is the statement as the office may see it: name and address masked unless they are
// opened. What was declared is the work itself, and is not masked.
func Seen(q db.Q, v *secret.Vault, r Return, leave auth.Opened) (s Statement, open bool, err error) {
	if s, err = statementOf(q, v, r); err != nil {
		return Statement{}, false, err
	}
	if leave.Opens(r.Person, "return", r.ID) {
		return s, true, nil
	}
	s.Name, s.Mail = datamap.MaskName(s.Name), datamap.MaskEmail(s.Mail)
	return s, false, nil
}

func statementOf(q db.Q, v *secret.Vault, r Return) (Statement, error) {
	return secret.OpenJSON[Statement](v, q, r.Person, fieldStatement, r.ID, r.statement)
}

// AnswerOf opens what the buyer was told with a rejection; empty when nothing was.
func AnswerOf(q db.Q, v *secret.Vault, r Return) (string, error) {
	if len(r.answer) == 0 {
		return "", nil
	}
	b, err := v.Open(q, r.Person, fieldAnswer, r.ID, r.answer)
	return string(b), err
}

// Event is one row of a return's timeline.
type Event struct {
	Kind, Note, Actor string
	At                time.Time
}

// Timeline lists what happened to a return, oldest first, for staff.
func Timeline(q db.Q, by auth.By, id db.ID) ([]Event, error) {
	if err := by.Need(auth.OrdersRead); err != nil {
		return nil, err
	}
	return db.All(q, func(r *db.Rows) (e Event, err error) { err = r.Scan(&e.Kind, &e.Note, &e.Actor, &e.At); return },
		`SELECT kind, note, actor, at FROM returns_event WHERE return_id=$1 ORDER BY id`, id)
}

// Candidate is a line of an order with what can still be withdrawn from.
type Candidate struct {
	order.Line
	Left   int64 // pieces neither cancelled nor withdrawn from
	Exempt bool  // the shop counts it as excepted from the right
	// Unspent counts, of a line of gift cards, those of which nothing was used.
	Unspent int64
}

// Found is an order whose buyer wants to withdraw.
type Found struct {
	Order order.Order
	Lines []Candidate
	Late  bool
}

// Find finds the order by number and mail address, both of one order; a 404 fault
// otherwise, whichever was wrong.
func Find(q db.Q, v *secret.Vault, number, mail string) (Found, error) {
	m, err := secret.CanonicalEmail(mail)
	if err != nil {
		m = "nobody@invalid.invalid" // the same work, no match
	}
	o, err := order.Find(q, v, number, m)
	if errors.Is(err, db.ErrNotFound) {
		return Found{}, fault.NotFound()
	}
	if err != nil {
		return Found{}, err
	}
	return Look(q, o)
}

// Look tells what of an order can still be withdrawn from.
func Look(q db.Q, o order.Order) (Found, error) {
	claimed, err := claims(q, o.ID)
	if err != nil {
		return Found{}, err
	}
	f := Found{Order: o, Late: late(q, o)}
	for _, l := range o.Lines {
		f.Lines = append(f.Lines, Candidate{Line: l, Left: max(0, l.Quantity-l.Cancelled-claimed[l.ID]), Exempt: excepted[l.Withdrawal]})
	}
	if o.Draft.HasGiftCards() {
		err = cardPieces(q, o, f.Lines)
	}
	return f, err
}

func late(q db.Q, o order.Order) bool {
	end := o.WithdrawalEnds(lang.Zone)
	return !end.IsZero() && q.LegalNow().After(end)
}

// excepted are the grounds of distansavtalslagen 2 kap. 11 § that stand from the
// beginning; a seal may be whole, and a service not performed.
var excepted = map[string]bool{"market_price": true, "custom_made": true, "perishable": true, "deferred_alcohol": true, "newspaper": true, "auction": true, "dated": true, "urgent_repair": true}

// claims counts, by line, the pieces that returns under way or done hold, besides
// those that were cancelled.
func claims(q db.Q, orderID db.ID) (map[db.ID]int64, error) {
	out := map[db.ID]int64{}
	rows, err := q.Query(`SELECT l.line_id, CASE WHEN r.state IN ('accepted','partly','refunded') THEN l.accepted ELSE l.quantity-l.cancelled END
		FROM returns_line l JOIN returns_return r ON r.id=l.return_id WHERE r.order_id=$1 AND r.state NOT IN ('rejected','cancelled')`, orderID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id db.ID
		var n int64
		if err := rows.Scan(&id, &n); err != nil {
			return nil, err
		}
		out[id] += n
	}
	return out, rows.Err()
}
