// Package gcpkmssim is a stand-in for Google Cloud KMS and for Google's token endpoint, after their public documents: the
// calls that package gcpkms makes, with their rules and refusals. It is for tests alone, speaks HTTP as a server of its
// own, judges the signed assertion of the service account, and keeps a real key.
package gcpkmssim

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Account is the only service account the stand-in knows.
const Account = "kassavalv@prov.iam.gserviceaccount.com"

// Key is the only key it has.
const Key = "projects/prov/locations/europe-north1/keyRings/butik/cryptoKeys/kassavalv"

const scope = "https://www.googleapis.com/auth/cloudkms"

// Server is an http.Handler.
type Server struct {
	mu     sync.Mutex
	pair   *rsa.PrivateKey
	seal   cipher.AEAD
	state  string // of the key's version
	tokens map[string]time.Time
	given  int
	shut   bool
	garble bool
	denied bool
}

// New makes a server with one account and one enabled key.
func New(t testing.TB) *Server {
	t.Helper()
	pair, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 32)
	rand.Read(raw)
	block, err := aes.NewCipher(raw)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return &Server{pair: pair, seal: gcm, state: "ENABLED", tokens: map[string]time.Time{}}
}

// Credentials writes the account's key file for a server at base, and returns its path.
func (s *Server) Credentials(t testing.TB, base string) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(s.pair)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]string{"type": "service_account", "project_id": "prov", "private_key_id": "1", "client_email": Account, "client_id": "1", "token_uri": base + "/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "account.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func (s *Server) set(fn func()) { s.mu.Lock(); fn(); s.mu.Unlock() }

// Shut makes the service answer 503, or opens it again.
func (s *Server) Shut(on bool) { s.set(func() { s.shut = on }) }

// State is that of the key's version: ENABLED, DISABLED, DESTROY_SCHEDULED, DESTROYED.
func (s *Server) State(state string) { s.set(func() { s.state = state }) }

// Deny takes the account's right to the key, or gives it back.
func (s *Server) Deny(on bool) { s.set(func() { s.denied = on }) }

// Garble changes a byte of each answer on its way.
func (s *Server) Garble(on bool) { s.set(func() { s.garble = on }) }

// Forget makes no token good any more; Given is how many were given.
func (s *Server) Forget() { s.set(func() { clear(s.tokens) }) }

// Given is how many tokens were given.
func (s *Server) Given() (n int) { s.set(func() { n = s.given }); return }

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, code, text string) {
	say(w, status, map[string]any{"error": map[string]any{"code": status, "message": text, "status": code}})
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut {
		refuse(w, 503, "UNAVAILABLE", "The service is currently unavailable.")
		return
	}
	if r.Method != http.MethodPost {
		refuse(w, 404, "NOT_FOUND", "")
		return
	}
	if r.URL.Path == "/token" {
		s.grant(w, r)
		return
	}
	end, ok := s.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !ok || time.Now().After(end) {
		refuse(w, 401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
		return
	}
	name, method, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/"), ":")
	switch {
	case s.denied:
		refuse(w, 403, "PERMISSION_DENIED", "Permission 'cloudkms.cryptoKeyVersions.useToDecrypt' denied on resource '"+name+"' (or it may not exist).")
	case name != Key:
		refuse(w, 404, "NOT_FOUND", "CryptoKey "+name+" not found.")
	case s.state != "ENABLED":
		refuse(w, 400, "FAILED_PRECONDITION", name+"/cryptoKeyVersions/1 is not enabled, current state is: "+s.state+".")
	case method == "encrypt":
		s.encrypt(w, r)
	case method == "decrypt":
		s.decrypt(w, r)
	default:
		refuse(w, 404, "NOT_FOUND", "")
	}
}

// grant judges an assertion (RFC 7523) as Google does: signed by the account's key with RS256, for this address, for an hour at most.
func (s *Server) grant(w http.ResponseWriter, r *http.Request) {
	bad := func(why string) { say(w, 400, map[string]string{"error": "invalid_grant", "error_description": why}) }
	parts := strings.Split(r.FormValue("assertion"), ".")
	if r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || len(parts) != 3 {
		say(w, 400, map[string]string{"error": "unsupported_grant_type"})
		return
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	h := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err != nil || rsa.VerifyPKCS1v15(&s.pair.PublicKey, crypto.SHA256, h[:], sig) != nil {
		bad("Invalid JWT Signature.")
		return
	}
	var head struct{ Alg string }
	var c struct {
		Iss, Scope, Aud string
		Iat, Exp        int64
	}
	hb, _ := base64.RawURLEncoding.DecodeString(parts[0])
	cb, _ := base64.RawURLEncoding.DecodeString(parts[1])
	if json.Unmarshal(hb, &head) != nil || json.Unmarshal(cb, &c) != nil || head.Alg != "RS256" || c.Iss != Account || c.Scope != scope {
		bad("Invalid JWT.")
		return
	}
	u, err := url.Parse(c.Aud)
	now := time.Now().Unix()
	if err != nil || u.Host != r.Host || u.Path != "/token" || c.Iat > now+60 || c.Exp < now || c.Exp-c.Iat > 3600+60 {
		bad("Invalid JWT: audience or time.")
		return
	}
	var b [24]byte
	rand.Read(b[:])
	token := "ya29." + base64.RawURLEncoding.EncodeToString(b[:])
	s.tokens[token] = time.Now().Add(time.Hour)
	s.given++
	say(w, 200, map[string]any{"access_token": token, "expires_in": 3599, "token_type": "Bearer"})
}

func crc(b []byte) string {
	return strconv.FormatUint(uint64(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))), 10)
}

