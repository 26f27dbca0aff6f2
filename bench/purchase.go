package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"kassavalv/internal/db"
)

type moneyJSON struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

type cartJSON struct {
	ID     string `json:"id"`
	Totals struct {
		Total moneyJSON `json:"total"`
	} `json:"totals"`
}

// purchases measures the whole way from an empty cart to a paid order through
// the Store API, at a bank that answers at once, in full durability.
func purchases(dir string) error {
	fmt.Println("Whole purchase through the Store API (cart, two lines, address, delivery, payment, order), SQLite, synchronous=FULL")
	bare, err := bareRows(db.Options{Path: filepath.Join(dir, fmt.Sprint("bare", os.Getpid(), ".db")), Create: true})
	if err != nil {
		return err
	}
	for _, letters := range []bool{false, true} {
		if err := buyers(dir, "", letters, bare); err != nil {
			return err
		}
	}
	if *postgres == "" {
		*postgres = os.Getenv("KASSAVALV_TEST_POSTGRES")
	}
	if *postgres == "" {
		fmt.Println("The purchase on PostgreSQL is not measured: name a server with -postgres or DATABASE_URL.")
		return nil
	}
	at, drop, err := schema(*postgres)
	if err != nil {
		return err
	}
	defer drop()
	fmt.Println("The same on PostgreSQL")
	if bare, err = bareRows(db.Options{URL: at}); err != nil {
		return err
	}
	return buyers(dir, at, false, bare)
}

// schema makes a schema of the bench's own and an address that is confined to it.
// Its connections bear a name, by which the server's processes are told apart.
func schema(base string) (string, func(), error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", nil, errors.New("the address of PostgreSQL cannot be read")
	}
	admin, err := sql.Open("pgx", base)
	if err != nil {
		return "", nil, err
	}
	name := fmt.Sprint("bench", os.Getpid())
	if _, err := admin.Exec("CREATE SCHEMA " + name); err != nil {
		return "", nil, err
	}
	q := u.Query()
	q.Set("search_path", name)
	q.Set("application_name", name)
	u.RawQuery = q.Encode()
	server = func() (spent time.Duration) {
		rows, err := admin.Query(`SELECT pid FROM pg_stat_activity WHERE application_name = $1`, name)
		if err != nil {
			return 0
		}
		defer rows.Close()
		for rows.Next() {
			var pid int
			if rows.Scan(&pid) == nil {
				spent += cpu(pid)
			}
		}
		return spent
	}
	return u.String(), func() {
		admin.Exec("DROP SCHEMA " + name + " CASCADE")
		admin.Close()
		server = func() time.Duration { return 0 }
	}, nil
}

// server is the processor time of the database server's processes that work for the
// shop; its writers of log and pages are not among them. Zero on SQLite.
var server = func() time.Duration { return 0 }

// asked reads from /metrics what was asked of the database so far.
func (s *shop) asked() (statements, transactions float64) {
	res, err := s.http.Get(s.Ops + "/metrics")
	if err != nil {
		return 0, 0
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		fmt.Sscanf(lines.Text(), "kassavalv_db_statements_total %g", &statements)
		fmt.Sscanf(lines.Text(), "kassavalv_db_transactions_total %g", &transactions)
	}
	return statements, transactions
}

