package copies

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
	"github.com/tyler-smith/go-bip39"

	"kassavalv/internal/secret"
)

// Paper is the paper key: 256 random bits that the merchant keeps as 24 words and that
// the program forgets. Everything that opens a copy follows from it.
type Paper struct{ seed secret.Redacted[[]byte] }

// NewPaper draws a paper key.
func NewPaper() Paper {
	seed := make([]byte, 32)
	rand.Read(seed) // never fails
	return Paper{secret.Redact(seed)}
}

// ErrWords is returned for words that are no paper key.
var ErrWords = errors.New("copies: these are not the words of a paper key")

// ParsePaper reads the words. Spaces, case, numbering and punctuation do not matter; a
// mistyped word is named, and words in another order are found out by their checksum.
func ParsePaper(words string) (Paper, error) {
	list := strings.FieldsFunc(strings.ToLower(words), func(r rune) bool { return r < 'a' || r > 'z' })
	for i, w := range list {
		if _, ok := bip39.GetWordIndex(w); !ok {
			return Paper{}, fmt.Errorf("%w: word %d (%q) is not in the list", ErrWords, i+1, w)
		}
	}
	if len(list) != 24 {
		return Paper{}, fmt.Errorf("%w: there are %d, not 24", ErrWords, len(list))
	}
	seed, err := bip39.EntropyFromMnemonic(strings.Join(list, " "))
	if err != nil || len(seed) != 32 {
		return Paper{}, fmt.Errorf("%w: each is a word of the list, but together they do not add up: look for a word in the wrong place", ErrWords)
	}
	return Paper{secret.Redact(seed)}, nil
}

// Words are the 24 words (BIP-39, English list). They are as secret as the key.
func (p Paper) Words() secret.Secret {
	w, err := bip39.NewMnemonic(p.seed.Reveal())
	if err != nil {
		panic("copies: " + err.Error()) // of 32 bytes there are always words
	}
	return secret.Hide(w)
}

// Identity opens what is sealed to the paper key. Its text form is what the program age
// takes as a key file.
func (p Paper) Identity() *age.HybridIdentity {
	return identityOf(expand(p.seed.Reveal(), "paper age"))
}

// Recipient is the public half, to which copies are sealed.
func (p Paper) Recipient() string { return p.Identity().Recipient().String() }

// Keys are the shop's own: one signs what it puts at sites, one opens the copies for
// drills. Both follow from a root key of the vault.
type Keys struct {
	Sign  ed25519.PrivateKey
	Drill *age.HybridIdentity
}

// NewKeys makes the keys from 32 secret bytes.
func NewKeys(root []byte) Keys {
	return Keys{Sign: ed25519.NewKeyFromSeed(expand(root, "copies sign")), Drill: identityOf(expand(root, "copies drill"))}
}

// Charter says whose copies these are. It lies at every site and in the data directory,
// and whoever holds the paper key can tell a true one.
type Charter struct {
	Shop   string `json:"shop"`   // 32 hex digits, drawn once
	Name   string `json:"name"`   // what people call the shop
	Verify string `json:"verify"` // public key of the signatures, base64url
	Paper  string `json:"paper"`  // recipient of the paper key
	Drill  string `json:"drill"`  // recipient of the drill key
	Seal   string `json:"seal"`   // HMAC by the paper key over all of the above, base64url
}

// NewCharter draws a shop's identity for its copies.
func NewCharter(p Paper, k Keys, name string) Charter {
	id := make([]byte, 16)
	rand.Read(id)
	c := Charter{Shop: hex.EncodeToString(id), Name: name, Verify: base64.RawURLEncoding.EncodeToString(k.Sign.Public().(ed25519.PublicKey)),
		Paper: p.Recipient(), Drill: k.Drill.Recipient().String()}
	c.Seal = c.seal(p)
	return c
}

// As is the charter for a shop that has a number already.
func (c Charter) As(shop string, p Paper) Charter {
	c.Shop = shop
	c.Seal = c.seal(p)
	return c
}

func (c Charter) seal(p Paper) string {
	m := hmac.New(sha256.New, expand(p.seed.Reveal(), "paper charter"))
	for _, s := range []string{c.Shop, c.Name, c.Verify, c.Paper, c.Drill} {
		fmt.Fprintf(m, "%d:%s", len(s), s)
	}
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// Of reports whether the paper key made this charter.
func (c Charter) Of(p Paper) bool {
	return c.Seal != "" && hmac.Equal([]byte(c.Seal), []byte(c.seal(p)))
}

// VerifyKey is the public key of the signatures.
func (c Charter) VerifyKey() (ed25519.PublicKey, error) {
	b, err := base64.RawURLEncoding.DecodeString(c.Verify)
	if err != nil || len(b) != ed25519.PublicKeySize {
		return nil, errors.New("copies: the charter holds no key to verify signatures with")
	}
	return b, nil
}

// recipients are the paper key and the drill key.
func (c Charter) recipients() ([]age.Recipient, error) {
	p, err := age.ParseHybridRecipient(c.Paper)
	if err != nil {
		return nil, fmt.Errorf("copies: the charter's paper key: %w", err)
	}
	d, err := age.ParseHybridRecipient(c.Drill)
	if err != nil {
		return nil, fmt.Errorf("copies: the charter's drill key: %w", err)
	}
	return []age.Recipient{p, d}, nil
}

// expand makes a key for one use (HKDF-SHA-256, RFC 5869).
func expand(secret []byte, info string) []byte {
	k, err := hkdf.Key(sha256.New, secret, nil, "kassavalv "+info, 32)
	if err != nil {
		panic("copies: " + err.Error()) // 32 bytes are always to be had
	}
	return k
}

// ParseIdentity reads the text form of an identity: what the paper key's and the drill key's
// String gives.
func ParseIdentity(text string) (age.Identity, error) { return age.ParseHybridIdentity(text) }

// identityOf is the age identity of 32 bytes, through its text form: the library takes no
// other.
func identityOf(seed []byte) *age.HybridIdentity {
	i, err := age.ParseHybridIdentity(strings.ToUpper(bech32("age-secret-key-pq-", seed)))
	if err != nil {
		panic("copies: " + err.Error()) // every 32 bytes are a key
	}
	return i
}

// bech32 encodes data under a human-readable part (BIP-173).
func bech32(hrp string, data []byte) string {
	const letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	var words []byte // of five bits
	acc, bits := 0, 0
	for _, b := range data {
		acc, bits = acc<<8|int(b), bits+8
		for bits >= 5 {
			bits -= 5
			words = append(words, byte(acc>>bits&31))
		}
	}
	if bits > 0 {
		words = append(words, byte(acc<<(5-bits)&31))
	}
	sum := func(values []byte) uint32 {
		c := uint32(1)
		for _, v := range values {
			top := c >> 25
			c = c&0x1ffffff<<5 ^ uint32(v)
			for i, g := range [5]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
				if top>>i&1 == 1 {
					c ^= g
				}
			}
		}
		return c
	}
	var all []byte
	for _, r := range []byte(hrp) {
		all = append(all, r>>5)
	}
	all = append(all, 0)
	for _, r := range []byte(hrp) {
		all = append(all, r&31)
	}
	all = append(append(all, words...), 0, 0, 0, 0, 0, 0)
	check := sum(all) ^ 1
	out := []byte(hrp + "1")
	for _, w := range words {
		out = append(out, letters[w])
	}
	for i := range 6 {
		out = append(out, letters[check>>(5*(5-i))&31])
	}
	return string(out)
}
