package admin

import (
	"net/http"

	"kassavalv/internal/auth"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/web"
)

// ceremony answers the module with what it begins with.
func (v *visit) ceremony(c factor.Ceremony, err error) error {
	if err != nil {
		return err
	}
	return web.JSON(v.w, v.r, http.StatusOK, c)
}

func (v *visit) beginPasskeySignIn() error { return v.ceremony(v.Auth.BeginPasskeySignIn(v.ctx())) }

// passkeySignIn verifies what the browser signed; failures look like any other
// failed sign-in.
func (v *visit) passkeySignIn() error {
	in, err := v.r.ReadForm("token", "answer", "next")
	if err != nil {
		return err
	}
	ses, err := v.Auth.FinishPasskeySignIn(v.ctx(), v.passkeyAnswer(in))
	return v.enter(ses, err, ownPath(in.Get("next")), nil)
}

func (v *visit) passkeyAnswer(in web.Values) auth.PasskeyAnswer {
	return auth.PasskeyAnswer{Token: in.Get("token"), Answer: []byte(in.Get("answer")), Peer: v.r.Peer(), Agent: web.Agent(v.r), Lang: v.l, Old: v.r.CookieValue(web.CookieStaff)}
}
