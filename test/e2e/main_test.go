package e2e

import (
	"testing"

	"kassavalv/internal/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// alone makes a journey of one tab out of one.
func alone(walk func(p *tab)) func(func() *tab) {
	return func(open func() *tab) { walk(open()) }
}

// together makes a journey of two people.
func together(walk func(p, q *tab)) func(func() *tab) {
	return func(open func() *tab) { walk(open(), open()) }
}

// journeys is the table of contents. The long ones stand first.
var journeys = []struct {
	name string
	walk func(open func() *tab)
}{
	{"buy on a phone", alone(phone)},
	{"buy with scripts off", alone(noScripts)},
	{"buy with the keyboard alone", alone(keyboard)},
	{"a gift card bought and spent", alone(gift)},
	{"a refused card", alone(refusedCard)},
	{"a second factor", alone(secondFactor)},
	{"a bank that says nothing", alone(silentBank)},
	{"mistakes in the checkout", alone(mistakes)},
	{"mistakes with scripts off", alone(mistakesWithoutScripts)},
	{"empty forms", alone(emptyForms)},
	{"a customer's account and passkey", alone(ownAccount)},
	{"everything erased, in two steps", alone(erasure)},
	{"a caller shows who he is", alone(caller)},
	{"a customer signs in with a code", alone(account)},
	{"search", alone(searching)},
	{"nothing there", alone(nothingThere)},
	{"in English, dark, on paper", alone(otherwise)},
	{"the sum follows delivery", alone(recount)},
	{"a withdrawal", alone(withdrawal)},
	{"a question and its answer", together(question)},
	{"a hostile buyer", together(hostileBuyer)},
	{"packing", alone(packing)},
	{"new goods", together(newGoods)},
	{"an import", alone(imported)},
}

// TestJourneys is the package: one shop, one browser, everybody in it at once.
func TestJourneys(t *testing.T) {
	s := apptest.Start(t, apptest.Options{})
	b := launch(t, s)
	w := furnish(t, s)
	inside := append(crawl(t, s), officeStates...)
	t.Run("every page", func(t *testing.T) { testEveryPage(t, append(officeDoor, inside...)) })
	t.Run("people", func(t *testing.T) {
		for _, j := range journeys {
			t.Run(j.name, func(t *testing.T) {
				t.Parallel()
				j.walk(func() *tab { return b.open(t, s) })
			})
		}
		t.Run("pages of the shop", func(t *testing.T) {
			t.Parallel()
			w.see(b.open(t, s), append(storefront, officeDoor...))
		})
		for i, name := range []string{"pages of the office", "more pages of the office"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := b.open(t, s)
				p.enter("owner")
				half := len(inside) / 2
				w.see(p, [][]template{inside[:half], inside[half:]}[i])
			})
		}
	})
	// Whatever they did, the shop's books and the bank's agree. What lies open does so
	// on purpose.
	for _, wrong := range s.As(t).Books(w["awaiting"], w["held"]) {
		t.Error(wrong)
	}
}

// TestPostgres is one whole purchase on the other engine.
func TestPostgres(t *testing.T) {
	s := apptest.Start(t, apptest.Options{Engine: "postgres"})
	phone(launch(t, s).open(t, s))
	for _, wrong := range s.As(t).Books() {
		t.Error(wrong)
	}
}
