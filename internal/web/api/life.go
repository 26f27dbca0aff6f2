package api

import (
	"net/http"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/web"
)

// PurchaseLife is all that is known of one attempt to buy. It names nobody.
type PurchaseLife struct {
	AdminPurchase
	Reserved money.Money  `json:"reserved"`
	Captured money.Money  `json:"captured"`
	Refunded money.Money  `json:"refunded"`
	Ref      *string      `json:"provider_ref"`
	Steps    []LifeStep   `json:"steps"`
	Calls    []LifeCall   `json:"calls"`
	Events   []LifeEvent  `json:"notifications"`
	Entries  []LifeEntry  `json:"entries"`
	Moves    []LifeMove   `json:"moves"`
	Next     []LifeNext   `json:"next_steps"`
	Cases    []LifeCase   `json:"differences"`
	May      LifePossible `json:"possible"`
}

// LifeStep is a move of the state.
type LifeStep struct {
	State string `json:"state"`
	Why   string `json:"why"`
	At    string `json:"at"`
}

// LifeCall is a question to the provider with its answer.
type LifeCall struct {
	Op      string  `json:"op"`
	Outcome string  `json:"outcome"`
	State   *string `json:"state"`
	Code    *string `json:"code"`
	TookMS  int64   `json:"took_ms"`
	Times   int64   `json:"times"`
	At      string  `json:"at"`
	Last    string  `json:"last_at"`
}

// LifeEvent is a notification that came in.
type LifeEvent struct {
	ID string `json:"id"`
	At string `json:"at"`
}

// LifeEntry is a row of the ledger.
type LifeEntry struct {
	Kind   string      `json:"kind"`
	Amount money.Money `json:"amount"`
	At     string      `json:"at"`
}

// LifeMove is a refund or a capture that was asked for.
type LifeMove struct {
	Kind     string      `json:"kind"`
	Amount   money.Money `json:"amount"`
	State    string      `json:"state"`
	Code     *string     `json:"code"`
	Attempts int64       `json:"attempts"`
	At       string      `json:"at"`
	Next     *string     `json:"next_at"`
}

// LifeNext is what the program will do by itself.
type LifeNext struct {
	What string `json:"what"`
	At   string `json:"at"`
}

// LifeCase is a difference between the books.
type LifeCase struct {
	Kind  string `json:"kind"`
	State string `json:"state"`
	At    string `json:"found_at"`
}

// LifePossible is what can be asked for as the purchase stands.
type LifePossible struct {
	Look    bool        `json:"look"`
	Cancel  bool        `json:"cancel"`
	Capture money.Money `json:"capture"` // at most
	Refund  money.Money `json:"refund"`  // at most
}

type reasonIn struct {
	Reason string `json:"reason"`
}

type captureIn struct {
	Amount *money.Money `json:"amount"`
	Whole  bool         `json:"whole"` // nothing more will be taken
	Reason string       `json:"reason"`
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func optionalStamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := stamp(t)
	return &s
}

func (a *Admin) purchaseID(r *web.Request) (db.ID, error) {
	id, err := db.ParseID(r.PathValue("id"))
	if err != nil || id <= 0 {
		return 0, fault.NotFound()
	}
	return id, nil
}

func (a *Admin) purchase(w http.ResponseWriter, r *web.Request) error {
	id, err := a.purchaseID(r)
	if err != nil {
		return err
	}
	return a.writeLife(w, r, http.StatusOK, id)
}

func (a *Admin) writeLife(w http.ResponseWriter, r *web.Request, code int, id db.ID) error {
	l, err := db.Read(r.Context(), a.DB, func(q *db.Reader) (checkout.Life, error) { return a.Desk.LifeOf(q, a.By(r.Context()), id) })
	if err != nil {
		return err
	}
	return web.JSON(w, r, code, a.lifeShape(l, r))
}

