package giftcard_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/secret/secrettest"
	"kassavalv/internal/shop/giftcard"
)

var (
	ctx   = context.Background()
	rooms = []db.Migrations{secret.Migrations, audit.Migrations, job.Migrations, giftcard.Migrations}
	by    = auth.System("test")
)

func do(t interface{ Fatal(...any) }, d *db.DB, fn func(tx *db.Tx) error) {
	if err := db.Do(ctx, d, fn); err != nil {
		t.Fatal(err)
	}
}

// sell issues a line of n cards and returns them.
func sell(t interface{ Fatal(...any) }, d *db.DB, v *secret.Vault, order, line db.ID, n, ore int64) []giftcard.Card {
	do(t, d, func(tx *db.Tx) error {
		_, err := giftcard.IssueSold(tx, v, giftcard.Sold{Order: order, Line: line, Pieces: n, Amount: money.SEK(ore), Lang: lang.SV, Years: 10})
		return err
	})
	cs, err := db.Read(ctx, d, func(q *db.Reader) ([]giftcard.Card, error) { return giftcard.OfOrder(q, order) })
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(cs, func(c giftcard.Card) bool { return c.Line != line })
}

// twin is the slow and obvious card: what it was issued for and a list of what happened.
type twin struct {
	id        db.ID
	order     db.ID
	balance   int64
	held      map[db.ID]int64 // by purchase
	used      map[db.ID]int64
	back      map[db.ID]int64
	cancelled bool
}

func (w *twin) reserved() (n int64) {
	for _, h := range w.held {
		n += h
	}
	return
}

// Cards under random use against the twin: every answer is the same, the entries sum to
// the balance, and nothing is ever below zero.
func TestModel(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		rapid.Check(t, func(t *rapid.T) {
			var cards []*twin
			var purchases []db.ID
			issue := func(ore int64) {
				order := d.NewID()
				c := sell(t, d, v, order, d.NewID(), 1, ore)[0]
				cards = append(cards, &twin{id: c.ID, order: order, balance: ore, held: map[db.ID]int64{}, used: map[db.ID]int64{}, back: map[db.ID]int64{}})
			}
			issue(rapid.Int64Range(1, 1000).Draw(t, "first"))
			for range rapid.IntRange(1, 25).Draw(t, "steps") {
				w := cards[rapid.IntRange(0, len(cards)-1).Draw(t, "card")]
				p := d.NewID()
				if len(purchases) > 0 && rapid.Bool().Draw(t, "old") {
					p = rapid.SampledFrom(purchases).Draw(t, "purchase")
				}
				n := rapid.Int64Range(1, 700).Draw(t, "amount")
				what := rapid.SampledFrom([]string{"issue", "hold", "hold", "hold", "use", "use", "release", "refund", "refund", "cancel", "take"}).Draw(t, "what")
				err := db.Do(ctx, d, func(tx *db.Tx) error {
					switch what {
					case "hold":
						if slices.Contains(purchases, p) {
							return errNone
						}
						return giftcard.Hold(tx, p, []giftcard.Part{{Card: w.id, Amount: money.SEK(n)}})
					case "use":
						_, err := giftcard.Use(tx, p, 0)
						return err
					case "release":
						return giftcard.Release(tx, p)
					case "refund":
						return giftcard.Refund(tx, by, giftcard.Back{Purchase: p, Order: 1, Amount: money.SEK(n), Ref: tx.NewID()})
					case "cancel":
						_, err := giftcard.Cancel(tx, by, w.id, "prov")
						return err
					case "take":
						return giftcard.TakeBack(tx, by, w.order, n, tx.NewID())
					}
					return errNone
				})
				want := ""
				switch what {
				case "issue":
					issue(n)
					continue
				case "hold":
					if slices.Contains(purchases, p) {
						continue
					}
					if w.cancelled || w.balance-w.reserved() < n {
						want = "total_changed"
						break
					}
					w.held[p] = n
					purchases = append(purchases, p)
				case "use":
					for _, x := range cards {
						x.balance -= x.held[p]
						if x.held[p] > 0 {
							x.used[p] = x.held[p]
						}
						delete(x.held, p)
					}
				case "release":
					for _, x := range cards {
						if x.cancelled {
							x.balance -= x.held[p]
						}
						delete(x.held, p)
					}
				case "refund":
					room := int64(0)
					for _, x := range cards {
						room += x.used[p] - x.back[p]
					}
					if room < n {
						want = "over_refund"
						break
					}
					left := n
					for _, x := range cards { // by key, as they were made
						k := min(left, x.used[p]-x.back[p])
						x.back[p] += k
						x.balance += k
						left -= k
					}
				case "cancel":
					if w.cancelled {
						want = "wrong_state"
						break
					}
					w.balance, w.cancelled = w.reserved(), true
				case "take":
					if w.cancelled || w.balance-w.reserved() < n {
						want = "gift_card_used"
						break
					}
					w.balance -= n
					w.cancelled = w.balance == 0
				}
				if want == "" && err != nil || want != "" && !fault.Is(err, want) {
					t.Fatalf("%s of %d: %v, want %q", what, n, err, want)
				}
				agree(t, d, cards)
			}
		})
	})
}

