package app

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/file"
	"kassavalv/internal/ops/incident"
	"kassavalv/internal/ops/lesson"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/search"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/shop/waitlist"
	"kassavalv/internal/shoptest"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin"
	"kassavalv/internal/web/storefront"
)

// site is the world's shop and office on a real server, with a visitor.
type site struct {
	*world
	srv *httptest.Server
	c   *http.Client
}

func (w *world) site() *site {
	t := w.T
	t.Helper()
	s := &site{world: w}
	var shop, office http.Handler
	s.srv = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/admin") {
			office.ServeHTTP(rw, r)
			return
		}
		shop.ServeHTTP(rw, r)
	}))
	t.Cleanup(s.srv.Close)
	w.Do(content.Seed)
	log := slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelError}))
	folder, err := file.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	files := file.New(w.DB, folder)
	index := search.New(w.DB, "SEK", "SE", log)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); index.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	<-index.Ready()
	front := &storefront.Store{DB: w.DB, Vault: w.Vault, Shelf: w.Shelf, Desk: w.World.Desk, Index: index, Files: files, Carriers: fulfilment.Carriers{}, Log: log, Origin: s.srv.URL, Currency: "SEK", Country: "SE", Stopping: ctx.Done()}
	m, err := web.NewMux("shop", front.Routes(), web.Deps{Origin: s.srv.URL, ErrorPage: front.ErrorPage, Log: log, Authorize: func(rw http.ResponseWriter, r *web.Request, _ web.Who) (context.Context, error) {
		return r.Context(), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	shop = m
	back := &admin.Admin{Keeper: "file", DB: w.DB, Vault: w.Vault, Auth: w.auth, Desk: w.World.Desk, Files: files, Index: index, Carriers: fulfilment.Carriers{}, Privacy: w.desk, Mailer: w.mail, Log: log, Origin: s.srv.URL, Currency: "SEK", Country: "SE",
		Lessons: &lesson.Room{DB: w.DB, Auth: w.auth}, Incidents: &incident.Room{DB: w.DB, Vault: w.Vault, Auth: w.auth}}
	if m, err = web.NewMux("shop", back.Routes(), web.Deps{Origin: s.srv.URL, ErrorPage: back.ErrorPage, Log: log, Authorize: func(rw http.ResponseWriter, r *web.Request, who web.Who) (context.Context, error) {
		ctx, _, err := back.Authorize(rw, r, who)
		return ctx, err
	}}); err != nil {
		t.Fatal(err)
	}
	office = m
	jar, _ := cookiejar.New(nil)
	s.c = &http.Client{Transport: s.srv.Client().Transport, Jar: jar, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return s
}

type testWriter struct{ t testing.TB }

func (x testWriter) Write(p []byte) (int, error) {
	x.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func (s *site) send(method, path string, form url.Values) (status int, header http.Header, body string) {
	s.T.Helper()
	var in io.Reader
	if method == http.MethodPost {
		in = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, s.srv.URL+path, in)
	if err != nil {
		s.T.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", s.srv.URL)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := s.c.Do(req)
	if err != nil {
		s.T.Fatal(method, path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.T.Fatal(method, path, err)
	}
	return res.StatusCode, res.Header, string(b)
}

// owner signs the visitor in to the office.
func (s *site) owner() {
	s.T.Helper()
	key, err := s.auth.NewTOTP()
	if err != nil {
		s.T.Fatal(err)
	}
	in := auth.Credentials{NewStaff: auth.NewStaff{Email: "agare@butik.example", Name: "Kim", Role: "owner"}, Password: secret.Hide("korrekt häst batteri"), TOTP: key}
	if _, err := s.auth.SetCredentials(context.Background(), shoptest.By, in); err != nil {
		s.T.Fatal(err)
	}
	code, err := totp.GenerateCode(key.Reveal(), time.Now())
	if err != nil {
		s.T.Fatal(err)
	}
	if status, _, body := s.send("POST", "/admin/login", url.Values{"email": {in.Email}, "password": {in.Password.Reveal()}, "totp": {code}}); status != http.StatusSeeOther {
		s.T.Fatal(status, body)
	}
}

func (s *site) ids(sql string) []db.ID {
	s.T.Helper()
	out, err := db.Read(context.Background(), s.DB, func(q *db.Reader) ([]db.ID, error) {
		return db.All(q, func(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return }, sql)
	})
	if err != nil || len(out) == 0 {
		s.T.Fatal(sql, out, err)
	}
	return out
}

var hrefs = regexp.MustCompile(`href="([^"#?]+)[^"]*"`)

// The links in a person's letters outlive his details, and so do the office's rows: after the erasure every one of
// those pages still answers, says that he is erased, and shows nothing of him.
func TestPagesAfterAnErasure(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.fill()
		s := w.site()
		s.owner()
		o := w.order
		type seen struct {
			path string
			says string // a sentence that must stand there; "": none
		}
		var shop, office []seen
		add := func(to *[]seen, path, says string) { *to = append(*to, seen{path, says}) }
		const gone, goneCase = "Uppgifterna om köparen är raderade", "Uppgifterna i ärendet är raderade"
		add(&shop, "/orders/"+o.Token(w.Vault), gone)
		add(&shop, "/en/orders/"+o.Token(w.Vault), "details are erased")
		add(&shop, "/support?order="+o.Token(w.Vault), "")
		add(&shop, "/withdraw?order="+o.Token(w.Vault), "")
		var caseToken string
		if _, err := db.Read(context.Background(), d, func(q *db.Reader) (int, error) {
			docs, err := order.Documents(q, o.ID)
			if err != nil || len(docs) == 0 {
				t.Error("no papers", err)
			}
			for _, x := range docs {
				add(&shop, "/orders/"+o.Token(w.Vault)+"/documents/"+x.ID.String(), gone)
				add(&shop, "/orders/"+o.Token(w.Vault)+"/documents/"+x.ID.String()+"/pdf", "")
			}
			for _, id := range s.ids(`SELECT id FROM checkout_purchase`) {
				p, err := checkout.ByID(q, id)
				if err != nil {
					return 0, err
				}
				add(&shop, "/purchases/"+p.Token(w.Vault)+"?stay=1", gone)
				add(&office, "/admin/purchases/"+id.String(), "raderade")
			}
			for _, id := range s.ids(`SELECT id FROM support_case`) {
				c, err := support.ByID(q, id)
				if err != nil {
					return 0, err
				}
				caseToken = c.Token(w.Vault)
				add(&shop, "/cases/"+caseToken, goneCase)
				add(&shop, "/withdraw/received/"+w.Vault.Sign("withdrawal", binary.BigEndian.AppendUint64([]byte{'c'}, uint64(id)), q.Now().Add(time.Hour)), gone)
				add(&office, "/admin/cases/"+id.String(), "raderade")
			}
			for _, id := range s.ids(`SELECT id FROM returns_return`) {
				add(&shop, "/withdraw/received/"+w.Vault.Sign("withdrawal", binary.BigEndian.AppendUint64([]byte{'r'}, uint64(id)), q.Now().Add(time.Hour)), gone)
				add(&office, "/admin/returns/"+id.String(), "raderade")
			}
			for _, id := range s.ids(`SELECT id FROM waitlist_entry`) {
				e, err := waitlist.ByID(q, id)
				if err != nil {
					return 0, err
				}
				add(&shop, "/waiting/"+e.Token(w.Vault), "")
			}
			return 0, nil
		}); err != nil {
			t.Fatal(err)
		}
		add(&office, "/admin/orders/"+o.NumberString(), "raderade")
		add(&office, "/admin/customers/"+o.Customer.String(), "raderade")
		add(&office, "/admin/packing/"+o.NumberString(), "")
		for _, id := range s.ids(`SELECT id FROM giftcard_card`) {
			add(&office, "/admin/gift-cards/"+id.String(), "")
		}
		for _, id := range s.ids(`SELECT id FROM privacy_request`) {
			add(&office, "/admin/privacy/"+id.String(), "")
		}
		for _, id := range s.ids(`SELECT id FROM payment_bankline`) {
			add(&office, "/admin/money/lines/"+id.String(), "")
		}

		look := func(x seen, after bool) string {
			status, head, body := s.send("GET", x.path, nil)
			switch {
			case status >= 500, status >= 400 && (!after || x.says != ""):
				t.Errorf("GET %s: %d", x.path, status)
			case status == http.StatusOK && len(body) < 500:
				t.Errorf("GET %s: nothing stands there", x.path)
			case after && has([]byte(body)):
				t.Errorf("GET %s still tells of him", x.path)
			case x.says != "" && status == http.StatusOK && strings.Contains(body, x.says) != after:
				t.Errorf("GET %s: %q stands there: %v", x.path, x.says, !after)
			case strings.HasSuffix(x.path, "/pdf") && head.Get("Content-Type") != "application/pdf":
				t.Errorf("GET %s is %s", x.path, head.Get("Content-Type"))
			}
			return body
		}
		for _, x := range append(append([]seen{}, shop...), office...) {
			look(x, false)
		}
		w.Do(func(tx *db.Tx) error { _, err := w.desk.ConfirmErase(tx, w.subject(), true); return err })
		for _, x := range shop {
			look(x, true)
		}
		// What he could still press answers with what is so.
		for _, path := range []string{"/cases/" + caseToken + "/reply", "/cases/" + caseToken + "/solved", "/cases/" + caseToken + "/reopen", "/orders/" + o.Token(w.Vault) + "/cancel"} {
			if status, _, body := s.send("POST", path, url.Values{"message": {"Hej igen"}}); status >= 500 || body == "" && status >= 400 {
				t.Errorf("POST %s: %d", path, status)
			}
		}
		// Every page of the office that can be reached.
		seenAlready := map[string]bool{"/admin/logout": true}
		queue := append(append([]seen{}, office...), seen{path: "/admin"}, seen{path: "/admin/log"}, seen{path: "/admin/orders/" + o.NumberString() + "/slip.pdf"})
		for n := 0; len(queue) > 0 && n < 400; n++ {
			x := queue[0]
			queue = queue[1:]
			if seenAlready[x.path] {
				continue
			}
			seenAlready[x.path] = true
			if !strings.HasPrefix(x.path, "/admin") {
				t.Fatal(x.path)
			}
			for _, m := range hrefs.FindAllStringSubmatch(look(x, true), -1) {
				if strings.HasPrefix(m[1], "/admin") && !strings.HasPrefix(m[1], "/admin/assets") {
					queue = append(queue, seen{path: m[1]})
				}
			}
		}
		if len(seenAlready) < 40 {
			t.Errorf("only %d pages of the office", len(seenAlready))
		}
	})
}

// Somebody who has asked that his details be restricted is marked in the office, and is shown only for
// a reason in words.
func TestARestrictedPersonIsMarked(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.fill()
		s := w.site()
		s.owner()
		order, buyer := "/admin/orders/"+w.order.NumberString(), "/admin/customers/"+w.order.Customer.String()
		marked := func() (n int) {
			for _, path := range []string{order, buyer} {
				if status, _, body := s.send("GET", path, nil); status != http.StatusOK {
					t.Fatal(path, status)
				} else if strings.Contains(body, "Begränsad") {
					n++
				}
			}
			return n
		}
		open := func(reason, note string) (bool, string) {
			status, _, body := s.send("POST", "/admin/personal/open", url.Values{"entity": {"order"}, "id": {w.order.ID.String()}, "for": {reason}, "for_note": {note}})
			return status == http.StatusSeeOther, body
		}
		if marked() != 0 {
			t.Error("marked before he asked")
		}
		w.Do(func(tx *db.Tx) error { _, err := w.desk.LimitNow(tx, w.subject(), "restrict", ""); return err })
		if n := marked(); n != 2 {
			t.Errorf("%d of 2 pages are marked", n)
		}
		for _, x := range []struct {
			reason, note string
			ok           bool
		}{{auth.ForQuestion, "", false}, {auth.ForPayment, "därför", false}, {auth.ForLaw, "", false}, {auth.ForOther, "", false}, {auth.ForLaw, "polisens begäran 7", true}, {auth.ForOther, "han ringde själv", true}} {
			if ok, body := open(x.reason, x.note); ok != x.ok {
				t.Errorf("%s %q opened: %v: %.300s", x.reason, x.note, ok, body)
			}
		}
		// The room refuses it too, whoever asks.
		err := db.Do(context.Background(), d, func(tx *db.Tx) error {
			by := w.staff
			by.Session = 1
			_, err := w.auth.Open(tx, by, auth.OpenIn{Person: w.order.Person, Entity: "order", EntityID: w.order.ID, Reason: auth.ForPacking, Limited: true})
			return err
		})
		if fault.As(err) == nil || fault.As(err).Kind != fault.Unprocessable {
			t.Error(err)
		}
	})
}
