package bank

import (
	"strings"

	"kassavalv/internal/demo/bank/wire"
)

// card is what the bank does with one number.
type card struct {
	number string
	refuse string // reason; empty pays
	// quirks of the paying cards
	code   bool // ask for the second factor first
	early  bool // notify twice before the buyer is sent back
	silent bool // never notify
	hang   bool // then let every request about the payment hang
	Label  string
}

// secondFactor is the only code that the bank accepts.
const secondFactor = "123456"

// codeTries is how many codes a buyer may try before the payment is refused.
const codeTries = 3

var cards = []card{
	{number: "4242424242424242", Label: "card.paid"},
	{number: "4000000000000002", refuse: wire.ReasonDeclined, Label: "card.declined"},
	{number: "4000000000009995", refuse: wire.ReasonInsufficientFunds, Label: "card.funds"},
	{number: "4000000000003220", code: true, Label: "card.code"},
	{number: "4000000000000119", refuse: wire.ReasonBankError, Label: "card.error"},
	{number: "4000000000005126", early: true, Label: "card.early"},
	{number: "4000000000000341", silent: true, Label: "card.silent"},
	{number: "4000000000009987", hang: true, Label: "card.hang"},
}

// findCard reads a number as people write it, with spaces or hyphens.
func findCard(typed string) (card, bool) {
	n := strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '\u00a0', '\u202f', '\t':
			return -1
		}
		return r
	}, typed)
	for _, c := range cards {
		if c.number == n {
			return c, true
		}
	}
	return card{}, false
}

// Grouped returns the number in groups of four.
func (c card) Grouped() string {
	var b strings.Builder
	for i, r := range c.number {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
