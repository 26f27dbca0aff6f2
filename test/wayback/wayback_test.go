// Package wayback drives the way back of a shop whose machine is lost: the built program
// sells, its folder is brought back elsewhere from its copies, opens for browsing, then for
// selling, and the gap with the bank is closed.
package wayback

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

type status struct {
	Newest   time.Time `json:"newest"`
	Trouble  string    `json:"trouble"`
	Loss     string    `json:"loss"`
	Restored *struct {
		At time.Time `json:"at"`
	} `json:"restored"`
}

// settled brings every site up to date and tells the time of the newest change.
func settled(t *testing.T, s *apptest.Shop) time.Time {
	t.Helper()
	out, code := apptest.Command(t, nil, "backup", "now", "--json", "--data", s.Dir())
	var st status
	if err := json.Unmarshal([]byte(out), &st); err != nil || code != 0 {
		t.Fatalf("backup now: %d %v\n%s", code, err, out)
	}
	return st.Newest
}

// restored brings a shop back into a folder of its own and makes it a demo that the bank
// of the old one serves and whose sites are those of the old one.
func restored(t *testing.T, old *apptest.Shop, bank *apptest.Bank, at time.Time) *apptest.Shop {
	t.Helper()
	to := filepath.Join(t.TempDir(), "back")
	args := []string{"restore", "--paper", filepath.Join(old.Dir(), "paper.txt"), "--to", to, "--yes"}
	for _, s := range old.Sites() {
		args = append(args, "--from", s)
	}
	if !at.IsZero() {
		args = append(args, "--at", at.Format(time.RFC3339Nano))
	}
	if out, code := apptest.Command(t, nil, args...); code != 0 {
		t.Fatalf("restore: %d\n%s", code, out)
	}
	var list []string
	for _, s := range old.Sites() {
		list = append(list, fmt.Sprintf("%q", s))
	}
	for name, text := range map[string]string{"demo": "restored\n", "kassavalv.toml": "[copies]\nsites = [" + strings.Join(list, ", ") + "]\n"} {
		if err := os.WriteFile(filepath.Join(to, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := apptest.Prepare(t, apptest.Options{Dir: to, Bank: bank.URL})
	if err := s.Open(); err != nil {
		t.Fatalf("%v\n%s", err, s.Log())
	}
	return s
}

func open(t *testing.T, s *apptest.Shop) {
	t.Helper()
	if out, code := apptest.Command(t, nil, "restore", "--open", "--data", s.Dir()); code != 0 || !strings.Contains(out, "open for selling") {
		t.Fatalf("restore --open: %d\n%s", code, out)
	}
}

// after waits until the clock has left a moment behind, so that a position can be told
// from what follows.
func after(at time.Time) {
	for !time.Now().After(at.Add(1100 * time.Millisecond)) {
		time.Sleep(10 * time.Millisecond)
	}
}

// The machine is lost; what the sites have opens elsewhere for browsing, sells nothing
// until it is opened, and then the old shop, which still runs, stops.
func TestBrowsingFirstThenSellingAndTheOldShopStops(t *testing.T) {
	bank := apptest.StartBank(t)
	old := apptest.Start(t, apptest.Options{Bank: bank.URL})
	c := old.As(t)
	v := c.Scarce(100)
	_, o := c.Paid(v, 1)
	owner := old.As(t)
	owner.SignIn("owner")
	if a := owner.Do("GET", "/admin", nil); a.Status != 200 {
		t.Fatalf("the office: %d", a.Status)
	}
	settled(t, old)

	s := restored(t, old, bank, time.Time{})
	b := s.As(t)
	// Everything is there to be seen.
	if got := b.Order(o.Token); got.Number != o.Number {
		t.Errorf("order %s came back as %s", o.Number, got.Number)
	}
	// Nothing is for sale, in words and with a time, on the pages and in the API.
	k := b.ReadyCart(b.Scarce(100), 1)
	a := b.Post(k, apptest.Wish{})
	if a.Status != 503 || !strings.Contains(string(a.Body), `"readonly"`) {
		t.Errorf("a purchase in a shop that is not open: %d %s", a.Status, a.Body)
	}
	// Sessions of the old life are none here.
	theirs := s.As(t)
	theirs.SetCookie(apptest.CookieStaff, owner.Cookie(apptest.CookieStaff))
	if a := theirs.Do("GET", "/admin/orders", nil); a.Status == 200 {
		t.Error("a session of the old shop is alive in the restored one")
	}
	boss := s.As(t)
	boss.SignIn("owner")
	if a := boss.Do("GET", "/admin/orders", nil); a.Status != 200 || !strings.Contains(string(a.Body), "/admin/restored") {
		t.Errorf("the office does not tell that the shop is not open: %d", a.Status)
	}
	// The old one still sells meanwhile: nobody has taken its place yet.
	c.Paid(v, 1)

	open(t, s)
	if out, code := apptest.Command(t, nil, "restore", "--open", "--data", s.Dir()); code == 0 || !strings.Contains(out, "open for selling") {
		t.Errorf("opened twice: %d %s", code, out)
	}
	b.Paid(b.Scarce(100), 1)
	// The old shop learns that it is over: it sells nothing any more, and says why.
	if err := apptest.Poll(3*time.Minute, func() bool { return c.Post(c.ReadyCart(v, 1), apptest.Wish{}).Status == 503 }); err != nil {
		t.Fatal("the old shop goes on selling")
	}
	out, _ := apptest.Command(t, nil, "backup", "status", "--json", "--data", old.Dir())
	var st status
	if err := json.NewDecoder(bufio.NewReader(strings.NewReader(out))).Decode(&st); err != nil || !strings.Contains(st.Trouble, "another machine") {
		t.Errorf("the old shop's status: %v %s", err, out)
	}
	if st.Loss != "together" {
		t.Errorf("its copies lie on its own disk, and its loss is said to take %q", st.Loss)
	}
	// Also when it is started again.
	old.Stop()
	if err := old.Open(); err != nil {
		t.Fatal(err)
	}
	d := old.As(t)
	if a := d.Post(d.ReadyCart(d.Scarce(100), 1), apptest.Wish{}); a.Status != 503 {
		t.Errorf("started again, the old shop sells: %d", a.Status)
	}
}

// What was paid between the position that came back and the end of the old machine is
// found at the bank: a purchase that came back becomes an order, with one letter; one of
// which nothing came back is listed, and its money goes back when a person says so, once.
func TestTheGapWithTheBank(t *testing.T) {
	bank := apptest.StartBank(t)
	old := apptest.Start(t, apptest.Options{Bank: bank.URL})
	c := old.As(t)
	k := c.NewCart()
	who := apptest.Buyer(apptest.NewMail())
	k = c.Cart(1, c.Scarce(100))
	k = c.Complete(k.ID, who)
	waits := c.Buy(k, apptest.Wish{}) // it came back, still waiting for the buyer
	at := settled(t, old)
	after(at)
	c.Pay(waits, apptest.Good)
	c.Final(waits.Token)
	lost, _ := c.Paid(c.Scarce(100), 1) // nothing of this one comes back
	settled(t, old)
	old.Kill()

	s := restored(t, old, bank, at)
	b := s.As(t)
	if p := b.Purchase(waits.Token); p.Terminal() {
		t.Fatalf("the purchase came back as %s", p.State)
	}
	if a := b.Do("GET", apptest.API+"/purchases/"+lost.Token, nil); a.Status != 404 {
		t.Fatalf("a purchase after the position is there: %d", a.Status)
	}
	open(t, s)
	p := b.Final(waits.Token)
	if p.State != "paid" || p.Order == nil {
		t.Fatalf("what was paid in the gap ended %s: %s", p.State, p.Message)
	}
	one := func() int { return len(b.Mails(who.Email)) }
	if err := apptest.Poll(time.Minute, func() bool { return one() > 0 }); err != nil {
		t.Error("the buyer hears nothing")
	}
	// The other one.
	boss := s.As(t)
	boss.SignIn("owner")
	path := ""
	err := apptest.Poll(2*time.Minute, func() bool {
		body := string(boss.Do("GET", "/admin/restored", nil).Body)
		if i := strings.Index(body, `"/admin/restored/payments/`); i >= 0 {
			path, _, _ = strings.Cut(body[i+1:], `"`)
		}
		return path != ""
	})
	if err != nil {
		t.Fatalf("the money is not found\n%s", boss.Do("GET", "/admin/restored", nil).Body)
	}
	if a := b.Do("GET", "/purchases/"+lost.Token, nil); a.Status != 404 || !strings.Contains(string(a.Body), "avbrott") {
		t.Errorf("the buyer's own page: %d", a.Status)
	}
	s.AsOwner(boss, path, url.Values{})
	var back apptest.Payment
	err = apptest.Poll(2*time.Minute, func() bool {
		for _, x := range b.Payments("") {
			if x.Reference == lost.Token {
				back = x
			}
		}
		return back.Refunded == back.Captured && back.Captured > 0
	})
	if err != nil {
		t.Fatalf("the money does not go back: %+v", back)
	}
	if len(back.Notes) != 1 || !strings.Contains(back.Notes[0], "Avbrott") {
		t.Errorf("with the money the buyer reads %q", back.Notes)
	}
	if a := boss.Form(path, url.Values{}); a.Status != 409 && a.Status != 403 {
		t.Errorf("paid back twice: %d", a.Status)
	}
	if n := one(); n != 1 {
		t.Errorf("%d letters to the buyer", n)
	}
}
