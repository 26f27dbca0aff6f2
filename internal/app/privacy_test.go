package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/account"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/customer"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/privacy"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/shop/waitlist"
	"kassavalv/internal/shoptest"
)

// marker is in everything the person in these tests gives of himself.
const marker = "zqmarkor"

// theMail is his address.
const theMail = marker + "@example.se"

var who = order.Contact{Email: theMail, Name: "Zqmarkor Zqmarkorsson", Phone: "+46701740605", Company: "Zqmarkor AB", OrgNumber: "556000-0001", Reference: "ref " + marker, Newsletter: true,
	Address: order.Address{CareOf: "c/o " + marker, Line1: marker + "gatan 1", PostalCode: "11221", City: "Stockholm", Country: "SE", DoorCode: marker},
	Billing: &order.Address{Line1: "Box " + marker, PostalCode: "11221", City: "Stockholm", Country: "SE"}}

// world is a small shop of all rooms, with the desk of people's rights.
type world struct {
	*shoptest.World
	desk  *privacy.Desk
	mail  *mail.Mailer
	post  *postbox
	order order.Order
	staff auth.By
	auth  *auth.Auth
}

// postbox keeps what is sent.
type postbox struct{ sent []mail.Envelope }

func (*postbox) Name() string { return "box" }

func (p *postbox) Send(_ context.Context, e mail.Envelope) error {
	p.sent = append(p.sent, e)
	return nil
}

func newWorld(t *testing.T, d *db.DB) *world {
	w := &world{World: shoptest.New(t, d), post: &postbox{}, staff: auth.StaffBy(7, "192.0.2.0/24", auth.AllRights)}
	a, err := auth.New(d, w.Vault, auth.Options{PublicURL: "https://shop.example", Issuer: "Butik"})
	if err != nil {
		t.Fatal(err)
	}
	w.auth = a
	accounts, err := account.New(d, w.Vault, account.Options{PublicURL: "https://shop.example"})
	if err != nil {
		t.Fatal(err)
	}
	w.desk = &privacy.Desk{DB: d, Vault: w.Vault, Holders: Holders(w.Vault, accounts), Handed: Handed, Sweeps: Sweeps(w.Vault), Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if w.mail, err = mail.New(mail.Options{DB: d, Vault: w.Vault, From: mail.Address{Name: "Butik", Email: "butik@example.se"}, Relays: []mail.Sender{w.post}}); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"test.letter", privacy.JobErased} {
		w.mail.Render(k, mail.KindOpts{}, func(context.Context, *db.DB, db.ID, lang.Lang) (mail.Message, error) {
			return mail.Message{To: theMail, Subject: "Om " + marker, Text: "Hej " + marker}, nil
		})
	}
	return w
}

// letter queues a letter to a person and, when sent, sends it.
func (w *world) letter(kind string, person, ref db.ID, sent bool) db.ID {
	w.T.Helper()
	var id db.ID
	w.Do(func(tx *db.Tx) (err error) {
		id, err = mail.Queue(tx, mail.Spec{Kind: kind, RefKind: "order", Ref: ref, Person: person, Lang: lang.SV})
		return
	})
	if sent {
		if err := w.mail.Send(context.Background(), job.Job{Ref: id, Attempt: 1, Max: 3}); err != nil {
			w.T.Fatal(err)
		}
	}
	return id
}

