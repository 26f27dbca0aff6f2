package job

import (
	"sync"
	"time"
)

// The doorbell: Enqueue knows no runner, a commit rings all of this process. It
// carries no data, and a runner that hears it in vain only looks once.
var bell struct {
	sync.Mutex
	runners map[*Runner]struct{}
}

func ring(kind string, at time.Time) {
	bell.Lock()
	defer bell.Unlock()
	for r := range bell.runners {
		r.hear(kind, at)
	}
}

func (r *Runner) listen(on bool) {
	bell.Lock()
	defer bell.Unlock()
	if bell.runners == nil {
		bell.runners = map[*Runner]struct{}{}
	}
	if on {
		bell.runners[r] = struct{}{}
	} else {
		delete(bell.runners, r)
	}
}
