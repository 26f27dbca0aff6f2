package notice_test

import (
	"regexp"
	"strings"
	"testing"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/account"
)

// fromThere is a browser of a customer.
func fromThere(cookie, session string) account.From {
	return account.From{Peer: "192.0.2.0/24", Agent: "Firefox", Lang: "sv", Browser: cookie, Old: session}
}

var eight = regexp.MustCompile(`\b(\d{4}) (\d{4})\b`)

// codeIn finds the code of the newest letter to an address.
func codeIn(t *testing.T, ls []letter, to string) string {
	t.Helper()
	for i := len(ls) - 1; i >= 0; i-- {
		if ls[i].to == to {
			if m := eight.FindStringSubmatch(ls[i].Text); m != nil {
				if !strings.Contains(ls[i].HTML, m[0]) || eight.MatchString(ls[i].GetHeader("Subject")) {
					t.Error("the code is not in both parts, or in the subject")
				}
				return m[1] + m[2]
			}
		}
	}
	t.Fatal("no code to", to)
	return ""
}

func TestAccountLetters(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		cookie, err := w.accounts.RequestCode(ctx, "kim@example.se", fromThere("", ""))
		if err != nil {
			t.Fatal(err)
		}
		in, err := w.accounts.TryCode(ctx, codeIn(t, w.settled(), "kim@example.se"), fromThere(cookie, ""))
		if err != nil {
			t.Fatal(err)
		}
		// What held the code is forgotten once it is sent.
		n, err := db.Read(ctx, w.DB, func(q *db.Reader) (n int, err error) {
			err = q.QueryRow(`SELECT count(*) FROM mail_message WHERE kind=$1 AND state='sent' AND sealed IS NULL`, account.JobCode).Scan(&n)
			return
		})
		if err != nil || n != 1 {
			t.Errorf("the copy of a letter with a code is kept: %d %v", n, err)
		}
		key := in.Secret.Reveal()
		visitor := func() account.Visitor {
			t.Helper()
			v, err := w.accounts.Resolve(ctx, key, "192.0.2.0/24")
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		v := visitor()
		opened, _, err := db.Write(ctx, w.DB, func(tx *db.Tx) (secret.Secret, error) { _, s, err := w.accounts.Open(tx, v, "Kim"); return s, err })
		if err != nil {
			t.Fatal(err)
		}
		key = opened.Reveal()
		if s, err := w.accounts.SetPassword(ctx, visitor(), secret.Hide(""), secret.Hide("korrekt häst batteri")); err != nil {
			t.Fatal(err)
		} else {
			key = s.Reveal()
		}
		if err := w.accounts.AskMove(ctx, visitor(), "ny@example.se"); err != nil {
			t.Fatal(err)
		}
		ls := w.settled()
		s, err := w.accounts.TryMove(ctx, visitor(), codeIn(t, ls, "ny@example.se"))
		if err != nil {
			t.Fatal(err)
		}
		key = s.Reveal()
		ls = w.settled()
		told := map[string]int{}
		var stop string
		for _, l := range ls {
			told[l.to+": "+l.GetHeader("Subject")]++
			if m := regexp.MustCompile(`/account/moves/([A-Za-z0-9_-]+)`).FindStringSubmatch(l.Text); m != nil && l.to == "kim@example.se" {
				stop = m[1]
				if strings.Contains(l.Text, "ny@example.se") {
					t.Error("the new address stands open in the letter to the old one")
				}
			}
		}
		for _, s := range []string{"kim@example.se: Din kod för att logga in", "kim@example.se: Ditt konto är klart", "kim@example.se: Ditt lösenord är ändrat", "ny@example.se: Bekräfta din nya adress",
			"kim@example.se: Ditt konto ska få en ny adress", "kim@example.se: Ditt konto har fått en ny adress", "ny@example.se: Din nya adress gäller"} {
			if told[s] != 1 {
				t.Errorf("%q: %d letters of %v", s, told[s], told)
			}
		}
		w.Do(func(tx *db.Tx) error { return w.accounts.StopMove(tx, auth.Guest(""), stop) })
		if _, err := w.accounts.Resolve(ctx, key, ""); err == nil {
			t.Error("the link stopped nothing")
		}
		if ls = w.settled(); ls[len(ls)-1].to != "kim@example.se" || ls[len(ls)-1].GetHeader("Subject") != "Ditt lösenord är borttaget" {
			t.Error(ls[len(ls)-1].to, ls[len(ls)-1].GetHeader("Subject"))
		}
	})
}
