package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
)

// The page of the keys tells how they stand and shows none; to turn one takes a proof, the
// right, and another owner.
func TestKeysPage(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		turned := 0
		o.admin.TurnKeys = func(tx *db.Tx, by auth.By) error {
			if err := by.NeedSecond(auth.Ask{Act: auth.ActKeys, Entity: "keys", ID: 1, Was: "epoch-000001"}); err != nil {
				return err
			}
			tx.AfterCommit(func() { turned++ })
			return nil
		}
		b := o.as("owner")
		a := b.page("/admin/keys")
		for _, s := range []string{"epoch-000001", "Används nu", "Nyckeln har aldrig bytts.", "Alla ligger under nyckeln som används nu."} {
			if !strings.Contains(a.text(), s) {
				t.Errorf("the page does not say %q: %s", s, a.text())
			}
		}
		if en := b.page("/en/admin/keys"); !strings.Contains(en.text(), "The key has never been turned.") {
			t.Error(en.text())
		}
		for _, r := range []string{"catalogue", "orders", "support", "reader"} {
			if a := o.as(r).get("/admin/keys"); a.status != http.StatusForbidden {
				t.Errorf("%s sees the keys: %d", r, a.status)
			}
			if a := o.as(r).post("/admin/keys/turn"); a.status != http.StatusForbidden {
				t.Errorf("%s turns them: %d", r, a.status)
			}
		}
		if a := b.post("/admin/keys/turn"); a.status != http.StatusSeeOther || a.location() != "/admin/approvals" || turned != 0 {
			t.Errorf("one person turns them: %d %s, %d", a.status, a.location(), turned)
		}
		if a := b.page("/admin/approvals"); !strings.Contains(a.text(), "Byta nyckeln som låser personuppgifter, epoch-000001, mot en ny.") {
			t.Errorf("what waits is not said: %s", a.text())
		}
		o.stale("owner")
		b = o.as("owner")
		o.stale("owner")
		if a := b.post("/admin/keys/turn"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `name="totp"`) {
			t.Errorf("without a fresh proof: %d", a.status)
		}
	})
}
