package secret

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strings"
	"time"
)

// Keeper holds root keys outside the database. Every implementation MUST pass
// the suite of package keepertest.
//
// Get returns ErrNoKey when there is no key of that name. Put MUST store the
// key durably before it returns and MUST NOT replace: ErrKeyExists when the name
// is taken, also when another process took it meanwhile; ErrReadOnly when the
// keeper cannot store. Destroy removes the key so that it cannot be had again;
// destroying what is not there is no error. List gives the names, sorted.
// Where names the place for messages to the operator.
type Keeper interface {
	Get(ctx context.Context, name string) (Key, error)
	Put(ctx context.Context, k Key) error
	List(ctx context.Context) ([]string, error)
	Destroy(ctx context.Context, name string) error
	Where() string
}

// Key is one root key. It prints as [redacted].
type Key struct {
	Name    string
	Made    time.Time
	private Redacted[[]byte]
}

// KeySize is the length of every key in bytes.
const KeySize = 32

// Errors of keepers.
var (
	ErrNoKey     = errors.New("secret: no such key")
	ErrKeyExists = errors.New("secret: the key exists already")
	ErrReadOnly  = errors.New("secret: these keys are given from outside and cannot be changed by the program")
)

var keyName = regexp.MustCompile(`^(link|index|cookie|shop|epoch-[0-9]{6}|books-[0-9]{4})$`)

// NewKey draws a key.
func NewKey(name string, made time.Time) (Key, error) {
	if !keyName.MatchString(name) {
		return Key{}, fmt.Errorf("secret: %q is not the name of a key", name)
	}
	raw := make([]byte, KeySize)
	rand.Read(raw) // never fails (crypto/rand ends the program)
	return Key{Name: name, Made: made.UTC().Truncate(time.Second), private: Redact(raw)}, nil
}

// Same reports whether two keys are the same, name and time of making included.
func (k Key) Same(o Key) bool {
	return k.Name == o.Name && k.Made.Equal(o.Made) && Equal(k.bytes(), o.bytes())
}

func (k Key) bytes() []byte { return k.private.Reveal() }

// Format prints [redacted] under every verb.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// keyTag opens each line, so that another program's file is not taken for a key.
const keyTag = "kassavalv-key-1"

func (k Key) line() string {
	return keyTag + " " + k.Name + " " + k.Made.Format(time.RFC3339) + " " + base64.RawURLEncoding.EncodeToString(k.bytes()) + "\n"
}

// parseKey reads one line. It refuses short, default and evenly filled keys;
// its errors never hold the key.
func parseKey(line string) (Key, error) {
	f := strings.Fields(line)
	if len(f) != 4 || f[0] != keyTag {
		return Key{}, errors.New("not a key line (kassavalv-key-1 NAME TIME KEY)")
	}
	if !keyName.MatchString(f[1]) {
		return Key{}, errors.New("unknown name of a key")
	}
	made, err := time.Parse(time.RFC3339, f[2])
	if err != nil {
		return Key{}, fmt.Errorf("%s: bad time", f[1])
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(f[3])
	if err != nil || len(raw) != KeySize {
		return Key{}, fmt.Errorf("%s: not %d bytes of base64url", f[1], KeySize)
	}
	distinct := map[byte]bool{}
	for _, b := range raw {
		distinct[b] = true
	}
	// 32 random bytes have fewer than 16 different values once in 10^13 keys.
	if len(distinct) < 16 || bytes.Contains(raw, []byte("changeme")) {
		return Key{}, fmt.Errorf("%s: this is a default key, not a random one", f[1])
	}
	return Key{Name: f[1], Made: made.UTC(), private: Redact(raw)}, nil
}

// EnvKeeper reads keys from one text, usually an environment variable: key
// lines parted by newlines or semicolons, as `kassavalv keys export` prints them.
// It is read-only: the operator adds the next epoch's and year's line.
func EnvKeeper(text, where string) (Keeper, error) {
	keys, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("secret: %s: %w", where, err)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("secret: %s holds no keys", where)
	}
	return &envKeeper{keys: keys, where: where}, nil
}

func parseKeys(text string) (map[string]Key, error) {
	keys := map[string]Key{}
	sc := bufio.NewScanner(strings.NewReader(strings.ReplaceAll(text, ";", "\n")))
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		if line == "" {
			continue
		}
		k, err := parseKey(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if _, ok := keys[k.Name]; ok {
			return nil, fmt.Errorf("line %d: %s is there twice", n, k.Name)
		}
		keys[k.Name] = k
	}
	return keys, sc.Err()
}

type envKeeper struct {
	keys  map[string]Key
	where string
}

func (e *envKeeper) Get(_ context.Context, name string) (Key, error) {
	if k, ok := e.keys[name]; ok {
		return k, nil
	}
	return Key{}, fmt.Errorf("%w: %s in %s", ErrNoKey, name, e.where)
}

func (e *envKeeper) Put(_ context.Context, k Key) error {
	if _, ok := e.keys[k.Name]; ok {
		return ErrKeyExists
	}
	return ErrReadOnly
}

func (e *envKeeper) List(context.Context) ([]string, error) { return names(e.keys), nil }

func (e *envKeeper) Destroy(_ context.Context, name string) error {
	if _, ok := e.keys[name]; !ok {
		return nil
	}
	return ErrReadOnly
}

func (e *envKeeper) Where() string { return e.where }

func names(m map[string]Key) []string {
	out := make([]string, 0, len(m))
	for n := range m {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// Export writes every key of k as key lines: what a copy site keeps, sealed to
// the paper key, and what EnvKeeper reads. The result is as secret as the keys.
func Export(ctx context.Context, k Keeper) (Secret, error) {
	list, err := k.List(ctx)
	if err != nil {
		return Secret{}, err
	}
	var b strings.Builder
	for _, n := range list {
		key, err := k.Get(ctx, n)
		if err != nil {
			return Secret{}, err
		}
		b.WriteString(key.line())
	}
	return Hide(b.String()), nil
}

// Import puts the keys of an Export into k; keys that are there stay, if equal.
func Import(ctx context.Context, k Keeper, text Secret) error {
	keys, err := parseKeys(text.Reveal())
	if err != nil {
		return fmt.Errorf("secret: %w", err)
	}
	for _, n := range names(keys) {
		err := k.Put(ctx, keys[n])
		if errors.Is(err, ErrKeyExists) {
			have, gerr := k.Get(ctx, n)
			if gerr != nil {
				return gerr
			}
			if !Equal(have.bytes(), keys[n].bytes()) {
				return fmt.Errorf("secret: %s holds another key %s", k.Where(), n)
			}
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}
