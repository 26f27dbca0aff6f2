package klarna

import (
	"errors"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

const sample = `total_sale_amount;total_fee_amount;total_return_amount;total_settlement_amount;payment_reference;settlement_currency;payout_date;merchant_id
1499,00;40,48;99,50;1359,02;XISA93DJ;SEK;2026-11-20T07:45:00Z;K123456

type;capture_date;sale_date;order_id;short_order_id;capture_id;merchant_reference1;merchant_reference2;amount;posting_currency;merchant_capture_reference;detailed_type
SALE;2026-11-18T10:00:00Z;2026-11-17T09:00:00Z;c504a9bb-1948-46d5;9875QW2;8e93b66-6ab1;KV1A;;1499,00;SEK;kv-c-7;PURCHASE
FEE;2026-11-18T10:00:00Z;2026-11-17T09:00:00Z;c504a9bb-1948-46d5;9875QW2;8e93b66-6ab1;KV1A;;3,00;SEK;;PURCHASE_FEE_FIXED
FEE;2026-11-18T10:00:00Z;2026-11-17T09:00:00Z;c504a9bb-1948-46d5;9875QW2;8e93b66-6ab1;KV1A;;37,48;SEK;;PURCHASE_FEE_PERCENTAGE
RETURN;2026-11-19T10:00:00Z;2026-11-17T09:00:00Z;c504a9bb-1948-46d5;9875QW2;;KV1A;;-99,50;SEK;;PURCHASE_RETURN
REVERSAL;2026-11-19T11:00:00Z;2026-11-17T09:00:00Z;d1;9875QW3;;KV1B;;10;SEK;;REVERSAL
HOLDBACK;;;;;;;;1.5;SEK;;ROLLING_RESERVE
`

func read(t testing.TB, s string) (out []payment.Movement, err error) {
	err = ParseSettlement(strings.NewReader(s), func(m payment.Movement) error { out = append(out, m); return nil })
	return
}

func TestReport(t *testing.T) {
	got, err := read(t, "\xef\xbb\xbf"+sample)
	if err != nil || len(got) != 7 {
		t.Fatalf("%d %v", len(got), err)
	}
	at := time.Date(2026, 11, 18, 10, 0, 0, 0, time.UTC)
	if want := (payment.Movement{ID: "payout-XISA93DJ", Kind: "payout", Amount: money.SEK(135902), Payout: "XISA93DJ", At: time.Date(2026, 11, 20, 7, 45, 0, 0, time.UTC)}); got[0] != want {
		t.Errorf("%+v", got[0])
	}
	if want := (payment.Movement{ID: "sale-8e93b66-6ab1", Kind: "capture", Reference: "KV1A", Ref: "c504a9bb-1948-46d5", Key: "kv-c-7", Amount: money.SEK(149900), Payout: "XISA93DJ", At: at}); got[1] != want {
		t.Errorf("%+v", got[1])
	}
	for i, want := range []struct {
		kind string
		sum  int64
	}{{"payout", 135902}, {"capture", 149900}, {"fee", 300}, {"fee", 3748}, {"refund", 9950}, {"chargeback", 1000}, {"other", 150}} {
		if got[i].Kind != want.kind || got[i].Amount != money.SEK(want.sum) || got[i].Payout != "XISA93DJ" {
			t.Errorf("%d: %+v", i, got[i])
		}
	}
	// The same file, with commas, points and tabs, is the same.
	for _, c := range []string{",", "\t"} {
		other := strings.ReplaceAll(strings.ReplaceAll(sample, ",", "."), ";", c)
		again, err := read(t, other)
		if err != nil || len(again) != len(got) {
			t.Fatalf("%q: %v", c, err)
		}
		for i := range got {
			if again[i] != got[i] {
				t.Errorf("%q: %+v, %+v", c, again[i], got[i])
			}
		}
	}
	// Several payouts in one file.
	two := sample + strings.ReplaceAll(strings.ReplaceAll(sample, "XISA93DJ", "YISA93DK"), "8e93b66-6ab1", "9e93b66-6ab1")
	both, err := read(t, two)
	if err != nil || len(both) != 14 || both[8].Payout != "YISA93DK" {
		t.Errorf("%d %v", len(both), err)
	}
	ids := map[string]bool{}
	for _, m := range both {
		if ids[m.ID] {
			t.Errorf("twice %s", m.ID)
		}
		ids[m.ID] = true
	}
	// Rows that are alike in all are still two.
	fee := "FEE;2026-11-18T10:00:00Z;;o;s;;KV1;;3;SEK;;X\n"
	if alike, err := read(t, sample+fee+fee); err != nil || alike[7].ID == alike[8].ID {
		t.Errorf("%v %+v", err, alike[7:])
	}
}

func TestReportRefuses(t *testing.T) {
	for name, s := range map[string]string{
		"empty": "", "prose": "Hej\nhopp\n", "amount": strings.Replace(sample, "37,48", "37,485", 1), "thousands": strings.Replace(sample, "1499,00;SEK", "1 499,00;SEK", 1), "letters": strings.Replace(sample, "37,48", "abc", 1),
		"type": strings.Replace(sample, "REVERSAL;2026", ";2026", 1), "time": strings.Replace(sample, "2026-11-19T11:00:00Z", "i går", 1), "quote": sample + "\"x\n", "huge": strings.Replace(sample, "37,48", "99999999999999", 1),
		"currency": strings.ReplaceAll(strings.ReplaceAll(sample, ";SEK;2026", ";;2026"), ";SEK;", ";;"),
	} {
		if _, err := read(t, s); !errors.Is(err, ErrReport) {
			t.Errorf("%s: %v", name, err)
		}
	}
	stop := errors.New("stop")
	n := 0
	if err := ParseSettlement(strings.NewReader(sample), func(payment.Movement) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		t.Errorf("%d %v", n, err)
	}
	// A file without end has one here.
	if err := ParseSettlement(endless{}, func(payment.Movement) error { return nil }); !errors.Is(err, ErrReport) {
		t.Errorf("%v", err)
	}
	if err := ParseSettlement(&quoted{}, func(payment.Movement) error { return nil }); !errors.Is(err, ErrReport) {
		t.Errorf("%v", err)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = "a,\n"[i%3]
	}
	return len(b), nil
}

type quoted struct{ began bool }

func (q *quoted) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	if !q.began {
		b[0], q.began = '"', true
	}
	return len(b), nil
}