// buyers measures with or without the letters (three PDFs each) that follow a
// purchase in the same process. bare is what the rows alone cost, by buyers.
func buyers(dir, database string, letters bool, bare map[int]time.Duration) error {
	env := []string{"KASSAVALV_TEST_INSTANT_CARD=4242424242424242"}
	inside := "bank, mail and PDF inside"
	if !letters {
		env = append(env, "KASSAVALV_TEST_HOLD_JOBS=1")
		inside = "bank inside, mail and PDF later"
	}
	if database != "" {
		env = append(env, "DATABASE_URL="+database)
		inside += ", the server's part with it"
	}
	sub := filepath.Join(dir, fmt.Sprint("buy", letters, database != "", os.Getpid()))
	os.MkdirAll(sub, 0o700)
	defer os.RemoveAll(sub)
	s, err := start(sub, 1000, env...)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.full(); err != nil {
		return err
	}
	variants, err := s.plenty(16)
	if err != nil {
		return err
	}
	steps := []string{"cart", "two lines", "address", "delivery options", "delivery", "purchase until paid"}
	var seq atomic.Int64
	for _, buyers := range crowds {
		var spent [6]atomic.Int64
		st0, tx0 := s.asked()
		db0 := server()
		r := load(s.PID, buyers, func(int) error {
			n := seq.Add(1)
			t := time.Now()
			lap := func(i int) { now := time.Now(); spent[i].Add(int64(now.Sub(t))); t = now }
			var c cartJSON
			if err := s.json("POST", "/carts", nil, &c, nil); err != nil {
				return err
			}
			lap(0)
			for k := range int64(2) {
				if err := s.json("POST", "/carts/"+c.ID+"/lines", map[string]any{"variant_id": variants[(n*2+k)%int64(len(variants))], "quantity": 1}, &c, nil); err != nil {
					return err
				}
			}
			lap(1)
			if err := s.json("PUT", "/carts/"+c.ID+"/customer", map[string]any{"email": fmt.Sprintf("k%d@example.se", n), "name": "Prov Person", "phone": "070-174 06 05",
				"address": map[string]string{"line1": "Storgatan 1", "postal_code": "11221", "city": "Stockholm", "country": "SE"}}, &c, nil); err != nil {
				return err
			}
			lap(2)
			var opts struct {
				Items []struct {
					ID string `json:"id"`
				} `json:"items"`
			}
			if err := s.json("GET", "/carts/"+c.ID+"/delivery-options", nil, &opts, nil); err != nil {
				return err
			}
			if len(opts.Items) == 0 {
				return fmt.Errorf("no delivery")
			}
			lap(3)
			if err := s.json("PUT", "/carts/"+c.ID+"/delivery", map[string]string{"option_id": opts.Items[0].ID}, &c, nil); err != nil {
				return err
			}
			lap(4)
			var p struct{ Token, State string }
			if err := s.json("POST", "/carts/"+c.ID+"/purchases", map[string]any{"payment_method": "card", "accept_terms": true, "expected_total": c.Totals.Total}, &p, map[string]string{"Idempotency-Key": fmt.Sprint("b", n)}); err != nil {
				return err
			}
			for p.State != "paid" {
				if p.State == "refused" || p.State == "expired" {
					return fmt.Errorf("purchase %s", p.State)
				}
				if err := s.json("GET", "/purchases/"+p.Token, nil, &p, nil); err != nil {
					return err
				}
			}
			lap(5)
			return nil
		})
		st1, tx1 := s.asked()
		if r.ops > 0 {
			r.per += (server() - db0) / time.Duration(r.ops)
		}
		row(fmt.Sprintf("%d buyers: %.0f orders/s, p50 %s, p99 %s, aborted %d", buyers, r.rate, ms(r.p50), ms(r.p99), r.failed), ms(r.per)+" CPU ("+inside+")", "8 ms CPU, 5 ms as a stretch; 0 aborted")
		if r.ops == 0 {
			continue
		}
		share := "-"
		if r.per > 0 {
			share = fmt.Sprintf("%.0f %% of it (%s CPU)", 100*float64(bare[buyers])/float64(r.per), ms(bare[buyers]))
		}
		row("    the same rows as bare SQL through the same writer", share, "beside it")
		row("    asked of the database, an order", fmt.Sprintf("%.0f statements in %.0f transactions", (st1-st0)/float64(r.ops), (tx1-tx0)/float64(r.ops)), "few")
		for i, name := range steps {
			fmt.Printf("      %-28s %s\n", name, ms(time.Duration(spent[i].Load()/r.ops)))
		}
	}
	if letters {
		return nil
	}
	return s.ages(variants)
}

// manyOrders are bought between the two measurements of ages.
const manyOrders = 5000

