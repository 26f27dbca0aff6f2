package outpost

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/post"
	"kassavalv/internal/secret"
)

// A new paper key makes another charter: the shop joins again with a token that names it.
func TestANewPaperKey(t *testing.T) {
	dir := t.TempDir()
	p := start(t, Options{Dir: dir, joins: 100})
	c := newCustomer(t)
	c.join(t, p)
	was := c.o
	other := newCustomer(t)
	other.join(t, p)
	c.charter.Paper, c.charter.Seal = "another", "sealed by it"
	charter, err := json.Marshal(c.charter)
	if err != nil {
		t.Fatal(err)
	}
	begin := func() error {
		_, err := put(c.site(t), "e/00000002/charter.json", charter)
		return err
	}
	if err := begin(); !errors.Is(err, copies.ErrRefused) || !strings.Contains(err.Error(), "--shop "+c.charter.Shop) {
		t.Error("a charter that was not enrolled:", err)
	}
	join := func(shop string) error {
		tok, err := NewToken(dir, p.Addr(), shop)
		if err != nil {
			t.Fatal(err)
		}
		o, _, err := post.Join(context.Background(), tok, "watch", c.charter)
		if err == nil {
			c.o = o
		}
		return err
	}
	if err := join(other.charter.Shop); !errors.Is(err, copies.ErrRefused) {
		t.Error("with a token for another shop:", err)
	}
	if err := join(c.charter.Shop); err != nil {
		t.Fatal(err)
	}
	stop(t, p)
	p = start(t, Options{Dir: dir, Addr: p.Addr()})
	if err := begin(); err != nil {
		t.Error("after it has joined again:", err)
	}
	name, b := c.object(segmentHeader(2, 0, 1, 1), []byte("segment"))
	if _, err := put(c.site(t), name, b); err != nil {
		t.Error(err)
	}
	c.o = was // what was let in stays so
	if _, err := get(c.site(t), name); err != nil {
		t.Error(err)
	}
}

func TestTokens(t *testing.T) {
	clk := &clock{at: time.Now()}
	p := start(t, Options{Now: clk.now, joins: 100})
	c := newCustomer(t)
	tok, err := NewToken(p.o.Dir, p.Addr(), "")
	if err != nil {
		t.Fatal(err)
	}
	join := func(tok post.Token, site string, ch copies.Charter) error {
		_, _, err := post.Join(context.Background(), tok, site, ch)
		return err
	}
	wrong := tok
	wrong.Secret = "AAAAAAAAAAAAAAAAAAAAAAAAAA"
	if err := join(wrong, "watch", c.charter); !errors.Is(err, copies.ErrRefused) {
		t.Error("a secret that is none:", err)
	}
	wrong.Secret = "../ca.pem"
	if err := join(wrong, "watch", c.charter); !errors.Is(err, copies.ErrRefused) {
		t.Error("a secret that is a path:", err)
	}
	elsewhere := tok
	strange, err := NewToken(start(t, Options{}).o.Dir, p.Addr(), "")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere.CA = strange.CA
	if err := join(elsewhere, "watch", c.charter); err == nil || strings.Contains(err.Error(), tok.Secret) {
		t.Error("another machine under the address:", err)
	}
	if err := join(tok, "watch", c.charter); err != nil {
		t.Fatal("the token was used up by somebody who was not let in:", err)
	}
	if err := join(tok, "watch", newCustomer(t).charter); !errors.Is(err, copies.ErrRefused) {
		t.Error("used twice:", err)
	}
	if tok, err = NewToken(p.o.Dir, p.Addr(), ""); err != nil {
		t.Fatal(err)
	}
	if err := join(tok, "watch", c.charter); !errors.Is(err, copies.ErrRefused) || !strings.Contains(err.Error(), "already") {
		t.Error("a shop that is enrolled, with a token for a new one:", err)
	}
	if tok, err = NewToken(p.o.Dir, p.Addr(), ""); err != nil {
		t.Fatal(err)
	}
	clk.forward(25 * time.Hour)
	if err := join(tok, "watch", newCustomer(t).charter); !errors.Is(err, copies.ErrRefused) {
		t.Error("after a day:", err)
	}
	if _, err := NewToken(p.o.Dir, p.Addr(), strings.Repeat("0", 32)); err == nil {
		t.Error("a token for a shop that is not enrolled")
	}
	for _, s := range []string{"", "x", tok.String()[:40], "kassavalv-outpost-1.", "kassavalv-outpost-1.e30"} {
		if _, err := post.ParseToken(s); err == nil {
			t.Errorf("%q is a token", s)
		}
	}
}

func TestSettingsOfTheShopThatAreWrong(t *testing.T) {
	p := start(t, Options{})
	c := newCustomer(t)
	c.join(t, p)
	for what, change := range map[string]func(*post.Options){
		"no port":      func(o *post.Options) { o.Addr = "host" },
		"no authority": func(o *post.Options) { o.CA = "" },
		"no key":       func(o *post.Options) { o.Key = secret.Secret{} },
		"another key":  func(o *post.Options) { d := newCustomer(t); d.join(t, p); o.Key = d.o.Key },
	} {
		o := c.o
		change(&o)
		if _, err := post.Open(o); err == nil {
			t.Errorf("%s: opened", what)
		} else if strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Whose copies these are is believed when it is on disk: after a join that failed nothing has changed,
// before the next start as after it.
func TestAJoinThatFailsChangesNothing(t *testing.T) {
	dir := t.TempDir()
	p := start(t, Options{Dir: dir, joins: 100})
	c := newCustomer(t)
	s := c.join(t, p)
	was, err := json.Marshal(c.charter)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "shops", c.charter.Shop, "shop.json")
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// Nothing can take the place of a folder that holds something.
	if err := errors.Join(os.Remove(file), os.MkdirAll(filepath.Join(file, "x"), 0o700)); err != nil {
		t.Fatal(err)
	}
	tok, err := NewToken(dir, p.Addr(), c.charter.Shop)
	if err != nil {
		t.Fatal(err)
	}
	other := c.charter
	other.Paper, other.Seal = "another", "sealed by it"
	if _, _, err := post.Join(context.Background(), tok, "watch", other); err == nil {
		t.Fatal("it joined, and nothing could be written")
	}
	if err := errors.Join(os.RemoveAll(file), os.WriteFile(file, kept, 0o600)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := put(s, "e/00000001/charter.json", was); err != nil {
			t.Error("its charter is no longer taken:", err)
		}
		stop(t, p)
		p = start(t, Options{Dir: dir, Addr: p.Addr()})
	}
}
