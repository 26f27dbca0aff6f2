package race

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"kassavalv/internal/apptest"
)

// asked is one question to the shop about a variant's stock.
type asked struct {
	kind string // hold, release, read
	n    int64
}

// told is what the shop answered.
type told struct {
	ok        bool
	available int64
}

// shelf is the model: one number. What a shop of two processes with group commit, holds
// and rescuers says about a variant must fit it, in some order that respects time.
func shelf(pieces int64) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return pieces },
		Step: func(state, in, out any) (bool, any) {
			left, q, a := state.(int64), in.(asked), out.(told)
			switch q.kind {
			case "hold":
				if a.ok {
					return left >= q.n, left - q.n
				}
				return left < q.n, left
			case "release":
				return true, left + q.n
			}
			return a.available == left, left
		},
		DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
	}
}

// oneNumber lets some buyers take, let go and look at the same few pieces for a while,
// and has every answer checked against the model.
func (w *world) oneNumber(clients, each int) {
	const pieces = 5
	v := w.c(0).Scarce(pieces)
	var mu sync.Mutex
	var history []porcupine.Operation
	t0 := time.Now()
	do := func(client int, q asked, fn func() told) told {
		from := time.Since(t0).Nanoseconds()
		a := fn()
		to := time.Since(t0).Nanoseconds()
		mu.Lock()
		defer mu.Unlock()
		history = append(history, porcupine.Operation{ClientId: client, Input: q, Output: a, Call: from, Return: to})
		return a
	}
	// The carts are made first: what is timed is the question alone.
	carts := make([][]apptest.Cart, clients)
	sizes := make([][]int64, clients)
	for i := range clients {
		for range each {
			n := 1 + rand.Int64N(3)
			carts[i], sizes[i] = append(carts[i], w.c(i).ReadyCart(v, n)), append(sizes[i], n)
		}
	}
	w.sold += clients * each
	together(clients, func(i int) {
		for j, k := range carts[i] {
			c, n := w.c(i+j), sizes[i][j]
			var p apptest.Purchase
			got := do(i, asked{"hold", n}, func() told {
				a := c.Post(k, apptest.Wish{})
				if a.Status == 202 {
					c.Want(a, 202, &p)
					return told{ok: true}
				}
				if a.Code() != "out_of_stock" {
					w.Errorf("a hold was answered %v", a)
				}
				return told{}
			})
			do(i, asked{kind: "read"}, func() told { return told{available: w.c(i + j + 1).Stock(v.ID).Available} })
			if got.ok {
				do(i, asked{"release", n}, func() told {
					c.Form("/purchases/"+p.Token+"/cancel", nil)
					if p = c.Final(p.Token); p.Order != nil {
						w.Errorf("cancelled and never paid: %s", p.State)
					}
					return told{ok: true}
				})
			}
		}
	})
	if s := w.c(0).Stock(v.ID); s.Available != pieces || s.Held != 0 {
		w.Errorf("all let go, and the stock is %+v", s)
	}
	switch porcupine.CheckOperationsTimeout(shelf(pieces), history, 2*time.Minute) {
	case porcupine.Illegal:
		w.Errorf("what the shop said about the stock fits no order of events: %d answers, the last %s", len(history), last(history))
	case porcupine.Unknown:
		w.Errorf("%d answers could not be checked in two minutes", len(history))
	}
}

func last(h []porcupine.Operation) (out string) {
	for _, o := range h[max(0, len(h)-12):] {
		out += fmt.Sprintf("\n  %d: %+v -> %+v [%d, %d]", o.ClientId, o.Input, o.Output, o.Call, o.Return)
	}
	return
}
