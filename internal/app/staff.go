package app

import (
	"context"
	"net/http"

	"kassavalv/internal/fault"
	"kassavalv/internal/web"
)

func (a *App) authorizeStaff(w http.ResponseWriter, r *web.Request, who web.Who) (context.Context, error) {
	return r.Context(), fault.SignIn()
}

func (a *App) adminPages() []web.Route { return nil }