// fill gives the person something in every room; everything is finished.
func (w *world) fill() {
	w.T.Helper()
	ctx := context.Background()
	goods, soldOut := w.Product(29900, 10), w.Product(9900, 0)
	// A wish that came to nothing, and one that was bought.
	w.CartOf(who, stock.Line{Variant: goods, Quantity: 1})
	p, err := w.Desk.Begin(ctx, checkout.Request{Cart: w.CartOf(who, stock.Line{Variant: goods, Quantity: 2}), Method: "invoice", Accept: true, Key: "k", Lang: lang.SV, Peer: "192.0.2.1"})
	if err != nil || p.Order == 0 {
		w.T.Fatal(p.State, p.Reason, err)
	}
	w.Do(func(tx *db.Tx) error {
		o, err := order.ByID(tx, p.Order)
		if err != nil {
			return err
		}
		if _, err := fulfilment.Ship(tx, shoptest.By, fulfilment.Shipment{Order: o.ID, Carrier: "", Tracking: strings.ToUpper(marker) + "1"}); err != nil {
			return err
		}
		if err := order.Paid(tx, o.ID, o.Left()); err != nil {
			return err
		}
		if _, err := order.Say(tx, w.Vault, w.staff, auth.RefundsWrite, o.ID, "Kunden "+marker+" ringde"); err != nil {
			return err
		}
		r, err := returns.Withdraw(tx, auth.Guest(""), w.Vault, returns.Withdrawal{Order: o.ID, Name: who.Name, Mail: theMail, Statement: "Jag ångrar mig, " + marker, Lang: lang.SV})
		if err != nil {
			return err
		}
		if _, err := returns.Reject(tx, shoptest.By, w.Vault, r.ID, "Nej, "+marker); err != nil {
			return err
		}
		c, err := support.Open(tx, auth.Guest(""), w.Vault, support.NewCase{Name: who.Name, Mail: theMail, Subject: "Fråga " + marker, Body: "Hur gör jag? " + marker, Kind: "order", Lang: lang.SV})
		if err != nil {
			return err
		}
		for _, a := range []support.Answering{{Body: "Lugn kund, " + marker, Note: true}, {Body: "Så här, " + marker, Solved: true}} {
			if _, err := support.Answer(tx, w.staff, w.Vault, c.ID, a); err != nil {
				return err
			}
		}
		if _, err := waitlist.Ask(tx, w.Vault, soldOut, theMail, lang.SV); err != nil {
			return err
		}
		if _, err := giftcard.Issue(tx, shoptest.By, w.Vault, giftcard.Gift{Amount: money.SEK(10000), Mail: theMail, Reason: "plåster", Lang: lang.SV, Years: 1}); err != nil {
			return err
		}
		var file db.ID
		if file = tx.NewID(); true {
			if _, err := tx.Exec(`INSERT INTO payment_bankfile (id, hash, format, version, message, accounts, made_at, report, whole, author, created_at) VALUES ($1,$2,'bgmax','','','',$3,'{}',1,'staff 7',$3)`, file, []byte("h"), tx.Now()); err != nil {
				return err
			}
		}
		if _, err := payment.EnterLine(tx, w.Vault, payment.BankLine{File: file, Entry: "e1", Kind: "in", Amount: money.SEK(100), Settled: money.SEK(0), EntryAmount: 100, Parts: 1, On: tx.LegalNow(), State: "known", Order: o.ID, Author: "staff 7"},
			&payment.LineDetails{Payer: who.Name, From: "konto " + marker, Text: []string{"hej " + marker}}); err != nil {
			return err
		}
		k, err := customer.Load(tx, w.Vault, o.Customer)
		if err != nil {
			return err
		}
		opener := w.staff
		opener.Session = 1
		if _, err := w.auth.Open(tx, opener, auth.OpenIn{Person: k.Person, Entity: "order", EntityID: o.ID, Reason: auth.ForOther, Note: "kunden " + marker, Kinds: []string{"name", "address"}}); err != nil {
			return err
		}
		r2, err := w.desk.TakeDown(tx, w.staff, privacy.OnBehalf{Kind: privacy.Access, Mail: theMail, Text: "Vad har ni om mig? " + marker, Lang: lang.SV})
		if err != nil {
			return err
		}
		if _, err := w.desk.Answer(tx, w.staff, r2.ID, "Detta, "+marker, false); err != nil {
			return err
		}
		w.order, err = order.ByID(tx, o.ID)
		return err
	})
	w.letter("test.letter", w.order.Person, w.order.ID, true)
}

// subject is the person, with fresh proof.
func (w *world) subject() privacy.Subject {
	return privacy.Subject{Mail: theMail, By: auth.Guest("192.0.2.0/24"), Lang: lang.SV, Fresh: time.Now().Add(time.Hour)}
}

