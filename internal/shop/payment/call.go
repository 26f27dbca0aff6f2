package payment

import (
	"errors"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/proof"
)

// Call is one conversation with a provider about a payment, as staff may read it:
// no secrets, nothing personal.
type Call struct {
	Op      string // begin, look, cancel, refund, capture
	Outcome string // answered, unknown (no answer we can build on), failed
	State   State  // what the provider said; empty when it did not
	Code    string // the provider's own code, or a short word for what went wrong
	Took    time.Duration
	At      time.Time // when it began
	Times   int64     // how often in a row the same was said
	Last    time.Time // the last of these
}

// NewCall begins the clock of a conversation.
func NewCall(op string) Call { return Call{Op: op, At: time.Now()} }

// Ended fills in how it went.
func (c Call) Ended(s State, code string, err error) Call {
	c.Took, c.State, c.Code, c.Outcome = time.Since(c.At), s, clip(code), "answered"
	switch {
	case errors.Is(err, ErrUnknown):
		c.Outcome, c.State, c.Code = "unknown", "", short(err)
	case err != nil:
		c.Outcome, c.State, c.Code = "failed", "", short(err)
	}
	return c
}

// EndedMove is Ended of a refund or a capture.
func (c Call) EndedMove(s RefundStatus, err error) Call {
	st := Processing
	switch {
	case s.Done:
		st = "done"
	case s.Refused:
		st = Refused
	}
	return c.Ended(st, s.Code, err)
}

// Coder is an error that carries the provider's own code.
type Coder interface{ ProviderCode() string }

// short is what of an error may be kept: the provider's code or the kind of break,
// never its text, which can hold an address of somebody's page.
func short(err error) string {
	var c Coder
	var t interface{ Timeout() bool }
	switch {
	case errors.As(err, &c):
		return clip(c.ProviderCode())
	case errors.As(err, &t) && t.Timeout():
		return "time_out"
	}
	return "no_answer"
}

func clip(s string) string {
	b := []byte(s)
	for i, x := range b {
		if x < 0x21 || x > 0x7e {
			b[i] = '_'
		}
	}
	return string(b[:min(len(b), 80)])
}

// Spoke enters a conversation. The same look-up with the same answer as the row
// before only counts that row up, so that a payment which waits for its buyer does
// not fill the table.
func Spoke(tx *db.Tx, intent db.ID, c Call) error {
	if c.Op == "" || proof.Broken("calls") {
		return nil
	}
	if c.Op == "look" {
		n, err := tx.Exec(`UPDATE payment_call SET times=times+1, last_at=$5 WHERE id=(SELECT max(id) FROM payment_call WHERE intent_id=$1) AND op='look' AND outcome=$2 AND state=$3 AND code=$4`,
			intent, c.Outcome, string(c.State), c.Code, c.At)
		if err != nil || n > 0 {
			return err
		}
	}
	_, err := tx.Exec(`INSERT INTO payment_call (id, intent_id, op, outcome, state, code, took_us, at, times, last_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,1,$8)`,
		tx.NewID(), intent, c.Op, c.Outcome, string(c.State), c.Code, c.Took.Microseconds(), c.At)
	return err
}

// Calls lists the conversations about a payment, oldest first, 500 at most.
func Calls(q db.Q, intent db.ID) ([]Call, error) {
	return db.All(q, func(r *db.Rows) (c Call, err error) {
		var st string
		var us int64
		err = r.Scan(&c.Op, &c.Outcome, &st, &c.Code, &us, &c.At, &c.Times, &c.Last)
		c.State, c.Took = State(st), time.Duration(us)*time.Microsecond
		return
	}, `SELECT op, outcome, state, code, took_us, at, times, last_at FROM payment_call WHERE intent_id=$1 ORDER BY id LIMIT 500`, intent)
}
