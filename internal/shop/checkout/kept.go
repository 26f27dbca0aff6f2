package checkout

import (
	"context"
	"sync"

	"kassavalv/internal/db"
)

// promised remembers purchases whose end has been waited for once.
type promised struct {
	mu   sync.Mutex
	done map[db.ID]bool
}

// mostPromised purchases are remembered; then all are forgotten, which costs a look more.
const mostPromised = 4096

// Promise is called by every face before it tells a buyer that a purchase is paid or
// placed: where the merchant asks for it, the order then lies at other sites too, or the
// time for waiting is over. A purchase is waited for once.
func (d *Desk) Promise(ctx context.Context, p Purchase) {
	if d.Copied == nil || p.State != Paid && p.State != Placed {
		return
	}
	k := &d.promised
	k.mu.Lock()
	done := k.done[p.ID]
	k.mu.Unlock()
	if done {
		return
	}
	d.Copied(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.done == nil || len(k.done) >= mostPromised {
		k.done = map[db.ID]bool{}
	}
	k.done[p.ID] = true
}
