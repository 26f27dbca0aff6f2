package keys

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"kassavalv/internal/app"
	"kassavalv/internal/apptest"
)

// One bit of an order's sealed details is turned over on disk. Buyer and staff see the order whole but for them; the
// alarm counts it, one log line names field and row, without data; another order is as it was.
func TestOneBitMakesOneFieldUnreadable(t *testing.T) {
	apptest.Each(t, apptest.Options{}, func(t *testing.T, s *apptest.Shop) {
		c := s.As(t)
		v := c.Scarce(9)
		p, o := c.Paid(v, 1)
		q, other := c.Paid(v, 1)
		office := s.Staff(c, "owner")
		const said = "kan inte läsas"
		page := func(token string) apptest.Answer { return c.Do("GET", "/orders/"+token, nil) }
		control := page(p.Order.Token)
		name := func() string {
			var who struct {
				Customer *struct{ Name string }
			}
			c.Want(c.Admin("GET", "/orders/"+o.Number, nil), 200, &who)
			if who.Customer == nil {
				return ""
			}
			return who.Customer.Name
		}
		was := name()
		if control.Status != 200 || strings.Contains(control.Words(), said) || was == "" || !strings.Contains(control.Words(), was) {
			t.Fatalf("control: %d, name %q: %s", control.Status, was, control.Words())
		}

		driver, at := "pgx", s.Database()
		if at == "" {
			driver, at = "sqlite", "file:"+filepath.Join(s.Dir(), app.DatabaseFile)+"?_pragma=busy_timeout(30000)"
		}
		d, err := sql.Open(driver, at)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		var id int64
		var b []byte
		if err := d.QueryRow(`SELECT id, contact FROM order_order ORDER BY id LIMIT 1`).Scan(&id, &b); err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 1
		if _, err := d.Exec(`UPDATE order_order SET contact=$1 WHERE id=$2`, b, id); err != nil {
			t.Fatal(err)
		}

		for range 3 {
			a := page(p.Order.Token)
			if w := a.Words(); a.Status != 200 || !strings.Contains(w, said) || !strings.Contains(w, o.Number) || strings.Contains(w, was) {
				t.Fatalf("the buyer's page: %d %s", a.Status, w)
			}
			a = office.Do("GET", "/admin/orders/"+o.Number, nil)
			if w := a.Words(); a.Status != 200 || !strings.Contains(w, "Går inte att läsa") || !strings.Contains(w, o.Number) || strings.Contains(w, was) {
				t.Fatalf("the page of staff: %d %s", a.Status, w)
			}
		}
		if got := name(); got != "" {
			t.Errorf("the API names %q", got)
		}
		for _, a := range []apptest.Answer{page(q.Order.Token), office.Do("GET", "/admin/orders/"+other.Number, nil)} {
			if w := a.Words(); a.Status != 200 || strings.Contains(w, said) || strings.Contains(w, "Går inte att läsa") {
				t.Errorf("the other order: %d %s", a.Status, w)
			}
		}
		m := string(ops(c, "/metrics").Body)
		if !strings.Contains(m, "kassavalv_sealed_unreadable_values 1\n") || strings.Contains(m, "kassavalv_sealed_unreadable_total 0\n") {
			t.Error("the alarm does not count it")
		}
		lines := 0
		for line := range strings.SplitSeq(s.Records(), "\n") {
			if strings.Contains(line, "a sealed value does not open") {
				lines++
				if strings.Contains(line, was) || !strings.Contains(line, "field=order.contact") {
					t.Errorf("the log line: %s", line)
				}
			}
		}
		if lines != 1 {
			t.Errorf("%d log lines of one value", lines)
		}
	})
}