// ages measures whether a purchase costs more in a shop that has sold much.
func (s *shop) ages(goods []string) error {
	var n atomic.Int64
	measure := func() result {
		db0 := server()
		r := load(s.PID, 16, func(int) error { return s.buyOne(int(n.Add(1)), goods) })
		if r.ops > 0 {
			r.per += (server() - db0) / time.Duration(r.ops)
		}
		return r
	}
	young := measure()
	for n.Load() < manyOrders {
		if r := loadFor(time.Second, s.PID, 16, func(int) error { return s.buyOne(int(n.Add(1)), goods) }); r.ops == 0 {
			return errors.New("nothing can be bought")
		}
	}
	old := measure()
	if young.ops == 0 || old.ops == 0 {
		return errors.New("nothing can be bought")
	}
	row(fmt.Sprintf("16 buyers when %d more orders are there", manyOrders), fmt.Sprintf("%.0f/s, %s CPU (before %.0f/s, %s; %+.0f %% CPU)", old.rate, ms(old.per), young.rate, ms(young.per), 100*(float64(old.per)/float64(young.per)-1)), "the same, whatever was sold before")
	return nil
}

// plenty finds variants and stocks them up.
func (s *shop) plenty(n int) ([]string, error) {
	var l struct {
		Items []struct {
			Variants []struct {
				ID       string
				Sellable bool
			} `json:"variants"`
		} `json:"items"`
	}
	if err := s.json("GET", "/products?limit=100", nil, &l, nil); err != nil {
		return nil, err
	}
	var out []string
	for _, p := range l.Items {
		for _, v := range p.Variants {
			if v.Sellable && len(out) < n {
				var x any
				if err := s.admin("PUT", "/variants/"+v.ID+"/stock", map[string]int64{"on_hand": 5_000_000}, &x); err != nil {
					continue // untracked or of a kind that is not counted
				}
				out = append(out, v.ID)
				break
			}
		}
	}
	if len(out) < 2 {
		return nil, fmt.Errorf("too few goods in stock")
	}
	return out, nil
}

func (s *shop) admin(method, path string, in, out any) error {
	return s.at("/api/admin/v1", method, path, in, out, map[string]string{"Authorization": "Bearer " + s.AdminToken})
}

// crowds are the numbers of buyers who buy at once.
var crowds = []int{1, 16, 64, 256}

// bareRows writes as many rows as a purchase does, as plain SQL through the same
// writer: what of a purchase is the database. It returns the processor time by the
// number of writers.
func bareRows(o db.Options) (map[int]time.Duration, error) {
	ctx := context.Background()
	d, err := db.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	if o.Path != "" {
		defer os.Remove(o.Path)
	}
	if err := db.Do(ctx, d, func(tx *db.Tx) error {
		_, err := tx.Exec(map[db.Engine]string{db.SQLite: `CREATE TABLE bare (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b INTEGER NOT NULL) STRICT`, db.Postgres: `CREATE TABLE bare (id BIGINT PRIMARY KEY, a TEXT NOT NULL, b BIGINT NOT NULL)`}[d.Engine()])
		return err
	}); err != nil {
		return nil, err
	}
	const rowsPer, writes = 32, 7 // rows of a purchase, and the writes they come in
	out := map[int]time.Duration{}
	for _, buyers := range crowds {
		var n, failed atomic.Int64
		var wg sync.WaitGroup
		c0, db0, t0 := cpu(os.Getpid()), server(), time.Now()
		end := t0.Add(*length)
		for range buyers {
			wg.Go(func() {
				for time.Now().Before(end) {
					for w := range writes {
						if db.Do(ctx, d, func(tx *db.Tx) error {
							for range (rowsPer + writes - 1 - w) / writes {
								if _, err := tx.Exec(`INSERT INTO bare (id, a, b) VALUES ($1,$2,$3)`, tx.NewID(), "en rad av vanlig längd, ungefär som en rad i en order", 1); err != nil {
									return err
								}
							}
							return nil
						}) != nil {
							failed.Add(1)
						}
					}
					n.Add(1)
				}
			})
		}
		wg.Wait()
		if failed.Load() > 0 {
			return nil, fmt.Errorf("%d bare writes failed", failed.Load())
		}
		if n.Load() > 0 {
			out[buyers] = (cpu(os.Getpid()) - c0 + server() - db0) / time.Duration(n.Load())
			row(fmt.Sprintf("%d writers: %d rows in %d writes as bare SQL", buyers, rowsPer, writes), fmt.Sprintf("%s CPU, %.0f/s", ms(out[buyers]), float64(n.Load())/time.Since(t0).Seconds()), "beside it")
		}
	}
	return out, nil
}
