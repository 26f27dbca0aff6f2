package notice_test

import (
	"regexp"
	"testing"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

const memberMail = "kim@butik.example"

// invited makes a member whose invitation was written in the language of who invites.
func (w *world) invited(by auth.By) auth.Invited {
	w.T.Helper()
	i, _, err := db.Write(ctx, w.DB, func(tx *db.Tx) (auth.Invited, error) {
		return w.auth.Invite(tx, by, auth.NewStaff{Email: memberMail, Name: "Kim Ek", Role: "orders"})
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return i
}

var inviteLink = regexp.MustCompile(regexp.QuoteMeta(base) + `(/en)?/admin/invite/([A-Za-z0-9_-]{22,})`)

func TestInvitationLetter(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		i := w.invited(auth.System("test.invite"))
		m := w.last(1)
		if m.to != memberMail {
			t.Errorf("to %s", m.to)
		}
		says(t, "invitation", m.Text, "Order", "kodapp", "fungerar en gång", "Förstukvist Handel AB")
		link := inviteLink.FindStringSubmatch(m.Text)
		if link == nil || link[1] != "" {
			t.Fatalf("no Swedish link in:\n%s", m.Text)
		}
		if link[2] != i.Token.Reveal() {
			t.Error("the letter's link is another than the one that was shown")
		}
		// The key is written nowhere: neither in the letter's row nor in the invitation's.
		n, err := db.Read(ctx, w.DB, func(q *db.Reader) (n int, err error) {
			err = q.QueryRow(`SELECT count(*) FROM mail_message WHERE kind=$1 AND state='sent' AND sealed IS NULL`, auth.JobMailInvite).Scan(&n)
			return
		})
		if err != nil || n != 1 {
			t.Errorf("the copy of a letter with a key is kept: %d %v", n, err)
		}
	})
}

func TestInvitationReplaced(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		i := w.invited(auth.System("test.invite"))
		w.last(1)
		again, _, err := db.Write(ctx, w.DB, func(tx *db.Tx) (auth.Invited, error) { return w.auth.Reinvite(tx, auth.System("test.invite"), i.Staff) })
		if err != nil {
			t.Fatal(err)
		}
		m := w.last(2)
		if link := inviteLink.FindStringSubmatch(m.Text); link == nil || link[2] != again.Token.Reveal() {
			t.Error("the second letter does not hold the newest link")
		}
	})
}

func TestChangeLetters(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		by := auth.System("test.credentials")
		key, err := w.auth.NewTOTP()
		if err != nil {
			t.Fatal(err)
		}
		id, err := w.auth.SetCredentials(ctx, by, auth.Credentials{NewStaff: auth.NewStaff{Email: memberMail, Name: "Kim Ek", Role: "orders"}, Password: secret.Hide("korrekt häst batteri"), TOTP: key})
		if err != nil {
			t.Fatal(err)
		}
		w.last(0)
		w.Do(func(tx *db.Tx) error { return w.auth.SetRole(tx, by, id, "support") })
		m := w.last(1)
		if m.to != memberMail {
			t.Errorf("to %s", m.to)
		}
		says(t, "role", m.Text, "Nu är du Kundtjänst", base+"/admin/recover", "Var det inte du")
		never(t, "role", m.Text, "/admin/invite/", "{role}", "{at}")
		// A second change of the same kind is a second letter; closing ends them.
		w.Do(func(tx *db.Tx) error { return w.auth.SetRole(tx, by, id, "reader") })
		says(t, "role again", w.last(2).Text, "Nu är du Läsare")
		w.Do(func(tx *db.Tx) error {
			if err := w.auth.SetRole(tx, by, id, "orders"); err != nil {
				return err
			}
			return w.auth.Close(tx, by, id)
		})
		w.last(2)
	})
}

func TestRecoveryLetterInEnglish(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		key, err := w.auth.NewTOTP()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.auth.SetCredentials(ctx, auth.System("test.credentials"), auth.Credentials{NewStaff: auth.NewStaff{Email: memberMail, Name: "Kim Ek", Role: "orders"}, Password: secret.Hide("korrekt häst batteri"), TOTP: key}); err != nil {
			t.Fatal(err)
		}
		// He works in English.
		w.Do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE auth_staff SET lang='en'`)
			return err
		})
		for _, stranger := range []string{"nobody@butik.example", "x"} {
			if err := w.auth.RequestRecovery(ctx, stranger, ""); err != nil {
				t.Fatal(err)
			}
		}
		w.last(0)
		if err := w.auth.RequestRecovery(ctx, memberMail, ""); err != nil {
			t.Fatal(err)
		}
		m := w.last(1)
		says(t, "recovery", m.Text, "Choose a new password", "authenticator app", "once")
		link := inviteLink.FindStringSubmatch(m.Text)
		if link == nil || link[1] != "/en" {
			t.Fatalf("no English link in:\n%s", m.Text)
		}
		i, err := db.Read(ctx, w.DB, func(q *db.Reader) (auth.InviteInfo, error) { return w.auth.LookInvite(q, link[2]) })
		if err != nil || i.Kind != "recover" || i.Profile.Email != memberMail {
			t.Errorf("the link opens %+v: %v", i, err)
		}
	})
}
