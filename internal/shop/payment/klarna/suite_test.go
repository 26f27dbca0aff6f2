package klarna_test

import (
	"testing"

	"kassavalv/internal/shop/payment/paytest"
	"kassavalv/internal/shop/payment/paytest/klarnasim"
)

// Klarna as it promises to be: keys count in order management alone.
func TestProviderSuite(t *testing.T) {
	paytest.Run(t, func(t *testing.T) paytest.Sim {
		return klarnasim.New(t, klarnasim.Options{Silent: true, Prompt: true})
	})
}

// And as it may be: keys count for sessions too.
func TestProviderSuiteWithKeysOfSessions(t *testing.T) {
	paytest.Run(t, func(t *testing.T) paytest.Sim {
		return klarnasim.New(t, klarnasim.Options{Silent: true, Prompt: true, Sessions: true})
	})
}

// The suite is worth something here too: each fault put into the client is found.
func TestProviderSuiteFindsLies(t *testing.T) {
	paytest.Lies(t, func(t *testing.T) paytest.Sim { return klarnasim.New(t, klarnasim.Options{Silent: true, Prompt: true}) })
}