// find is one place where the marker can be read.
type find struct{ table, column string }

// readable looks at every byte of the database, raw and opened with whatever keys remain, and
// tells in which columns the marker is.
func (w *world) readable() map[find]bool {
	w.T.Helper()
	out := map[find]bool{}
	cols := map[string][]string{}
	for _, c := range columnsOf(w.T.(*testing.T), w.DB) {
		cols[c.table] = append(cols[c.table], c.name)
	}
	for table, names := range cols { // each in a transaction of its own: together they may live too long
		_, err := db.Read(context.Background(), w.DB, func(q *db.Reader) (int, error) {
			rows, err := q.Query(`SELECT "` + strings.Join(names, `","`) + `" FROM ` + table)
			if err != nil {
				return 0, err
			}
			var all [][]any
			for rows.Next() {
				vals, ptrs := make([]any, len(names)), make([]any, len(names))
				for i := range vals {
					ptrs[i] = &vals[i]
				}
				if err := rows.Scan(ptrs...); err != nil {
					return 0, err
				}
				all = append(all, vals)
			}
			if err := rows.Err(); err != nil {
				return 0, err
			}
			rows.Close()
			for _, vals := range all {
				for i, v := range vals {
					var b []byte
					switch x := v.(type) {
					case []byte:
						b = x
					case string:
						b = []byte(x)
					}
					if has(b) {
						out[find{table, names[i]}] = true
					}
					for _, plain := range w.opened(q, b, find{table, names[i]}, names, vals) {
						if has(plain) {
							out[find{table, names[i]}] = true
						}
					}
				}
			}
			return 0, nil
		})
		if err != nil {
			w.T.Fatal(err)
		}
	}
	return out
}

func has(b []byte) bool { return bytes.Contains(bytes.ToLower(b), []byte(marker)) }

// opened is what a sealed value says to any key and row id that could fit: by the field that the map
// names for its column, and by every field where it names none.
func (w *world) opened(q db.Q, b []byte, at find, names []string, row []any) (out [][]byte) {
	if len(b) < 49 || b[0] < 1 || b[0] > 3 {
		return nil
	}
	var person db.ID
	for _, x := range b[1:9] {
		person = person<<8 | db.ID(x)
	}
	fields := secret.Fields()
	for _, tb := range datamap.Tables() {
		for _, c := range tb.Columns {
			if tb.Name == at.table && c.Name == at.column && c.Field != "" {
				fields = []secret.Declared{{Field: secret.Field(c.Field)}}
			}
		}
	}
	for _, f := range fields {
		for i, v := range row {
			id, ok := v.(int64)
			if !ok || id <= 0 || names[i] != "id" && names[i] != "order_id" && len(fields) == 1 || names[i] == "order_id" && at.table != "order_books" {
				continue
			}
			var p []byte
			var err error
			switch b[0] {
			case 1:
				p, err = w.Vault.Open(q, person, f.Field, db.ID(id), b)
			case 2:
				p, err = w.Vault.OpenBooks(f.Field, db.ID(id), b)
			case 3:
				p, err = w.Vault.OpenShop(f.Field, db.ID(id), b)
			}
			if err == nil {
				out = append(out, p)
			}
		}
	}
	return out
}

