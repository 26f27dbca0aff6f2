// Package transitsim is a stand-in for the transit engine of Vault and OpenBao, after
// their public API documents: the calls that package transit makes, with their rules and refusals. It is
// for tests alone, speaks HTTP as a server of its own, and keeps real keys: what it
// has deleted cannot be opened.
package transitsim

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// Server is an http.Handler. The zero Server knows no token.
type Server struct {
	Mount string // "transit"

	mu     sync.Mutex
	tokens map[string]bool // token: may it delete
	keys   map[string]*key
	sealed bool
	calls  []string
}

type key struct {
	versions        [][]byte
	derived         bool
	deletionAllowed bool
}

// New makes an unsealed server with one token that may do all.
func New(token string) *Server {
	return &Server{Mount: "transit", tokens: map[string]bool{token: true}, keys: map[string]*key{}}
}

// Seal shuts the server, or opens it again.
func (s *Server) Seal(shut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealed = shut
}

// Token makes a token known that may delete or not; Revoke ends one.
func (s *Server) Token(token string, mayDelete bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[token] = mayDelete
}

// Revoke ends a token.
func (s *Server) Revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, token)
}

// Keys names the keys that are there.
func (s *Server) Keys() (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range s.keys {
		out = append(out, n)
	}
	return out
}

// Calls lists what was asked: method and path.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.calls...)
}

func errs(w http.ResponseWriter, status int, says ...string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"errors": append([]string{}, says...)})
}

func data(w http.ResponseWriter, d map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"request_id": "0", "lease_id": "", "renewable": false, "lease_duration": 0, "data": d, "warnings": nil})
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path, ok := strings.CutPrefix(r.URL.Path, "/v1/")
	if !ok {
		errs(w, 404)
		return
	}
	s.calls = append(s.calls, r.Method+" "+path)
	if s.sealed {
		errs(w, 503, "Vault is sealed")
		return
	}
	mayDelete, known := s.tokens[r.Header.Get("X-Vault-Token")]
	if !known {
		errs(w, 403, "permission denied")
		return
	}
	if path == "auth/token/renew-self" {
		data(w, nil)
		return
	}
	rest, ok := strings.CutPrefix(path, s.Mount+"/")
	if !ok {
		errs(w, 404, fmt.Sprintf("no handler for route %q. route entry not found.", path))
		return
	}
	in := map[string]any{}
	if r.Method == http.MethodPost || r.Method == http.MethodPut {
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			errs(w, 400, "failed to parse JSON input: "+err.Error())
			return
		}
	}
	p := strings.Split(rest, "/")
	switch {
	case len(p) == 2 && p[0] == "keys" && r.Method == http.MethodPost:
		if t, _ := in["type"].(string); t != "" && t != "aes256-gcm96" {
			errs(w, 400, "unknown key type "+t)
			return
		}
		if s.keys[p[1]] == nil { // existing keys stay as they are
			derived, _ := in["derived"].(bool)
			s.keys[p[1]] = &key{versions: [][]byte{random(32)}, derived: derived}
		}
		data(w, map[string]any{"name": p[1], "type": "aes256-gcm96", "deletion_allowed": s.keys[p[1]].deletionAllowed})
	case len(p) == 2 && p[0] == "keys" && r.Method == http.MethodGet:
		k := s.keys[p[1]]
		if k == nil {
			errs(w, 404)
			return
		}
		data(w, map[string]any{"name": p[1], "type": "aes256-gcm96", "derived": k.derived, "deletion_allowed": k.deletionAllowed, "latest_version": len(k.versions)})
	case len(p) == 2 && p[0] == "keys" && r.Method == http.MethodDelete:
		k := s.keys[p[1]]
		switch {
		case !mayDelete:
			errs(w, 403, "1 error occurred:\n\t* permission denied\n\n")
		case k == nil:
			errs(w, 400, fmt.Sprintf("error deleting policy %s: could not delete key; not found", p[1]))
		case !k.deletionAllowed:
			errs(w, 400, fmt.Sprintf("error deleting policy %s: deletion is not allowed for this key", p[1]))
		default:
			delete(s.keys, p[1])
			w.WriteHeader(http.StatusNoContent)
		}
	case len(p) == 3 && p[0] == "keys" && p[2] == "config" && r.Method == http.MethodPost:
		k := s.keys[p[1]]
		if k == nil {
			errs(w, 400, fmt.Sprintf("no existing key named %s could be found", p[1]))
			return
		}
		if v, ok := in["deletion_allowed"].(bool); ok {
			k.deletionAllowed = v
		}
		data(w, map[string]any{"name": p[1], "deletion_allowed": k.deletionAllowed})
	case len(p) == 2 && p[0] == "encrypt" && r.Method == http.MethodPost:
		s.encrypt(w, p[1], in)
	case len(p) == 2 && p[0] == "decrypt" && r.Method == http.MethodPost:
		s.decrypt(w, p[1], in)
	default:
		errs(w, 405, "1 error occurred:\n\t* unsupported operation\n\n")
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// aead is the cipher of one version, derived for the context where the key asks for it.
func (k *key) aead(version int, context []byte) cipher.AEAD {
	raw := k.versions[version-1]
	if k.derived {
		raw, _ = hkdf.Key(sha256.New, raw, nil, string(context), 32)
	}
	b, err := aes.NewCipher(raw)
	if err != nil {
		panic(err)
	}
	a, err := cipher.NewGCM(b)
	if err != nil {
		panic(err)
	}
	return a
}

func contextOf(k *key, in map[string]any) ([]byte, string) {
	s, _ := in["context"].(string)
	c, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, err.Error()
	}
	if k.derived && len(c) == 0 {
		return nil, "missing 'context' for key derivation; the key was created using a derived key, which means additional, per-request information must be included in order to perform operations with the key"
	}
	return c, ""
}

