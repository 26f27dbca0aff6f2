package camt

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"kassavalv/internal/fault"
	"kassavalv/internal/money"
)

// Whatever a file holds, it is read to whole amounts in clean text, or refused with a
// reason.
func FuzzStatement(f *testing.F) {
	for _, name := range []string{"camt054-v08.xml", "camt053-v02.xml"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(doc("001.02", entryXML("1", ""))))
	f.Add([]byte(`<!DOCTYPE x><Document/>`))
	f.Fuzz(check)
}

func FuzzBgMax(f *testing.F) {
	f.Add([]byte(strings.Join(bgFile(), "\n")))
	f.Add([]byte("01BGMAX               0120150805133822000100P\n7000000000000000000000000000000000"))
	f.Fuzz(check)
}

func check(t *testing.T, b []byte) {
	f, err := Read(bytes.NewReader(b))
	if err != nil {
		if x := fault.As(err); x == nil || x.Kind != fault.Unprocessable {
			t.Fatalf("a reason that nobody can be told: %v", err)
		}
		return
	}
	if !Recognise(b[:min(len(b), 512)]) {
		t.Fatal("read, and not recognised")
	}
	sound := func(s string) {
		if !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\n\r\t\x1b\x7f") || len(s) > 4*maxText {
			t.Fatalf("text %q", s)
		}
	}
	seen := map[string]bool{}
	for _, st := range f.Accounts {
		sound(st.ID)
		sound(st.Account.String())
		if st.Account.String() == "" {
			t.Fatal("no account")
		}
		for _, e := range st.Entries {
			if e.Amount.Amount < 0 || e.Amount.Amount > money.Max || len(e.Parts) == 0 || len(e.Key) != 32 {
				t.Fatalf("%+v", e)
			}
			if e.Ref == "" && seen[st.Account.String()+st.ID+e.Key] && len(f.Accounts) == 1 {
				t.Fatal("two entries of a statement have one key")
			}
			seen[st.Account.String()+st.ID+e.Key] = true
			parts := map[string]bool{}
			for _, p := range e.Parts {
				if p.Amount.Amount < 0 || p.Amount.Amount > money.Max || parts[p.Key] {
					t.Fatalf("%+v", p)
				}
				parts[p.Key] = true
				for _, s := range append(append(append([]string{p.Payer, p.From, p.EndToEnd}, p.References...), p.Refs...), p.Text...) {
					sound(s)
				}
			}
		}
	}
}

func FuzzNumbers(f *testing.F) {
	f.Add("OCR 1234 5678 97, faktura 10000123")
	f.Fuzz(func(t *testing.T, s string) {
		for _, n := range Numbers(s, 5, 25) {
			if len(n) < 5 || len(n) > 25 || strings.Trim(n, "0123456789") != "" {
				t.Fatal(n)
			}
		}
	})
}