// indexes gives every value of every blind index.
func (w *world) indexes() map[string]find {
	w.T.Helper()
	out := map[string]find{}
	_, err := db.Read(context.Background(), w.DB, func(q *db.Reader) (int, error) {
		for _, tb := range datamap.Tables() {
			for _, c := range tb.Columns {
				if c.Kind != datamap.IndexKind {
					continue
				}
				vs, err := db.All(q, func(r *db.Rows) (b []byte, err error) { err = r.Scan(&b); return }, `SELECT `+c.Name+` FROM `+tb.Name+` WHERE `+c.Name+` IS NOT NULL`)
				if err != nil {
					return 0, err
				}
				for _, v := range vs {
					if len(v) == 32 {
						out[string(v)] = find{tb.Name, c.Name}
					}
				}
			}
		}
		return 0, nil
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return out
}

// Every room whose tables hold something of a buyer has a holder.
func TestEveryPersonalTableHasAHolder(t *testing.T) {
	rooms := map[string]bool{}
	for _, h := range Holders(nil, nil) {
		if rooms[h.Room()] {
			t.Errorf("two holders of %s", h.Room())
		}
		rooms[h.Room()] = true
	}
	n := 0
	for _, tb := range datamap.Tables() {
		for _, c := range tb.Columns {
			if k, _ := datamap.CategoryOf(c.Category); c.Personal() && k.Who == datamap.Buyer {
				if n++; !rooms[tb.Room] {
					t.Errorf("%s.%s is a buyer's, and nobody gives or takes it: write a Holder in internal/shop/%s/holder.go (contract: internal/datamap/hold) and add it to Holders in internal/app/privacy.go", tb.Name, c.Name, tb.Room)
				}
			}
		}
	}
	if n < 15 {
		t.Errorf("only %d personal columns seen", n)
	}
}

// What is sealed lies in columns that the map calls sealed, and nothing that looks sealed lies
// elsewhere; a word of the person lies readable nowhere but where the map says so.
func TestNothingPersonalWhereTheMapSaysPlain(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.fill()
		kinds := map[find]datamap.Kind{}
		for _, tb := range datamap.Tables() {
			for _, c := range tb.Columns {
				kinds[find{tb.Name, c.Name}] = c.Kind
			}
		}
		found := w.readable()
		for f := range found {
			switch kinds[f] {
			case datamap.SealedKind, datamap.BooksKind, datamap.OpenKind:
			default:
				t.Errorf("%s.%s is declared %s and holds what a person gave", f.table, f.column, kinds[f])
			}
		}
		if len(found) < 10 {
			t.Errorf("only %v", found)
		}
	})
}