var errNone = errors.New("nothing to do")

// agree compares the rows with the twins, and each row with its entries.
func agree(t *rapid.T, d *db.DB, cards []*twin) {
	for _, w := range cards {
		type got struct {
			c  giftcard.Card
			es []giftcard.Entry
		}
		g, err := db.Read(ctx, d, func(q *db.Reader) (g got, err error) { g.c, g.es, err = giftcard.One(q, by, w.id); return })
		if err != nil {
			t.Fatal(err)
		}
		var sum, held int64
		for _, e := range g.es {
			sum, held = sum+e.Amount, held+e.Held
		}
		if g.c.Balance.Amount != w.balance || g.c.Held.Amount != w.reserved() || (g.c.State == giftcard.Cancelled) != w.cancelled || sum != w.balance || held != w.reserved() || held < 0 || sum < held {
			t.Fatalf("card %s: %+v, entries %d and %d, twin %+v", w.id, g.c, sum, held, w)
		}
	}
}

// Fifty want what three can have: exactly three get it, and nothing is below zero.
func TestLastKrona(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		c := sell(t, d, v, 1, 2, 1, 350)[0]
		won := race(t, 50, func(i int) error {
			return db.Do(ctx, d, func(tx *db.Tx) error {
				return giftcard.Hold(tx, db.ID(1000+i), []giftcard.Part{{Card: c.ID, Amount: money.SEK(100)}})
			})
		}, "total_changed")
		if won != 3 {
			t.Errorf("%d of 50 got a part of three", won)
		}
		got, err := db.Read(ctx, d, func(q *db.Reader) (giftcard.Card, error) { return giftcard.ByID(q, c.ID) })
		if err != nil || got.Held.Amount != 300 || got.Balance.Amount != 350 {
			t.Errorf("%+v %v", got, err)
		}
	})
}

// What was used goes back once, however many ask at the same time.
func TestRefundsAtOnce(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		c := sell(t, d, v, 1, 2, 1, 500)[0]
		do(t, d, func(tx *db.Tx) error {
			if err := giftcard.Hold(tx, 7, []giftcard.Part{{Card: c.ID, Amount: money.SEK(500)}}); err != nil {
				return err
			}
			_, err := giftcard.Use(tx, 7, 8)
			return err
		})
		won := race(t, 20, func(i int) error {
			return db.Do(ctx, d, func(tx *db.Tx) error {
				return giftcard.Refund(tx, by, giftcard.Back{Purchase: 7, Order: 8, Amount: money.SEK(200), Ref: tx.NewID(), Reason: "prov"})
			})
		}, "over_refund")
		got, err := db.Read(ctx, d, func(q *db.Reader) (giftcard.Card, error) { return giftcard.ByID(q, c.ID) })
		if won != 2 || err != nil || got.Balance.Amount != 400 {
			t.Errorf("%d went back, %+v %v", won, got, err)
		}
	})
}

// A card that somebody is about to use is not closed under his hand, nor used after it was
// closed: of a use and a closing at once exactly one happens.
func TestCloseAgainstUse(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		for round := range 12 {
			line := db.ID(100 + round)
			c := sell(t, d, v, db.ID(50+round), line, 1, 100)[0]
			errs := make([]error, 2)
			var wg sync.WaitGroup
			wg.Go(func() {
				errs[0] = db.Do(ctx, d, func(tx *db.Tx) error {
					return giftcard.Hold(tx, db.ID(5000+round), []giftcard.Part{{Card: c.ID, Amount: money.SEK(1)}})
				})
			})
			wg.Go(func() {
				errs[1] = db.Do(ctx, d, func(tx *db.Tx) error { return giftcard.Close(tx, by, line, 1) })
			})
			wg.Wait()
			if (errs[0] == nil) == (errs[1] == nil) || errs[0] != nil && !fault.Is(errs[0], "total_changed") || errs[1] != nil && !fault.Is(errs[1], "gift_card_used") {
				t.Errorf("held: %v, closed: %v", errs[0], errs[1])
			}
		}
	})
}

