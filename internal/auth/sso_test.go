package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
	"kassavalv/internal/secret/secrettest"
)

// idp is a provider of sign-in by itself: discovery, keys, authorization and token end
// points as OpenID Connect Core 1.0 and RFC 7636 have them, and every lie of theirs.
type idp struct {
	t        *testing.T
	srv      *httptest.Server
	key, bad *rsa.PrivateKey
	ec       *ecdsa.PrivateKey

	mu    sync.Mutex
	codes map[string]grant
	who   map[string]any // claims of who is signed in there
	lie   string
	asked url.Values // of the last authorization
}

type grant struct{ nonce, challenge, redirect string }

const ssoClient, ssoSecret = "butiken", "mellan oss"

func newIDP(t *testing.T) *idp {
	t.Helper()
	p := &idp{t: t, codes: map[string]grant{}, who: map[string]any{"sub": "u1", "email": "bo@example.se", "email_verified": true}}
	var err error
	if p.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if p.bad, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if p.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		p.json(w, map[string]any{"issuer": p.srv.URL, "authorization_endpoint": p.srv.URL + "/authorize", "token_endpoint": p.srv.URL + "/token", "jwks_uri": p.srv.URL + "/keys",
			"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"}, "code_challenge_methods_supported": []string{"S256"},
			"authorization_response_iss_parameter_supported": true})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		p.json(w, map[string]any{"keys": []any{map[string]any{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "k1", "n": b64(p.key.N.Bytes()), "e": b64(big.NewInt(int64(p.key.E)).Bytes())}}})
	})
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("client_id") != ssoClient || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || q.Get("nonce") == "" || q.Get("state") == "" || q.Get("redirect_uri") != "https://localhost:8443/admin/login/sso" {
			http.Error(w, "invalid_request", 400)
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked = q
		code := secret.RandomToken()
		p.codes[code] = grant{q.Get("nonce"), q.Get("code_challenge"), q.Get("redirect_uri")}
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.srv.URL}}.Encode(), http.StatusFound)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		id, pw, ok := r.BasicAuth()
		if !ok {
			id, pw = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
		}
		if s, err := url.QueryUnescape(pw); err == nil {
			pw = s
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		g, found := p.codes[r.PostFormValue("code")]
		delete(p.codes, r.PostFormValue("code")) // once
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if id != ssoClient || pw != ssoSecret || !found || r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("redirect_uri") != g.redirect || b64(sum[:]) != g.challenge {
			w.WriteHeader(400)
			p.json(w, map[string]any{"error": "invalid_grant"})
			return
		}
		out := map[string]any{"access_token": secret.RandomToken(), "token_type": "Bearer", "expires_in": 300}
		if p.lie != "no id token" {
			out["id_token"] = p.token(g.nonce)
		}
		p.json(w, out)
	})
	p.srv = httptest.NewTLSServer(mux)
	t.Cleanup(p.srv.Close)
	return p
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (p *idp) json(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.t.Error(err)
	}
}

