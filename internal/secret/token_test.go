package secret

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
)

func TestTokens(t *testing.T) {
	d := dbtest.SQLite(t, []db.Migrations{Migrations})
	v, k := vault(t, d)
	tok := v.Token("order", 42, 1)
	if len(tok) != TokenLen || tok != must(Open(ctx, d, k)).Token("order", 42, 1) {
		t.Fatal(tok)
	}
	other := must(Open(ctx, d, k))
	other.link = make([]byte, 32)
	seen := map[string]bool{tok: true}
	for _, x := range []string{v.Token("order", 42, 2), v.Token("order", 43, 1), v.Token("purchase", 42, 1), other.Token("order", 42, 1), RandomToken(), RandomToken()} {
		if seen[x] {
			t.Error("same token for something else:", x)
		}
		seen[x] = true
	}
	for _, s := range []string{"", "x", strings.Repeat("a", 31), strings.Repeat("a", 65), strings.Repeat("!", 32), tok + " "} {
		if TokenHash(s) != nil {
			t.Errorf("hash of %q", s)
		}
	}
	if len(TokenHash(tok)) != 32 || len(TokenHash(RandomToken())) != 32 {
		t.Error("no hash")
	}
	if Equal(nil, nil) || Equal([]byte{}, []byte{}) || !Equal([]byte("a"), []byte("a")) || Equal([]byte("a"), []byte("b")) {
		t.Error("Equal")
	}
}

func TestSignedCookies(t *testing.T) {
	d := dbtest.SQLite(t, []db.Migrations{Migrations})
	v, _ := vault(t, d)
	now := time.Now()
	c := v.Sign("flash", []byte("saved"), now.Add(time.Minute))
	if got, ok := v.Verify("flash", c, now); !ok || string(got) != "saved" {
		t.Fatal(got, ok)
	}
	if _, ok := v.Verify("cart", c, now); ok {
		t.Error("of another purpose")
	}
	if _, ok := v.Verify("flash", c, now.Add(time.Hour)); ok {
		t.Error("expired")
	}
	for i := range c {
		b := []byte(c)
		if b[i] == 'A' {
			b[i] = 'B'
		} else {
			b[i] = 'A'
		}
		if _, ok := v.Verify("flash", string(b), now); ok {
			t.Fatal("changed at", i)
		}
	}
	for _, s := range []string{"", "AAAA", strings.Repeat("_", 100), strings.Repeat("A", 9000)} {
		if _, ok := v.Verify("flash", s, now); ok {
			t.Error("took", s)
		}
	}
}

func TestIndex(t *testing.T) {
	d := dbtest.SQLite(t, []db.Migrations{Migrations})
	v, _ := vault(t, d)
	a, err := v.Index(fieldA, "x@example.com")
	if err != nil || len(a) != 32 {
		t.Fatal(a, err)
	}
	if b := must(v.Index(fieldB, "x@example.com")); Equal(a, b) {
		t.Error("two fields share a key")
	}
	if _, err := v.Index(fieldA, ""); err == nil {
		t.Error("nothing has an index")
	}
	if _, err := v.Index("test.nobody", "x"); err == nil {
		t.Error("undeclared")
	}
}

func TestRedaction(t *testing.T) {
	k, _ := NewKey("link", time.Now())
	raw := string(k.bytes())
	s, r := Hide("hunter2"), Redact([]byte("hunter2"))
	type inner struct {
		s Secret
		r Redacted[[]byte]
		K Key
	}
	type outer struct {
		P *inner
		I inner
	}
	x := inner{s, r, k}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T %v"} {
		fmt.Fprintf(&out, strings.ReplaceAll(verb, "%T ", ""), s)
		fmt.Fprintf(&out, verb+verb, r, k)
		fmt.Fprintf(&out, strings.ReplaceAll(verb, "%T ", ""), x)
		fmt.Fprintf(&out, strings.ReplaceAll(verb, "%T ", ""), outer{&x, x})
	}
	b, err := json.Marshal(map[string]any{"s": s, "r": r, "x": x})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "s", s, "r", r, "k", k)
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "s", s, "r", r, "x", x)
	got := out.String()
	for _, leak := range []string{"hunter2", raw, "104 117 110", "68756e746572", fmt.Sprintf("%x", raw), k.line()[40:]} {
		if strings.Contains(got, leak) {
			t.Errorf("printed %q in %s", leak, got)
		}
	}
	if s.Reveal() != "hunter2" || string(r.Reveal()) != "hunter2" || (Secret{}).Reveal() != "" || !(Secret{}).IsZero() {
		t.Error("Reveal")
	}
	var u Secret
	if json.Unmarshal([]byte(`"pw"`), &u) != nil || u.Reveal() != "pw" {
		t.Error("UnmarshalText")
	}
}

func TestRegister(t *testing.T) {
	for _, bad := range []Field{"", "x", "Test.a", "test.a", "test."} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("registered %q", bad)
				}
			}()
			Register(bad, "p")
		}()
	}
	if len(Fields()) < 2 {
		t.Error(Fields())
	}
}