// race runs fn n times at once and counts who won; the others must have got the fault.
func race(t *testing.T, n int, fn func(i int) error, lost string) (won int) {
	t.Helper()
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { <-start; errs[i] = fn(i) })
	}
	close(start)
	wg.Wait()
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !fault.Is(err, lost):
			t.Error(err)
		}
	}
	return won
}

// Each piece of a line has its card once, however often it is issued.
func TestIssuedOnce(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		first := sell(t, d, v, 1, 2, 3, 20000)
		if race(t, 10, func(int) error {
			return db.Do(ctx, d, func(tx *db.Tx) error {
				n, err := giftcard.IssueSold(tx, v, giftcard.Sold{Order: 1, Line: 2, Pieces: 3, Amount: money.SEK(20000), Years: 10})
				if n != 0 {
					return fmt.Errorf("made %d more", n)
				}
				return err
			})
		}, ""); len(sell(t, d, v, 1, 2, 3, 20000)) != 3 {
			t.Error("not three")
		}
		codes := map[string]bool{}
		for _, c := range first {
			code := c.Code(v)
			codes[code] = true
			if found, err := db.Read(ctx, d, func(q *db.Reader) (giftcard.Card, error) { return giftcard.Find(q, code) }); err != nil || found.ID != c.ID || found.Last4 != code[len(code)-4:] {
				t.Error(found, err)
			}
		}
		if len(codes) != 3 {
			t.Error("codes", codes)
		}
	})
}

// To whoever tries it, an empty, ended, lapsed and unknown code are one.
func TestOneAnswer(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		cs := sell(t, d, v, 1, 2, 4, 100)
		do(t, d, func(tx *db.Tx) error {
			if err := giftcard.Hold(tx, 9, []giftcard.Part{{Card: cs[0].ID, Amount: money.SEK(100)}}); err != nil {
				return err
			}
			if _, err := giftcard.Use(tx, 9, 0); err != nil {
				return err
			}
			if _, err := giftcard.Cancel(tx, by, cs[1].ID, "prov"); err != nil {
				return err
			}
			return tx.ExecOne(`UPDATE giftcard_card SET expires_at=$2 WHERE id=$1`, cs[2].ID, tx.LegalNow().Add(-time.Second))
		})
		for i, c := range cs {
			_, err := db.Read(ctx, d, func(q *db.Reader) (giftcard.Card, error) { return giftcard.Find(q, c.Code(v)) })
			if (err == nil) != (i == 3) || err != nil && !errors.Is(err, db.ErrNotFound) {
				t.Errorf("card %d: %v", i, err)
			}
		}
		owed, lapsed := owed(t, d)
		if owed != 100 || lapsed != 100 {
			t.Errorf("owed %d, lapsed %d", owed, lapsed)
		}
	})
}

func owed(t *testing.T, d *db.DB) (owed, lapsed int64) {
	t.Helper()
	got, err := db.Read(ctx, d, func(q *db.Reader) ([2]int64, error) {
		a, b, err := giftcard.Owed(q, by, "SEK")
		return [2]int64{a, b}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got[0], got[1]
}

// What goes back to a card that has ended is moved to a new one, once, and the debt stays
// what it was.
func TestMove(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		c := sell(t, d, v, 1, 2, 1, 500)[0]
		var entry db.ID
		do(t, d, func(tx *db.Tx) error {
			if err := giftcard.Hold(tx, 7, []giftcard.Part{{Card: c.ID, Amount: money.SEK(500)}}); err != nil {
				return err
			}
			if _, err := giftcard.Use(tx, 7, 8); err != nil {
				return err
			}
			if _, err := giftcard.Cancel(tx, by, c.ID, "borttappat"); err != nil {
				return err
			}
			if err := giftcard.Refund(tx, by, giftcard.Back{Purchase: 7, Order: 8, Amount: money.SEK(300), Ref: 77, Reason: "prov"}); err != nil {
				return err
			}
			return tx.QueryRow(`SELECT id FROM giftcard_entry WHERE card_id=$1 AND kind='refund'`, c.ID).Scan(&entry)
		})
		for range 2 {
			do(t, d, func(tx *db.Tx) error { return giftcard.Move(tx, v, entry, 10) })
		}
		list, err := db.Read(ctx, d, func(q *db.Reader) ([]giftcard.Card, error) { return giftcard.List(q, by, giftcard.Filter{}, 0, 10) })
		if err != nil || len(list) != 2 || list[0].Origin != giftcard.OfRefund || list[0].Left().Amount != 300 || list[0].Order != 8 || list[1].Balance.Amount != 0 {
			t.Errorf("%+v %v", list, err)
		}
		if o, _ := owed(t, d); o != 300 {
			t.Errorf("owed %d", o)
		}
	})
}

