package swish

import (
	"encoding/json"
	"regexp"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// Öre go to kronor and back, as text or as a number, and nothing that is no sum is one.
func TestKronor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ore := rapid.Int64Range(0, maxAmount).Draw(t, "öre")
		for _, in := range []string{kronor(ore), `"` + kronor(ore) + `"`} {
			var d decimal
			if err := json.Unmarshal([]byte(in), &d); err != nil {
				t.Fatal(err)
			}
			if got, ok := d.ore(); !ok || got != ore {
				t.Fatalf("%d became %s became %d", ore, in, got)
			}
		}
	})
	for in, want := range map[decimal]int64{"100": 10000, "100.5": 10050, "0.01": 1, "100.5000": 10050, "007": 700} {
		if got, ok := in.ore(); !ok || got != want {
			t.Errorf("%s is %d", in, got)
		}
	}
	for _, in := range []decimal{"", "-1", "1e3", "0.001", "1,50", " 1", "1.", ".5", "NaN", "99999999999999999999", "1.23456"} {
		if got, ok := in.ore(); ok {
			t.Errorf("%q is %d", in, got)
		}
	}
}

// Whatever the shop is called, the message is one that Swish takes, and bears our
// reference.
func TestMessage(t *testing.T) {
	ok := regexp.MustCompile(`^[a-zA-Z0-9åäöÅÄÖéÉüÜ !?(),.\-:;"]{1,50}$`)
	rapid.Check(t, func(t *rapid.T) {
		shop, ref := rapid.String().Draw(t, "shop"), rapid.StringMatching(`KV[0-9A-Z]{1,13}`).Draw(t, "reference")
		m := message(shop, ref)
		if !ok.MatchString(m) || utf8.RuneCountInString(m) > maxMessage {
			t.Fatalf("%q", m)
		}
		if m[len(m)-len(ref):] != ref {
			t.Fatalf("%q does not end with %s", m, ref)
		}
	})
	if got := message("Forst & Kvist", "KV1A"); got != "Forst Kvist, Köp KV1A" {
		t.Error(got)
	}
}

func TestMoments(t *testing.T) {
	want := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, in := range []string{"2026-03-01T12:00:00Z", "2026-03-01T14:00:00.000+0200", "2026-03-01T14:00:00+02:00", "2026-03-01T12:00:00.000"} {
		var m moment
		if err := json.Unmarshal([]byte(`"`+in+`"`), &m); err != nil || !m.Equal(want) {
			t.Errorf("%s is %v, %v", in, m.Time, err)
		}
	}
	for _, in := range []string{`null`, `""`, `"yesterday"`, `12`} {
		m := struct{ M moment }{}
		if err := json.Unmarshal([]byte(`{"M":`+in+`}`), &m); err != nil || !m.M.IsZero() {
			t.Errorf("%s is %v, %v", in, m.M.Time, err)
		}
	}
}

func TestThirteenMonths(t *testing.T) {
	paid := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	for now, want := range map[time.Time]bool{paid: false, paid.AddDate(0, 13, 0): false, paid.AddDate(0, 13, 0).Add(time.Second): true} {
		if tooOld(paid, now) != want {
			t.Errorf("on %v: %v", now, !want)
		}
	}
	if tooOld(time.Time{}, paid) {
		t.Error("a payment without a date is Swish's to judge")
	}
}
