package app

import (
	"context"
	"net/http"

	"kassavalv/internal/web"
)

// authorizeStaff is the door of the back office; the room has the rules.
func (a *App) authorizeStaff(w http.ResponseWriter, r *web.Request, who web.Who) (context.Context, error) {
	ctx, by, err := a.office.Authorize(w, r, who)
	if err != nil {
		return ctx, err
	}
	return context.WithValue(ctx, principal{}, by), nil
}
