package notice_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/pdf"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/notice"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/shoptest"
)

func TestConfirmation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		v := w.Product(24900, 5)
		o := w.buy("card", lang.SV, stock.Line{Variant: v, Quantity: 2})
		m := w.last(1)
		num := o.NumberString()
		if m.to != shoptest.Contact.Email || !strings.Contains(m.GetHeader("Subject"), num) {
			t.Errorf("to %s: %s", m.to, m.GetHeader("Subject"))
		}
		// The list of distansavtalslagen 2 kap. 2 § and what TEXTS and Trygg e-handel add.
		for name, text := range map[string]string{"text": m.Text, "html": m.HTML} {
			says(t, name, text, num, "kvitto", "Vara 1", "249 kr styck", "498 kr", "39 kr", "537 kr", "Moms 25 %", "107,40 kr", "Paketbox", "Beräknad leverans", "Åsa Prov", "112 21 Stockholm",
				"kort", "14 dagar", "Ångra avtalet här", base+"/withdraw", "returfrakten", "ångerblankett", "tre år", base+"/support", "Allmänna reklamationsnämnden", "Box 174, 101 23 Stockholm", "arn.se",
				"Förstukvist Handel AB", "559999-0016", "SE559999001601", "Förstukvistgränd 3", "kundtjanst@forstukvist.example", "031-390 06 00", "Göteborg", "version 1", base+"/orders/"+o.Token(w.Vault))
			never(t, name, text, "ec.europa.eu", "{number}", "{amount}", "{{")
		}
		if got := strings.Join(files(m), " "); got != fmt.Sprintf("kvitto-%s-1.pdf kopvillkor.pdf angerblankett.pdf", num) {
			t.Errorf("attachments: %s", got)
		}
		// The job again, as after a crash: no second letter.
		w.Do(func(tx *db.Tx) error {
			_, err := job.Enqueue(tx, job.Spec{Kind: checkout.JobPlaced, Ref: o.ID})
			return err
		})
		w.last(1)
	})
}

func TestInvoice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		v := w.Product(24900, 5)
		o := w.buy("invoice", lang.EN, stock.Line{Variant: v, Quantity: 1})
		m := w.last(1)
		says(t, "text", m.Text, o.NumberString(), o.OCR, "288 kr", "Due by", lang.DateYear(lang.EN, o.DueAt), "Withdraw from contract here", base+"/en/withdraw", base+"/en/orders/", "National Board for Consumer Disputes", "is attached")
		never(t, "text", m.Text, "You have paid")
		if got := files(m); len(got) != 3 || got[0] != fmt.Sprintf("invoice-%s-1.pdf", o.NumberString()) {
			t.Error(got)
		}
	})
}

func TestShippedAndRefunded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		v := w.Product(24900, 5)
		o := w.buy("card", lang.SV, stock.Line{Variant: v, Quantity: 2})
		w.last(1)
		w.Do(func(tx *db.Tx) error {
			_, err := fulfilment.Ship(tx, staff, fulfilment.Shipment{Order: o.ID, Lines: []fulfilment.ShipLine{{Line: o.Lines[0].ID, Quantity: 1}}, Carrier: "local", Tracking: "LK12"})
			return err
		})
		m := w.last(2)
		says(t, "shipped", m.Text, o.NumberString(), "1 × Vara 1", "Följ paketet", "https://track.example/LK12", "LK12", "1 vara till kommer")
		w.Do(func(tx *db.Tx) error {
			_, err := returns.Refund(tx, staff, returns.RefundIn{Order: o.ID, Amount: money.SEK(5050), Reason: "prisavdrag"})
			return err
		})
		w.refunds(o, 5050)
		m = w.last(3)
		says(t, "refunded", m.Text, o.NumberString(), "50,50 kr", "kort", "5 bankdagar")
		if got := files(m); len(got) != 1 || got[0] != fmt.Sprintf("kreditfaktura-%s-1.pdf", o.NumberString()) {
			t.Error(got)
		}
	})
}

