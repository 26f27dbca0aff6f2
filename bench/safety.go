package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// measures are what a purchase could be quicker without; each is left out alone, in a
// program that was built for it and never serves a shop (build tag proof).
var measures = []struct{ name, what string }{
	{"", "with every measure"},
	{"sync", "without waiting for the disk at a commit"},
	{"calls", "without writing down what was said with the bank"},
	{"steps", "without writing down the life of the purchase"},
	{"sync,calls,steps", "without any of these"},
}

// safety tells what each measure of safety takes of a purchase.
func safety(dir string) error {
	fmt.Println("What each measure of safety takes of a purchase (16 buyers, SQLite, bank inside, mail and PDF later)")
	restore, err := provable(dir)
	if err != nil {
		return err
	}
	defer restore()
	var whole result
	for i, m := range measures {
		r, err := without(dir, m.name)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("%s CPU, p50 %s, %.0f orders/s", ms(r.per), ms(r.p50), r.rate)
		if i == 0 {
			whole = r
		} else {
			text += fmt.Sprintf(" (%+.2f ms CPU, %+.2f ms p50)", float64((whole.per-r.per).Microseconds())/1000, float64((whole.p50-r.p50).Microseconds())/1000)
		}
		row(m.what, text, "-")
	}
	return nil
}

// provable has the bench measure the program that can be broken until restore is called.
func provable(dir string) (restore func(), err error) {
	spare := filepath.Join(dir, fmt.Sprint("spare", os.Getpid()))
	build := exec.Command("go", "build", "-tags", "proof", "-o", spare, "kassavalv/cmd/kassavalv")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the program that can be broken: %w\n%s", err, out)
	}
	was := *program
	*program = spare
	return func() { *program = was; os.Remove(spare) }, nil
}

// without measures purchases of a program that leaves the named measures out.
func without(dir, names string) (result, error) {
	sub := filepath.Join(dir, "without-"+strings.ReplaceAll(names, ",", "-")+fmt.Sprint(os.Getpid()))
	os.MkdirAll(sub, 0o700)
	defer os.RemoveAll(sub)
	s, err := start(sub, 1000, "KASSAVALV_TEST_INSTANT_CARD=4242424242424242", "KASSAVALV_TEST_HOLD_JOBS=1", "KASSAVALV_PROOF_BREAK="+names)
	if err != nil {
		return result{}, err
	}
	defer s.stop()
	if err := s.full(); err != nil {
		return result{}, err
	}
	variants, err := s.plenty(16)
	if err != nil {
		return result{}, err
	}
	var n atomic.Int64
	return median(func() result {
		return load(s.PID, 16, func(int) error {
			i := int(n.Add(1))
			c, err := s.cart(i, variants)
			if err != nil {
				return err
			}
			var p struct{ Token, State string }
			return s.json("POST", "/carts/"+c.id+"/purchases", map[string]any{"payment_method": "card", "accept_terms": true, "expected_total": c.total}, &p, map[string]string{"Idempotency-Key": "utan"})
		})
	}), nil
}