// Export and erasure are the same set: what the map declares is shown to the person, and what is shown is
// gone afterwards, from every byte that any remaining key opens; what stays is the books' part, named.
func TestExportAndErasureAreSymmetric(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		w.fill()
		waiting := w.letter("test.letter", w.order.Person, w.order.ID, false)

		// Everything declared is in the export, each class with his marker (or what stands for it).
		var recs []hold.Record
		var token string
		w.Do(func(tx *db.Tx) (err error) { token, err = w.desk.PrepareExport(tx, w.subject()); return })
		w.Do(func(tx *db.Tx) error {
			f, err := w.desk.TakeExport(tx, w.subject(), token)
			recs = f.Records
			return err
		})
		shown := map[string]bool{}
		marked := map[find]bool{}
		for _, r := range recs {
			for _, x := range r.Details {
				shown[r.Table+"."+x.Column+"."+string(x.Class)] = true
				if has([]byte(x.Value)) {
					marked[find{r.Table, x.Column}] = true
				}
			}
			if c, ok := datamap.CategoryOf(r.Category); !ok || !c.Export {
				t.Errorf("%s is exported under %q", r.Table, r.Category)
			}
		}
		for _, c := range datamap.Categories() {
			if c.Who != datamap.Buyer || !c.Export {
				continue
			}
			for _, h := range datamap.Holdings(c.Key) {
				if h.Room == "account" { // this person has none: a guest with a proven address
					continue
				}
				for _, k := range h.Classes {
					if !shown[h.Table+"."+h.Name+"."+string(k)] {
						t.Errorf("the map says that %s.%s holds %s; the export does not show it", h.Table, h.Name, k)
					}
				}
			}
		}
		before := w.readable()
		for f := range before {
			if !marked[f] {
				t.Errorf("%s.%s holds his marker, and the export does not show it", f.table, f.column)
			}
		}
		ix := w.indexes()

		// A second use of the link is none, nor is another's.
		if err := db.Do(ctx, d, func(tx *db.Tx) error { _, err := w.desk.TakeExport(tx, w.subject(), token); return err }); !fault.Is(err, "not_found") {
			t.Errorf("a used link: %v", err)
		}

		var r privacy.Request
		w.Do(func(tx *db.Tx) (err error) { r, err = w.desk.ConfirmErase(tx, w.subject(), true); return })
		if r.State != privacy.Done || r.BooksUntil.IsZero() || !r.GoneBy().Equal(r.Answered.Add(35*24*time.Hour)) {
			t.Fatalf("%+v", r)
		}
		// The last letter is the only thing that still knows where he lives; it leaves, and that goes too.
		if left := w.readable(); len(left) != 2 || !left[find{"privacy_request", "contact"}] || !left[find{"order_books", "sealed"}] {
			t.Errorf("at once: %v", left)
		}
		w.letter(privacy.JobErased, r.Person, r.ID, true)
		if err := w.desk.Tend(ctx); err != nil {
			t.Fatal(err)
		}
		if left := w.readable(); len(left) != 1 || !left[find{"order_books", "sealed"}] {
			t.Errorf("afterwards only the books' part stays: %v", left)
		}
		for v, f := range w.indexes() {
			if was, ok := ix[v]; ok {
				t.Errorf("the index %s.%s still finds him (as %s.%s did)", f.table, f.column, was.table, was.column)
			}
		}
		if _, err := db.Read(ctx, d, func(q *db.Reader) (int, error) {
			s, rs, err := w.desk.See(q, w.subject())
			if err != nil || len(rs) != 0 || s.Size() != 0 {
				t.Errorf("he is still found: %v %v %v", s, rs, err)
			}
			b, err := order.Books(q, w.Vault, w.staff, w.order.ID)
			if err != nil || !has([]byte(b.Name)) || b.Address.DoorCode != "" {
				t.Errorf("the books: %v %v", b, err)
			}
			if _, err := order.Books(q, w.Vault, auth.StaffBy(8, "", auth.Roles["support"]), w.order.ID); !fault.Is(err, "denied") {
				t.Errorf("the books are open to others: %v", err)
			}
			return 0, nil
		}); err != nil {
			t.Fatal(err)
		}
		// The letter that waited is dropped, not sent.
		n := len(w.post.sent)
		if err := w.mail.Send(ctx, job.Job{Ref: waiting, Attempt: 1, Max: 3}); err != nil || len(w.post.sent) != n {
			t.Errorf("a letter left after the erasure: %v", err)
		}
	})
}

// What is open is finished first, and the erasure then goes by itself.
func TestErasureWaitsForWhatIsOpen(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		goods := w.Product(29900, 10)
		p, err := w.Desk.Begin(ctx, checkout.Request{Cart: w.CartOf(who, stock.Line{Variant: goods, Quantity: 1}), Method: "invoice", Accept: true, Key: "k", Lang: lang.SV, Peer: "192.0.2.1"})
		if err != nil {
			t.Fatal(err)
		}
		var r privacy.Request
		confirm := func() error {
			return db.Do(ctx, d, func(tx *db.Tx) (err error) { r, err = w.desk.ConfirmErase(tx, w.subject(), true); return })
		}
		stale := w.subject()
		stale.Fresh = time.Now().Add(-time.Second)
		if err := db.Do(ctx, d, func(tx *db.Tx) error { _, err := w.desk.ConfirmErase(tx, stale, true); return err }); !fault.Is(err, "step_up") {
			t.Errorf("without fresh proof: %v", err)
		}
		if err := db.Do(ctx, d, func(tx *db.Tx) error { _, err := w.desk.ConfirmErase(tx, w.subject(), false); return err }); err == nil {
			t.Error("without the box")
		}
		if err := confirm(); err != nil || r.State != privacy.Waiting {
			t.Fatal(r.State, err)
		}
		first := r.ID
		if err := confirm(); err != nil || r.ID != first {
			t.Error("a second press is another request", err)
		}
		state := func() privacy.State {
			if err := w.desk.Tend(ctx); err != nil {
				t.Fatal(err)
			}
			x, err := db.Read(ctx, d, func(q *db.Reader) (privacy.Request, error) { return privacy.ByID(q, first) })
			if err != nil {
				t.Fatal(err)
			}
			return x.State
		}
		if s := state(); s != privacy.Waiting || len(w.readable()) == 0 {
			t.Error(s)
		}
		w.Do(func(tx *db.Tx) error {
			_, err := fulfilment.Ship(tx, shoptest.By, fulfilment.Shipment{Order: p.Order})
			return err
		})
		if s := state(); s != privacy.Waiting {
			t.Error("an invoice is unpaid:", s)
		}
		w.Do(func(tx *db.Tx) error {
			o, err := order.ByID(tx, p.Order)
			if err != nil {
				return err
			}
			return order.Paid(tx, o.ID, o.Left())
		})
		if s := state(); s != privacy.Done {
			t.Error("nothing is open any more:", s)
		}
	})
}

