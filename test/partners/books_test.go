package partners

import (
	"bytes"
	"context"
	"mime/multipart"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"kassavalv/internal/apptest"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

// The books of the built program against Klarna's list, then against Klarna's file: they
// agree; Klarna has money that the shop does not know of; the shop has money that Klarna
// does not; and the file finds what the list does.
func TestKlarnaBooks(t *testing.T) {
	for _, e := range apptest.Engines {
		t.Run(e, func(t *testing.T) {
			t.Parallel()
			// Klarna pays out at once here, so that what is missing is missing today.
			w := startLender(t, e, "KASSAVALV_KLARNA_PAYOUT_DAYS=0")
			w.SignIn("owner")
			sold := func() apptest.Purchase {
				p, number := w.approved(apptest.NewMail(), 1, w.Variant())
				w.ship(number)
				w.until("the money is taken", func() bool {
					o := w.order(p)
					return o.Captured > 0 && w.AdminOrder(number).Payment.Paid.Amount == o.Captured
				})
				return p
			}
			settle := func() string {
				ref := w.k.Settle()
				if ref == "" {
					t.Fatal("nothing was paid out")
				}
				return ref
			}
			// compared has the books compared until the cases are those wanted: money that moved
			// a moment ago is left to the next comparison.
			compared := func(want ...string) {
				t.Helper()
				looked := func() string {
					rows := w.Query(`SELECT looked_at FROM payment_window WHERE method='klarna' AND trouble=''`)
					if len(rows) == 0 {
						return ""
					}
					return rows[0][0]
				}
				var got []string
				w.until("the cases "+strings.Join(want, ", "), func() bool {
					before := looked()
					w.Want(w.Form("/admin/money/compare", url.Values{}), 303, nil)
					w.until("a comparison", func() bool { return looked() != before })
					got = nil
					for _, r := range w.Query(`SELECT kind FROM payment_case WHERE method='klarna' AND state='open'`) {
						got = append(got, r[0])
					}
					sort.Strings(got)
					return strings.Join(got, " ") == strings.Join(want, " ")
				})
			}

			a := sold()
			sold()
			first := settle()
			compared()

			o := w.order(a)
			if st, err := w.k.Provider().Refund(context.Background(), payment.Refund{Key: "in the portal", Ref: o.ID, Reference: o.Reference, Amount: money.SEK(500)}); err != nil || !st.Done {
				t.Fatalf("%+v %v", st, err)
			}
			second := settle()
			compared("missing_here")

			c := sold()
			w.k.Withhold(w.order(c).ID)
			compared("missing_here", "missing_there")
			page := w.Do("GET", "/admin/money/cases", nil).Words()
			if !strings.Contains(page, "Pengar som våra böcker saknar") || !strings.Contains(page, "Pengar som partnern saknar") {
				t.Errorf("the office says: %s", page)
			}

			// The files say the same, and open nothing anew.
			cases := w.Count(`SELECT count(*) FROM payment_case`)
			path := filepath.Join(t.TempDir(), "settlement.csv")
			run := func(text []byte, want int, says string, args ...string) {
				t.Helper()
				if err := os.WriteFile(path, text, 0o600); err != nil {
					t.Fatal(err)
				}
				if out, status := apptest.Command(t, nil, append([]string{"import", "--data", w.Dir(), path}, args...)...); status != want || !strings.Contains(out, says) {
					t.Errorf("%v ended with %d: %s", args, status, out)
				}
			}
			run(w.k.Report(second), 3, "missing_here", "--dry-run")
			run(w.k.Report(first), 0, "agree with the books")
			run(w.k.Report(first), 0, "taken in before")

			var body bytes.Buffer
			m := multipart.NewWriter(&body)
			part, err := m.CreateFormFile("file", "settlement.csv")
			if err != nil {
				t.Fatal(err)
			}
			part.Write(w.k.Report(second))
			m.Close()
			sent := w.Do("POST", "/admin/money/bank", apptest.Raw(body.String()), "Content-Type", m.FormDataContentType(), "Sec-Fetch-Site", "same-origin", "Origin", w.Shop.Shop)
			w.Want(sent, 303, nil)
			if draft := w.Do("GET", sent.Location(), nil).Words(); !strings.Contains(draft, "Utbetalningsfil från") || !strings.Contains(draft, "Pengar som våra böcker saknar") || !strings.Contains(draft, "Inget är ändrat ännu") {
				t.Errorf("the preview says: %s", draft)
			}
			taken := w.Form(sent.Location(), url.Values{})
			w.Want(taken, 303, nil)
			if file := w.Do("GET", taken.Location(), nil).Words(); !strings.Contains(file, "Det som skiljer sig är ärenden nu") || !strings.Contains(file, "5 kr") {
				t.Errorf("the file says: %s", file)
			}
			if list := w.Do("GET", "/admin/money/bank", nil); list.Status != 200 || !strings.Contains(list.Words(), "klarna") {
				t.Errorf("the list of files: %v", list)
			}
			if n := w.Count(`SELECT count(*) FROM payment_case`); n != cases {
				t.Errorf("%d cases before the files, %d after", cases, n)
			}
			if n := w.Count(`SELECT count(*) FROM payment_payout WHERE method='klarna'`); n != 2 {
				t.Errorf("%d payouts are noted", n)
			}
		})
	}
}