func (s *Server) encrypt(w http.ResponseWriter, name string, in map[string]any) {
	k := s.keys[name]
	if k == nil {
		errs(w, 400, "encryption key not found")
		return
	}
	text, _ := in["plaintext"].(string)
	plain, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		errs(w, 400, err.Error())
		return
	}
	c, says := contextOf(k, in)
	if says != "" {
		errs(w, 400, says)
		return
	}
	a := k.aead(len(k.versions), c)
	nonce := random(a.NonceSize())
	data(w, map[string]any{"ciphertext": fmt.Sprintf("vault:v%d:%s", len(k.versions), base64.StdEncoding.EncodeToString(a.Seal(nonce, nonce, plain, nil))), "key_version": len(k.versions)})
}

func (s *Server) decrypt(w http.ResponseWriter, name string, in map[string]any) {
	text, _ := in["ciphertext"].(string)
	if text == "" {
		errs(w, 400, "missing ciphertext to decrypt")
		return
	}
	k := s.keys[name]
	if k == nil {
		errs(w, 400, "encryption key not found")
		return
	}
	c, says := contextOf(k, in)
	if says != "" {
		errs(w, 400, says)
		return
	}
	v, body, ok := strings.Cut(strings.TrimPrefix(text, "vault:v"), ":")
	n, err := strconv.Atoi(v)
	if !ok || err != nil || n < 1 || !strings.HasPrefix(text, "vault:v") {
		errs(w, 400, "invalid ciphertext: no prefix")
		return
	}
	if n > len(k.versions) {
		errs(w, 400, "invalid ciphertext: version is too new")
		return
	}
	raw, err := base64.StdEncoding.DecodeString(body)
	a := k.aead(n, c)
	if err != nil || len(raw) < a.NonceSize() {
		errs(w, 400, "invalid ciphertext: could not decode base64")
		return
	}
	plain, err := a.Open(nil, raw[:a.NonceSize()], raw[a.NonceSize():], nil)
	if err != nil {
		errs(w, 400, "cipher: message authentication failed")
		return
	}
	data(w, map[string]any{"plaintext": base64.StdEncoding.EncodeToString(plain)})
}