// token makes an ID token, and lies as it was told.
func (p *idp) token(nonce string) string {
	now := time.Now()
	c := map[string]any{"iss": p.srv.URL, "aud": ssoClient, "nonce": nonce, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix()}
	for k, v := range p.who {
		c[k] = v
	}
	head := map[string]any{"alg": "RS256", "kid": "k1", "typ": "JWT"}
	key := p.key
	switch p.lie {
	case "nonce":
		c["nonce"] = secret.RandomToken()
	case "no nonce":
		delete(c, "nonce")
	case "audience":
		c["aud"] = "another"
	case "two audiences":
		c["aud"] = []string{ssoClient, "another"}
	case "azp":
		c["azp"] = "another"
	case "expired":
		c["exp"] = now.Add(-time.Hour).Unix()
	case "old":
		c["iat"] = now.Add(-time.Hour).Unix()
	case "issuer":
		c["iss"] = "https://evil.example"
	case "no subject":
		delete(c, "sub")
	case "alg none":
		head["alg"] = "none"
	case "unknown key":
		head["kid"], key = "k2", p.bad
	case "another's key":
		key = p.bad
	case "hmac":
		head["alg"] = "HS256"
	case "another algorithm":
		head["alg"] = "ES256"
	}
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			p.t.Fatal(err)
		}
		return b64(b)
	}
	text := part(head) + "." + part(c)
	sum := sha256.Sum256([]byte(text))
	switch head["alg"] {
	case "none":
		return text + "."
	case "HS256": // with the public key as the secret
		h := sha256.New()
		h.Write(p.key.N.Bytes())
		return text + "." + b64(h.Sum(nil))
	case "ES256":
		sig, err := ecdsa.SignASN1(rand.Reader, p.ec, sum[:])
		if err != nil {
			p.t.Fatal(err)
		}
		return text + "." + b64(sig)
	}
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		p.t.Fatal(err)
	}
	if p.lie == "changed after signing" {
		c["sub"] = "somebody"
		return part(head) + "." + part(c) + "." + b64(sig)
	}
	return text + "." + b64(sig)
}

func eachSSO(t *testing.T, fn func(w *world, p *idp)) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		p := newIDP(t)
		fn(withSSO(t, d, p, nil), p)
	})
}

func withSSO(t *testing.T, d *db.DB, p *idp, change func(*SSO)) *world {
	t.Helper()
	o := SSO{Issuer: p.srv.URL, ClientID: ssoClient, ClientSecret: secret.Hide(ssoSecret), Redirect: "https://localhost:8443/admin/login/sso", Client: p.srv.Client()}
	if change != nil {
		change(&o)
	}
	a, err := New(d, secrettest.Vault(t, d), Options{PublicURL: "https://localhost:8443", Issuer: "Butiken", Hasher: factor.NewHasher(cheap), SSO: &o})
	if err != nil {
		t.Fatal(err)
	}
	return &world{t, d, a}
}

