package auth

import (
	"slices"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/db"
)

// A password has no end: one that was set ten years ago opens a whole session and nothing asks for another; nor does
// the schema know how old a password is.
func TestPasswordsHaveNoEnd(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		o := w.member("bo@example.se", "support")
		w.age(o, 10*365*24*time.Hour)
		w.exec(`UPDATE auth_staff SET awake_at=$2 WHERE id=$1`, o.id, time.Now()) // who does not come for 90 days is closed; he came
		by := w.by(w.signIn(o))
		if !slices.Equal(by.Rights(), withRights(StaffKind, 0, "", Roles["support"]).Rights()) || by.NeedFresh(time.Now()) != nil {
			t.Errorf("an old password opens less: %v", by.Rights())
		}
		if n := w.count(`SELECT count(*) FROM auth_letter`) + w.count(`SELECT count(*) FROM auth_change`) + w.count(`SELECT count(*) FROM auth_invite`); n != 0 {
			t.Errorf("%d letters about an old password", n)
		}
		text := `SELECT p.name FROM pragma_table_info('auth_staff') p`
		if w.d.Engine() == db.Postgres {
			text = `SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name='auth_staff'`
		}
		names, err := db.Read(ctx, w.d, func(q *db.Reader) ([]string, error) {
			return db.All(q, func(r *db.Rows) (s string, err error) { err = r.Scan(&s); return }, text)
		})
		if err != nil || len(names) < 10 {
			t.Fatal(names, err)
		}
		for _, n := range names {
			if strings.Contains(n, "password") && n != "password" {
				t.Errorf("the column %s knows more of a password than its hash", n)
			}
		}
	})
}
