package bank

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"kassavalv/internal/demo/bank/wire"
)

func (w *world) booksPath() string { return filepath.Join(w.dir, booksFile) }

func (w *world) readBooks() []byte {
	w.t.Helper()
	b, err := os.ReadFile(w.booksPath())
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func TestStartsAfterACutAtAnyByte(t *testing.T) {
	w := newWorld(t)
	p := w.create("a")
	w.form(p.PayURL, "card_number", "4000000000000341")
	w.call("POST", "/v1/payments/"+p.ID+"/refunds", "k", wire.CreateRefund{Amount: 100}, nil)
	w.shut(w.bank)
	whole := w.readBooks()
	lines := bytes.SplitAfter(bytes.TrimSuffix(whole, []byte("\n")), []byte("\n"))
	last := len(whole) - len(lines[len(lines)-1]) - 1 // where the refund begins
	for n := last; n <= len(whole); n++ {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, booksFile), whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := New(Options{Dir: dir, Log: quiet()})
		if err != nil {
			t.Fatalf("cut at %d of %d: %v", n, len(whole), err)
		}
		got := b.books.byID[p.ID]
		want := int64(0)
		if n >= len(whole)-1 { // all but the line break is there
			want = 100
		}
		if got == nil || got.captured != 12_900 || got.refunded != want {
			t.Errorf("cut at %d of %d: %+v", n, len(whole), got)
		}
		cuts, err := filepath.Glob(filepath.Join(dir, "books.cut-*"))
		if err != nil || (len(cuts) == 1) != (n > last && n < len(whole)-1) {
			t.Errorf("cut at %d of %d: put aside %v", n, len(whole), cuts)
		}
		// What is written next must not grow onto the rest of the cut line.
		b.mu.Lock()
		_, err = b.newPaymentLocked("new", "h", wire.CreatePayment{Reference: "new", ReturnURL: "http://x/"})
		b.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		w.shut(b)
		b, err = New(Options{Dir: dir, Log: quiet()})
		if err != nil {
			t.Fatalf("second start after a cut at %d: %v", n, err)
		}
		if again, err := filepath.Glob(filepath.Join(dir, "books.cut-*")); err != nil || len(again) != len(cuts) {
			t.Errorf("cut at %d: the second start put aside more: %v", n, again)
		}
		if len(b.books.ordered) != 2 {
			t.Errorf("%d payments after the second start", len(b.books.ordered))
		}
		w.shut(b)
	}
}