// Each rule of the map that time ends is carried out, and not a moment before.
func TestEveryRuleOfTimeIsCarriedOut(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		w.fill()
		w.Do(func(tx *db.Tx) error {
			_, err := payment.NewDraft(tx, w.Vault, []byte("fil "+marker), "staff 7")
			return err
		})
		// What carries a category out: the columns of the category that are not held by another's end.
		age := map[string][]string{
			"cart":      {`UPDATE cart_cart SET changed_at=changed_at-$1`},
			"order":     {`UPDATE order_order SET placed_at=placed_at-$1, shipped_at=shipped_at-$1, received_at=received_at-$1`},
			"support":   {`UPDATE support_case SET changed_at=changed_at-$1`},
			"waitlist":  {`UPDATE waitlist_entry SET created_at=created_at-$1`},
			"giftcard":  {`UPDATE giftcard_card SET expires_at=expires_at-$1`},
			"bank":      {`UPDATE payment_bankline SET booked_on=booked_on-$1`},
			"bankdraft": {`UPDATE payment_bankdraft SET created_at=created_at-$1`},
			"books":     {`UPDATE order_books SET keep_until=keep_until-$1`},
			"privacy":   {`UPDATE privacy_request SET answered_at=answered_at-$1`},
		}
		holds := func(category string) bool {
			found := w.readable()
			for _, h := range datamap.Holdings(category) {
				// A letter's or a purchase's end is the order's; parcels and customers too.
				if found[find{h.Table, h.Name}] {
					return true
				}
			}
			return false
		}
		sweep := func() {
			if err := w.desk.Sweep(ctx); err != nil {
				t.Fatal(err)
			}
		}
		sweep()
		rules := privacy.Rules()
		if len(rules) != len(age) {
			t.Errorf("%d rules, %d ways to age: a rule without a test", len(rules), len(age))
		}
		// The order's person holds cart, returns, letters and bank lines too: it goes last.
		slices.SortFunc(rules, func(a, b datamap.Keep) int {
			last := func(k datamap.Keep) int { return map[bool]int{true: 1}[k.Rule == "order"] }
			return last(a) - last(b)
		})
		for _, k := range rules {
			var category string
			for _, c := range datamap.Categories() {
				if c.Keep.Rule == k.Rule {
					category = c.Key
				}
			}
			if !holds(category) {
				t.Errorf("%s: nothing there to be swept", k.Rule)
			}
			span := time.Since(k.Before(time.Now()))
			if k.Rule == "books" {
				span = time.Until(secret.BooksKeptUntil(time.Now().Year(), time.UTC))
			}
			if k.Rule == "giftcard" { // runs from the end of the card's own time, a year ahead
				span += time.Until(time.Now().AddDate(1, 0, 0))
			}
			move := func(by time.Duration) {
				for _, s := range age[k.Rule] {
					w.Do(func(tx *db.Tx) error { _, err := tx.Exec(s, by.Microseconds()); return err })
				}
			}
			move(span - 26*time.Hour/2)
			sweep()
			if !holds(category) {
				t.Errorf("%s: gone before its time", k.Rule)
			}
			move(26 * time.Hour)
			sweep()
			if holds(category) {
				t.Errorf("%s: kept beyond its time", k.Rule)
			}
		}
		if left := w.readable(); len(left) > 0 {
			t.Errorf("time has taken everything but %v", left)
		}
	})
}