// refunds carries refunds out until the order has this much back.
func (w *world) refunds(o order.Order, ore int64) {
	w.T.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		if _, err := w.returns.RunOnce(ctx, 10); err != nil {
			w.T.Fatal(err)
		}
		got, err := db.Read(ctx, w.DB, func(q *db.Reader) (order.Order, error) { return order.ByID(q, o.ID) })
		if err != nil {
			w.T.Fatal(err)
		}
		if got.Refunded.Amount == ore {
			return
		}
		if time.Now().After(deadline) {
			w.T.Fatalf("refunded %v, want %d", got.Refunded, ore)
		}
	}
}

func (w *world) withdraw(o order.Order, in returns.Withdrawal) returns.Return {
	w.T.Helper()
	in.Order = o.ID
	r, _, err := db.Write(ctx, w.DB, func(tx *db.Tx) (returns.Return, error) { return returns.Withdraw(tx, guest, w.Vault, in) })
	if err != nil {
		w.T.Fatal(err)
	}
	return r
}

func TestWithdrawal(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		v := w.Product(24900, 5)
		o := w.buy("card", lang.SV, stock.Line{Variant: v, Quantity: 2})
		w.last(1)
		r := w.withdraw(o, returns.Withdrawal{Name: "Åsa <b>Prov</b>", Mail: shoptest.Contact.Email, Statement: "Jag ångrar mig.\n<script>alert(1)</script> {{.}}"})
		m := w.last(2)
		zone := r.Stated.In(lang.Zone).Format("MST")
		says(t, "acknowledgement", m.Text, o.NumberString(), "2 × Vara 1", "Jag ångrar mig.", lang.DateYear(lang.SV, r.Stated), lang.Clock(lang.SV, r.Stated), zone+", UTC+0", "hade inte skickats", "<script>alert(1)</script> {{.}}")
		never(t, "html", m.HTML, "<script>", "<b>Prov")
		says(t, "html", m.HTML, "&lt;script&gt;")
		never(t, "subject", m.GetHeader("Subject"), "Åsa")
		w.refunds(o, o.Paid.Amount)
		says(t, "refund", w.last(3).Text, "537 kr")

		// To another address than the order's: the order's buyer hears of it, and the link goes to him alone.
		o = w.buy("card", lang.SV, stock.Line{Variant: v, Quantity: 1})
		w.last(4)
		w.Do(func(tx *db.Tx) error {
			_, err := fulfilment.Ship(tx, staff, fulfilment.Shipment{Order: o.ID})
			return err
		})
		w.last(5)
		r = w.withdraw(o, returns.Withdrawal{Name: "Åsa", Mail: "annan@example.se"})
		w.last(7)
		var here, there letter
		for _, l := range w.settled()[5:] {
			if l.to == "annan@example.se" {
				there = l
			} else {
				here = l
			}
		}
		says(t, "to the address given", there.Text, "senast "+lang.DateYear(lang.SV, r.SendBackBy()), "Förstukvistgränd 3")
		says(t, "to the order's address", here.Text, base+"/orders/"+o.Token(w.Vault))
		never(t, "to the address given", there.Text+there.HTML, "/orders/")

		w.Do(func(tx *db.Tx) error {
			_, err := returns.Reject(tx, staff, w.Vault, r.ID, "Varan är <i>specialgjord</i>.")
			return err
		})
		m = w.last(8)
		says(t, "rejection", m.Text, "Varan är <i>specialgjord</i>.", "Allmänna reklamationsnämnden", "101 23 Stockholm")
		never(t, "html", m.HTML, "<i>")
	})
}