// Wrong tries are counted before they are made: at once, no more than the limit are
// looked at; a right code is then refused like a wrong one, and other clients are not hindered.
func TestTries(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		tries := giftcard.Tries{DB: d, Vault: v}
		wrong := func() error { return fault.Invalid(fault.Field{Pointer: "/code", Code: "code_unknown"}) }
		var mu sync.Mutex
		looked, began := 0, time.Now()
		var wg sync.WaitGroup
		for range 130 {
			wg.Go(func() {
				err := tries.Do(ctx, "192.0.2.1", "KODEN-FINNS-INTE", func() error { mu.Lock(); looked++; mu.Unlock(); return wrong() })
				if f := fault.As(err); f == nil || f.Code != "invalid" && (f.Code != "too_many" || f.RetryAfter <= 0) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		// When a slot ended between, the rest had a new budget.
		if same := time.Now().Truncate(10*time.Minute) == began.Truncate(10*time.Minute); same && looked != 100 || looked < 100 {
			t.Errorf("%d of 130 were looked at", looked)
		}
		n := 0
		for range 101 {
			if err := tries.Do(ctx, "192.0.2.2", "X", func() error { n++; return nil }); err != nil {
				t.Fatal("right codes use the budget up:", err)
			}
		}
		if n != 101 {
			t.Error(n)
		}
		shaped := "7KQ2-0000-0000-0000-0000"
		refused := 0
		for i := range 1300 {
			if err := tries.Do(ctx, fmt.Sprintf("198.51.100.%d", i%26), shaped, wrong); fault.Is(err, "too_many") {
				refused++
			}
		}
		// 26 clients with 50 tries each are below their own limit; together they are not.
		if refused < 300 {
			t.Errorf("%d of 1300 refused", refused)
		}
		if err := tries.Do(ctx, "203.0.113.1", "FIKA50", func() error { return nil }); err != nil {
			t.Error("a discount code of another client:", err)
		}
	})
}

// Permission first: who may not is told nothing else, and nothing is written.
func TestStaffRights(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		c := sell(t, d, v, 1, 2, 1, 100)[0]
		reader := auth.StaffBy(1, "", []auth.Right{auth.OrdersRead, auth.OrdersWrite})
		for name, fn := range map[string]func(tx *db.Tx, by auth.By) error{
			"issue": func(tx *db.Tx, by auth.By) error {
				_, err := giftcard.Issue(tx, by, v, giftcard.Gift{Amount: money.SEK(100), Mail: "a@example.se", Reason: "prov", Years: 10})
				return err
			},
			"cancel": func(tx *db.Tx, by auth.By) error { _, err := giftcard.Cancel(tx, by, c.ID, "prov"); return err },
			"extend": func(tx *db.Tx, by auth.By) error {
				_, err := giftcard.Extend(tx, by, c.ID, tx.LegalNow().AddDate(11, 0, 0), "prov")
				return err
			},
		} {
			if err := db.Do(ctx, d, func(tx *db.Tx) error { return fn(tx, reader) }); !fault.Is(err, "denied") {
				t.Errorf("%s: %v", name, err)
			}
			if name == "cancel" {
				continue
			}
			if err := db.Do(ctx, d, func(tx *db.Tx) error { return fn(tx, by) }); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := db.Read(ctx, d, func(q *db.Reader) ([]giftcard.Card, error) {
			return giftcard.List(q, auth.Guest(""), giftcard.Filter{}, 0, 9)
		}); !fault.Is(err, "denied") {
			t.Error(err)
		}
		for _, g := range []giftcard.Gift{{}, {Amount: money.SEK(-5), Mail: "a@example.se", Reason: "x", Years: 1}, {Amount: money.SEK(1_000_001), Mail: "a@example.se", Reason: "x", Years: 1},
			{Amount: money.SEK(5), Mail: "a@example.se\nBcc: b@example.se", Reason: "x", Years: 1}, {Amount: money.SEK(5), Mail: "a@example.se", Reason: "x", Years: 31}} {
			if err := db.Do(ctx, d, func(tx *db.Tx) error { _, err := giftcard.Issue(tx, by, v, g); return err }); !fault.Is(err, "invalid") {
				t.Errorf("%+v: %v", g, err)
			}
		}
	})
}
