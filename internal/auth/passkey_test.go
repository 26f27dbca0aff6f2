package auth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// authenticator is a passkey in software: ES256, attestation "none". It signs
// what it is asked to, also what an honest one would not.
type authenticator struct {
	t      *testing.T
	key    *ecdsa.PrivateKey
	id     []byte
	handle []byte
	count  uint32
	origin string
	rpid   string
	flags  byte // UP 1, UV 4, AT 0x40
}

func newAuthenticator(t *testing.T) *authenticator {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 32)
	rand.Read(id)
	return &authenticator{t: t, key: k, id: id, origin: "https://localhost:8443", rpid: "localhost", flags: 5}
}

var url64 = base64.RawURLEncoding

// The few CBOR forms the ceremonies need (RFC 8949).
func cborHead(major byte, n int) []byte {
	switch {
	case n < 24:
		return []byte{major<<5 | byte(n)}
	case n < 256:
		return []byte{major<<5 | 24, byte(n)}
	}
	return []byte{major<<5 | 25, byte(n >> 8), byte(n)}
}
func cborBytes(b []byte) []byte { return append(cborHead(2, len(b)), b...) }
func cborText(s string) []byte  { return append(cborHead(3, len(s)), s...) }

func (a *authenticator) clientData(kind, challenge string) []byte {
	b, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": false})
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

func (a *authenticator) authData(extra byte) []byte {
	h := sha256.Sum256([]byte(a.rpid))
	b := append(h[:], a.flags|extra)
	return binary.BigEndian.AppendUint32(b, a.count)
}

func challengeOf(t *testing.T, c Ceremony) string {
	var o struct {
		PublicKey struct{ Challenge string }
	}
	if err := json.Unmarshal(c.Options, &o); err != nil || o.PublicKey.Challenge == "" {
		t.Fatal(string(c.Options), err)
	}
	return o.PublicKey.Challenge
}

// create answers a registration.
func (a *authenticator) create(c Ceremony) []byte {
	var o struct {
		PublicKey struct{ User struct{ ID string } }
	}
	if err := json.Unmarshal(c.Options, &o); err != nil {
		a.t.Fatal(err)
	}
	a.handle, _ = url64.DecodeString(o.PublicKey.User.ID)
	pub, err := a.key.PublicKey.ECDH()
	if err != nil {
		a.t.Fatal(err)
	}
	xy := pub.Bytes() // 4, x, y
	cose := bytes.Join([][]byte{{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21}, cborBytes(xy[1:33]), {0x22}, cborBytes(xy[33:])}, nil)
	ad := a.authData(0x40)
	ad = append(ad, make([]byte, 16)...) // AAGUID
	ad = binary.BigEndian.AppendUint16(ad, uint16(len(a.id)))
	ad = append(append(ad, a.id...), cose...)
	att := bytes.Join([][]byte{{0xa3}, cborText("fmt"), cborText("none"), cborText("attStmt"), {0xa0}, cborText("authData"), cborBytes(ad)}, nil)
	return a.answer(map[string]string{"clientDataJSON": url64.EncodeToString(a.clientData("webauthn.create", challengeOf(a.t, c))), "attestationObject": url64.EncodeToString(att)})
}

// get answers a sign-in.
func (a *authenticator) get(c Ceremony) []byte {
	if a.count > 0 {
		a.count++
	}
	cd, ad := a.clientData("webauthn.get", challengeOf(a.t, c)), a.authData(0)
	ch := sha256.Sum256(cd)
	h := sha256.Sum256(append(bytes.Clone(ad), ch[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, a.key, h[:])
	if err != nil {
		a.t.Fatal(err)
	}
	return a.answer(map[string]string{"clientDataJSON": url64.EncodeToString(cd), "authenticatorData": url64.EncodeToString(ad),
		"signature": url64.EncodeToString(sig), "userHandle": url64.EncodeToString(a.handle)})
}

func (a *authenticator) answer(response map[string]string) []byte {
	id := url64.EncodeToString(a.id)
	b, err := json.Marshal(map[string]any{"id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

func (w *world) addPasskey(by By, k *authenticator) (db.ID, error) {
	w.t.Helper()
	c, err := w.a.BeginPasskey(ctx, by)
	if err != nil {
		return 0, err
	}
	return w.a.FinishPasskey(ctx, by, c.Token, k.create(c), "phone")
}

func (w *world) passkeySignIn(k *authenticator) (Session, error) {
	w.t.Helper()
	c, err := w.a.BeginPasskeySignIn(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.a.FinishPasskeySignIn(ctx, PasskeyAnswer{Token: c.Token, Answer: k.get(c)})
}

func TestPasskey(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		o := w.member("owner@example.se", "owner")
		by := w.by(w.signIn(o))
		k := newAuthenticator(t)
		k.count = 1
		stale := by
		stale.FreshUntil = time.Time{}
		_, err := w.addPasskey(stale, k)
		want(t, "without fresh proof", err, "step_up")
		if _, err := w.addPasskey(by, k); err != nil {
			t.Fatal(err)
		}
		_, err = w.addPasskey(by, k)
		want(t, "the same again", err, "passkey_known")
		s, err := w.passkeySignIn(k)
		if err != nil || s.Method != "passkey" || w.by(s).ID != o.id {
			t.Fatal(err)
		}
		// A stranger's lock does not keep the passkey out.
		for range tryLimit + 1 {
			w.try(o, "wrong wrong wrong", "")
		}
		if s, err = w.passkeySignIn(k); err != nil {
			t.Error("while the password is locked:", err)
		}
		// Step-up by passkey: a new secret.
		c, err := w.a.BeginPasskeyStepUp(ctx, w.by(s))
		if err != nil {
			t.Fatal(err)
		}
		up, err := w.a.FinishPasskeyStepUp(ctx, w.by(s), PasskeyAnswer{Token: c.Token, Answer: k.get(c)})
		if err != nil || up.ID != s.ID {
			t.Fatal(err)
		}
		w.dead("after step-up", s.Secret.Reveal())
		w.by(up)
		list, err := db.Read(ctx, w.d, func(q *db.Reader) ([]Passkey, error) { return w.a.Passkeys(q, by) })
		if err != nil || len(list) != 1 || list[0].Name != "phone" || list[0].Used.IsZero() {
			t.Fatal(list, err)
		}
		other := w.by(w.signIn(w.member("b@example.se", "owner")))
		want(t, "another's passkey", w.do(func(tx *db.Tx) error { return w.a.RemovePasskey(tx, other, list[0].ID) }), "not_found")
		want(t, "remove", w.do(func(tx *db.Tx) error { return w.a.RemovePasskey(tx, by, list[0].ID) }), "")
		w.dead("a session of the removed passkey", up.Secret.Reveal())
		_, err = w.passkeySignIn(k)
		want(t, "removed", err, "sign_in_failed")
	})
}

func TestPasskeyRefusals(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		o := w.member("owner@example.se", "owner")
		by := w.by(w.signIn(o))
		k := newAuthenticator(t)
		k.count = 5
		if _, err := w.addPasskey(by, k); err != nil {
			t.Fatal(err)
		}
		for name, spoil := range map[string]func(a *authenticator){
			"another origin":       func(a *authenticator) { a.origin = "https://evil.example" },
			"another relying part": func(a *authenticator) { a.rpid = "evil.example" },
			"another key":          func(a *authenticator) { a.key = newAuthenticator(t).key },
			"unknown credential":   func(a *authenticator) { a.id = newAuthenticator(t).id },
			"another's handle":     func(a *authenticator) { a.handle = handle(o.id + 1) },
			"no handle":            func(a *authenticator) { a.handle = nil },
			"short handle":         func(a *authenticator) { a.handle = []byte{1} },
			"not verified":         func(a *authenticator) { a.flags = 1 },
			"not present":          func(a *authenticator) { a.flags = 4 },
			"cloned":               func(a *authenticator) { a.count = 1 },
		} {
			bad := *k
			spoil(&bad)
			before := w.logged("staff.sign_in", audit.Refused)
			_, err := w.passkeySignIn(&bad)
			want(t, name, err, "sign_in_failed")
			if w.logged("staff.sign_in", audit.Refused) != before+1 {
				t.Error(name, "is not recorded")
			}
			if _, err := w.passkeySignIn(k); err != nil {
				t.Error(name, "control:", err)
			}
		}
		// One answer works once, also at the same moment; the challenge is gone after a failure too.
		c, err := w.a.BeginPasskeySignIn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		answer := k.get(c)
		var won atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := w.a.FinishPasskeySignIn(ctx, PasskeyAnswer{Token: c.Token, Answer: answer}); err == nil {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Error("one answer opened", won.Load())
		}
		c, _ = w.a.BeginPasskeySignIn(ctx)
		w.a.FinishPasskeySignIn(ctx, PasskeyAnswer{Token: c.Token, Answer: []byte("{}")})
		_, err = w.a.FinishPasskeySignIn(ctx, PasskeyAnswer{Token: c.Token, Answer: k.get(c)})
		want(t, "challenge after a failure", err, "sign_in_failed")
		// A challenge of another ceremony or expired.
		c, _ = w.a.BeginPasskeyStepUp(ctx, by)
		_, err = w.a.FinishPasskeySignIn(ctx, PasskeyAnswer{Token: c.Token, Answer: k.get(c)})
		want(t, "a step-up's challenge", err, "sign_in_failed")
		c, _ = w.a.BeginPasskey(ctx, by)
		_, err = w.a.FinishPasskeyStepUp(ctx, by, PasskeyAnswer{Token: c.Token, Answer: k.get(c)})
		want(t, "a registration's challenge", err, "sign_in_failed")
		c, _ = w.a.BeginPasskeySignIn(ctx)
		w.exec(`UPDATE auth_challenge SET expires_at=1`)
		_, err = w.a.FinishPasskeySignIn(ctx, PasskeyAnswer{Token: c.Token, Answer: k.get(c)})
		want(t, "expired", err, "sign_in_failed")
		for _, tok := range []string{"", "x"} {
			_, err = w.a.FinishPasskeySignIn(ctx, PasskeyAnswer{Token: tok, Answer: k.get(c)})
			want(t, "no challenge", err, "sign_in_failed")
		}
		// Registration for another member, or answered from another origin.
		other := w.by(w.signIn(w.member("b@example.se", "owner")))
		c, _ = w.a.BeginPasskey(ctx, by)
		_, err = w.a.FinishPasskey(ctx, other, c.Token, newAuthenticator(t).create(c), "")
		want(t, "another's registration", err, "sign_in_failed")
		evil := newAuthenticator(t)
		evil.origin = "https://evil.example"
		_, err = w.addPasskey(by, evil)
		want(t, "registration from another origin", err, "passkey_failed")
		lax := newAuthenticator(t)
		lax.flags = 1
		_, err = w.addPasskey(by, lax)
		want(t, "registration without verification", err, "passkey_failed")
		// A closed member's passkey.
		want(t, "close", w.do(func(tx *db.Tx) error { return w.a.Close(tx, System("x.y"), o.id) }), "")
		_, err = w.passkeySignIn(k)
		want(t, "closed", err, "sign_in_failed")
		if f := fault.As(err); f == nil || f.Cause != nil || f.Fields != nil {
			t.Error("the answer tells more:", err)
		}
	})
}
