package bank

import (
	"fmt"
	"slices"
	"time"

	"kassavalv/internal/demo/bank/wire"
)

// record is one line of the journal. Reading the lines from the first to the
// last makes the books again.
type record struct {
	At int64  `json:"at"` // microseconds UTC
	Op string `json:"op"`
	ID string `json:"id,omitempty"` // payment

	Key     string              `json:"key,omitempty"`  // create, refund: Idempotency-Key
	Hash    string              `json:"hash,omitempty"` // create, refund: of the body
	Create  *wire.CreatePayment `json:"create,omitempty"`
	Expires int64               `json:"expires,omitempty"` // create: microseconds UTC

	State  wire.State `json:"state,omitempty"`
	Reason string     `json:"reason,omitempty"`
	Hang   int64      `json:"hang,omitempty"`   // state: requests hang until then, microseconds UTC
	Settle int64      `json:"settle,omitempty"` // state processing: captured then, microseconds UTC
	Silent bool       `json:"silent,omitempty"` // state: no notifications from here on

	Refund *wire.Refund `json:"refund,omitempty"`

	Event   *wire.Event `json:"event,omitempty"`    // state, refund: to be delivered
	EventID string      `json:"event_id,omitempty"` // delivered
}

// The operations of a record.
const (
	opCreate    = "create"
	opState     = "state"
	opChallenge = "challenge"  // a good card asked for the second factor
	opWrongCode = "wrong_code" // one try of the second factor is used up
	opRefund    = "refund"
	opDelivered = "delivered" // an event needs no further try
)

// moves are the transitions of a payment. A state that is no key is final.
var moves = map[wire.State][]wire.State{
	wire.Created:    {wire.Awaiting, wire.Processing, wire.Captured, wire.Refused, wire.Cancelled, wire.Expired},
	wire.Awaiting:   {wire.Processing, wire.Captured, wire.Refused, wire.Cancelled, wire.Expired},
	wire.Processing: {wire.Captured},
}

// open reports whether a buyer can still pay.
func open(s wire.State) bool { return s == wire.Created || s == wire.Awaiting }

// keyed is what an idempotency key stands for.
type keyed struct {
	hash string
	n    int // index into refunds
}

// payment is one payment as the bank keeps it. All fields are guarded by the
// server's lock, except those of the request, which never change.
type payment struct {
	id      string
	req     wire.CreatePayment
	hash    string
	created time.Time
	expires time.Time

	state     wire.State
	reason    string
	captured  int64
	taken     time.Time // when it was captured
	refunded  int64
	challenge bool
	tries     int
	silent    bool
	hangUntil time.Time
	settleAt  time.Time
	refunds   []wire.Refund
	refundKey map[string]keyed

	syncPos int64       // the journal must be on disk up to here before the state is told
	timer   *time.Timer // expiry or settlement
}

func (p *payment) view(base string) wire.Payment {
	return wire.Payment{
		ID: p.id, Reference: p.req.Reference, Amount: p.req.Amount, Currency: p.req.Currency,
		State: p.state, Reason: p.reason, Captured: p.captured, Refunded: p.refunded,
		PayURL: base + "/pay/" + p.id, CreatedAt: p.created, ExpiresAt: p.expires,
		Refunds: slices.Clone(p.refunds),
	}
}

func (p *payment) eventData() wire.EventData {
	return wire.EventData{
		PaymentID: p.id, Reference: p.req.Reference, Amount: p.req.Amount, Currency: p.req.Currency,
		State: p.state, Captured: p.captured, Refunded: p.refunded, Reason: p.reason,
	}
}

// books is everything that the journal says.
type books struct {
	byID    map[string]*payment
	byKey   map[string]*payment
	byRef   map[string][]*payment
	ordered []*payment
	pending map[string]*delivery // by event id
}

func newBooks() *books {
	return &books{
		byID: map[string]*payment{}, byKey: map[string]*payment{},
		byRef: map[string][]*payment{}, pending: map[string]*delivery{},
	}
}

// apply carries out one record. pos is the length of the journal after it. It
// changes nothing when it fails.
func (b *books) apply(r record, pos int64) error {
	if r.Op == opDelivered {
		if b.pending[r.EventID] == nil {
			return fmt.Errorf("event %q is not waiting", r.EventID)
		}
		delete(b.pending, r.EventID)
		return nil
	}
	if r.Op == opCreate {
		return b.create(r)
	}
	p := b.byID[r.ID]
	if p == nil {
		return fmt.Errorf("payment %q is unknown", r.ID)
	}
	switch r.Op {
	case opState:
		if !slices.Contains(moves[p.state], r.State) {
			return fmt.Errorf("payment %s cannot go from %s to %s", p.id, p.state, r.State)
		}
		p.state, p.reason = r.State, r.Reason
		p.silent = p.silent || r.Silent
		if r.State == wire.Captured {
			p.captured, p.taken = p.req.Amount, time.UnixMicro(r.At).UTC()
		}
		if r.Hang != 0 {
			p.hangUntil = time.UnixMicro(r.Hang).UTC()
		}
		if r.Settle != 0 {
			p.settleAt = time.UnixMicro(r.Settle).UTC()
		}
		if r.State != wire.Awaiting {
			p.syncPos = pos
		}
	case opChallenge:
		p.challenge = true
	case opWrongCode:
		p.tries++
	case opRefund:
		if r.Refund == nil || r.Refund.Amount <= 0 || r.Refund.Amount > p.captured-p.refunded {
			return fmt.Errorf("payment %s cannot give back more than it took", p.id)
		}
		p.refunded += r.Refund.Amount
		if p.refundKey == nil {
			p.refundKey = map[string]keyed{}
		}
		p.refundKey[r.Key] = keyed{hash: r.Hash, n: len(p.refunds)}
		p.refunds = append(p.refunds, *r.Refund)
		p.syncPos = pos
	default:
		return fmt.Errorf("operation %q is unknown", r.Op)
	}
	if r.Event != nil {
		b.pending[r.Event.ID] = &delivery{
			event: *r.Event, payment: p, pos: pos,
			notBefore: time.UnixMicro(r.Hang), queued: time.UnixMicro(r.At),
		}
	}
	return nil
}

func (b *books) create(r record) error {
	if r.Create == nil || r.ID == "" || r.Key == "" {
		return fmt.Errorf("a payment without its facts")
	}
	if b.byID[r.ID] != nil || b.byKey[r.Key] != nil {
		return fmt.Errorf("payment %q or its key is there already", r.ID)
	}
	p := &payment{
		id: r.ID, req: *r.Create, hash: r.Hash, state: wire.Created,
		created: time.UnixMicro(r.At).UTC(), expires: time.UnixMicro(r.Expires).UTC(),
	}
	b.byID[p.id], b.byKey[r.Key] = p, p
	b.byRef[p.req.Reference] = append(b.byRef[p.req.Reference], p)
	b.ordered = append(b.ordered, p)
	return nil
}
