package asvs

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// use is a package of cryptography or chance that the program may import; only, when not
// empty, are the files, or folders with a / at the end, that may.
type use struct {
	path, what string
	only       []string
}

var allowed = []use{
	{"crypto/cipher", "the interface of the AEAD", nil},
	{"crypto/ecdsa", "keys of certificates of the shop's own authority, P-256", nil},
	{"crypto/ed25519", "signatures of the log", nil},
	{"crypto/elliptic", "P-256", nil},
	{"crypto/hkdf", "keys derived from the master key", nil},
	{"crypto/hmac", "tokens, blind indexes, signatures of notifications", nil},
	{"crypto/md5", "a checksum that the protocol of S3 asks for beside SHA-256; nothing is kept secret or proven by it", []string{"internal/ops/copies/s3/put.go"}},
	{"crypto/rand", "all that must not be guessed", nil},
	{"crypto/rsa", "keys of certificates that the merchant brings", nil},
	{"crypto/sha1", "UUIDs of version 5 that Klarna asks for; nothing is kept secret or proven by it", []string{"internal/shop/payment/klarna/client.go"}},
	{"crypto/sha256", "hashes of tokens, files and what is compared", nil},
	{"crypto/subtle", "comparing without telling by time", nil},
	{"crypto/tls", "TLS", nil},
	{"crypto/x509", "certificates", nil},
	{"crypto/x509/pkix", "names in certificates", nil},
	{"filippo.io/age", "sealing of copies to the paper key and the drill key", []string{"internal/ops/copies/"}},
	{"golang.org/x/crypto/argon2", "hashes of passwords; no key is derived from one", []string{"internal/auth/factor/hash.go"}},
	{"golang.org/x/crypto/chacha20poly1305", "sealing of personal fields (XChaCha20-Poly1305)", nil},
	{"golang.org/x/crypto/ssh", "the way to a place for copies that speaks SFTP; its host key is named beforehand", []string{"internal/ops/copies/sftp/sftp.go"}},
	{"golang.org/x/mod/sumdb/note", "signed checkpoints of the log", nil},
	{"golang.org/x/mod/sumdb/tlog", "the tree of the log", nil},
	{"math/rand/v2", "spreading of waits, numbers of requests in the log, length of padding, the order of a lesson's answers: nothing that guards anything", []string{"internal/job/runner.go", "internal/ops/copies/aside.go", "internal/ops/copies/ship.go", "internal/ops/lesson/shuffle.go", "internal/web/answer.go", "internal/web/squeeze.go"}},
}

// weak are names of calls that no code of the program may have.
var weak = regexp.MustCompile(`\b(?:NewCBC(?:En|De)crypter|NewCFB(?:En|De)crypter|NewOFB|NewCTR|(?:En|De)cryptPKCS1v15|SignPKCS1v15|P224|InsecureSkipVerify: *true|InsecureIgnoreHostKey|NewUnauthenticated)\b|rsa\.GenerateKey\([^,]+, *(?:512|1024|2048)\)`)

// chance are the packages of cryptography and chance, of the standard library and beside.
var chance = regexp.MustCompile(`^(?:crypto/.+|golang\.org/x/crypto/.+|golang\.org/x/mod/sumdb/.+|math/rand(?:/v2)?|filippo\.io/.+|.*(?i:aes|bcrypt|scrypt|chacha|blowfish|ed25519|nacl|sodium|tink).*)$`)

// program calls fn for each file of the program: without tests, stand-ins and the demo.
func program(t *testing.T, fn func(name, text string)) {
	t.Helper()
	n := 0
	for _, top := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name := filepath.ToSlash(strings.TrimPrefix(filepath.ToSlash(p), root+"/"))
			if d.IsDir() {
				switch {
				case strings.HasPrefix(name, "internal/demo"), strings.HasPrefix(name, "internal/apptest"), strings.HasSuffix(name, "test"), strings.HasSuffix(name, "sim"):
					return filepath.SkipDir
				}
				return nil
			}
			if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return nil
			}
			b, err := os.ReadFile(p)
			if err == nil && !strings.Contains(string(b), "//go:build ignore") && !strings.HasPrefix(string(b), "//go:build proof") {
				n++
				fn(name, string(b))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n < 300 {
		t.Fatalf("only %d files were read", n)
	}
}

// imported are the packages of cryptography and chance that a file imports.
func imported(t *testing.T, name, text string) (out []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range f.Imports {
		if p, err := strconv.Unquote(i.Path.Value); err == nil && !strings.HasPrefix(p, "kassavalv/") && chance.MatchString(p) {
			out = append(out, p)
		}
	}
	return out
}

// imports are the files of the program by what they import.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	program(t, func(name, text string) {
		for _, p := range imported(t, name, text) {
			out[p] = append(out[p], name)
		}
	})
	return out
}

// in reports whether a file is the place, or lies in the folder that it is.
func in(place, name string) bool {
	return place == name || strings.HasSuffix(place, "/") && strings.HasPrefix(name, place)
}

// refused says why a file may not import a package; empty: it may.
func refused(name, pkg string) string {
	for _, a := range allowed {
		if a.path == pkg {
			if len(a.only) > 0 && !slices.ContainsFunc(a.only, func(place string) bool { return in(place, name) }) {
				return "only " + strings.Join(a.only, ", ") + " may"
			}
			return ""
		}
	}
	return "nobody may"
}

// The program draws what must not be guessed from the system alone, seals with one AEAD,
// hashes with SHA-256 or better, and makes no primitive of its own: it imports what is in
// the list, and calls nothing that is known to be weak.
func TestCryptography(t *testing.T) {
	used := imports(t)
	for pkg, files := range used {
		for _, f := range files {
			if why := refused(f, pkg); why != "" {
				t.Errorf("%s imports %s: %s", f, pkg, why)
			}
		}
	}
	for _, a := range allowed {
		if len(used[a.path]) == 0 {
			t.Errorf("%s is allowed, and nobody uses it", a.path)
		}
		for _, f := range a.only {
			if !slices.ContainsFunc(used[a.path], func(name string) bool { return in(f, name) }) {
				t.Errorf("%s may import %s, and does not", f, a.path)
			}
		}
	}
	program(t, func(name, text string) {
		if m := weak.FindString(text); m != "" {
			t.Errorf("%s has %s", name, m)
		}
	})
	// The twins: what is weak is noticed.
	for _, x := range []string{"crypto/md5", "crypto/des", "crypto/rc4", "math/rand", "golang.org/x/crypto/blowfish", "github.com/someone/scrypt", "crypto/aes"} {
		if got := imported(t, "x.go", "package x\nimport _ \""+x+"\"\n"); len(got) != 1 || refused("internal/secret/seal.go", x) == "" {
			t.Errorf("%s passes", x)
		}
	}
	for _, pkg := range []string{"crypto/sha1", "math/rand/v2", "filippo.io/age", "golang.org/x/crypto/argon2"} {
		if refused("internal/secret/token.go", pkg) == "" {
			t.Errorf("%s passes where secrets are made", pkg)
		}
	}
	for _, x := range []string{"cipher.NewCBCEncrypter(b, iv)", "rsa.EncryptPKCS1v15(r, k, m)", "rsa.GenerateKey(rand.Reader, 2048)", "tls.Config{InsecureSkipVerify: true}", "elliptic.P224()", "ssh.InsecureIgnoreHostKey()"} {
		if !weak.MatchString(x) {
			t.Errorf("%s passes", x)
		}
	}
}
