package e2e

import (
	"testing"

	"kassavalv/internal/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// journeys is the table of contents.
var journeys = []struct {
	name string
	walk func(p *tab)
}{
	{"buy on a phone", phone},
	{"buy with scripts off", noScripts},
	{"buy with the keyboard alone", keyboard},
	{"a refused card", refusedCard},
	{"a second factor", secondFactor},
	{"a bank that says nothing", silentBank},
}

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
				j.walk(b.open(t, s))
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
	for _, wrong := range s.As(t).Books(w["awaiting"], w["held"]) { // these lie open on purpose
		t.Error(wrong)
	}
}
