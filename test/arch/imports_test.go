package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// pkg is what go list tells of a package.
type pkg struct {
	ImportPath string
	Imports    []string
}

const root = "kassavalv/internal/"

// shop says which shop rooms a shop room may import, besides ground. A room
// that is missing here fails the test, so that nobody opens one unseen.
var shop = map[string][]string{
	"catalog": {}, "customer": {}, "payment": {}, "order": {}, "content": {}, "delivery": {}, "giftcard": {}, "account": {},
	"payment/invoice": {"payment"}, "payment/klarna": {"payment"}, "payment/camt": {},
	"payment/swish": {"payment"}, "payment/paytest/swishsim": {},
	"payment/stripe": {"payment"},
	"stock":          {"catalog"},
	"pricing":        {"catalog"},
	"search":         {"catalog", "pricing", "stock"},
	"intake":         {"catalog", "pricing", "stock", "search", "customer", "order"},
	"cart":           {"catalog", "pricing", "stock", "delivery", "giftcard"},
	"waitlist":       {"catalog", "stock"},
	"fulfilment":     {"order", "stock"}, "fulfilment/local": {"fulfilment"},
	"checkout": {"catalog", "customer", "cart", "pricing", "stock", "payment", "payment/invoice", "payment/camt", "order", "fulfilment", "delivery", "content", "giftcard"},
	"returns":  {"order", "payment", "stock", "fulfilment", "content", "giftcard"},
	"support":  {"customer", "order", "content"},
	"privacy":  {"customer"},
	"notice":   {"customer", "payment", "order", "fulfilment", "returns", "support", "content", "checkout", "delivery", "waitlist", "catalog", "giftcard", "account", "privacy"},
}

// ground says which ground rooms a ground room may import. None imports shop or
// web.
var ground = map[string][]string{
	"money": {}, "fault": {}, "lang": {"money"}, "db": {"proof"}, "secret": {"db", "fault", "proof"}, "audit": {"db", "job"}, "job": {"db"},
	"auth": {"db", "audit", "job", "secret", "fault", "lang"}, "mail": {"audit", "job", "lang", "secret", "db", "fault", "proof"}, "file": {"db", "fault"},
	"datamap": {"db"}, "fetch": {}, "pdf": {}, "cert": {}, "proof": {}, "handover": {}, "spreadsheet": {},
}

// ops says which rooms of the wing an ops room may import, besides ground: none knows
// commerce or a face.
var ops = map[string][]string{
	"lesson": {}, "incident": {}, "copies": {}, "recovery": {"copies", "copies/walarchive"},
	"copies/dir": {"copies"}, "copies/s3": {"copies"}, "copies/sftp": {"copies"}, "copies/post": {"copies"}, "copies/walarchive": {}, "copies/pgbackrest": {"copies", "copies/walarchive"}, "outpost": {"copies", "copies/dir", "copies/post"},
}

// tests and the demo may import anything; only app and tests import the demo.
func exempt(p string) bool {
	return strings.HasPrefix(p, "demo/") || forTests(p)
}

// forTests are the packages that only tests import; the partners' simulators lie under
// the suite that drives them.
func forTests(p string) bool {
	return strings.HasSuffix(p, "test") || strings.Contains(p, "/paytest/")
}

func TestWhoImportsWhom(t *testing.T) {
	for _, p := range packages(t) {
		from, ok := strings.CutPrefix(p.ImportPath, root)
		if !ok || exempt(from) {
			continue
		}
		for _, i := range p.Imports {
			to, ok := strings.CutPrefix(i, root)
			if !ok {
				continue
			}
			if why := forbidden(from, to); why != "" {
				t.Errorf("%s imports %s: %s", from, to, why)
			}
		}
	}
}

func forbidden(from, to string) string {
	wing := func(s string) (string, string) {
		w, rest, _ := strings.Cut(s, "/")
		if w == "shop" || w == "web" || w == "ops" {
			return w, rest
		}
		return "ground", s
	}
	fw, fr := wing(from)
	tw, tr := wing(to)
	switch {
	case from == "app":
		return ""
	case to == "app":
		return "only cmd imports app"
	case strings.HasPrefix(to, "demo"):
		return "only app and tests import the demo"
	case forTests(to):
		return "only tests import it"
	case fw == "web":
		return ""
	case tw == "web":
		return "nothing below a face imports a face"
	case fw == "ops":
		allowed, known := ops[fr]
		switch {
		case !known:
			return "this room is not in the plan (test/arch)"
		case tw == "shop":
			return "keeping it alive knows no commerce"
		case tw == "ops" && !contains(allowed, tr):
			return "not in the plan of the ops wing (test/arch)"
		}
		return ""
	case tw == "ops":
		return "only app, faces and the ops wing know it"
	case fw == "ground":
		if tw == "shop" {
			return "the ground knows no commerce"
		}
		room, _, _ := strings.Cut(fr, "/")
		allowed, known := ground[room]
		if !known {
			return "this ground room is not in the plan (test/arch)"
		}
		target, _, _ := strings.Cut(tr, "/")
		if target == room || contains(allowed, target) || target == "datamap" { // every room declares its columns
			return ""
		}
		return "not in the plan of the ground (test/arch)"
	case fw == "shop" && tw == "shop":
		allowed, known := shop[fr]
		if !known {
			return "this room is not in the plan (test/arch)"
		}
		if contains(allowed, tr) {
			return ""
		}
		return "not in the plan of the shop (test/arch)"
	}
	return ""
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", "kassavalv/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var ps []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
	if len(ps) < 30 {
		t.Fatalf("only %d packages seen", len(ps))
	}
	return ps
}

// The rules themselves can fail.
func TestForbiddenKnowsRight(t *testing.T) {
	for _, c := range []struct {
		from, to string
		bad      bool
	}{
		{"shop/order", "shop/payment", true}, {"shop/checkout", "shop/payment", false}, {"shop/stock", "web", true}, {"db", "shop/order", true},
		{"web/api", "shop/order", false}, {"web/api", "demo/bank", true}, {"money", "db", true}, {"shop/cart", "shop/order", true}, {"app", "demo/bank", false},
		{"shop/checkout", "shop/payment/paytest/stripesim", true}, {"web/api", "shop/payment/paytest", true},
		{"ops/lesson", "auth", false}, {"ops/lesson", "shop/order", true}, {"ops/lesson", "web", true}, {"ops/lesson", "ops/incident", true}, {"ops/other", "db", true}, {"shop/notice", "ops/lesson", true}, {"web/admin", "ops/lesson", false}, {"auth", "ops/lesson", true},
	} {
		if got := forbidden(c.from, c.to) != ""; got != c.bad {
			t.Errorf("%s -> %s: %v", c.from, c.to, got)
		}
	}
}
