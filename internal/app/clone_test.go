package app

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/account"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/privacy"
)

func cellsOf(t *testing.T, d *db.DB) []db.Cell {
	t.Helper()
	cells, err := db.Read(context.Background(), d, func(q *db.Reader) ([]db.Cell, error) { return db.Cells(q) })
	if err != nil || len(cells) < 500 {
		t.Fatalf("%d columns: %v", len(cells), err)
	}
	return cells
}

// Every column of every table has a rule: what becomes of it in a clone.
func TestCloneHasARuleForEveryColumn(t *testing.T) {
	d := dbtest.SQLite(t, Migrations)
	cells := cellsOf(t, d)
	plan, problems := planClone(datamap.Tables(), cells)
	for _, p := range problems {
		t.Error(p)
	}
	for _, c := range cells {
		if cloneNone[c.Table] == "" && plan[c.Table][c.Name] == "" {
			t.Errorf("%s.%s has no rule", c.Table, c.Name)
		}
	}
	// What is personal is kept nowhere.
	for _, tb := range datamap.Tables() {
		for _, c := range tb.Columns {
			if a := plan[tb.Name][c.Name]; c.Personal() && !c.Stays && a == doKeep {
				t.Errorf("%s.%s is personal, and kept", tb.Name, c.Name)
			}
		}
	}
}

// The look at the rules finds what it is there to find.
func TestCloneRulesAreMissed(t *testing.T) {
	tables := []datamap.TableOf{datamap.Table("a_one", datamap.Plain("id words"), datamap.Open("note", "x", "somebody wants to read it", datamap.Text), datamap.Sealed("box", "a.box", "x", datamap.Name), datamap.Index("ix", "a.box", "x"))}
	cells := []db.Cell{{Table: "a_one", Name: "id", Type: "INTEGER"}, {Table: "a_one", Name: "words", Type: "TEXT"}, {Table: "a_one", Name: "note", Type: "TEXT"}, {Table: "a_one", Name: "box", Type: "BLOB"}, {Table: "a_one", Name: "ix", Type: "BLOB"}, {Table: "a_one", Name: "new", Type: "TEXT"}}
	_, problems := planClone(tables, cells)
	got := strings.Join(problems, "\n")
	for _, want := range []string{"a_one.words holds readable text (plain) and has no rule", "a_one.note holds readable text (open) and has no rule", `the field "a.box" of a_one.box has no rule`, `the blind index "a.box" of a_one.ix has no rule`, "a_one.new is not in the data map"} {
		if !strings.Contains(got, want) {
			t.Errorf("not said: %s\n%s", want, got)
		}
	}
}

// typed are the columns of readable text into which people, and partners, write what could tell of somebody. The list stands for itself, and
// not on the rules: a rule that is lost is found by it.
const typed = `cart_cart.point_id cart_cart.postal_code checkout_purchase.next_url checkout_purchase.return_url content_company.accounts content_company.author
content_company.bankgiro content_company.mail content_company.phone content_page.author content_setting.author fulfilment_parcel.client_key
fulfilment_parcel.number giftcard_card.client_key giftcard_card.reason giftcard_entry.actor giftcard_entry.note order_document.reason
payment_entry.ref payment_intent.idem_key payment_intent.provider_ref payment_refund.idem_key payment_refund.reason payment_take.idem_key
payment_take.reason returns_credit.client_key returns_credit.reason returns_event.actor returns_event.note returns_return.client_key
stock_movement.actor support_event.actor`

