package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

// SSO is how staff sign in at a provider of the house (OpenID Connect Core 1.0, code
// flow with PKCE, RFC 9700). Sign-in by password and passkey stays beside it: it is the
// way in on the day the provider is away.
type SSO struct {
	Issuer       string // https://…; discovery is below it
	ClientID     string
	ClientSecret secret.Secret
	Redirect     string // of the shop, as registered at the provider
	ACR          string // demanded of the provider, when not empty
	AMR          string // must be among the methods the provider names ("mfa"), when not empty
	Client       *http.Client
}

const (
	ssoFlowLife = 10 * time.Minute
	ssoKind     = "sso"
)

// sso is a provider that has been found.
type sso struct {
	SSO
	mu       sync.Mutex
	provider *oidc.Provider
	saysIss  bool // it promises iss in its answers (RFC 9207): one without is refused
}

func newSSO(o *SSO) (*sso, error) {
	if o == nil || o.Issuer == "" {
		return nil, nil //nolint:nilnil // single sign-on is off
	}
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Host == "" || u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("auth: %q is not the address of a provider of sign-in", o.Issuer)
	}
	if o.ClientID == "" || o.Redirect == "" {
		return nil, errors.New("auth: single sign-on needs a client id and an address to come back to")
	}
	s := &sso{SSO: *o}
	if s.Client == nil {
		s.Client = &http.Client{Timeout: 10 * time.Second}
	}
	return s, nil
}

// HasSSO reports whether there is a provider.
func (a *Auth) HasSSO() bool { return a.sso != nil }

// find asks the provider who it is, once; a provider that is away is asked again at the
// next sign-in. Never in a transaction.
func (s *sso) find(ctx context.Context) (*oidc.Provider, *oauth2.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.provider == nil {
		// Not the request's context: the provider keeps it to fetch new keys with.
		p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), s.Client), s.Issuer)
		if err != nil {
			return nil, nil, &fault.Error{Kind: fault.Unavailable, Code: "sso_away", RetryAfter: 30 * time.Second, Cause: err}
		}
		var more struct {
			Iss bool `json:"authorization_response_iss_parameter_supported"`
		}
		if err := p.Claims(&more); err != nil {
			return nil, nil, err
		}
		s.provider, s.saysIss = p, more.Iss
	}
	return s.provider, &oauth2.Config{ClientID: s.ClientID, ClientSecret: s.ClientSecret.Reveal(), Endpoint: s.provider.Endpoint(), RedirectURL: s.Redirect, Scopes: []string{oidc.ScopeOpenID, "email"}}, nil
}

// SSOBegin is where the browser goes, and what it must hold when it comes back.
type SSOBegin struct {
	URL     string
	Browser secret.Secret
}

