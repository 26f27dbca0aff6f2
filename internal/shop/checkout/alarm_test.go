package checkout_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/demo/bank/wire"
	"kassavalv/internal/fault"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shoptest"
)

// A notification that our secret signed for somebody else is refused and remembered.
func TestForeignNotificationIsRemembered(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		p := mustBuy(t, w, w.Cart(stock.Line{Variant: w.Product(11900, 5), Quantity: 1}), "")
		for _, live := range []string{`true,"account":"sandbox"`, `false,"account":"other"`} {
			body := []byte(fmt.Sprintf(`{"id":"e1","livemode":%s,"data":{"reference":%q}}`, live, p.Token(w.Vault)))
			h := map[string][]string{wire.HeaderSignature: {wire.SignatureHeader(wire.Secret, time.Now(), body)}}
			if err := w.Desk.Hook(context.Background(), "card", payment.Notice{Header: h, Body: body}); !fault.Is(err, "bad_notification") {
				t.Error(err)
			}
		}
		n, err := db.Read(context.Background(), w.DB, func(q *db.Reader) (n int, err error) {
			err = q.QueryRow(`SELECT count(*) FROM audit_entry WHERE action='notification.foreign' AND outcome='refused' AND entity_id=$1`, p.ID).Scan(&n)
			return
		})
		if err != nil || n != 2 {
			t.Error(n, err)
		}
	})
}

// A rescuer that starts asks about every open purchase at once: who had claimed one is
// gone, and what the bank sent meanwhile is lost.
func TestRescuerAsksAtOnceWhenItStarts(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		p := mustBuy(t, w, w.Cart(stock.Line{Variant: w.Product(11900, 5), Quantity: 1}), "")
		w.PayAtBank(p.NextURL, "4000000000000341") // never notified
		w.Do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE checkout_purchase SET check_at=$1 WHERE id=$2`, tx.Now().Add(time.Hour), p.ID)
			return err
		})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { defer close(ended); w.Desk.Rescue(ctx) }()
		if p = w.Until(p.ID, false, terminal); p.State != "paid" {
			t.Error(p.State)
		}
		cancel()
		<-ended
		w.CheckBooks()
	})
}
