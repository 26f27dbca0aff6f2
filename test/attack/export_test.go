package attack

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"kassavalv/internal/apptest"
)

// exportForm asks for an export and returns the answer: a way to the link, or none.
func exportForm(c *apptest.Client) apptest.Answer {
	return c.Form("/account/data/export", url.Values{"format": {"json"}})
}

var _ = attack("AC-198", func(t *testing.T, c *apptest.Client) {
	v := stall(c)
	mailA, mailB := apptest.NewMail(), apptest.NewMail()
	mine, theirs := "Minagatan "+aWord(), "Derasgatan "+aWord()
	buys := func(mail, street string) {
		who := apptest.Buyer(mail)
		who.Address.Line1 = street
		b := c.Other()
		b.PaidCart(b.Complete(b.Cart(1, v).ID, who))
	}
	buys(mailA, mine)
	buys(mailB, theirs)
	a, b := proves(c.Other(), mailA), proves(c.Other(), mailB)

	// Without a sign-in there is nothing, whatever is asked for.
	if x := exportForm(c.Other()); x.Status != 401 {
		t.Errorf("an export without a sign-in: %d", x.Status)
	}
	// Another's address in the form, the query or the path changes nothing.
	for _, f := range []url.Values{{"format": {"json"}, "email": {mailB}}, {"format": {"json"}, "person": {"1"}}, {"format": {"json"}, "customer_id": {"1"}}} {
		if x := a.Form("/account/data/export", f); x.Status != 400 {
			t.Errorf("a field that names somebody: %d", x.Status)
		}
	}
	if x := a.Do("GET", "/account/data?email="+url.QueryEscape(mailB), nil); strings.Contains(string(x.Body), theirs) {
		t.Error("the query names whose details are shown")
	}
	link := exportForm(a).Location()
	if !strings.HasPrefix(link, "/account/data/export/") {
		t.Fatal("no link: ", link)
	}
	// The link opens for nobody else, not even with the session beside it, and not by guessing.
	token := strings.TrimPrefix(strings.Split(link, "?")[0], "/account/data/export/")
	if x := b.Do("GET", link, nil); x.Status != 404 {
		t.Errorf("another's link: %d", x.Status)
	}
	if x := c.Other().Do("GET", link, nil); x.Status != 303 || !strings.HasPrefix(x.Location(), "/login") {
		t.Errorf("the link without a sign-in: %d", x.Status)
	}
	for _, guess := range []string{"1", token[:len(token)-1], token + "A", strings.ToLower(token) + "x", strings.Repeat("A", len(token))} {
		if x := a.Do("GET", "/account/data/export/"+guess, nil); x.Status != 404 {
			t.Errorf("a guessed link: %d", x.Status)
		}
	}
	// It holds everything of one's own and nothing of others, once.
	x := a.Do("GET", link, nil)
	var file struct {
		Mail    string `json:"mail"`
		Records []struct {
			Category string `json:"category"`
		} `json:"records"`
	}
	if err := json.Unmarshal(x.Body, &file); x.Status != 200 || err != nil || file.Mail != mailA {
		t.Fatalf("%d %v %q", x.Status, err, file.Mail)
	}
	var have []string
	for _, r := range file.Records {
		have = append(have, r.Category)
	}
	for _, w := range []string{"order", "books", "entry"} {
		if !slices.Contains(have, w) {
			t.Errorf("the export has no %q, only %q", w, have)
		}
	}
	if text := string(x.Body); !strings.Contains(text, mine) || strings.Contains(text, theirs) || strings.Contains(text, mailB) {
		t.Error("the export is not of its owner alone")
	}
	if x.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(x.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("it may be kept or shown: %q", x.Header)
	}
	if x := a.Do("GET", link, nil); x.Status != 404 {
		t.Errorf("a second time: %d", x.Status)
	}
	// A link made before signing out is nothing after it.
	link = exportForm(a).Location()
	session := a.Cookie(cookieOwn)
	a.Form("/logout", url.Values{})
	a.SetCookie(cookieOwn, session)
	if x := a.Do("GET", link, nil); x.Status == 200 {
		t.Error("the link opens after signing out")
	}
	// Fifty presses give five exports a day.
	made := 0
	for range 50 {
		switch x := exportForm(b); {
		case x.Status == 303 && strings.HasPrefix(x.Location(), "/account/data/export/"):
			made++
		case x.Status != 429:
			t.Errorf("a press too many: %d", x.Status)
		}
	}
	if made != 5 {
		t.Errorf("%d exports in a day", made)
	}
})
