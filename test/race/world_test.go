package race

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"kassavalv/internal/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// world is a shop in one or two processes on one database.
type world struct {
	testing.TB // of the proof that runs now
	shops      []*apptest.Shop
	hurry      bool // the program is broken on purpose: what does not come is not waited for
	sold       int  // purchases posted, for the summary
}

// start opens a shop; on PostgreSQL in two processes. env breaks it.
func start(t testing.TB, engine string, env ...string) *world {
	t.Helper()
	bank := apptest.StartBank(t)
	o := apptest.Options{Engine: engine, Bank: bank.URL, Proof: len(env) > 0, Env: env}
	first := apptest.Start(t, o)
	w := &world{TB: t, shops: []*apptest.Shop{first}}
	if engine == "postgres" {
		// The second has a folder of its own with the same keys: another machine.
		o.Database, o.Dir = first.Database(), filepath.Join(t.TempDir(), "second")
		copyKeys(t, first.Dir(), o.Dir)
		second := apptest.Start(t, o)
		first.AdminToken, first.Members = second.AdminToken, second.Members // the demo makes new ones at each start
		w.shops = append(w.shops, second)
	}
	return w
}

// copyKeys copies what makes a folder the same shop's: its keys and its mark.
func copyKeys(t testing.TB, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(p, from)
		if e.IsDir() {
			return os.MkdirAll(to+rel, 0o700)
		}
		if !strings.HasPrefix(rel, "/keys") && rel != "/demo" {
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return os.WriteFile(to+rel, b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// c is a new visitor of the ith process, in turns.
func (w *world) c(i int) *apptest.Client { return w.shops[i%len(w.shops)].As(w.TB) }

// together runs fn so often at once, each beginning at the same moment.
func together(n int, fn func(i int)) {
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-gate
			fn(i)
		})
	}
	close(gate)
	wg.Wait()
}

// answers counts what many at once were told.
type answers struct {
	mu sync.Mutex
	n  map[string]int
}

func (a *answers) add(got apptest.Answer, err error) {
	word := fmt.Sprint(got.Status)
	if code := got.Code(); code != "" {
		word += " " + code
	}
	if err != nil {
		word = "no answer: " + err.Error()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.n == nil {
		a.n = map[string]int{}
	}
	a.n[word]++
}

// count is how many were told something that begins so.
func (a *answers) count(prefix string) (n int) {
	for word, k := range a.n {
		if strings.HasPrefix(word, prefix) {
			n += k
		}
	}
	return
}

// won holds that of all who asked so many got it, and that the others were told in order
// that it is gone.
func (w *world) won(what string, a *answers, of, want int, gone ...string) {
	lost := 0
	for _, g := range gone {
		lost += a.count(g)
	}
	if a.count("202") != want || lost != of-want {
		w.Errorf("%s: %d of %d got it, want %d; the answers were %v", what, a.count("202"), of, want, a.n)
	}
}

// post posts each cart at once, in turns on the processes, and returns the purchases
// that were taken.
func (w *world) post(carts []apptest.Cart, a *answers) []apptest.Purchase {
	var mu sync.Mutex
	var out []apptest.Purchase
	w.sold += len(carts)
	together(len(carts), func(i int) {
		got, err := w.c(i).TryPost(carts[i], apptest.Wish{})
		a.add(got, err)
		var p apptest.Purchase
		if got.Status == 202 && got.JSON(&p) == nil {
			mu.Lock()
			out = append(out, p)
			mu.Unlock()
		}
	})
	return out
}

// paid waits until the bank has a purchase and pays it, if it is to be paid at all.
func (w *world) paid(p apptest.Purchase) apptest.Purchase {
	c := w.c(0)
	p = c.Until(p.Token, patience, func(p apptest.Purchase) bool { return p.Next != nil || p.Terminal() })
	if p.Next != nil {
		c.Pay(p, apptest.Good)
	}
	return c.Final(p.Token)
}

// end compares all books; every purchase is over.
func (w *world) end() {
	for _, wrong := range w.c(0).Books() {
		w.Error(wrong)
	}
}

// word is a code nobody else has.
func word(prefix string) string {
	return prefix + strings.ToUpper(strings.TrimSuffix(strings.TrimPrefix(apptest.NewMail(), "prov-"), "@example.se"))
}

// discount has staff make a code that can be used so often.
func (w *world) discount(uses int) string {
	c := w.c(0)
	code := word("LOPP")
	staff := w.shops[0].Staff(c, "catalogue")
	v := url.Values{"version": {"0"}, "code": {code}, "kind": {"amount"}, "value": {"10"}, "limit": {fmt.Sprint(uses)}}
	if a := staff.Form("/admin/codes/new", v); a.Status != 303 {
		w.Fatalf("staff could not make the code: %d %s", a.Status, a.Words())
	}
	return code
}

var giftCode = regexp.MustCompile(`\b[0-9A-Z]{4}(?:[- ][0-9A-Z]{4}){4}\b`)

// giftCard has the owner issue a card of so many kronor and reads its code in the letter.
func (w *world) giftCard(kronor int) string {
	c := w.c(0)
	mail := apptest.NewMail()
	v := url.Values{"amount": {fmt.Sprint(kronor)}, "years": {"2"}, "email": {mail}, "lang": {"sv"}, "reason": {"prov"}, "key": {word("K")}}
	w.shops[0].AsOwner(c, "/admin/gift-cards/new", v)
	// A letter may leave by either process, each of which has a mailbox of its own.
	var code string
	c.Wait("the card's letter", patience, func() bool {
		for i := range w.shops {
			for _, m := range w.c(i).Mails(mail) {
				code = giftCode.FindString(m.Text)
			}
		}
		return code != ""
	})
	return code
}
