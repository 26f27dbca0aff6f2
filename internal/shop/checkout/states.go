package checkout

import (
	"slices"
	"strings"
)

// State of a purchase, as the surface names it.
type State string

// The states.
const (
	Received   State = "received"          // stored; nobody has been asked for money, or has not answered
	Awaiting   State = "awaiting_customer" // the buyer is at the bank
	Processing State = "processing"        // the bank has it
	Unknown    State = "unknown"           // being looked up
	Paid       State = "paid"
	Placed     State = "placed" // the order stands; paid later
	Refused    State = "refused"
	Expired    State = "expired"
)

// Transitions is the whole state machine. A terminal state has no way out;
// what happens to money after it is told by Money, not by the state.
var Transitions = map[State][]State{
	Received:   {Awaiting, Processing, Unknown, Paid, Placed, Refused, Expired},
	Awaiting:   {Processing, Unknown, Paid, Placed, Refused, Expired},
	Processing: {Awaiting, Unknown, Paid, Placed, Refused, Expired},
	Unknown:    {Awaiting, Processing, Paid, Placed, Refused, Expired},
	Paid:       {},
	Placed:     {},
	Refused:    {},
	Expired:    {},
}

// Terminal reports whether the purchase is over.
func (s State) Terminal() bool { return len(Transitions[s]) == 0 }

func (s State) can(to State) bool {
	for _, t := range Transitions[s] {
		if t == to {
			return true
		}
	}
	return false
}

// Money tells whether the buyer's money has moved.
type Money string

// What money may have done.
const (
	NotMoved Money = "no"
	Reserved Money = "reserved"
	Taken    Money = "taken"
	Returned Money = "returned"
	Unsure   Money = "unknown"
)

// Diagram draws the transitions for docs/purchase.md, in a stable order.
func Diagram() string {
	var lines []string
	for from, tos := range Transitions {
		for _, to := range tos {
			lines = append(lines, "  "+string(from)+" --> "+string(to)+"\n")
		}
	}
	slices.Sort(lines)
	return "stateDiagram-v2\n  [*] --> received\n" + strings.Join(lines, "")
}