func TestEndedPurchase(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		v := w.Product(24900, 5)
		refuse := func() checkout.Purchase {
			p, err := w.Buy(w.Cart(stock.Line{Variant: v, Quantity: 1}), "")
			if err != nil {
				t.Fatal(err)
			}
			w.PayAtBank(p.NextURL, "4000000000009995")
			return w.Until(p.ID, true, func(p checkout.Purchase) bool { return p.State == checkout.Refused })
		}
		p := refuse()
		w.last(0) // the buyer is still there
		w.Do(func(tx *db.Tx) error {
			if err := tx.ExecOne(`UPDATE checkout_purchase SET created_at=created_at-61000000 WHERE id=$1`, p.ID); err != nil {
				return err
			}
			_, err := job.Enqueue(tx, job.Spec{Kind: checkout.JobUnpaid, Ref: p.ID})
			return err
		})
		m := w.last(1)
		says(t, "ended", m.Text, "Inga pengar har dragits", "pengarna på kontot inte räckte", base+"/purchases/"+p.Token(w.Vault))
		never(t, "ended", m.Text, "betald", "betalat")
		// When money has moved, the letter says where it is, and goes out at once.
		q := refuse()
		w.Do(func(tx *db.Tx) error {
			if err := tx.ExecOne(`UPDATE checkout_purchase SET money='taken', reason=$2 WHERE id=$1`, q.ID, checkout.AlarmMismatch); err != nil {
				return err
			}
			_, err := job.Enqueue(tx, job.Spec{Kind: checkout.JobUnpaid, Ref: q.ID})
			return err
		})
		m = w.last(2)
		says(t, "wrong sum", m.Text, "288 kr är på väg tillbaka")
		never(t, "wrong sum", m.Text, "Inga pengar har dragits")
		// Money that comes after the end goes back, and the buyer is told.
		w.Do(func(tx *db.Tx) error {
			i, err := payment.OfPurchase(tx, p.ID)
			if err != nil {
				return err
			}
			if err := payment.Bind(tx, i.ID, i.ProviderRef, ""); err != nil {
				return err
			}
			if _, err := payment.Capture(tx, i, i.Amount, "capture"); err != nil {
				return err
			}
			_, err = payment.AskRefund(tx, i, i.Amount, checkout.AlarmLate)
			return err
		})
		w.returns.Providers = []payment.Provider{giver{w.Desk.Providers[0]}}
		if _, err := w.returns.RunOnce(ctx, 10); err != nil {
			t.Fatal(err)
		}
		m = w.last(3)
		says(t, "late money", m.Text, "288 kr", "redan var avslutat")
		if len(m.Attachments) != 0 {
			t.Error("a credit note without an order")
		}
	})
}

// giver pays back what the sandbox bank never took.
type giver struct{ payment.Provider }

func (giver) Refund(context.Context, payment.Refund) (payment.RefundStatus, error) {
	return payment.RefundStatus{Done: true}, nil
}

func TestCases(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		in := support.NewCase{Name: "Åsa", Mail: "asa@example.se", Subject: "Hemlig rubrik", Body: "Hemlig fråga", Kind: "other", Lang: lang.SV}
		c, _, err := db.Write(ctx, w.DB, func(tx *db.Tx) (support.Case, error) { return support.Open(tx, guest, w.Vault, in) })
		if err != nil {
			t.Fatal(err)
		}
		link := base + "/cases/" + c.Token(w.Vault)
		m := w.last(1)
		says(t, "received", m.Text, link, fmt.Sprint(c.Number), "svar senast")
		never(t, "received", m.Text+m.HTML+m.GetHeader("Subject"), "Hemlig")
		for i := range 2 {
			w.Do(func(tx *db.Tx) error {
				_, err := support.Answer(tx, staff, w.Vault, c.ID, support.Answering{Body: "Hemligt svar"})
				return err
			})
			m = w.last(2 + i) // each answer is told
		}
		says(t, "answered", m.Text, link)
		never(t, "answered", m.Text+m.HTML+m.GetHeader("Subject"), "Hemlig")
	})
}

func TestErasedBuyerGetsNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		v := w.Product(24900, 5)
		o := w.buy("card", lang.SV, stock.Line{Variant: v, Quantity: 1})
		w.last(1)
		w.Do(func(tx *db.Tx) error { return w.Vault.Erase(tx, o.Person) })
		w.Do(func(tx *db.Tx) error {
			_, err := fulfilment.Ship(tx, staff, fulfilment.Shipment{Order: o.ID})
			return err
		})
		w.last(1)
	})
}