func TestDamagedBooksAreRefusedAndKept(t *testing.T) {
	w := newWorld(t)
	p := w.create("a")
	w.form(p.PayURL, "card_number", "4242424242424242")
	w.shut(w.bank)
	whole := w.readBooks()
	for name, damage := range map[string]func([]byte) []byte{
		"first line":      func(b []byte) []byte { b[3] = 0xff; b[0] = 'x'; return b },
		"state invented":  func(b []byte) []byte { return bytes.Replace(b, []byte(`"captured"`), []byte(`"enriched"`), 1) },
		"payment unknown": func(b []byte) []byte { return b[bytes.IndexByte(b, '\n')+1:] },
		"line twice":      func(b []byte) []byte { i := bytes.IndexByte(b, '\n') + 1; return append(b[:i:i], b...) },
	} {
		t.Run(name, func(t *testing.T) {
			bad := damage(bytes.Clone(whole))
			dir := t.TempDir()
			path := filepath.Join(dir, booksFile)
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			b, err := New(Options{Dir: dir, Log: quiet()})
			if err == nil {
				w.shut(b)
				t.Fatal("started on damaged books")
			}
			if !strings.Contains(err.Error(), "line ") || !strings.Contains(err.Error(), path) {
				t.Errorf("error names no place: %v", err)
			}
			after, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(after, bad) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestOneProcessAFolder(t *testing.T) {
	w := newWorld(t)
	if b, err := New(Options{Dir: w.dir, Log: quiet()}); err == nil {
		w.shut(b)
		t.Fatal("two banks on one folder")
	}
}

func TestUndeliveredNotificationLeavesAfterARestart(t *testing.T) {
	w := newWorld(t)
	w.shop.answer = func(int) int { return http.StatusServiceUnavailable }
	p := w.create("a")
	w.form(p.PayURL, "card_number", "4242424242424242")
	before := w.shop.waitNotes(1)[0]
	w.shut(w.bank)
	w.shop.mu.Lock()
	seen := len(w.shop.got)
	w.shop.answer = nil
	w.shop.mu.Unlock()
	w.open()
	after := w.shop.waitNotes(seen + 1)[seen]
	if after.body != before.body || !after.ok {
		t.Errorf("before %s after %s", before.body, after.body)
	}
	w.shut(w.bank)
	if n := bytes.Count(w.readBooks(), []byte(`"op":"delivered"`)); n != 1 {
		t.Errorf("%d notes of delivery", n)
	}
	n := len(w.shop.notes())
	w.open()
	q := w.create("b")
	w.form(q.PayURL, "card_number", "4242424242424242")
	for _, note := range w.shop.waitNotes(n + 1)[n:] {
		if note.event.Data.PaymentID == p.ID {
			t.Error("delivered again after it was taken")
		}
	}
}

func TestFailedWriteChangesNothing(t *testing.T) {
	w := newWorld(t)
	p := w.create("a")
	w.bank.journal.f.Close() // the disk is gone
	status, _, page := w.form(p.PayURL, "card_number", "4242424242424242")
	if status != http.StatusServiceUnavailable || !strings.Contains(page, "Sandlådebanken") {
		t.Errorf("form: %d", status)
	}
	var pr wire.Problem
	if status := w.call("POST", "/v1/payments", "k", w.request("b"), &pr); status != http.StatusServiceUnavailable || pr.Code != "books_closed" || pr.Detail != "" {
		t.Errorf("create: %d %+v", status, pr)
	}
	w.bank.mu.Lock()
	defer w.bank.mu.Unlock()
	if got := w.bank.books.byID[p.ID]; got.state != wire.Created || got.captured != 0 || len(w.bank.books.ordered) != 1 {
		t.Errorf("changed without a record: %+v", got)
	}
	w.bank.journal.broken = os.ErrClosed // the file cannot be closed twice
}

// TestReplayMakesTheSameBooks plays random days and compares the memory with
// what a second start reads, and with the invariants.
func TestReplayMakesTheSameBooks(t *testing.T) {
	numbers := make([]string, len(cards))
	for i, c := range cards {
		numbers[i] = c.number
	}
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "day")
		if err != nil {
			rt.Fatal(err)
		}
		b, err := New(Options{Dir: dir, Log: quiet(), Hang: 1})
		if err != nil {
			rt.Fatal(err)
		}
		b.send = refuseAll
		for i := range rapid.IntRange(1, 30).Draw(rt, "steps") {
			b.mu.Lock()
			if n := len(b.books.ordered); n == 0 || rapid.IntRange(0, 4).Draw(rt, "new") == 0 {
				_, err = b.newPaymentLocked(fmt.Sprint("k", i), "h", wire.CreatePayment{
					Reference: fmt.Sprint("r", n%3), Amount: rapid.Int64Range(1, 1000).Draw(rt, "amount"), Currency: "SEK", ReturnURL: "https://x/",
				})
				b.mu.Unlock()
			} else {
				p := b.books.ordered[rapid.IntRange(0, n-1).Draw(rt, "which")]
				act := rapid.SampledFrom([]string{"card", "cancel", "refund", "expire"}).Draw(rt, "act")
				switch {
				case act == "card" && open(p.state):
					c, _ := findCard(rapid.SampledFrom(numbers).Draw(rt, "card"))
					if c.code {
						err = b.challengeLocked(p)
					} else {
						_, err = b.decideLocked(p, c)
					}
				case act == "cancel" && open(p.state):
					_, err = b.moveLocked(p, record{State: wire.Cancelled}, false)
				case act == "expire" && open(p.state):
					_, err = b.moveLocked(p, record{State: wire.Expired}, false)
				}
				b.mu.Unlock()
				if act == "refund" {
					// refusals are part of the day
					_, _, _ = b.refund(p, fmt.Sprint("f", i), wire.CreateRefund{Amount: rapid.Int64Range(1, 600).Draw(rt, "refund")})
				}
			}
			if err != nil {
				rt.Fatal(err)
			}
		}
		before := snapshot(rt, b)
		if err := b.Close(t.Context()); err != nil {
			rt.Fatal(err)
		}
		again, err := New(Options{Dir: dir, Log: quiet()})
		if err != nil {
			rt.Fatal(err)
		}
		again.send = refuseAll
		after := snapshot(rt, again)
		if err := again.Close(t.Context()); err != nil {
			rt.Fatal(err)
		}
		if d := cmp.Diff(before, after); d != "" {
			rt.Fatal(d)
		}
	})
}

func snapshot(rt *rapid.T, b *Server) []wire.Payment {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []wire.Payment
	for _, p := range b.books.ordered {
		if p.refunded > p.captured || p.captured != 0 && p.captured != p.req.Amount || (p.captured != 0) != (p.state == wire.Captured) {
			rt.Fatalf("books contradict themselves: %+v", p)
		}
		var sum int64
		for _, r := range p.refunds {
			sum += r.Amount
		}
		if sum != p.refunded {
			rt.Fatalf("refunds do not add up: %+v", p)
		}
		out = append(out, p.view(""))
	}
	return out
}

func FuzzReplay(f *testing.F) {
	create, err := json.Marshal(record{At: 1, Op: opCreate, ID: "p", Key: "k", Create: &wire.CreatePayment{Amount: 5}, Expires: 2})
	if err != nil {
		f.Fatal(err)
	}
	paid := []byte(`{"at":2,"op":"state","id":"p","state":"captured"}`)
	f.Add(append(append(create, '\n'), paid...))
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"at":1,"op":"refund","id":"p","refund":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := newBooks()
		good, tail, err := replay(data, func(r record) error { return b.apply(r, 0) })
		if err == nil && good+len(tail) != len(data) {
			t.Fatalf("%d good and %d cut of %d", good, len(tail), len(data))
		}
		for _, p := range b.ordered {
			if p.refunded > p.captured {
				t.Fatalf("gave back more than it took: %+v", p)
			}
		}
	})
}