// BeginSSO starts a sign-in at the provider, or, for a member with a fresh proof, the
// connection of his account there. next is where he goes on afterwards.
func (a *Auth) BeginSSO(ctx context.Context, by By, next string) (SSOBegin, error) {
	if a.sso == nil {
		return SSOBegin{}, fault.NotFound()
	}
	staff := db.ID(0)
	if by.Kind == StaffKind {
		if err := by.NeedFresh(time.Now()); err != nil {
			return SSOBegin{}, err
		}
		staff = by.ID
	}
	_, conf, err := a.sso.find(ctx)
	if err != nil {
		return SSOBegin{}, err
	}
	state, nonce, browser, verifier := secret.RandomToken(), secret.RandomToken(), secret.RandomToken(), oauth2.GenerateVerifier()
	err = db.Do(ctx, a.d, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO auth_sso_flow (id, hash, browser_hash, staff_id, nonce, verifier, next, expires_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)`,
			tx.NewID(), secret.TokenHash(state), secret.TokenHash(browser), staff, nonce, verifier, next, tx.Now().Add(ssoFlowLife))
		return err
	})
	if err != nil {
		return SSOBegin{}, err
	}
	opts := []oauth2.AuthCodeOption{oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)}
	if a.sso.ACR != "" {
		opts = append(opts, oauth2.SetAuthURLParam("acr_values", a.sso.ACR))
	}
	return SSOBegin{conf.AuthCodeURL(state, opts...), secret.Hide(browser)}, nil
}

// SSOAnswer is what the browser brings back from the provider.
type SSOAnswer struct {
	State, Code, Iss string
	Browser          string // the cookie that BeginSSO gave
	Peer, Agent      string
	Lang             lang.Lang
	Old              string // session secret the browser holds already
}

// SSODone is a sign-in (Session) or a connection (Bound).
type SSODone struct {
	Session Session
	Bound   bool
	Next    string
}

// FinishSSO verifies the answer and opens a session that is not fresh: dangerous acts
// still ask for the member's own code or passkey. The account at the provider is that of
// the member who connected it, or at its first use that of the active member with the
// same verified mail address; an owner connects it himself. Nobody is made by it. Every
// failure is the 401 fault "sign_in_failed"; what was wrong stands in the audit log.
func (a *Auth) FinishSSO(ctx context.Context, in SSOAnswer) (SSODone, error) {
	if a.sso == nil {
		return SSODone{}, fault.NotFound()
	}
	by := Guest(in.Peer)
	refuse := func(why string) (SSODone, error) {
		if err := RecordRefusal(ctx, a.d, by, "staff.sso", entityStaff, 0, why); err != nil {
			return SSODone{}, err
		}
		return SSODone{}, factor.Failed()
	}
	var flow struct {
		staff                 db.ID
		nonce, verifier, next string
	}
	state, browser := secret.TokenHash(in.State), secret.TokenHash(in.Browser)
	if state == nil || browser == nil {
		return refuse("state")
	}
	// Gone with the first answer, right or wrong.
	_, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (bool, error) {
		return true, tx.QueryRow(`DELETE FROM auth_sso_flow WHERE hash=$1 AND browser_hash=$2 AND expires_at > $3 RETURNING staff_id, nonce, verifier, next`, state, browser, tx.Now()).
			Scan(&flow.staff, &flow.nonce, &flow.verifier, &flow.next)
	})
	if errors.Is(err, db.ErrNotFound) {
		return refuse("state")
	}
	if err != nil {
		return SSODone{}, err
	}
	provider, conf, err := a.sso.find(ctx)
	if err != nil {
		return SSODone{}, err
	}
	// Another provider's answer is not given to this one (RFC 9207, RFC 9700 4.4).
	if in.Iss != a.sso.Issuer && (in.Iss != "" || a.sso.saysIss) {
		return refuse("iss")
	}
	if in.Code == "" || len(in.Code) > 4096 {
		return refuse("code")
	}
	who, why := a.sso.ask(ctx, provider, conf, in.Code, flow.nonce, flow.verifier)
	if why != "" {
		return refuse(why)
	}
	out := SSODone{Next: flow.next}
	out, _, err = db.Write(ctx, a.d, func(tx *db.Tx) (SSODone, error) {
		out := out
		if flow.staff > 0 {
			out.Bound = true
			return out, a.bindSSO(tx, StaffBy(flow.staff, in.Peer, nil), flow.staff, who.subject)
		}
		s, why, err := a.memberOfSSO(tx, who)
		if err != nil {
			return out, err
		}
		if why != "" {
			return out, by.Refuse(tx, "staff.sso", entityStaff, s.id, why)
		}
		if _, err := tx.Exec(`UPDATE auth_sso SET used_at=$2 WHERE staff_id=$1`, s.id, tx.Now()); err != nil {
			return out, err
		}
		if in.Old != "" {
			if err := endByHash(tx, secret.TokenHash(in.Old)); err != nil {
				return out, err
			}
		}
		out.Session, err = a.openSession(tx, s, ssoKind, in.Peer, in.Agent, in.Lang, "staff.sign_in")
		return out, err
	})
	if err == nil && !out.Bound && out.Session.ID == 0 {
		err = factor.Failed()
	}
	return out, err
}

// subject is who the provider says it is.
type subject struct {
	subject  []byte // hash of issuer and sub
	email    string
	verified bool
}

// ask changes the code for an ID token and verifies it; why is what was wrong.
func (s *sso) ask(ctx context.Context, provider *oidc.Provider, conf *oauth2.Config, code, nonce, verifier string) (who subject, why string) {
	ctx = oidc.ClientContext(ctx, s.Client)
	tok, err := conf.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return who, "exchange"
	}
	raw, ok := tok.Extra("id_token").(string)
	if !ok {
		return who, "no_id_token"
	}
	// Issuer, audience, end, signature by a key of the provider, and its algorithms alone.
	id, err := provider.Verifier(&oidc.Config{ClientID: s.ClientID}).Verify(ctx, raw)
	if err != nil {
		return who, "id_token"
	}
	if nonce == "" || subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1 {
		return who, "nonce"
	}
	var c struct {
		Email    string   `json:"email"`
		Verified bool     `json:"email_verified"`
		ACR      string   `json:"acr"`
		AMR      []string `json:"amr"`
		AZP      string   `json:"azp"`
	}
	if err := id.Claims(&c); err != nil {
		return who, "claims"
	}
	switch {
	case id.Subject == "" || len(id.Subject) > 255:
		return who, "subject"
	case c.AZP != "" && c.AZP != s.ClientID, len(id.Audience) > 1 && c.AZP == "":
		return who, "azp"
	case time.Since(id.IssuedAt) > ssoFlowLife:
		return who, "old"
	case s.ACR != "" && c.ACR != s.ACR:
		return who, "acr"
	case s.AMR != "" && !slices.Contains(c.AMR, s.AMR):
		return who, "amr"
	}
	h := sha256.Sum256([]byte(s.Issuer + "\x00" + id.Subject))
	return subject{h[:], c.Email, c.Verified}, ""
}

// memberOfSSO finds the member of an account at the provider. At its first use that is
// the active member with its verified address, when he is no owner and has no other.
func (a *Auth) memberOfSSO(tx *db.Tx, who subject) (s staffRow, why string, err error) {
	var id db.ID
	err = tx.QueryRow(`SELECT staff_id FROM auth_sso WHERE subject_hash=$1`, who.subject).Scan(&id)
	if err == nil {
		if s, err = staffByID(tx, id); err == nil && s.state != "active" {
			return s, "closed", nil
		}
		return s, "", err
	}
	if !errors.Is(err, db.ErrNotFound) {
		return s, "", err
	}
	if !who.verified {
		return s, "unverified", nil
	}
	_, index, err := a.email(who.email)
	if fault.As(err) != nil {
		return s, "unknown", nil
	}
	if err != nil {
		return s, "", err
	}
	s, err = staffByEmail(tx, index)
	switch {
	case errors.Is(err, db.ErrNotFound):
		return staffRow{}, "unknown", nil
	case err != nil:
		return s, "", err
	case s.state != "active":
		return s, "closed", nil
	case StaffBy(0, "", s.rights).Covers(AllRights):
		return s, "owner_connects_himself", nil
	}
	var n int64
	if err := tx.QueryRow(`SELECT count(*) FROM auth_sso WHERE staff_id=$1`, s.id).Scan(&n); err != nil {
		return s, "", err
	}
	if n > 0 {
		return s, "another_account", nil
	}
	return s, "", a.bindSSO(tx, StaffBy(s.id, "", nil), s.id, who.subject)
}

// bindSSO connects an account at the provider to a member, in place of the one he had.
// 409 "sso_taken" when it is another's.
func (a *Auth) bindSSO(tx *db.Tx, by By, staff db.ID, subject []byte) error {
	s, err := staffByID(tx, staff)
	if errors.Is(err, db.ErrNotFound) || err == nil && s.state != "active" {
		return factor.Failed()
	}
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM auth_sso WHERE staff_id=$1`, staff); err != nil {
		return err
	}
	n, err := tx.Exec(`INSERT INTO auth_sso (id, staff_id, subject_hash, made_at) VALUES ($1,$2,$3,$4) ON CONFLICT (subject_hash) DO NOTHING`, tx.NewID(), staff, subject, tx.Now())
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Conflict("sso_taken")
	}
	if err := tell(tx, staff, LetterSSO, staff); err != nil {
		return err
	}
	return by.Record(tx, "sso.connect", entityStaff, staff, "", "")
}

// SSOBound tells when the member's own account at the provider was connected; zero: not.
func (a *Auth) SSOBound(q db.Q, by By) (made time.Time, err error) {
	if by.Kind != StaffKind || by.ID <= 0 {
		return made, fault.Denied()
	}
	err = q.QueryRow(`SELECT made_at FROM auth_sso WHERE staff_id=$1`, by.ID).Scan(&made)
	if errors.Is(err, db.ErrNotFound) {
		err = nil
	}
	return made, err
}

// UnbindSSO ends the connection of the member's own account, and the sessions that
// came by it.
func (a *Auth) UnbindSSO(tx *db.Tx, by By) error {
	if by.Kind != StaffKind || by.ID <= 0 {
		return fault.Denied()
	}
	if err := by.NeedFresh(tx.Now()); err != nil {
		return err
	}
	n, err := tx.Exec(`DELETE FROM auth_sso WHERE staff_id=$1`, by.ID)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.NotFound()
	}
	if _, err := tx.Exec(`DELETE FROM auth_session WHERE staff_id=$1 AND via='sso' AND id <> $2`, by.ID, by.Session); err != nil {
		return err
	}
	return by.Record(tx, "sso.disconnect", entityStaff, by.ID, "", "")
}
