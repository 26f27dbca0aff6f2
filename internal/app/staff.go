package app

import (
	"context"
	"net/http"

	"kassavalv/internal/auth"
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

// singleSignOn is the house's own sign-in, when it is configured.
func (a *App) singleSignOn() *auth.SSO {
	c := a.Config.Staff
	if c.OIDCIssuer == "" {
		return nil
	}
	return &auth.SSO{Issuer: c.OIDCIssuer, ClientID: c.OIDCClientID, ClientSecret: c.OIDCClientSecret, ACR: c.OIDCACR, AMR: c.OIDCAMR, Redirect: a.officeOrigin() + "/admin/login/sso"}
}