func TestReceiptFields(t *testing.T) {
	o := order.Order{Number: 12345678, Method: "card", PlacedAt: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), DueAt: time.Date(2026, 12, 20, 12, 0, 0, 0, time.UTC), OCR: order.OCR(12345678),
		Draft: order.Draft{Currency: "SEK", Goods: money.SEK(500000), Discount: money.SEK(0), Delivery: money.SEK(3900), GiftCard: money.SEK(0), Total: money.SEK(503900), ToPay: money.SEK(503900), Method: "card",
			VAT: []order.VAT{{RateBP: 2500, Gross: 503900, Amount: 100780}}}}
	o.Lines = []order.Line{{DraftLine: order.DraftLine{TitleSV: "Bord", SKU: "B-1", Quantity: 2, Unit: money.SEK(250000), Total: money.SEK(500000), RateBP: 2500}}}
	who := order.Contact{Name: "Åsa Prov", Address: order.Address{Line1: "Storgatan 1", PostalCode: "112 21", City: "Stockholm", Country: "SE"}}
	doc := order.Document{Kind: "receipt", Number: 7, Amount: money.SEK(503900), At: o.PlacedAt, VAT: o.Draft.VAT}
	show := func() string {
		p := notice.ReceiptDoc(o, doc, who, content.Example(), lang.SV)
		if _, err := pdf.Render(p); err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(fmt.Sprintf("%+v", p), "\u00a0", " ")
	}
	// Above 4 000 kr: all that mervärdesskattelagen 17 kap. 24 § asks for.
	says(t, "full invoice", show(), "Kvitto 7", "20 november 2026", "SE559999001601", "559999-0016", "Förstukvistgränd 3", "Åsa Prov", "Storgatan 1", "Bord", "B-1", "2 000", "25 %", "4 031,20 kr", "1 007,80 kr", "5 039 kr", "F-skatt", "12345678")
	// Up to it: no more of the buyer than is needed.
	o.Draft.Total, doc.Amount = money.SEK(390000), money.SEK(390000)
	s := show()
	says(t, "simplified invoice", s, "SE559999001601", "25 %", "Bord")
	never(t, "simplified invoice", s, "Storgatan", "Åsa")
	doc.Kind = "invoice"
	says(t, "invoice", show(), "Faktura 7", "Storgatan", o.OCR, "20 december 2026", "000-0000", "räntelagen")
	doc.Kind, doc.RefersTo, doc.Amount, doc.VAT = "credit_note", 7, money.SEK(-100000), []order.VAT{{RateBP: 2500, Gross: 100000, Amount: 20000}}
	says(t, "credit note", show(), "Kreditfaktura 7", "Avser", "−1 000 kr", "−200 kr", "−800 kr")
}

// What was agreed to besides the terms is repeated in the confirmation
// (distansavtalslagen 2 kap. 4 §).
func TestConfirmationRepeatsConsents(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		v := w.Product(24900, 5)
		w.Do(func(tx *db.Tx) error {
			return tx.ExecOne(`UPDATE catalog_variant SET b_goods_sv='Repa i glasyren' WHERE id=$1`, v)
		})
		for n, given := range [][]string{{"b_goods"}, nil} {
			p, err := w.Desk.Begin(ctx, checkout.Request{Cart: w.Cart(stock.Line{Variant: v, Quantity: 1}), Method: "invoice", Accept: true, Lang: lang.SV, Peer: "192.0.2.1", Consents: given})
			if err != nil {
				t.Fatal(err)
			}
			w.Until(p.ID, true, func(p checkout.Purchase) bool { return p.Order != 0 })
			m := w.last(n + 1)
			if given == nil {
				never(t, "a buyer who was not asked", m.Text, "Det här godkände du", "Repa")
				continue
			}
			says(t, "text", m.Text, "Det här godkände du", "köper den i det skicket: Repa i glasyren (", "kl. ")
		}
	})
}
