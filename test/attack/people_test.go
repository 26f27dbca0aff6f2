package attack

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// line is one row of `kassavalv routes --json`.
type line struct {
	Listener, Method, Path, Who, Rate string
}

func (l line) staff() bool  { return strings.HasPrefix(l.Who, "staff") }
func (l line) api() bool    { return strings.HasPrefix(l.Who, "api:") }
func (l line) unsafe() bool { return l.Method != "GET" }

// machine reports whether no page of the shop sends this: API, hooks, reports.
func (l line) machine() bool {
	return strings.HasPrefix(l.Path, "/api/") || strings.HasPrefix(l.Path, "/hooks/") || l.Path == "/csp-report"
}

var listed struct {
	once sync.Once
	rows []line
	err  string
}

// table is every route of the public listener.
func table(t *testing.T) []line {
	t.Helper()
	listed.once.Do(func() {
		out, status := apptest.Command(t, nil, "routes", "--json")
		var all []line
		if err := json.Unmarshal([]byte(out), &all); err != nil || status != 0 {
			listed.err = out
			return
		}
		for _, l := range all {
			if l.Listener == "shop" {
				listed.rows = append(listed.rows, l)
			}
		}
	})
	if listed.err != "" || len(listed.rows) < 200 {
		t.Fatalf("the list of routes: %d rows %s", len(listed.rows), listed.err)
	}
	return listed.rows
}

// aWord is a word nobody else has.
func aWord() string {
	var b [6]byte
	rand.Read(b[:])
	return "Zq" + hex.EncodeToString(b[:])
}

var stalls struct {
	sync.Mutex
	of map[*apptest.Shop]apptest.Variant
}

// stall is a variant that these cases share: none of them counts its pieces.
func stall(c *apptest.Client) apptest.Variant {
	c.T.Helper()
	stalls.Lock()
	defer stalls.Unlock()
	v, ok := stalls.of[c.Shop]
	if !ok {
		if v = c.Scarce(5000); stalls.of == nil {
			stalls.of = map[*apptest.Shop]apptest.Variant{}
		}
		stalls.of[c.Shop] = v
	}
	return v
}

// person is a buyer and all that the shop has of him, with words of his own in
// every field.
type person struct {
	*apptest.Client
	who                              apptest.Customer
	marks                            []string // words that nobody else may see
	number, order, purchase          string   // number; tokens
	cart                             string   // an open cart with his address, token
	line                             string   // of the open cart
	document                         string   // id
	talk, back                       string   // tokens of his case and his return
	orderID, lineID, cartID, boughtI string
	caseID, caseNumber, returnID     string
}

// settle makes a person who has bought, asked, returned and begun another cart.
func settle(c *apptest.Client) *person {
	c.T.Helper()
	p := &person{Client: c.Other()}
	name, street, words := aWord(), aWord(), aWord()
	mail := apptest.NewMail()
	p.who = apptest.Customer{Email: mail, Phone: "070-174 06 05", Name: "Anna " + name, Address: apptest.Address{Line1: street + " 1", PostalCode: "112 21", City: "Stockholm", Country: "SE"}}
	p.marks = []string{name, street, words, mail}
	v := stall(c)
	bought := p.Cart(2, v)
	pu, o := p.PaidCart(p.Complete(bought.ID, p.who))
	p.number, p.order, p.purchase = o.Number, pu.Order.Token, pu.Token
	open := p.Cart(1, v)
	p.Want(p.Do("PUT", apptest.API+"/carts/"+open.ID+"/customer", p.who), 200, nil)
	p.cart, p.line = open.ID, open.Lines[0].ID
	page := p.Do("GET", "/orders/"+p.order, nil)
	for _, n := range page.Find(`a[href*="/documents/"]`) {
		p.document = apptest.Attr(n, "href")[strings.LastIndex(apptest.Attr(n, "href"), "/")+1:]
	}
	a := p.Form("/support", url.Values{"topic": {"other"}, "message": {"Fråga " + words}, "name": {p.who.Name}, "email": {mail}})
	if a.Status != 303 {
		c.T.Fatalf("the question was not taken: %d %s", a.Status, a.Words())
	}
	p.talk = strings.TrimPrefix(a.Location(), "/cases/")
	_, check := p.FormOf(p.Form("/withdraw", url.Values{"name": {p.who.Name}, "number": {p.number}, "email": {mail}, "message": {words}, "order_link": {p.order}, "line": {o.Lines[0].ID}, "quantity." + o.Lines[0].ID: {"1"}}), `form[action$="/withdraw/confirm"]`)
	a = p.Form("/withdraw/confirm", check)
	if a.Status != 303 || !strings.HasPrefix(a.Location(), "/withdraw/received/") {
		c.T.Fatalf("the withdrawal was not taken: %d %s", a.Status, a.Words())
	}
	p.back = strings.TrimPrefix(a.Location(), "/withdraw/received/")
	p.orderID = p.one(`SELECT id FROM order_order WHERE number=$1`, p.number)
	p.Wait("the money for what was not yet sent goes back", 30*time.Second, func() bool {
		return p.one(`SELECT count(*) FROM order_order o JOIN returns_return r ON r.order_id=o.id WHERE o.id=$1 AND o.refunded > 0 AND r.state='refunded'`, p.orderID) == "1"
	})
	// Each of the bank's messages is noted at the purchase, also where it tells nothing new.
	p.Wait("the bank has told of the payment and of what went back", 30*time.Second, func() bool {
		return p.one(`SELECT count(*) FROM payment_event WHERE reference=$1`, p.purchase) == "2"
	})
	p.lineID = o.Lines[0].ID
	p.boughtI = p.one(`SELECT purchase_id FROM order_order WHERE id=$1`, p.orderID)
	p.cartID = p.one(`SELECT cart_id FROM cart_line WHERE id=$1`, p.line)
	p.caseID = p.one(`SELECT id FROM support_case WHERE token_hash=$1`, hashOf(p.talk))
	p.returnID = p.one(`SELECT id FROM returns_return WHERE order_id=$1`, p.orderID)
	return p
}