// walk goes to the provider and back as a browser does, and returns what it brings.
func (w *world) walk(p *idp, by By) SSOAnswer {
	w.t.Helper()
	b, err := w.a.BeginSSO(ctx, by, "/admin/orders")
	if err != nil {
		w.t.Fatal(err)
	}
	c := *p.srv.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := c.Get(b.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	res.Body.Close()
	u, err := res.Location()
	if err != nil {
		w.t.Fatal(res.Status, err)
	}
	q := u.Query()
	return SSOAnswer{State: q.Get("state"), Code: q.Get("code"), Iss: q.Get("iss"), Browser: b.Browser.Reveal(), Peer: "192.0.2.0/24"}
}

// The provider's account opens the member's session: connected by himself, or at its
// first use by the verified address. Nobody is made by it, and an owner connects himself.
func TestSSO(t *testing.T) {
	eachSSO(t, func(w *world, p *idp) {
		t := w.t
		bo, owner := w.member("bo@example.se", "support"), w.member("owner@example.se", "owner")
		in := w.walk(p, By{})
		if p.asked.Get("scope") != "openid email" {
			t.Error(p.asked)
		}
		out, err := w.a.FinishSSO(ctx, in)
		if err != nil || out.Session.Staff != bo.id || out.Session.Method != "sso" || out.Next != "/admin/orders" {
			t.Fatal(out, err)
		}
		by := w.by(out.Session)
		if !by.Has(CasesWrite) {
			t.Error(by.Rights())
		}
		want(t, "a dangerous act", by.NeedFresh(time.Now()), "step_up")
		w.exec(`UPDATE auth_staff SET totp_step=0`)
		if _, err := w.a.StepUp(ctx, out.Session.Secret.Reveal(), code(t, bo.totp, 0), ""); err != nil {
			t.Error("his own code:", err)
		}
		_, err = w.a.FinishSSO(ctx, in)
		want(t, "the answer again", err, "sign_in_failed")
		// Bound to the account, not to the address: another account with it does not get in,
		// and his own does with another address.
		p.who = map[string]any{"sub": "u2", "email": "bo@example.se", "email_verified": true}
		_, err = w.a.FinishSSO(ctx, w.walk(p, By{}))
		want(t, "another account with his address", err, "sign_in_failed")
		p.who = map[string]any{"sub": "u1", "email": "gift@example.se", "email_verified": false}
		if out, err = w.a.FinishSSO(ctx, w.walk(p, By{})); err != nil || out.Session.Staff != bo.id {
			t.Error(err)
		}
		staff := w.count(`SELECT count(*) FROM auth_staff`)
		for name, who := range map[string]map[string]any{"unknown": {"sub": "u3", "email": "ny@example.se", "email_verified": true}, "unverified": {"sub": "u4", "email": "owner@example.se", "email_verified": false},
			"no address": {"sub": "u5"}, "an owner": {"sub": "u6", "email": "owner@example.se", "email_verified": true}} {
			p.who = who
			_, err = w.a.FinishSSO(ctx, w.walk(p, By{}))
			want(t, name, err, "sign_in_failed")
		}
		if w.count(`SELECT count(*) FROM auth_staff`) != staff || w.count(`SELECT count(*) FROM auth_sso`) != 1 {
			t.Error("somebody was made or connected")
		}
		// The owner connects himself, signed in and with a fresh proof.
		ob := w.by(w.signIn(owner))
		stale := ob
		stale.FreshUntil = time.Time{}
		_, err = w.a.BeginSSO(ctx, stale, "/admin/security")
		want(t, "an old proof", err, "step_up")
		p.who = map[string]any{"sub": "u6"}
		out, err = w.a.FinishSSO(ctx, w.walk(p, ob))
		if err != nil || !out.Bound || out.Session.ID != 0 || w.letters(LetterSSO, owner.id) != 1 {
			t.Fatal(out, err)
		}
		if out, err = w.a.FinishSSO(ctx, w.walk(p, By{})); err != nil || out.Session.Staff != owner.id {
			t.Fatal(err)
		}
		p.who = map[string]any{"sub": "u1"}
		_, err = w.a.FinishSSO(ctx, w.walk(p, ob))
		want(t, "another's account", err, "sso_taken")
		want(t, "disconnect", w.do(func(tx *db.Tx) error { return w.a.UnbindSSO(tx, ob) }), "")
		w.dead("came by the provider", out.Session.Secret.Reveal())
		p.who = map[string]any{"sub": "u6"}
		_, err = w.a.FinishSSO(ctx, w.walk(p, By{}))
		want(t, "disconnected", err, "sign_in_failed")
		// Closed is closed, whatever the provider says.
		p.who = map[string]any{"sub": "u1", "email": "bo@example.se", "email_verified": true}
		want(t, "close", w.do(func(tx *db.Tx) error { return w.a.Close(tx, ob, bo.id) }), "")
		_, err = w.a.FinishSSO(ctx, w.walk(p, By{}))
		want(t, "closed", err, "sign_in_failed")
		// Break glass: the owner's own sign-in needs no provider.
		p.srv.Close()
		w.signIn(owner)
	})
}

// Every lie of a provider, and every answer that is not of this browser and this walk.
func TestSSOLies(t *testing.T) {
	eachSSO(t, func(w *world, p *idp) {
		t := w.t
		w.member("bo@example.se", "support")
		for _, p.lie = range []string{"nonce", "no nonce", "audience", "two audiences", "azp", "expired", "old", "issuer", "no subject", "alg none", "unknown key", "another's key", "hmac", "another algorithm", "changed after signing", "no id token"} {
			_, err := w.a.FinishSSO(ctx, w.walk(p, By{}))
			want(t, p.lie, err, "sign_in_failed")
		}
		p.lie = ""
		other := newIDP(t)
		first := w.walk(p, By{})
		for name, change := range map[string]func(in *SSOAnswer){
			"no state": func(in *SSOAnswer) { in.State = "" }, "another state": func(in *SSOAnswer) { in.State = secret.RandomToken() }, "the state of another walk": func(in *SSOAnswer) { in.State = first.State },
			"no cookie": func(in *SSOAnswer) { in.Browser = "" }, "another browser": func(in *SSOAnswer) { in.Browser = first.Browser },
			"no code": func(in *SSOAnswer) { in.Code = "" }, "another code": func(in *SSOAnswer) { in.Code = secret.RandomToken() }, "the code of another walk": func(in *SSOAnswer) { in.Code = first.Code },
			"no iss though it is promised": func(in *SSOAnswer) { in.Iss = "" }, "another provider's answer": func(in *SSOAnswer) { in.Iss = other.srv.URL },
		} {
			in := w.walk(p, By{})
			change(&in)
			_, err := w.a.FinishSSO(ctx, in)
			want(t, name, err, "sign_in_failed")
		}
		in := w.walk(p, By{})
		w.exec(`UPDATE auth_sso_flow SET expires_at=$1`, time.Now().Add(-time.Second))
		_, err := w.a.FinishSSO(ctx, in)
		want(t, "too late", err, "sign_in_failed")
		if n := w.logged("staff.sso", audit.Refused); n < 27 {
			t.Error("on record:", n)
		}
		if n := w.count(`SELECT count(*) FROM auth_session`) + w.count(`SELECT count(*) FROM auth_sso`); n != 0 {
			t.Fatal("a lie opened a session")
		}
		if _, err := w.a.FinishSSO(ctx, w.walk(p, By{})); err != nil {
			t.Fatal("control:", err)
		}
	})
}

// acr and amr are demanded when the shop says so; without a provider there is no way to
// it; a wrong address of one does not start.
func TestSSODemands(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		p := newIDP(t)
		w := withSSO(t, d, p, func(o *SSO) { o.ACR, o.AMR = "phr", "mfa" })
		w.member("bo@example.se", "support")
		for _, c := range []struct {
			acr string
			amr []string
			ok  bool
		}{{"", nil, false}, {"phr", nil, false}, {"phr", []string{"pwd"}, false}, {"low", []string{"mfa"}, false}, {"phr", []string{"pwd", "mfa"}, true}} {
			p.who = map[string]any{"sub": "u1", "email": "bo@example.se", "email_verified": true, "acr": c.acr, "amr": c.amr}
			_, err := w.a.FinishSSO(ctx, w.walk(p, By{}))
			if (err == nil) != c.ok || err != nil && !fault.Is(err, "sign_in_failed") {
				t.Errorf("%+v: %v", c, err)
			}
			if p.asked.Get("acr_values") != "phr" {
				t.Error(p.asked)
			}
		}
		for _, bad := range []SSO{{Issuer: "http://id.example", ClientID: "x", Redirect: "y"}, {Issuer: "x", ClientID: "x", Redirect: "y"}, {Issuer: "https://id.example", Redirect: "y"}, {Issuer: "https://id.example", ClientID: "x"}} {
			if _, err := New(d, w.a.v, Options{PublicURL: "https://localhost:8443", Hasher: w.a.hasher, SSO: &bad}); err == nil {
				t.Errorf("started with %+v", bad)
			}
		}
		off, err := New(d, w.a.v, Options{PublicURL: "https://localhost:8443", Hasher: w.a.hasher, SSO: &SSO{}})
		if err != nil || off.HasSSO() {
			t.Fatal(err)
		}
		_, err = off.BeginSSO(ctx, By{}, "")
		want(t, "begin without a provider", err, "not_found")
		_, err = off.FinishSSO(ctx, SSOAnswer{})
		want(t, "finish without a provider", err, "not_found")
		// A provider that is away says so, and is asked again.
		away, err := New(d, w.a.v, Options{PublicURL: "https://localhost:8443", Hasher: w.a.hasher, SSO: &SSO{Issuer: "https://127.0.0.1:1", ClientID: "x", Redirect: "y"}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = away.BeginSSO(ctx, By{}, "")
		want(t, "away", err, "sso_away")
	})
}

// A one-time code stands in for the code app, once, beside the right password; ten at a
// time, the newest ten alone.
func TestRecoveryCodes(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		bo := w.member("bo@example.se", "support")
		by := w.by(w.signIn(bo))
		stale := by
		stale.FreshUntil = time.Time{}
		_, err := w.a.MakeRecoveryCodes(ctx, stale)
		want(t, "an old proof", err, "step_up")
		_, err = w.a.MakeRecoveryCodes(ctx, TokenBy(5, "", AllRights))
		want(t, "a token", err, "denied")
		first, err := w.a.MakeRecoveryCodes(ctx, by)
		if err != nil || len(first) != 10 {
			t.Fatal(len(first), err)
		}
		codes, err := w.a.MakeRecoveryCodes(ctx, by)
		if err != nil || w.letters(LetterCodes, bo.id) != 2 {
			t.Fatal(err)
		}
		_, err = w.try(bo, goodPassword, first[0].Reveal())
		want(t, "an older code", err, "sign_in_failed")
		_, err = w.try(bo, "fel lösenord helt", codes[0].Reveal())
		want(t, "a wrong password", err, "sign_in_failed")
		other := w.member("eva@example.se", "support")
		_, err = w.try(other, goodPassword, codes[0].Reveal())
		want(t, "another's code", err, "sign_in_failed")
		errs := w.both(func() error { _, err := w.try(bo, goodPassword, codes[0].Reveal()); return err }, func() error { _, err := w.try(bo, goodPassword, codes[0].Reveal()); return err })
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Error("the code worked", errs)
		}
		s, err := w.try(bo, goodPassword, codes[1].Reveal())
		if err != nil || s.Method != "code" {
			t.Fatal(s.Method, err)
		}
		if w.letters(LetterCodeUsed, bo.id) != 2 || w.count(`SELECT count(*) FROM auth_recovery WHERE hash LIKE $1`, "%"+codes[1].Reveal()+"%") != 0 {
			t.Error("letters:", w.letters(LetterCodeUsed, bo.id))
		}
		in := w.by(s)
		left, _, err := look3(w, in)
		if err != nil || left != 8 {
			t.Error(left, err)
		}
		// With it he connects another phone, and the old one is dead.
		next, _, err := db.Write(ctx, w.d, func(tx *db.Tx) (NextApp, error) { return w.a.BeginApp(tx, in) })
		if err != nil {
			t.Fatal(err)
		}
		want(t, "a wrong code of it", w.a.FinishApp(ctx, in, "000000"), "invalid")
		want(t, "the code of the old phone", w.a.FinishApp(ctx, in, code(t, bo.totp, 0)), "invalid")
		want(t, "another phone", w.a.FinishApp(ctx, in, code(t, next.TOTP.Reveal(), 0)), "")
		want(t, "again", w.a.FinishApp(ctx, in, code(t, next.TOTP.Reveal(), 0)), "not_found")
		w.exec(`UPDATE auth_staff SET totp_step=0`)
		_, err = w.try(bo, goodPassword, code(t, bo.totp, 0))
		want(t, "the old phone", err, "sign_in_failed")
		bo.totp = next.TOTP.Reveal()
		w.signIn(bo)
		if w.letters(LetterApp, bo.id) != 1 {
			t.Error("no letter")
		}
		// It stands in at a recovery of the password too.
		want(t, "recovery", w.a.RequestRecovery(ctx, bo.email, ""), "")
		link := w.mail().Token.Reveal()
		if _, err := w.a.AcceptInvite(ctx, Accept{Token: link, Password: secret.Hide("en helt annan ramsa"), Code: codes[2].Reveal()}); err != nil {
			t.Error(err)
		}
	})
}

func look3(w *world, by By) (left int64, made time.Time, err error) {
	left, err = db.Read(ctx, w.d, func(q *db.Reader) (n int64, err error) { n, made, err = w.a.RecoveryLeft(q, by); return })
	return
}
