package notice_test

import (
	"strings"
	"testing"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/notice"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shop/waitlist"
	"kassavalv/internal/shoptest"
)

// One letter, and then the address is gone: the copy of the letter too.
func TestBackInStock(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		v := w.Product(24900, 0)
		var e waitlist.Entry
		w.Do(func(tx *db.Tx) (err error) {
			e, err = waitlist.Ask(tx, w.Vault, v, "vill@example.se", lang.SV)
			return err
		})
		w.Do(func(tx *db.Tx) error { _, err := stock.SetOnHand(tx, shoptest.By, v, 3); return err })
		if err := waitlist.Look(ctx, w.DB, w.Vault); err != nil {
			t.Fatal(err)
		}
		m := w.last(1)
		if m.to != "vill@example.se" {
			t.Errorf("to %s", m.to)
		}
		says(t, "letter", m.Text, "Vara 1 finns nu att köpa igen", base+"/products/vara-1", base+"/waiting/"+e.Token(w.Vault), "det enda mejlet", "Förstukvist Handel AB")
		if err := notice.ForgetTold(ctx, notice.Deps{DB: w.DB, Vault: w.Vault}); err != nil {
			t.Fatal(err)
		}
		left, err := db.Read(ctx, w.DB, func(q *db.Reader) (s string, err error) {
			var state string
			var sealed, copies int
			err = q.QueryRow(`SELECT e.state, (SELECT count(*) FROM waitlist_entry WHERE sealed IS NOT NULL), (SELECT count(*) FROM mail_message WHERE sealed IS NOT NULL) FROM waitlist_entry e`).Scan(&state, &sealed, &copies)
			return strings.TrimSpace(state + strings.Repeat(" sealed", sealed) + strings.Repeat(" copy", copies)), err
		})
		if err != nil || left != "forgotten" {
			t.Errorf("left: %q %v", left, err)
		}
		// Back once more: nobody is left to tell.
		for _, n := range []int64{0, 9} {
			w.Do(func(tx *db.Tx) error { _, err := stock.SetOnHand(tx, shoptest.By, v, n); return err })
			if err := waitlist.Look(ctx, w.DB, w.Vault); err != nil {
				t.Fatal(err)
			}
		}
		w.last(1)
	})
}