// Whatever the bytes: no panic, no amount below nothing, no id twice, and nothing but
// printable names.
func FuzzParseSettlement(f *testing.F) {
	f.Add(sample)
	f.Add(strings.ReplaceAll(sample, ";", ","))
	f.Add("type,amount,posting_currency\nSALE,1,SEK\nSALE,1,SEK\n")
	f.Fuzz(func(t *testing.T, s string) {
		ids := map[string]int{}
		got, err := read(t, s)
		if err != nil && !errors.Is(err, ErrReport) {
			t.Fatal(err)
		}
		for _, m := range got {
			if m.Amount.Amount < 0 || m.ID == "" || m.Kind == "" || len(m.Amount.Currency) != 3 {
				t.Fatalf("%+v", m)
			}
			for _, x := range []string{m.ID, m.Reference, m.Ref, m.Key, m.Payout} {
				if x != plain(x, 200) {
					t.Fatalf("%q", x)
				}
			}
			ids[m.ID]++
		}
	})
}

// A report is known by its headings, whatever stands before them and wherever what was
// read of it ends; files of other kinds are not taken for one.
func TestRecognise(t *testing.T) {
	head := "type,capture_date,order_id,merchant_reference1,amount,posting_currency"
	for s, want := range map[string]bool{
		sample: true, "\xef\xbb\xbf" + sample: true, sample[:200]: true, head: true, head + "\nSA": true, strings.ReplaceAll(head, ",", "\t"): true, `"type";"amount";"posting_currency"` + "\r\n": true,
		"": false, "type,amount\n": false, "Type,SKU,Name,Published,Tax status,Regular price": false, "Handle,Title,Variant Price": false, "<Document>": false, "hej": false,
		"payment_reference,settlement_currency\n": false,
	} {
		if got := Recognise([]byte(s)); got != want {
			t.Errorf("%.60q: %v", s, got)
		}
	}
}
