package notice_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

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

// A lost app makes a letter at once, one the day before, and one when it is gone; the link of the letters stops it, and then one tells that.
func TestLostAppLetters(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		prove := func() (cookie, key string) {
			t.Helper()
			cookie, err := w.accounts.RequestCode(ctx, "kim@example.se", fromThere("", ""))
			if err != nil {
				t.Fatal(err)
			}
			in, err := w.accounts.TryCode(ctx, codeIn(t, w.settled(), "kim@example.se"), fromThere(cookie, ""))
			if err != nil {
				t.Fatal(err)
			}
			return in.Browser, in.Secret.Reveal()
		}
		_, key := prove()
		act := func(fn func(tx *db.Tx, v account.Visitor) (secret.Secret, error)) {
			t.Helper()
			v, err := w.accounts.Resolve(ctx, key, "192.0.2.0/24")
			if err != nil {
				t.Fatal(err)
			}
			s, _, err := db.Write(ctx, w.DB, func(tx *db.Tx) (secret.Secret, error) { return fn(tx, v) })
			if err != nil {
				t.Fatal(err)
			}
			if !s.IsZero() {
				key = s.Reveal()
			}
		}
		act(func(tx *db.Tx, v account.Visitor) (secret.Secret, error) {
			_, s, err := w.accounts.Open(tx, v, "Kim")
			return s, err
		})
		var app account.App
		act(func(tx *db.Tx, v account.Visitor) (s secret.Secret, err error) {
			app, err = w.accounts.BeginApp(tx, v)
			return
		})
		code, err := totp.GenerateCode(app.Key.Reveal(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		v, err := w.accounts.Resolve(ctx, key, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.accounts.ConfirmApp(ctx, v, code); err != nil {
			t.Fatal(err)
		}
		told := func() (out map[string]int, stop string) {
			out = map[string]int{}
			for _, l := range w.settled() {
				out[l.GetHeader("Subject")]++
				if m := regexp.MustCompile(`/account/lost/([A-Za-z0-9_-]+)`).FindStringSubmatch(l.Text); m != nil {
					stop = m[1]
					if l.to != "kim@example.se" || !strings.Contains(l.HTML, m[0]) {
						t.Error("to", l.to)
					}
				}
			}
			return
		}
		ask := func() {
			t.Helper()
			cookie, _ := prove()
			if _, err := w.accounts.AskLost(ctx, fromThere(cookie, "")); err != nil {
				t.Fatal(err)
			}
		}
		ask()
		have, stop := told()
		if have["Din kodapp kopplas bort"] != 1 || have["I morgon kopplas din kodapp bort"] != 0 || stop == "" {
			t.Fatal(have, stop)
		}
		w.Do(func(tx *db.Tx) error { return w.accounts.StopLostByLink(tx, auth.Guest(""), stop) })
		if have, _ = told(); have["Din kodapp är kvar"] != 1 {
			t.Error(have)
		}
		ask()
		w.Do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE job_job SET run_at=1 WHERE kind=$1`, account.JobLostSoon)
			return err
		})
		// Of the one that was stopped no second letter comes.
		if have, _ = told(); have["Din kodapp kopplas bort"] != 2 || have["I morgon kopplas din kodapp bort"] != 1 || have["Din kodapp är bortkopplad"] != 0 {
			t.Error(have)
		}
		w.Do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE account_lost SET asked_at=1, due_at=2 WHERE state='waiting'`)
			return err
		})
		if err := w.accounts.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		if have, _ = told(); have["Din kodapp är bortkopplad"] != 1 {
			t.Error(have)
		}
		n, err := db.Read(ctx, w.DB, func(q *db.Reader) (n int, err error) {
			err = q.QueryRow(`SELECT count(*) FROM mail_message WHERE kind IN ($1,$2) AND sealed IS NOT NULL`, account.JobLost, account.JobLostSoon).Scan(&n)
			return
		})
		if err != nil || n != 0 {
			t.Errorf("copies of letters with a link are kept: %d %v", n, err)
		}
	})
}