func (a *Admin) lifeShape(l checkout.Life, r *web.Request) PurchaseLife {
	p, i := l.Purchase, l.Intent
	zero := money.New(0, p.Total.Currency)
	out := PurchaseLife{Reserved: zero, Captured: zero, Refunded: zero, Steps: []LifeStep{}, Calls: []LifeCall{}, Events: []LifeEvent{}, Entries: []LifeEntry{}, Moves: []LifeMove{}, Next: []LifeNext{}, Cases: []LifeCase{},
		May: LifePossible{Look: l.Can.Look, Cancel: l.Can.Cancel, Capture: l.Can.Capture, Refund: l.Can.Refund}}
	o := &l.Order
	if o.ID == 0 {
		o = nil
	}
	out.AdminPurchase = AdminPurchase{ID: p.ID.String(), Purchase: a.purchaseShape(p, o, r.Lang), Method: p.Method, Total: p.Total, Alarm: p.Alarm, Code: p.Code, CreatedAt: stamp(p.Created), ChangedAt: stamp(p.Changed)}
	if i.ID > 0 {
		out.Reserved, out.Captured, out.Refunded = i.Takeable(), i.Captured, i.Refunded
		if !strings.Contains(i.ProviderRef, i.Reference) {
			out.Ref = optional(i.ProviderRef)
		}
	}
	for _, s := range l.Steps {
		out.Steps = append(out.Steps, LifeStep{string(s.State), s.Why, stamp(s.At)})
	}
	for _, c := range l.Calls {
		out.Calls = append(out.Calls, LifeCall{c.Op, c.Outcome, optional(string(c.State)), optional(c.Code), c.Took.Milliseconds(), c.Times, stamp(c.At), stamp(c.Last)})
	}
	for _, e := range l.Events {
		out.Events = append(out.Events, LifeEvent{e.ID, stamp(e.At)})
	}
	for _, e := range l.Entries {
		out.Entries = append(out.Entries, LifeEntry{e.Kind, e.Amount, stamp(e.At)})
	}
	for _, t := range l.Tries {
		out.Moves = append(out.Moves, LifeMove{t.Kind, t.Amount, t.State, optional(t.Code), t.Attempts, stamp(t.At), optionalStamp(t.Next)})
	}
	for _, x := range l.Plan {
		out.Next = append(out.Next, LifeNext{x.What, stamp(x.At)})
	}
	for _, c := range l.Cases {
		out.Cases = append(out.Cases, LifeCase{c.Kind, c.State, stamp(c.Opened)})
	}
	return out
}

func (a *Admin) lookAtPurchase(w http.ResponseWriter, r *web.Request) error {
	return a.ask(w, r, func(id db.ID, reason string) error {
		_, err := a.Desk.LookNow(r.Context(), a.By(r.Context()), id, reason)
		return err
	})
}

func (a *Admin) cancelPurchase(w http.ResponseWriter, r *web.Request) error {
	return a.ask(w, r, func(id db.ID, reason string) error {
		_, err := a.Desk.CancelNow(r.Context(), a.By(r.Context()), id, reason)
		return err
	})
}

func (a *Admin) ask(w http.ResponseWriter, r *web.Request, do func(db.ID, string) error) error {
	in, err := web.Decode[reasonIn](r, web.Budget{Text: 300})
	if err != nil {
		return err
	}
	id, err := a.purchaseID(r)
	if err != nil {
		return err
	}
	if err := do(id, in.Reason); err != nil {
		return reasonField(err)
	}
	return a.writeLife(w, r, http.StatusOK, id)
}

func (a *Admin) capture(w http.ResponseWriter, r *web.Request) error {
	in, err := web.Decode[captureIn](r, web.Budget{Text: 300})
	if err != nil {
		return err
	}
	id, err := a.purchaseID(r)
	if err != nil {
		return err
	}
	if in.Amount == nil {
		return fault.Invalid(fault.Field{Pointer: "/amount", Code: "required"})
	}
	by := a.By(r.Context())
	_, err = auth.Act(r.Context(), a.DB, by, "purchase.capture", "purchase", id, func(tx *db.Tx) (bool, error) {
		return true, a.Desk.CaptureNow(tx, by, id, *in.Amount, in.Whole, in.Reason)
	})
	if err != nil {
		return reasonField(err)
	}
	return a.writeLife(w, r, http.StatusAccepted, id)
}

// reasonField names the field of a reason as the API does.
func reasonField(err error) error {
	f := fault.As(err)
	if f == nil || len(f.Fields) == 0 {
		return err
	}
	c := *f
	c.Fields = append([]fault.Field{}, f.Fields...)
	for i := range c.Fields {
		if c.Fields[i].Pointer == "/note" {
			c.Fields[i].Pointer = "/reason"
		}
	}
	return &c
}