// agrees judges a checksum that was sent along; none sent is none verified.
func agrees(w http.ResponseWriter, what string, b []byte, sent string) bool {
	if sent != "" && sent != crc(b) {
		refuse(w, 400, "INVALID_ARGUMENT", fmt.Sprintf("The %s checksum is not valid.", what))
		return false
	}
	return true
}

type asked struct {
	Plaintext     []byte `json:"plaintext"`
	Ciphertext    []byte `json:"ciphertext"`
	Bound         []byte `json:"additionalAuthenticatedData"`
	PlaintextCRC  string `json:"plaintextCrc32c"`
	CiphertextCRC string `json:"ciphertextCrc32c"`
	BoundCRC      string `json:"additionalAuthenticatedDataCrc32c"`
}

func read(w http.ResponseWriter, r *http.Request) (a asked, ok bool) {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&a); err != nil || len(a.Plaintext) > 64<<10 {
		refuse(w, 400, "INVALID_ARGUMENT", "Invalid JSON payload received.")
		return a, false
	}
	return a, agrees(w, "additional_authenticated_data", a.Bound, a.BoundCRC)
}

// spoil is a byte changed between server and caller.
func (s *Server) spoil(b []byte) []byte {
	b = append([]byte{}, b...)
	if s.garble {
		b[len(b)-1] ^= 1
	}
	return b
}

func (s *Server) encrypt(w http.ResponseWriter, r *http.Request) {
	a, ok := read(w, r)
	if !ok || !agrees(w, "plaintext", a.Plaintext, a.PlaintextCRC) {
		return
	}
	nonce := make([]byte, s.seal.NonceSize())
	rand.Read(nonce)
	c := s.seal.Seal(nonce, nonce, a.Plaintext, a.Bound)
	say(w, 200, map[string]any{"name": Key + "/cryptoKeyVersions/1", "ciphertext": s.spoil(c), "ciphertextCrc32c": crc(c), "verifiedPlaintextCrc32c": a.PlaintextCRC != "",
		"verifiedAdditionalAuthenticatedDataCrc32c": a.BoundCRC != "", "protectionLevel": "SOFTWARE"})
}

func (s *Server) decrypt(w http.ResponseWriter, r *http.Request) {
	a, ok := read(w, r)
	if !ok || !agrees(w, "ciphertext", a.Ciphertext, a.CiphertextCRC) {
		return
	}
	n := s.seal.NonceSize()
	if len(a.Ciphertext) < n {
		refuse(w, 400, "INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid.")
		return
	}
	p, err := s.seal.Open(nil, a.Ciphertext[:n], a.Ciphertext[n:], a.Bound)
	if err != nil {
		refuse(w, 400, "INVALID_ARGUMENT", "Decryption failed: verify that 'name' refers to the correct CryptoKey.")
		return
	}
	say(w, 200, map[string]any{"plaintext": s.spoil(p), "plaintextCrc32c": crc(p), "usedPrimary": true, "protectionLevel": "SOFTWARE"})
}