// one reads one cell beside the program.
func (p *person) one(stmt string, args ...any) string {
	p.T.Helper()
	rows := p.Query(stmt, args...)
	if len(rows) != 1 {
		p.T.Fatalf("%d rows of %s", len(rows), stmt)
	}
	return rows[0][0]
}

// hashOf is what the database keeps of a token.
func hashOf(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

// seen lists the words of the person that an answer holds.
func (p *person) seen(a apptest.Answer) (out []string) {
	var head bytes.Buffer
	a.Header.Write(&head)
	for _, m := range p.marks {
		if bytes.Contains(a.Body, []byte(m)) || strings.Contains(head.String(), m) {
			out = append(out, m)
		}
	}
	return
}

// rows is everything the database has of the person, to see that nothing of it
// was changed.
func (p *person) rows() string {
	p.T.Helper()
	var b strings.Builder
	for _, q := range []struct {
		stmt string
		args []any
	}{
		{`SELECT * FROM order_order WHERE id=$1`, []any{p.orderID}},
		{`SELECT * FROM order_line WHERE order_id=$1 ORDER BY id`, []any{p.orderID}},
		{`SELECT * FROM cart_cart WHERE id=$1`, []any{p.cartID}},
		{`SELECT * FROM cart_line WHERE cart_id=$1 ORDER BY id`, []any{p.cartID}},
		{`SELECT * FROM support_case WHERE id=$1`, []any{p.caseID}},
		{`SELECT count(*) FROM support_message WHERE case_id=$1`, []any{p.caseID}},
		{`SELECT * FROM returns_return WHERE order_id=$1 ORDER BY id`, []any{p.orderID}},
		{`SELECT * FROM checkout_purchase WHERE id=$1`, []any{p.boughtI}},
		{`SELECT count(*) FROM payment_refund r JOIN payment_intent i ON i.id=r.intent_id WHERE i.purchase_id=$1`, []any{p.boughtI}},
	} {
		for _, r := range p.Query(q.stmt, q.args...) {
			b.WriteString(strings.Join(r, "|") + "\n")
		}
	}
	return b.String()
}

// raw sends a request line as it is, over HTTP/1.1 and TLS, with no client that
// tidies paths.
func raw(c *apptest.Client, method, target string, headers ...string) apptest.Answer {
	c.T.Helper()
	pem, err := os.ReadFile(c.CA)
	if err != nil {
		c.T.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	u, _ := url.Parse(c.Shop.Shop)
	conn, err := tls.Dial("tcp", u.Host, &tls.Config{RootCAs: pool, ServerName: u.Hostname(), NextProtos: []string{"http/1.1"}})
	if err != nil {
		c.T.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	var b strings.Builder
	b.WriteString(method + " " + target + " HTTP/1.1\r\n")
	host := u.Host
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			host = headers[i+1]
			continue
		}
		b.WriteString(headers[i] + ": " + headers[i+1] + "\r\n")
	}
	b.WriteString("Host: " + host + "\r\nX-Forwarded-For: " + c.IP + "\r\nConnection: close\r\n\r\n")
	if _, err := io.WriteString(conn, b.String()); err != nil {
		c.T.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		c.T.Fatalf("%s %q: %v", method, target, err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return apptest.Answer{Status: res.StatusCode, Header: res.Header, Body: body}
}

// meddle changes rows beside the program, as time would: nothing else can make a
// session old in a test.
func meddle(c *apptest.Client, stmt string, args ...any) {
	c.T.Helper()
	if err := meddled(c.Shop, stmt, args...); err != nil {
		c.T.Fatalf("%v in %s", err, stmt)
	}
}

func meddled(s *apptest.Shop, stmt string, args ...any) error {
	driver, at := "sqlite", "file:"+filepath.Join(s.Dir(), "shop.db")+"?_pragma=busy_timeout(10000)"
	if s.Database() != "" {
		driver, at = "pgx", s.Database()
	}
	d, err := sql.Open(driver, at)
	if err != nil {
		return err
	}
	defer d.Close()
	_, err = d.Exec(stmt, args...)
	return err
}

// signIn sends the sign-in form as it is.
func signIn(c *apptest.Client, mail, password, code string, headers ...string) apptest.Answer {
	c.T.Helper()
	h := []string{"Sec-Fetch-Site", "same-origin", "Origin", c.Shop.Shop}
	return c.Form("/admin/login", url.Values{"email": {mail}, "password": {password}, "totp": {code}}, append(h, headers...)...)
}

// signedIn reports whether a visitor gets into the back office.
func signedIn(c *apptest.Client) bool {
	c.T.Helper()
	return c.Do("GET", "/admin/security", nil).Status == 200
}

var invitePath = regexp.MustCompile(`/admin/invite/[A-Za-z0-9_-]+`)

// staffID finds a member by the address that a page of the owner's shows.
func staffID(c *apptest.Client, mail string) string {
	c.T.Helper()
	page := c.Staff(c, "owner").Do("GET", "/admin/staff", nil)
	if m := regexp.MustCompile(`(?s)/admin/staff/(\d+)"[^@]*?` + regexp.QuoteMeta(mail)).FindSubmatch(page.Body); m != nil {
		return string(m[1])
	}
	c.T.Fatalf("the list of staff does not show %s", mail)
	return ""
}

// newToken makes an API token with some rights and returns its id and secret.
func newToken(c *apptest.Client, owner *apptest.Client, rights ...string) (id, key string) {
	c.T.Helper()
	name := aWord()
	a := owner.Form("/admin/tokens", url.Values{"name": {name}, "rights": rights})
	if key = regexp.MustCompile(`kv_[A-Za-z0-9_-]{20,}`).FindString(string(a.Body)); a.Status != 200 || key == "" {
		c.T.Fatalf("no token: %d %s", a.Status, a.Words())
	}
	return c.Query(`SELECT id FROM auth_token WHERE name=$1`, name)[0][0], key
}

// bearer calls the Admin API with a token.
func bearer(c *apptest.Client, key, method, path string, body any) apptest.Answer {
	c.T.Helper()
	return c.Do(method, apptest.AdminAPI+path, body, "Authorization", "Bearer "+key)
}

// quiet fails when an answer is an accident of the shop or talks of its insides (E1).
func quiet(t testing.TB, what string, a apptest.Answer) {
	t.Helper()
	if a.Status >= 500 && a.Status != 503 {
		t.Errorf("%s: %d %s", what, a.Status, a.Words())
	}
	body := a.Body
	if strings.Contains(what, "/admin/copies") { // where copies lie is what these pages tell
		body = copyPlaces.ReplaceAll(body, nil)
	}
	if bad := insides.FindString(string(body)); bad != "" {
		t.Errorf("%s talks of its insides: %q", what, bad)
	}
}

var copyPlaces = regexp.MustCompile(`(file://)?/[^\s'"<>]*/sites/plats-[12]`)

var insides = regexp.MustCompile(`(?i)goroutine \d|panic:|SQLSTATE|sqlite|pgconn|no such (table|column)|syntax error at|\.go:\d+|internal/(db|auth|web|shop)/|/tmp/|runtime error`)

// quietTime is how long the work behind what was done may take on a slow machine.
const quietTime = 60 * time.Second
