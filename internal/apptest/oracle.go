package apptest

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"
)

type oracle struct {
	mu sync.Mutex
	d  *sql.DB
}

func (o *oracle) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.d != nil {
		o.d.Close()
		o.d = nil
	}
}

func (s *Shop) eye() (*sql.DB, error) {
	s.db.mu.Lock()
	defer s.db.mu.Unlock()
	if s.db.d != nil {
		return s.db.d, nil
	}
	var err error
	if s.opt.Database != "" {
		s.db.d, err = sql.Open("pgx", s.opt.Database)
	} else {
		s.db.d, err = sql.Open("sqlite", "file:"+strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(filepath.Join(s.opt.Dir, "shop.db"))+"?mode=ro&_pragma=busy_timeout(5000)&_pragma=query_only(1)")
	}
	if err == nil {
		s.db.d.SetMaxOpenConns(2)
	}
	return s.db.d, err
}

// Query reads rows beside the program, each column as text. Statements use $1, $2.
func (c *Client) Query(stmt string, args ...any) [][]string {
	c.T.Helper()
	out, err := c.query(stmt, args...)
	if err != nil {
		c.T.Fatalf("%v in %s", err, stmt)
	}
	return out
}

// Count reads one number.
func (c *Client) Count(stmt string, args ...any) int {
	c.T.Helper()
	rows := c.Query(stmt, args...)
	n := 0
	if len(rows) == 1 {
		fmt.Sscan(rows[0][0], &n)
	}
	return n
}

