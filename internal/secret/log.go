package secret

import (
	"crypto/ed25519"

	"golang.org/x/mod/sumdb/note"
)

// LogSigner makes the signer of the transparency log of that name, and its verifier:
// Ed25519, the seed derived from the root key shop. The same shop and name give the same
// key; what is signed says the name.
func (v *Vault) LogSigner(name string) (note.Signer, note.Verifier, error) {
	key := ed25519.NewKeyFromSeed(derive(v.shop, "log ed25519"))
	vkey, err := note.NewEd25519VerifierKey(name, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, nil, err
	}
	ver, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, nil, err
	}
	return &logSigner{ver, key}, ver, nil
}

// LogVerifierKey is the public key in the form that verifiers of the log are
// configured with (c2sp.org/signed-note).
func (v *Vault) LogVerifierKey(name string) (string, error) {
	return note.NewEd25519VerifierKey(name, ed25519.NewKeyFromSeed(derive(v.shop, "log ed25519")).Public().(ed25519.PublicKey))
}

type logSigner struct {
	note.Verifier
	key ed25519.PrivateKey
}

func (s *logSigner) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }
