package app

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/stock"
)

// walkOrigin is the address under which a restored clone is asked. Nobody listens there: the
// handler is called.
const walkOrigin = "https://drill.invalid"

// walkTime is how long a purchase on a clone may take. The process is one that waits for
// everybody else, so that time which ran out tells nothing of the shop.
var walkTime = 5 * time.Minute

// errNothingToSell is why no purchase was walked.
var errNothingToSell = errors.New("the shop has nothing to sell: no purchase was tried")

// walkPurchase opens the restored shop in dir as a clone that reaches nobody and buys something
// there as a buyer does: a page of goods, the cart, the checkout, a card at the sandbox bank,
// the order's page. Then it looks at the books again.
//
// A drill has none of the vault's keys. The clone gets keys of its own, and everybody in it is
// as erased: the new buyer is the only one who can be read. Nothing of this leaves the folder, and
// the database: that lies in the folder too, where none is named.
func walkPurchase(ctx context.Context, dir string, database secret.Secret, shift time.Duration) (notes []string, out []copies.Finding) {
	ctx, cancel := context.WithTimeout(ctx, walkTime)
	defer cancel()
	unsure := func(object string, err error) []copies.Finding {
		return append(out, copies.Finding{Object: object, What: err.Error(), Unknown: true})
	}
	w, err := openWalk(ctx, dir, database, shift)
	if err != nil {
		return nil, unsure("clone", fmt.Errorf("could not be opened as a shop: %w", err))
	}
	defer w.a.Close(context.WithoutCancel(ctx))
	before, err := countOrders(ctx, w.a.DB, 0)
	if err != nil {
		return nil, unsure("orders", err)
	}
	what, put, err := w.goods(ctx)
	if err != nil {
		return nil, unsure("goods", err)
	}
	if put {
		notes = append(notes, "nothing was in stock: one piece was put there, in the clone, to walk a purchase")
	}
	if err := w.buy(ctx, what); err != nil {
		// The shop that came back does not sell: that is found, unless time ran out.
		return notes, append(out, copies.Finding{Object: "/products/" + what.Handle, What: err.Error(), Unknown: ctx.Err() != nil})
	}
	after, err := countOrders(ctx, w.a.DB, 0)
	switch {
	case err != nil:
		return notes, unsure("orders", err)
	case after.All != before.All+1:
		out = append(out, copies.Finding{Object: "orders", What: fmt.Sprintf("one purchase was made, and %d orders came of it", after.All-before.All)})
	}
	for _, f := range append(checkSums(ctx, w.a.DB), checkSeries(ctx, w.a.DB)...) {
		f.What = "after a purchase: " + f.What
		out = append(out, f)
	}
	return notes, out
}

// walk is a buyer in a clone.
type walk struct {
	a      *App
	world  outside
	buyer  *http.Client
	pages  int
	handle http.Handler
}

func openWalk(ctx context.Context, dir string, database secret.Secret, shift time.Duration) (*walk, error) {
	k, err := secret.CreateFiles(filepath.Join(dir, KeyFolder))
	if err != nil {
		return nil, err
	}
	d, err := db.Open(ctx, db.Options{Path: filepath.Join(dir, DatabaseFile), URL: database.Reveal(), Existing: true, LegalShift: shift})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(secret.Disown(ctx, d, k), d.Close()); err != nil {
		return nil, err
	}
	a, err := open(ctx, dir, Config{}, slog.New(slog.DiscardHandler), openOptions{sandbox: true, database: database, shift: shift})
	if err != nil {
		return nil, err
	}
	w := &walk{a: a}
	if err := w.furnish(ctx); err != nil {
		return nil, errors.Join(err, a.Close(context.WithoutCancel(ctx)))
	}
	return w, nil
}

func (w *walk) furnish(ctx context.Context) (err error) {
	w.a.Origin = walkOrigin
	if w.world, err = w.a.startOutside(ctx, ""); err != nil {
		return err
	}
	if err := w.a.rooms(ctx, w.world.ways(), w.world.relay); err != nil { // and no loop is started
		return err
	}
	f, err := w.a.handlers()
	if err != nil {
		return err
	}
	w.handle = f.shop
	jar, err := cookiejar.New(nil)
	w.buyer = &http.Client{Jar: jar, Transport: w, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return err
}

// RoundTrip answers from the clone's handler, or from its bank; there is no other address.
func (w *walk) RoundTrip(r *http.Request) (res *http.Response, err error) {
	if strings.HasPrefix(r.URL.String(), w.world.Bank+"/") {
		return http.DefaultTransport.RoundTrip(r)
	}
	if r.URL.Scheme+"://"+r.URL.Host != walkOrigin {
		return nil, fmt.Errorf("leads out of the clone, to %s", r.URL.Host)
	}
	in := r.Clone(r.Context())
	in.Host, in.RequestURI, in.RemoteAddr, in.TLS, in.Proto, in.ProtoMajor, in.ProtoMinor = r.URL.Host, r.URL.RequestURI(), "127.0.0.1:1", &tls.ConnectionState{HandshakeComplete: true}, "HTTP/1.1", 1, 1
	if in.Body == nil {
		in.Body = http.NoBody
	}
	rec := &recorded{header: http.Header{}}
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler: // what a server makes of it: the connection ends, as where the time is over
			res, err = nil, errors.Join(errors.New("the clone ended the connection"), r.Context().Err())
		default:
			panic(p)
		}
	}()
	w.handle.ServeHTTP(rec, in)
	return &http.Response{StatusCode: cmp.Or(rec.code, 200), Header: rec.header, Body: io.NopCloser(&rec.body), Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}, nil
}

// recorded is an answer that is kept.
type recorded struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (r *recorded) Header() http.Header { return r.header }
func (r *recorded) WriteHeader(code int) {
	if r.code == 0 && code >= 200 {
		r.code = code
	}
}
func (r *recorded) Write(b []byte) (int, error) {
	r.WriteHeader(200)
	return r.body.Write(b)
}
func (*recorded) Flush() {}

// The clone writes without the deadlines of a connection.
func (*recorded) SetReadDeadline(time.Time) error  { return nil }
func (*recorded) SetWriteDeadline(time.Time) error { return nil }
func (*recorded) EnableFullDuplex() error          { return nil }

// goods finds something that a buyer can have now; where nothing is in stock, put tells that a
// piece was put there.
func (w *walk) goods(ctx context.Context) (found *catalog.Product, put bool, err error) {
	now := w.a.DB.LegalNow()
	var sold *catalog.Product // one that is sold out
	for after := db.ID(0); ; {
		type part struct {
			list   []*catalog.Product
			levels map[db.ID]stock.Level
		}
		p, err := db.Read(ctx, w.a.DB, func(q *db.Reader) (p part, err error) {
			if p.list, err = catalog.List(q, after, 100); err != nil {
				return p, err
			}
			var ids []db.ID
			for _, x := range p.list {
				for _, v := range x.Variants {
					ids = append(ids, v.ID)
				}
			}
			p.levels, err = stock.Levels(q, ids)
			return p, err
		})
		if err != nil {
			return nil, false, err
		}
		for _, x := range p.list {
			after = x.ID
			if !x.Visible(now) || !x.NeedsDelivery() || len(x.Variants) == 0 {
				continue
			}
			first := x.Variants[0].ID // the page offers it before anything is chosen
			if l, ok := p.levels[first]; ok && l.Sellable(1) {
				return x, false, nil
			}
			if sold == nil {
				sold = x
			}
		}
		if len(p.list) < 100 {
			break
		}
	}
	if sold == nil {
		return nil, false, errNothingToSell
	}
	err = db.Do(ctx, w.a.DB, func(tx *db.Tx) error {
		l, err := stock.One(tx, sold.Variants[0].ID)
		if err == nil {
			_, err = stock.SetOnHand(tx, auth.System("drill"), sold.Variants[0].ID, max(l.OnHand, l.Held+l.Allocated)+1)
		}
		return err
	})
	return sold, true, err
}

// buy walks from the page of a product to the page of its order.
func (w *walk) buy(ctx context.Context, what *catalog.Product) error {
	_, page, err := w.read(ctx, walkOrigin+"/products/"+what.Handle)
	if err != nil {
		return err
	}
	add := formTo(page, "/cart/lines")
	if add == nil {
		return errors.New("its page sells nothing")
	}
	if _, err := w.send(ctx, walkOrigin+"/cart/lines", valuesOf(add)); err != nil {
		return fmt.Errorf("into the cart: %w", err)
	}
	if _, _, err := w.read(ctx, walkOrigin+"/cart"); err != nil {
		return err
	}
	to, err := w.checkOut(ctx)
	if err != nil {
		return err
	}
	bank, err := w.until(ctx, to, "the purchase does not lead to the bank", func(_ *html.Node, h http.Header) string {
		_, at, _ := strings.Cut(h.Get("Refresh"), "url=")
		return at
	})
	if err != nil {
		return err
	}
	if _, _, err := w.read(ctx, bank); err != nil {
		return fmt.Errorf("the sandbox bank: %w", err)
	}
	back, err := w.send(ctx, bank, url.Values{"card_number": {"4242424242424242"}})
	if err != nil {
		return fmt.Errorf("the sandbox bank: %w", err)
	}
	if to, err = w.lands(ctx, back); err != nil {
		return fmt.Errorf("back from the bank: %w", err)
	}
	at, err := w.until(ctx, to, "it was paid at the bank, and no order came of it", func(page *html.Node, _ http.Header) string {
		return linkTo(page, "/orders/")
	})
	if err != nil {
		return err
	}
	_, _, err = w.read(ctx, at)
	return err
}

// checkOut fills the checkout in as a person does, again where the page asks again.
func (w *walk) checkOut(ctx context.Context) (to string, err error) {
	_, page, err := w.read(ctx, walkOrigin+"/checkout")
	if err != nil {
		return "", err
	}
	for range 3 {
		f := formTo(page, "/checkout")
		if f == nil {
			return "", errors.New("the checkout cannot be sent")
		}
		v := valuesOf(f)
		for auto, val := range map[string]string{"email": "ovning@example.com", "name": "Övning Övningsson", "address-line1": "Övningsgatan 1", "postal-code": "111 22", "address-level2": "Stockholm", "tel": "070-174 06 05", "country": Country} {
			each(f, func(n *html.Node) {
				if attr(n, "autocomplete") == auto && attr(n, "name") != "" {
					v.Set(attr(n, "name"), val)
				}
			})
		}
		each(f, func(n *html.Node) { // what must be chosen, and what must be agreed to
			name, kind := attr(n, "name"), attr(n, "type")
			if name != "" && (kind == "radio" || kind == "checkbox" && hasAttr(n, "required")) && !hasAttr(n, "disabled") && v.Get(name) == "" {
				v.Set(name, attr(n, "value"))
			}
		})
		res, next, err := w.post(ctx, walkOrigin+"/checkout", v)
		if err != nil {
			return "", err
		}
		if res.StatusCode == http.StatusSeeOther {
			return w.lands(ctx, res.Header.Get("Location"))
		}
		page = next
	}
	return "", fmt.Errorf("the checkout takes no purchase: %s", words(element(page, func(n *html.Node) bool { return strings.Contains(attr(n, "class"), "summary") })))
}

// until reads a page until it shows what is looked for.
func (w *walk) until(ctx context.Context, at, otherwise string, look func(*html.Node, http.Header) string) (string, error) {
	for {
		res, page, err := w.read(ctx, at)
		if err != nil {
			return "", err
		}
		if to := look(page, res.Header); to != "" {
			return w.absolute(to), nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("%s: %w", otherwise, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (w *walk) absolute(to string) string {
	if strings.HasPrefix(to, "/") {
		return walkOrigin + to
	}
	return to
}

// lands follows where an answer leads, to the page that is there.
func (w *walk) lands(ctx context.Context, to string) (string, error) {
	to = w.absolute(to)
	for range 5 {
		res, _, err := w.ask(ctx, http.MethodGet, to, nil)
		if err != nil {
			return "", err
		}
		if res.StatusCode/100 != 3 {
			return to, w.fine(res)
		}
		to = w.absolute(res.Header.Get("Location"))
	}
	return "", errors.New("leads in a circle")
}

func (w *walk) fine(res *http.Response) error {
	if res.StatusCode != http.StatusOK {
		path := res.Request.URL.Path
		if i := strings.Index(path[1:], "/"); i > 0 && !strings.HasPrefix(path, "/products/") {
			path = path[:i+2] + "…" // what follows opens the purchase
		}
		return fmt.Errorf("%s answers %s", path, strconv.Itoa(res.StatusCode))
	}
	return nil
}

func (w *walk) read(ctx context.Context, at string) (*http.Response, *html.Node, error) {
	res, page, err := w.ask(ctx, http.MethodGet, at, nil)
	if err == nil {
		err = w.fine(res)
	}
	return res, page, err
}

// send posts a form and returns where the answer leads.
func (w *walk) send(ctx context.Context, at string, v url.Values) (string, error) {
	res, _, err := w.post(ctx, at, v)
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusSeeOther {
		return "", cmp.Or(w.fine(res), errors.New("the form was not taken"))
	}
	return res.Header.Get("Location"), nil
}

func (w *walk) post(ctx context.Context, at string, v url.Values) (*http.Response, *html.Node, error) {
	return w.ask(ctx, http.MethodPost, at, v)
}

func (w *walk) ask(ctx context.Context, method, at string, v url.Values) (*http.Response, *html.Node, error) {
	var body io.Reader
	if v != nil {
		body = strings.NewReader(v.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, at, body)
	if err != nil {
		return nil, nil, errors.New("leads to no address")
	}
	if v != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", r.URL.Scheme+"://"+r.URL.Host)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := w.buyer.Do(r)
	if err != nil {
		if ue := (*url.Error)(nil); errors.As(err, &ue) {
			err = ue.Err // its address may open a purchase
		}
		return nil, nil, err
	}
	defer res.Body.Close()
	page, err := html.Parse(io.LimitReader(res.Body, 16<<20))
	return res, page, err
}

// each goes through the elements of a page.
func each(n *html.Node, fn func(*html.Node)) {
	if n == nil {
		return
	}
	for x := range n.Descendants() {
		if x.Type == html.ElementNode {
			fn(x)
		}
	}
}

func element(n *html.Node, is func(*html.Node) bool) (found *html.Node) {
	each(n, func(x *html.Node) {
		if found == nil && is(x) {
			found = x
		}
	})
	return found
}

func formTo(page *html.Node, action string) *html.Node {
	return element(page, func(n *html.Node) bool {
		return n.Data == "form" && strings.EqualFold(attr(n, "method"), "post") && attr(n, "action") == action
	})
}

func linkTo(page *html.Node, prefix string) string {
	n := element(page, func(n *html.Node) bool {
		return n.Data == "a" && strings.HasPrefix(attr(n, "href"), prefix) && attr(n, "href") != prefix+"find"
	})
	if n == nil {
		return ""
	}
	return attr(n, "href")
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func hasAttr(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// words are the text below an element.
func words(n *html.Node) string {
	var b strings.Builder
	if n != nil {
		for x := range n.Descendants() {
			if x.Type == html.TextNode {
				b.WriteString(x.Data + " ")
			}
		}
	}
	s := strings.Join(strings.Fields(b.String()), " ")
	return strings.ToValidUTF8(s[:min(len(s), 300)], "")
}

// valuesOf is what a browser would send of a form as it stands.
func valuesOf(f *html.Node) url.Values {
	v := url.Values{}
	each(f, func(n *html.Node) {
		name := attr(n, "name")
		if name == "" || hasAttr(n, "disabled") {
			return
		}
		switch kind := attr(n, "type"); {
		case n.Data == "select":
			each(n, func(o *html.Node) {
				if o.Data == "option" && (hasAttr(o, "selected") || !v.Has(name)) {
					v.Set(name, attr(o, "value"))
				}
			})
		case n.Data == "textarea":
			v.Set(name, words(n))
		case n.Data != "input":
		case kind == "radio" || kind == "checkbox":
			if hasAttr(n, "checked") {
				v.Add(name, attr(n, "value"))
			}
		default:
			v.Set(name, attr(n, "value"))
		}
	})
	return v
}
