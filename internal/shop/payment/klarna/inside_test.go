package klarna

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

// RFC 9562, 4.1 and 5.5: version 5, variant 10; the same name gives the same.
func TestKeys(t *testing.T) {
	shape := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]string{}
	for i := range 1000 {
		k := fmt.Sprint("kv-c-", i)
		u := uuid5(k)
		if !shape.MatchString(u) || u != uuid5(k) || seen[u] != "" {
			t.Fatal(k, u)
		}
		seen[u] = k
	}
}

// Whatever is bought, the lines are such as Klarna takes: its rules are written here once
// more, in fractions, apart from the code.
func TestLinesAreSuchAsKlarnaTakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rates := rapid.SampledFrom([]int64{0, 600, 1200, 2500, 2100, 700})
		var s payment.Start
		s.Lang = rapid.SampledFrom([]lang.Lang{lang.SV, lang.EN}).Draw(t, "lang")
		sum := int64(0)
		for range rapid.IntRange(0, 12).Draw(t, "n") {
			l := payment.Line{Kind: rapid.SampledFrom([]string{"goods", "goods", "goods", "delivery", "discount", "gift_card"}).Draw(t, "kind"),
				Quantity: rapid.Int64Range(0, 50).Draw(t, "q"), RateBP: rates.Draw(t, "rate"), Name: rapid.StringN(0, 300, 900).Draw(t, "name")}
			unit := rapid.Int64Range(0, 500_000).Draw(t, "unit")
			total := unit*l.Quantity - rapid.Int64Range(0, 200).Draw(t, "off")
			if l.Kind == "delivery" {
				l.Quantity, unit = 1, rapid.Int64Range(0, 30_000).Draw(t, "fee")
				total = unit
			}
			if l.Kind == "discount" || l.Kind == "gift_card" {
				l.Quantity, total, l.RateBP = 1, -rapid.Int64Range(1, 100_000).Draw(t, "minus"), 0
				unit = total
			}
			l.Unit, l.Total = money.SEK(unit), money.SEK(total)
			l.VAT = money.SEK(money.VATIncluded(total, l.RateBP) + rapid.SampledFrom([]int64{0, 0, 0, 1, -1, 7, -300}).Draw(t, "wrong"))
			sum += total
			s.Lines = append(s.Lines, l)
		}
		s.Amount = money.SEK(max(1, sum+rapid.SampledFrom([]int64{0, 0, 0, 1}).Draw(t, "missing")))
		lines, tax := orderLines(s)
		var total, taxes int64
		for _, k := range lines {
			if k.Name == "" || len([]rune(k.Name)) > 255 || k.Quantity < 1 || k.Discount < 0 {
				t.Fatalf("%+v", k)
			}
			if k.Total != k.Quantity*k.UnitPrice-k.Discount {
				t.Fatalf("total of %+v", k)
			}
			off := k.TotalTax*(10_000+k.TaxRate) - k.Total*k.TaxRate
			if max(off, -off) > 10_000+k.TaxRate || k.TaxRate < 0 || k.TaxRate > 10_000 {
				t.Fatalf("tax of %+v", k)
			}
			if k.Type == "gift_card" && (k.TotalTax != 0 || k.TaxRate != 0) {
				t.Fatalf("tax in %+v", k)
			}
			total, taxes = total+k.Total, taxes+k.TotalTax
		}
		if total != s.Amount.Amount || taxes != tax || tax < 0 || len(lines) == 0 {
			t.Fatalf("%d of %d, tax %d of %d", total, s.Amount.Amount, taxes, tax)
		}
	})
}

// What is owed to the state stays what it is where Klarna's rule lets it.
func TestTaxStays(t *testing.T) {
	s := payment.Start{Lang: "sv", Amount: money.SEK(49900 + 4900 - 10000)}
	s.Lines = []payment.Line{
		{Kind: "goods", Ref: "A", Name: "Bok", Quantity: 2, Unit: money.SEK(24950), Total: money.SEK(49900), RateBP: 600, VAT: money.SEK(2825)},
		{Kind: "delivery", Name: "Frakt", Quantity: 1, Unit: money.SEK(4900), Total: money.SEK(4900), RateBP: 600, VAT: money.SEK(612)}, // a mean of two rates
		{Kind: "gift_card", Quantity: 1, Unit: money.SEK(-10000), Total: money.SEK(-10000)},
	}
	lines, tax := orderLines(s)
	if tax != 2825+612 || lines[1].Type != "shipping_fee" || lines[1].TaxRate != 1427 || lines[2].Type != "gift_card" || lines[2].Name != "Presentkort" || lines[2].UnitPrice != -10000 {
		t.Errorf("%d %+v", tax, lines)
	}
}

// Every word of the table means something the shop knows, and stands in the docs.
func TestCodes(t *testing.T) {
	doc, err := os.ReadFile("../../../../docs/payments/klarna.md")
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[payment.Reason]bool{payment.Declined: true, payment.BankError: true, payment.BuyerLeft: true, payment.ProviderDown: true, payment.TimedOut: true}
	for code, m := range codes {
		if !reasons[m.Reason] {
			t.Errorf("%s: %q", code, m.Reason)
		}
		if !strings.Contains(string(doc), "`"+code+"`") {
			t.Errorf("docs/payments/klarna.md does not tell of %s", code)
		}
		if code != plain(code, 60) {
			t.Errorf("%q is no code", code)
		}
	}
	for status, body := range map[int]string{400: `{"error_code":"BAD_VALUE","error_messages":["Bad value: Anna"],"correlation_id":"c-1"}`, 404: "", 403: "<html>", 401: `[]`} {
		err := refused(status, []byte(body))
		if errors.Is(err, payment.ErrUnknown) || strings.Contains(err.Error(), "Anna") {
			t.Errorf("%d: %v", status, err)
		}
	}
	for _, status := range []int{500, 502, 503, 504, 429, 408, 302, 100} {
		if err := refused(status, nil); !errors.Is(err, payment.ErrUnknown) {
			t.Errorf("%d: %v", status, err)
		}
	}
	if err := refused(409, []byte(`{"error_code":"CONFLICT"}`)); !errors.Is(err, payment.ErrUnknown) {
		t.Error(err)
	}
	var c payment.Coder
	if err := refused(403, []byte(`{"error_code":"CAPTURE_NOT_ALLOWED","correlation_id":"c-2"}`)); !errors.As(err, &c) || c.ProviderCode() != "CAPTURE_NOT_ALLOWED/c-2" {
		t.Error(err)
	}
	if meant("SOMETHING_NEW").Final {
		t.Error("a word that nobody knows is final")
	}
}

func TestRefs(t *testing.T) {
	for ref, want := range map[string][3]string{"a.b": {"a", "b", ""}, "o-1": {"", "", "o-1"}, "": {}, "a.b.c": {}, "../x": {}, "a/b": {}, "a b": {}, ".b": {}} {
		pg, kp, o := refOf(ref)
		if [3]string{pg, kp, o} != want {
			t.Errorf("%q: %q %q %q", ref, pg, kp, o)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	var r recent
	for i := range 3 * rememberMax {
		r.put(fmt.Sprint(i), seen{ref: "x"})
	}
	if len(r.list) > rememberMax {
		t.Errorf("%d kept", len(r.list))
	}
	if _, ok := r.get(fmt.Sprint(3*rememberMax - 1)); !ok {
		t.Error("the last is not there")
	}
}