// The books' part of an order is deleted at its date, and the key of its year is destroyed the day after:
// copies of the row do not open then either.
func TestBooksGoWithTheirKey(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.fill()
		var until time.Time
		if _, err := db.Read(context.Background(), d, func(q *db.Reader) (int, error) {
			return 0, q.QueryRow(`SELECT keep_until FROM order_books WHERE order_id=$1`, w.order.ID).Scan(&until)
		}); err != nil {
			t.Fatal(err)
		}
		year := w.order.PlacedAt.In(lang.Zone).Year()
		for _, y := range w.Vault.Years() {
			if y.Year == year {
				if late := y.Ends.Sub(until); late < 0 || late > 50*time.Hour {
					t.Errorf("the row goes %s, the key %s", until, y.Ends)
				}
				if err := w.Vault.DestroyYear(context.Background(), year, year); err == nil {
					t.Error("a key is destroyed before its time")
				}
				return
			}
		}
		t.Errorf("no key of %d: %v", year, w.Vault.Years())
	})
}

// A restriction stops sweeps, an objection ends the newsletter, and both can be lifted.
func TestRestrictionAndObjection(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		w.fill()
		standing := func() (st privacy.Standing) {
			w.Do(func(tx *db.Tx) error {
				s, err := w.desk.Scope(tx, theMail)
				if err == nil {
					st, err = w.desk.StandingOf(tx, s)
				}
				return err
			})
			return
		}
		may := func() bool { st := standing(); return st.Newsletter && !st.Limits.Any() }
		limit := func(kind string) {
			w.Do(func(tx *db.Tx) error { _, err := w.desk.LimitNow(tx, w.subject(), kind, ""); return err })
		}
		if !may() {
			t.Error("he said yes")
		}
		limit(privacy.Restrict)
		if may() {
			t.Error("restricted, and written to")
		}
		w.Do(func(tx *db.Tx) error {
			l, err := customer.LimitsOf(tx, w.order.Person)
			if l.Restricted.IsZero() || !l.Objected.IsZero() {
				t.Errorf("his purchase does not know of it: %+v", l)
			}
			return err
		})
		w.Do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE order_order SET placed_at=placed_at-$1, shipped_at=shipped_at-$1`, (5 * 365 * 24 * time.Hour).Microseconds())
			return err
		})
		if err := w.desk.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		if !w.readable()[find{"order_order", "contact"}] {
			t.Error("he asked that his details be kept, and they were swept")
		}
		limit(privacy.Unrestrict)
		if !may() {
			t.Error("lifted: the yes stands")
		}
		limit(privacy.Object)
		limit(privacy.Unobject)
		if may() {
			t.Error("an objection ends advertising; only a new yes begins it")
		}
	})
}

// A correction reaches the customer and the orders that are not sent, and not the books.
func TestCorrection(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		goods := w.Product(29900, 10)
		p, err := w.Desk.Begin(ctx, checkout.Request{Cart: w.CartOf(who, stock.Line{Variant: goods, Quantity: 1}), Method: "invoice", Accept: true, Key: "k", Lang: lang.SV, Peer: "192.0.2.1"})
		if err != nil {
			t.Fatal(err)
		}
		w.Do(func(tx *db.Tx) error {
			_, err := w.desk.CorrectNow(tx, w.subject(), hold.Correction{Name: "Nytt Namn", Line1: "Nygatan 2", PostalCode: "54321", City: "Lund"})
			return err
		})
		w.Do(func(tx *db.Tx) error {
			o, err := order.ByID(tx, p.Order)
			if err != nil {
				return err
			}
			c, err := order.ContactOf(tx, w.Vault, o, auth.OwnWork())
			if err != nil || c.Name != "Nytt Namn" || c.Address.Line1 != "Nygatan 2" || c.Address.PostalCode != "543 21" || c.Address.CareOf != "" || c.Phone != who.Phone {
				t.Errorf("%+v %v", c, err)
			}
			k, err := customer.Load(tx, w.Vault, o.Customer)
			if err != nil || k.Contact.Name != "Nytt Namn" || !k.Contact.Newsletter {
				t.Errorf("%+v %v", k.Contact, err)
			}
			found, err := customer.FindByName(tx, w.Vault, w.staff, "nytt namn")
			if err != nil || len(found) != 1 {
				t.Errorf("not found by the new name: %v %v", found, err)
			}
			b, err := order.Books(tx, w.Vault, w.staff, p.Order)
			if err != nil || b.Name != who.Name {
				t.Errorf("the books changed: %v %v", b, err)
			}
			return nil
		})
		for _, bad := range []hold.Correction{{}, {Name: "12"}, {Phone: "12"}, {City: "Lund"}, {Line1: "A 1", City: "Lund", PostalCode: "1"}} {
			if err := db.Do(ctx, d, func(tx *db.Tx) error { _, err := w.desk.CorrectNow(tx, w.subject(), bad); return err }); fault.As(err) == nil || fault.As(err).Kind != fault.Unprocessable {
				t.Errorf("%+v: %v", bad, err)
			}
		}
	})
}

// Exports are throttled, bound to their maker, and need fresh proof.
func TestExportLinks(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		w.fill()
		prepare := func(s privacy.Subject) (token string, err error) {
			err = db.Do(ctx, d, func(tx *db.Tx) (err error) { token, err = w.desk.PrepareExport(tx, s); return })
			return
		}
		take := func(s privacy.Subject, token string) error {
			return db.Do(ctx, d, func(tx *db.Tx) error { _, err := w.desk.TakeExport(tx, s, token); return err })
		}
		other := w.subject()
		other.Mail = "other@example.se"
		a, err := prepare(w.subject())
		if err != nil {
			t.Fatal(err)
		}
		if err := take(other, a); !fault.Is(err, "not_found") {
			t.Errorf("another's link: %v", err)
		}
		b, err := prepare(w.subject())
		if err != nil {
			t.Fatal(err)
		}
		if err := take(w.subject(), a); !fault.Is(err, "not_found") {
			t.Errorf("a newer link replaces the older: %v", err)
		}
		w.Do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE privacy_download SET expires_at=$1`, tx.Now().Add(-time.Second))
			return err
		})
		if err := take(w.subject(), b); !fault.Is(err, "not_found") {
			t.Errorf("out of time: %v", err)
		}
		for i := 2; i < 5; i++ {
			if _, err := prepare(w.subject()); err != nil {
				t.Fatal(i, err)
			}
		}
		if _, err := prepare(w.subject()); fault.As(err) == nil || fault.As(err).Kind.Status() != http.StatusTooManyRequests {
			t.Errorf("a sixth in a day: %v", err)
		}
		stale := w.subject()
		stale.Fresh = time.Time{}
		if _, err := prepare(stale); !fault.Is(err, "step_up") {
			t.Errorf("without fresh proof: %v", err)
		}
	})
}

// Nobody finds another's: a mail address that is not proven leads nowhere, and one person's
// erasure leaves the other whole.
func TestErasureTouchesNobodyElse(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		w.fill()
		goods := w.Product(29900, 10)
		other := who
		other.Email, other.Name = "annan@example.se", "Annan "+marker
		p, err := w.Desk.Begin(ctx, checkout.Request{Cart: w.CartOf(other, stock.Line{Variant: goods, Quantity: 1}), Method: "invoice", Accept: true, Key: "k2", Lang: lang.SV, Peer: "192.0.2.1"})
		if err != nil {
			t.Fatal(err)
		}
		w.Do(func(tx *db.Tx) error { _, err := w.desk.ConfirmErase(tx, w.subject(), true); return err })
		w.Do(func(tx *db.Tx) error {
			o, err := order.ByID(tx, p.Order)
			if err != nil {
				return err
			}
			c, err := order.ContactOf(tx, w.Vault, o, auth.OwnWork())
			if err != nil || c.Email != "annan@example.se" {
				t.Error(fmt.Sprint(c, err))
			}
			return nil
		})
	})
}
