// Package authtest is a passkey in software, for tests of staff's and customers' sign-in.
package authtest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"
)

// Authenticator is ES256 with attestation "none". It signs what it is asked to, also what an honest one would not.
type Authenticator struct {
	T      testing.TB
	ID     []byte
	Handle []byte // of the user, as the registration named it
	Count  uint32 // 0: it has no counter
	Origin string
	RPID   string
	Flags  byte // UP 1, UV 4
	key    *ecdsa.PrivateKey
}

// New makes one for https://localhost:8443.
func New(t testing.TB) *Authenticator {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 32)
	rand.Read(id)
	return &Authenticator{T: t, key: k, ID: id, Origin: "https://localhost:8443", RPID: "localhost", Flags: 5}
}

// Rekey gives it another private key under the same id.
func (a *Authenticator) Rekey() { a.key = New(a.T).key }

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

func (a *Authenticator) clientData(kind, challenge string) []byte {
	b, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.Origin, "crossOrigin": false})
	if err != nil {
		a.T.Fatal(err)
	}
	return b
}

func (a *Authenticator) authData(extra byte) []byte {
	h := sha256.Sum256([]byte(a.RPID))
	b := append(h[:], a.Flags|extra)
	return binary.BigEndian.AppendUint32(b, a.Count)
}

func (a *Authenticator) challenge(options []byte) string {
	var o struct {
		PublicKey struct{ Challenge string }
	}
	if err := json.Unmarshal(options, &o); err != nil || o.PublicKey.Challenge == "" {
		a.T.Fatal(string(options), err)
	}
	return o.PublicKey.Challenge
}

// Create answers a registration; options are those for navigator.credentials.create.
func (a *Authenticator) Create(options []byte) []byte {
	var o struct {
		PublicKey struct{ User struct{ ID string } }
	}
	if err := json.Unmarshal(options, &o); err != nil {
		a.T.Fatal(err)
	}
	a.Handle, _ = url64.DecodeString(o.PublicKey.User.ID)
	pub, err := a.key.PublicKey.ECDH()
	if err != nil {
		a.T.Fatal(err)
	}
	xy := pub.Bytes() // 4, x, y
	cose := bytes.Join([][]byte{{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21}, cborBytes(xy[1:33]), {0x22}, cborBytes(xy[33:])}, nil)
	ad := a.authData(0x40)
	ad = append(ad, make([]byte, 16)...) // AAGUID
	ad = binary.BigEndian.AppendUint16(ad, uint16(len(a.ID)))
	ad = append(append(ad, a.ID...), cose...)
	att := bytes.Join([][]byte{{0xa3}, cborText("fmt"), cborText("none"), cborText("attStmt"), {0xa0}, cborText("authData"), cborBytes(ad)}, nil)
	return a.answer(map[string]string{"clientDataJSON": url64.EncodeToString(a.clientData("webauthn.create", a.challenge(options))), "attestationObject": url64.EncodeToString(att)})
}

// Get answers a sign-in; options are those for navigator.credentials.get.
func (a *Authenticator) Get(options []byte) []byte {
	if a.Count > 0 {
		a.Count++
	}
	cd, ad := a.clientData("webauthn.get", a.challenge(options)), a.authData(0)
	ch := sha256.Sum256(cd)
	h := sha256.Sum256(append(bytes.Clone(ad), ch[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, a.key, h[:])
	if err != nil {
		a.T.Fatal(err)
	}
	return a.answer(map[string]string{"clientDataJSON": url64.EncodeToString(cd), "authenticatorData": url64.EncodeToString(ad),
		"signature": url64.EncodeToString(sig), "userHandle": url64.EncodeToString(a.Handle)})
}

func (a *Authenticator) answer(response map[string]string) []byte {
	id := url64.EncodeToString(a.ID)
	b, err := json.Marshal(map[string]any{"id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
	if err != nil {
		a.T.Fatal(err)
	}
	return b
}