func (s *Shop) query(stmt string, args ...any) ([][]string, error) {
	d, err := s.eye()
	if err != nil {
		return nil, err
	}
	rows, err := d.Query(stmt, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out [][]string
	for rows.Next() {
		cells := make([]any, len(cols))
		for i := range cells {
			cells[i] = new(any)
		}
		if err := rows.Scan(cells...); err != nil {
			return nil, err
		}
		line := make([]string, len(cols))
		for i, p := range cells {
			switch v := (*p.(*any)).(type) {
			case nil:
			case []byte:
				line[i] = hex.EncodeToString(v)
			default:
				line[i] = fmt.Sprint(v)
			}
		}
		out = append(out, line)
	}
	return out, rows.Err()
}

// Tables lists the program's tables.
func (c *Client) Tables() []string {
	c.T.Helper()
	stmt := `SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%' ORDER BY 1`
	if c.Engine == "postgres" {
		stmt = `SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1`
	}
	var out []string
	for _, r := range c.Query(stmt) {
		out = append(out, r[0])
	}
	return out
}

// calendar begins the names of the tables that the program writes by itself, whoever asks for what:
// jobs, the log's tree, its own counters and keys, the hourly looks at partners, rights and
// lessons. That reading adds no rows to jobs and lessons either is held where no calendar runs
// (internal/web/admin, TestReadingChangesNothing).
var calendar = []string{"job_", "audit_log_", "db_", "secret_", "payment_window", "auth_root", "lesson_state"}

// Fingerprint hashes the rows of each table that does not begin with one of the given words, nor
// is written by the program's own calendar; the difference of two tells which tables changed.
func (c *Client) Fingerprint(except ...string) map[string]string {
	c.T.Helper()
	out := map[string]string{}
next:
	for _, t := range c.Tables() {
		for _, e := range append(calendar[:len(calendar):len(calendar)], except...) {
			if strings.HasPrefix(t, e) {
				continue next
			}
		}
		var lines []string
		for _, r := range c.Query("SELECT * FROM " + t) {
			lines = append(lines, strings.Join(r, "\x00"))
		}
		sort.Strings(lines)
		sum := sha256.Sum256([]byte(strings.Join(lines, "\x01")))
		out[t] = fmt.Sprintf("%d rows %x", len(lines), sum[:8])
	}
	return out
}

// Changed lists the tables in which two fingerprints differ.
func Changed(a, b map[string]string) (out []string) {
	for t, h := range a {
		if b[t] != h {
			out = append(out, t)
		}
	}
	sort.Strings(out)
	return
}

// Audited counts audit rows of an action; outcome "" counts all.
func (c *Client) Audited(action, outcome string) int {
	c.T.Helper()
	return c.Count(`SELECT count(*) FROM audit_entry WHERE action=$1 AND ($2='' OR outcome=$2)`, action, outcome)
}

// Books compares the bank's books with the shop's to the öre, and the stock with
// the orders. It returns what does not agree. Every purchase must be over. What holds
// one of the words in except (a purchase, a variant that a test has spoilt on
// purpose) is left out.
func (c *Client) Books(except ...string) (wrong []string) {
	c.T.Helper()
	bad := func(format string, args ...any) {
		line := fmt.Sprintf(format, args...)
		for _, e := range append(calendar[:len(calendar):len(calendar)], except...) {
			if strings.Contains(line, e) {
				return
			}
		}
		wrong = append(wrong, line)
	}
	auth := []string{"Authorization", "Bearer " + c.AdminToken}
	purchases := map[string]Purchase{}
	byOrder := map[string]Purchase{}
	for _, p := range All[Purchase](c, AdminAPI+"/purchases", auth...) {
		purchases[p.Token] = p
		if !p.Terminal() {
			bad("purchase %s is still %s", p.Token, p.State)
		}
		if p.Order != nil {
			if _, twice := byOrder[p.Order.Number]; twice {
				bad("order %s belongs to two purchases", p.Order.Number)
			}
			byOrder[p.Order.Number] = p
		}
	}
	orders := map[string]Order{}
	allocated := map[string]int64{}
	for _, o := range All[Order](c, AdminAPI+"/orders", auth...) {
		orders[o.Number] = o
		p, ok := byOrder[o.Number]
		if !ok {
			bad("order %s has no purchase", o.Number)
		}
		if o.Payment.Method == "card" {
			want := 1
			if o.Totals.ToPay.Amount == 0 { // nobody is asked for nothing
				want = 0
			}
			if n := len(c.Payments(p.Token)); n != want {
				bad("order %s has %d payments", o.Number, n)
			}
			if o.Payment.Paid.Amount != o.Totals.ToPay.Amount {
				bad("order %s: paid %d of %d", o.Number, o.Payment.Paid.Amount, o.Totals.ToPay.Amount)
			}
		}
		for _, l := range o.Lines {
			allocated[l.VariantID] += l.Quantity - l.Shipped - l.Cancelled
		}
	}
	seen := map[string]bool{}
	for _, b := range c.Payments("") {
		p, ok := purchases[b.Reference]
		if b.Captured == 0 {
			if ok && p.State == "paid" {
				bad("purchase %s is paid; the bank took nothing", b.Reference)
			}
			continue
		}
		switch {
		case !ok:
			bad("the bank took %d for a purchase the shop does not know", b.Captured)
		case seen[b.Reference]:
			bad("the bank took money twice for purchase %s", b.Reference)
		case p.Order == nil && b.Refunded != b.Captured:
			bad("the bank took %d, gave back %d, and purchase %s (%s, %s) has no order", b.Captured, b.Refunded, b.Reference, p.State, p.Alarm)
		case p.Order != nil:
			o := orders[p.Order.Number]
			if o.Payment.Paid.Amount != b.Captured || o.Payment.Refunded.Amount != b.Refunded || b.Currency != o.Payment.Paid.Currency {
				bad("order %s: shop %d−%d, bank %d−%d", o.Number, o.Payment.Paid.Amount, o.Payment.Refunded.Amount, b.Captured, b.Refunded)
			}
		}
		seen[b.Reference] = true
	}
	// A gift card's balance is the sum of what happened to it; what is held, purchases hold.
	for _, r := range c.Query(`SELECT c.id, c.balance, c.held, (SELECT sum(e.amount) FROM giftcard_entry e WHERE e.card_id=c.id), (SELECT sum(e.held) FROM giftcard_entry e WHERE e.card_id=c.id),
		(SELECT COALESCE(sum(h.amount),0) FROM giftcard_hold h WHERE h.card_id=c.id AND h.state='held') FROM giftcard_card c`) {
		if r[1] != r[3] || r[2] != r[4] || r[2] != r[5] || r[2] != "0" {
			bad("gift card %s: balance %s held %s, its entries say %s and %s, purchases hold %s", r[0], r[1], r[2], r[3], r[4], r[5])
		}
	}
	for _, r := range c.Query(`SELECT variant_id, tracked FROM stock_level`) {
		s := c.Stock(r[0])
		// What is not counted can be promised without end.
		if s.Held != 0 || s.Available < 0 && r[1] == "1" || s.Available != s.OnHand-s.Held-s.Allocated || s.Allocated != allocated[r[0]] {
			bad("stock of %s: %+v, orders hold %d", r[0], s, allocated[r[0]])
		}
	}
	return wrong
}

// OrdersIn are the numbers of the orders in a folder whose database nobody has open, as it came back from copies. It fails the
// test when the database is not whole.
func OrdersIn(t testing.TB, dir string) map[string]bool {
	t.Helper()
	d, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "shop.db")+"?mode=ro&immutable=1")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var whole string
	if err := d.QueryRow(`PRAGMA integrity_check`).Scan(&whole); err != nil || whole != "ok" {
		t.Errorf("%s: integrity: %s %v", dir, whole, err)
	}
	rows, err := d.Query(`SELECT number FROM order_order`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]bool{}
	for rows.Next() {
		var n string
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		out[n] = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