// full is a shop in a folder in whose every personal column the person of the tests can be found.
func full(t *testing.T, server bool) (dir string, w *world) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "shop")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	at, here := db.Options{Path: filepath.Join(dir, DatabaseFile), Create: true}, "rowid"
	if server {
		at, here = db.Options{URL: dbtest.PostgresDatabase(t)}, "ctid::text"
	}
	d := dbtest.OpenOptions(t, at, Migrations)
	w = newWorld(t, d)
	w.fill()
	keys, _ := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(dir)), "*", "keys"))
	if len(keys) != 1 {
		t.Fatal(keys)
	}
	if err := os.WriteFile(filepath.Join(dir, ConfigFile), []byte(fmt.Sprintf("[http]\npublic_url = \"https://shop.example\"\n[keys]\ndir = %q\n[stripe]\nsecret_key = \"sk_live_%s\"\n[database]\nurl = %q\n", keys[0], marker, at.URL)), 0o600); err != nil {
		t.Fatal(err)
	}
	// Who has an account, and who works there.
	w.Do(func(tx *db.Tx) error {
		p, err := w.Vault.NewPerson(tx)
		if err != nil {
			return err
		}
		id := tx.NewID()
		profile, err := secret.SealJSON(w.Vault, tx, p.ID, "account.profile", id, account.Profile{Email: theMail, Name: who.Name})
		if err != nil {
			return err
		}
		totp, err := w.Vault.Seal(tx, p.ID, "account.totp", id, []byte("key of "+marker))
		if err != nil {
			return err
		}
		ix, err := w.Vault.Index("account.email", theMail)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO account_account (id, person_id, email_index, profile, state, password, password_long, totp, totp_step, lang, version, created_at) VALUES ($1,$2,$3,$4,'active',$5,0,$6,0,'sv',1,$7)`, id, p.ID, ix, profile, "hash of "+marker, totp, tx.Now())
		return err
	})
	key, err := w.auth.NewTOTP()
	if err == nil {
		_, err = w.auth.SetCredentials(t.Context(), auth.System("t"), auth.Credentials{NewStaff: auth.NewStaff{Email: "chef." + theMail, Name: who.Name, Role: "owner"}, Password: secret.Hide("zx81-plomp-9931"), TOTP: key})
	}
	if err != nil {
		t.Fatal(err)
	}
	// What lies beside: logs, letters, bank files, secrets.
	for _, name := range []string{"log/today.log", "mailbox/1.eml", "import/customers.csv", "sites/s3.toml", "files/ab/" + strings.Repeat("ab", 32)} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("of "+marker), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Where people could have typed it, they did: every column of text that is replaced, emptied or stood in for.
	cells := cellsOf(t, dbtest.SQLite(t, Migrations))
	plan, problems := planClone(datamap.Tables(), cells)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	n := 0
	w.Do(func(tx *db.Tx) error {
		for _, c := range cells {
			name := c.Table + "." + c.Name
			is := slices.Contains(strings.Fields(typed), name)
			if a := plan[c.Table][c.Name]; c.Type == "TEXT" && is != (a == doSaid || a == doEmpty || a == doStand || a == doActor) && name != "account_account.password" && name != "auth_staff.password" {
				t.Errorf("%s is %q in a clone, and of what people typed here: %v", name, a, is)
			}
			if !is {
				continue
			}
			// where the row lies: what is unique stays so
			got, err := tx.Exec(`UPDATE ` + c.Table + ` SET "` + c.Name + `"='` + marker + ` ' || ` + here)
			if err != nil {
				return fmt.Errorf("%s.%s: %w", c.Table, c.Name, err)
			}
			if got > 0 {
				n++
			}
		}
		return nil
	})
	if n < 15 {
		t.Errorf("only %d columns of words were filled", n)
	}
	return dir, w
}

// inFolder lists the files of a folder in whose bytes the marker is.
func inFolder(t *testing.T, dir string) (found []string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		if has(b) || has([]byte(path)) && !has([]byte(dir)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil || files < 3 {
		t.Fatalf("%d files: %v", files, err)
	}
	return found
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// dumped is all that a PostgreSQL database holds, by that server's own means, and the bytes that it writes as hexadecimal.
func dumped(t *testing.T, server string) []byte {
	t.Helper()
	programs, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump")
	if p, err := exec.LookPath("pg_dump"); err == nil {
		programs = append(programs, p)
	}
	if len(programs) == 0 {
		t.Fatal("no pg_dump on this machine")
	}
	out, err := exec.Command(programs[0], "--dbname="+server).Output()
	if err != nil || len(out) < 100_000 {
		t.Fatalf("%d bytes were dumped: %v", len(out), err)
	}
	for _, m := range regexp.MustCompile(`\\\\x([0-9a-f]+)`).FindAllSubmatch(out, -1) {
		b, err := hex.DecodeString(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		out = append(append(out, '\n'), b...)
	}
	return out
}

// Of the people of a shop nothing is in a clone: not in a byte of its folder or of its database, and not in anything that its keys
// open, whatever the shop runs on and the clone is to run on. A rule that is broken is seen.
func TestCloneHoldsNobody(t *testing.T) {
	for _, from := range []bool{false, true} {
		for _, to := range []bool{false, true} {
			t.Run(map[bool]string{false: "sqlite", true: "postgres"}[from]+" to "+map[bool]string{false: "sqlite", true: "postgres"}[to], func(t *testing.T) {
				cloneHoldsNobody(t, from, to)
			})
		}
	}
}

func cloneHoldsNobody(t *testing.T, from, server bool) {
	dir, w := full(t, from)
	if left := w.readable(); len(left) < 25 {
		t.Fatalf("the person is in %d columns only: %v", len(left), left)
	}
	old := map[string]find{}
	for ix, f := range w.indexes() {
		old[ix] = f
	}
	look := func(t *testing.T, o CloneOptions) (files []string, opened map[find]bool, c *world) {
		t.Helper()
		o.To = filepath.Join(t.TempDir(), "staging")
		if server {
			o.Database = secret.Hide(dbtest.PostgresDatabase(t))
		}
		out, err := Clone(t.Context(), dir, o, quiet)
		if err != nil {
			t.Fatal(err)
		}
		if out.Rows < 50 || out.Persons < 5 || !strings.HasPrefix(out.Link, cloneURL+"/admin/invite/") {
			t.Errorf("%+v", out)
		}
		files = inFolder(t, o.To)
		if server && has(dumped(t, o.Database.Reveal())) {
			files = append(files, "the database")
		}
		cfg, err := LoadConfig(o.To, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := open(t.Context(), o.To, cfg, quiet, openOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close(context.Background()) })
		if !a.sandbox || a.live() || a.onPostgres() != server {
			t.Error("it opens as a shop, or on another database")
		}
		cw := *w.World
		cw.T, cw.DB, cw.Vault = t, a.DB, a.Vault
		c = &world{World: &cw}
		return files, c.readable(), c
	}
	t.Run("whole", func(t *testing.T) {
		files, opened, c := look(t, CloneOptions{})
		if len(files)+len(opened) > 0 {
			t.Errorf("the person is in %v and, opened, in %v", files, opened)
		}
		for ix, f := range c.indexes() {
			if at, ok := old[ix]; ok {
				t.Errorf("%v is the blind index of %v", f, at)
			}
		}
		alike(t, w.DB, c.DB)
		links(t, c)
	})
	if from != server {
		return // the rules are the same on all roads; what they are broken by is seen where the ends are
	}
	t.Run("every rule broken", func(t *testing.T) {
		plan, _ := planClone(datamap.Tables(), cellsOf(t, dbtest.SQLite(t, Migrations)))
		told := w.readable()
		files, opened, _ := look(t, CloneOptions{spoil: func(table, column string) bool { return told[find{table, column}] }})
		n := 0
		for at := range told {
			if plan[at.table] == nil || at.table == "order_books" {
				continue
			}
			if n++; !opened[at] {
				t.Errorf("the broken rule of %s.%s is not seen", at.table, at.column)
			}
		}
		if n < 20 {
			t.Errorf("only %d rules were broken", n)
		}
		if len(files) == 0 {
			t.Error("the person is not found in the bytes that hold him")
		}
	})
}

// Who was erased in the shop stays erased in the clone, and his purchase stays in its books.
func TestCloneOfSomebodyErased(t *testing.T) {
	dir, w := full(t, false)
	w.Do(func(tx *db.Tx) error {
		r, err := w.desk.ConfirmErase(tx, w.subject(), true)
		if err == nil && r.State != privacy.Done {
			t.Errorf("%+v", r)
		}
		return err
	})
	to := filepath.Join(t.TempDir(), "staging")
	if _, err := Clone(t.Context(), dir, CloneOptions{To: to}, quiet); err != nil {
		t.Fatal(err)
	}
	if found := inFolder(t, to); len(found) > 0 {
		t.Error(found)
	}
	a, err := open(t.Context(), to, Config{}, quiet, openOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(context.Background())
	_, err = db.Read(t.Context(), a.DB, func(q *db.Reader) (int, error) {
		o, err := order.ByID(q, w.order.ID)
		if err != nil {
			return 0, err
		}
		if at, err := a.Vault.ErasedAt(q, o.Person); err != nil || at.IsZero() {
			t.Errorf("he is there again: %v %v", at, err)
		}
		var sealed []byte
		if err := q.QueryRow(`SELECT contact FROM order_order WHERE id=$1`, o.ID).Scan(&sealed); err != nil {
			return 0, err
		}
		if _, err := a.Vault.Open(q, o.Person, "order.contact", o.ID, sealed); !errors.Is(err, secret.ErrErased) {
			t.Errorf("his order: %v", err)
		}
		b, err := order.Books(q, a.Vault, w.staff, o.ID)
		if err != nil || !strings.HasPrefix(b.Name, "Kund ") || b.Address.City != standCity {
			t.Errorf("the books: %+v %v", b, err)
		}
		return 0, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// alike holds the business of both shops against each other.
func alike(t *testing.T, shop, clone *db.DB) {
	t.Helper()
	for _, ask := range []string{`order_order`, `order_line`, `order_document`, `order_books`, `stock_level`, `stock_movement`, `payment_intent`, `payment_entry`, `giftcard_card`, `giftcard_entry`, `customer_customer`, `support_case`, `support_message`,
		`returns_return`, `cart_cart`, `catalog_product`, `pricing_price`, `waitlist_entry`} {
		var n [2]int64
		for i, d := range []*db.DB{shop, clone} {
			var err error
			if n[i], err = db.Read(context.Background(), d, func(q *db.Reader) (n int64, err error) {
				err = q.QueryRow(`SELECT count(*) FROM ` + ask).Scan(&n)
				return
			}); err != nil {
				t.Fatal(err)
			}
		}
		if n[0] != n[1] {
			t.Errorf("%s: %d in the shop, %d in the clone", ask, n[0], n[1])
		}
	}
	for _, ask := range []string{`SELECT COALESCE(sum(number % 1000003), 0) + sum(total * 7 + paid * 11 + refunded) FROM order_order`, `SELECT sum(on_hand * 3 + held * 5 + allocated) FROM stock_level`, `SELECT sum(number * 3 + amount) FROM order_document`,
		`SELECT sum(issued + balance * 3) FROM giftcard_card`, `SELECT sum(amount) FROM pricing_price`, `SELECT sum(next) FROM order_series`} {
		var n [2]int64
		for i, d := range []*db.DB{shop, clone} {
			var err error
			if n[i], err = db.Read(context.Background(), d, func(q *db.Reader) (n int64, err error) { err = q.QueryRow(ask).Scan(&n); return }); err != nil {
				t.Fatal(err)
			}
		}
		if n[0] != n[1] || n[0] == 0 {
			t.Errorf("%s: %d in the shop, %d in the clone", ask, n[0], n[1])
		}
	}
}

// links: the one person of the tests is one stand-in wherever he was met, and is found by it.
func links(t *testing.T, c *world) {
	t.Helper()
	mail := ""
	_, err := db.Read(context.Background(), c.DB, func(q *db.Reader) (int, error) {
		for _, at := range []struct{ table, column, field string }{{"order_order", "contact", "order.contact"}, {"customer_customer", "contact", "customer.contact"}, {"support_case", "contact", "support.contact"}, {"waitlist_entry", "sealed", "waitlist.mail"},
			{"giftcard_card", "mail", "giftcard.mail"}, {"returns_return", "statement", "returns.statement"}, {"checkout_purchase", "contact", "checkout.contact"}, {"account_account", "profile", "account.profile"}} {
			rows, err := db.All(q, func(r *db.Rows) (x struct {
				id db.ID
				b  []byte
			}, err error) {
				err = r.Scan(&x.id, &x.b)
				return
			}, `SELECT id, `+at.column+` FROM `+at.table+` WHERE `+at.column+` IS NOT NULL`)
			if err != nil || len(rows) == 0 {
				t.Errorf("%s: %d rows: %v", at.table, len(rows), err)
			}
			for _, x := range rows {
				p, _ := secret.Owner(x.b)
				plain, err := c.Vault.Open(q, p, secret.Field(at.field), x.id, x.b)
				if err != nil {
					return 0, err
				}
				is := mailIn(plain)
				if mail == "" {
					mail = is
				}
				if is != mail || !strings.HasSuffix(is, "@example.invalid") || !bytes.Contains(plain, []byte("@example.invalid")) {
					t.Errorf("%s: %s, and %s elsewhere", at.table, plain, mail)
				}
			}
		}
		for _, at := range []struct {
			field secret.Field
			ask   string
		}{{"order.mail", `order_order WHERE mail_index`}, {"customer.email", `customer_customer WHERE email_index`}, {"support.mail", `support_case WHERE mail_index`}, {"waitlist.mail", `waitlist_entry WHERE mail_index`}, {"giftcard.to", `giftcard_card WHERE mail_index`}, {"account.email", `account_account WHERE email_index`}} {
			ix, err := c.Vault.Index(at.field, mail)
			if err != nil {
				return 0, err
			}
			var n int64
			if err := q.QueryRow(`SELECT count(*) FROM `+at.ask+`=$1`, ix).Scan(&n); err != nil || n == 0 {
				t.Errorf("%s does not find him: %v", at.field, err)
			}
		}
		// By his name, as staff look for him; and nobody of the shop's staff can come in.
		ix, err := c.Vault.Index("customer.word", "kund")
		if err != nil {
			return 0, err
		}
		var named, customers, out, ways, credentials int64
		err = q.QueryRow(`SELECT (SELECT count(*) FROM customer_word WHERE word=$1), (SELECT count(*) FROM customer_customer), (SELECT count(*) FROM auth_staff WHERE state='closed' AND password='' AND totp IS NULL), (SELECT count(*) FROM auth_staff WHERE state <> 'closed'),
			(SELECT count(*) FROM account_account WHERE password <> '' OR totp IS NOT NULL)`, ix).Scan(&named, &customers, &out, &ways, &credentials)
		if err != nil || named != customers || customers == 0 || out != 1 || ways != 1 || credentials != 0 {
			t.Errorf("%d of %d customers by name, %d of the staff closed, %d open, %d accounts with a way in: %v", named, customers, out, ways, credentials, err)
		}
		return 0, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What a killed clone left goes; what somebody works in, or begins to, stays.
func TestCloneClearsAway(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{cloneWork + "killed", cloneWork + "held", cloneWork + "begun", cloneWork + "old", "shop"} {
		if err := os.MkdirAll(filepath.Join(at(name), "shop"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(at(cloneWork+"killed"), lockFile), []byte("running\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := lockDir(at(cloneWork + "held"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	hourAgo := time.Now().Add(-time.Hour)
	if err := os.Chtimes(at(cloneWork+"old"), hourAgo, hourAgo); err != nil {
		t.Fatal(err)
	}
	clearCloneWork(dir, quiet)
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, strings.TrimPrefix(e.Name(), cloneWork))
	}
	if want := []string{"begun", "held", "shop"}; !slices.Equal(names, want) {
		t.Errorf("%q are there, not %q", names, want)
	}
}
