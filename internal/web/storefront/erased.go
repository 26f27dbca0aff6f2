package storefront

import (
	"errors"
	"net/http"

	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
	"kassavalv/internal/web"
)

// The words that stand in the place of what a buyer's page cannot show.
const (
	wordsUnreadable = "page.unreadable"
	wordsErased     = "order.erased"
)

// opened is secret.Shown for the pages that a link leads to: the link outlives the details,
// so the page of somebody who is erased says so, and shows what remains. instead is the key of the words for
// the value's place; empty when it opened.
func opened[T any](val T, err error) (_ T, instead string, _ error) {
	if errors.Is(err, secret.ErrErased) {
		var zero T
		return zero, wordsErased, nil
	}
	val, readable, err := secret.Shown(val, err)
	if err == nil && !readable {
		instead = wordsUnreadable
	}
	return val, instead, err
}

// afterErasure answers 409 where a step needs details that are erased, which is no
// trouble of the shop's.
func afterErasure(h web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *web.Request) error {
		err := h(w, r)
		if errors.Is(err, secret.ErrErased) {
			return &fault.Error{Kind: fault.Clash, Code: "erased", Cause: err}
		}
		return err
	}
}
