package admin

import (
	"encoding/json"
	"net/http"

	"kassavalv/internal/auth"
	"kassavalv/internal/web"
)

// ceremony is what the module gets from the server.
type ceremony struct {
	Options json.RawMessage `json:"options"`
	Token   string          `json:"token"`
}

func (v *visit) ceremony(c auth.Ceremony, err error) error {
	if err != nil {
		return err
	}
	return web.JSON(v.w, v.r, http.StatusOK, ceremony{c.Options, c.Token})
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
