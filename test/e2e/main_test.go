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
	t.Run("people", func(t *testing.T) {
		for _, j := range journeys {
			t.Run(j.name, func(t *testing.T) {
				t.Parallel()
				j.walk(b.open(t, s))
			})
		}
	})
}
