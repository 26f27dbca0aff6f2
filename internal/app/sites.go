package app

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/dir"
	"kassavalv/internal/ops/copies/post"
	"kassavalv/internal/ops/copies/s3"
	"kassavalv/internal/ops/copies/sftp"
	"kassavalv/internal/secret"
)

// siteAddress is one address of [copies] sites, taken apart. It holds no secret: those
// stand in a file beside.
type siteAddress struct {
	kind string // file, s3, sftp or outpost
	url  *url.URL
	q    url.Values

	name, location, provider string
	credentials              string // file, relative to the data directory
}

// siteWords are what may stand behind the question mark, by kind, beside name, location and
// provider.
var siteWords = map[string][]string{
	"file":    {"unsealed"},
	"s3":      {"endpoint", "region", "credentials", "lock", "lock_days", "ca"},
	"sftp":    {"credentials"},
	"outpost": {"credentials"},
}

// parseSite takes an address apart. Its errors do not repeat it: somebody may have written
// a password into it.
func parseSite(address string) (siteAddress, error) {
	u, err := url.Parse(address)
	if err != nil {
		return siteAddress{}, errors.New("cannot be read as an address")
	}
	a := siteAddress{kind: u.Scheme, url: u, q: u.Query()}
	words, ok := siteWords[a.kind]
	if !ok {
		return a, fmt.Errorf("begins with file://, s3://, sftp:// or outpost://, not with %q", u.Scheme+"://")
	}
	if _, has := u.User.Password(); has || u.User != nil && a.kind != "sftp" {
		return a, errors.New("holds a user or password: what opens a site stands in its file of credentials, never in the address")
	}
	words = append([]string{"name", "location", "provider", "every"}, words...)
	for _, k := range slices.Sorted(maps.Keys(a.q)) {
		if !slices.Contains(words, k) {
			return a, fmt.Errorf("%s=…: no such word for %s://; there are %s", k, a.kind, strings.Join(words, ", "))
		}
		if len(a.q[k]) != 1 {
			return a, fmt.Errorf("%s stands there twice", k)
		}
	}
	a.name, a.location, a.provider = a.q.Get("name"), a.q.Get("location"), a.q.Get("provider")
	if copies.Name(a.name) != nil || strings.Contains(a.name, "/") {
		return a, fmt.Errorf("needs name=… of a-z, 0-9 and dashes, such as name=nas; not %q", a.name)
	}
	if a.credentials = a.q.Get("credentials"); a.credentials == "" {
		a.credentials = filepath.Join("copies", a.name+".toml")
	}
	if e := a.q.Get("every"); e != "" {
		if d, err := time.ParseDuration(e); err != nil || d < 0 || d > time.Hour {
			return a, errors.New("every= is a time such as 10s, an hour at most")
		}
	}
	switch a.kind {
	case "file":
		if u.Host != "" || !strings.HasPrefix(u.Path, "/") || filepath.Clean(u.Path) == "/" {
			return a, errors.New("is file:///folder, with three slashes")
		}
	case "s3":
		switch {
		case u.Host == "" || u.Port() != "":
			return a, errors.New("is s3://bucket/prefix?endpoint=https://…; the bucket is missing")
		case a.q.Get("endpoint") == "":
			return a, errors.New("needs endpoint=https://…, where the store answers")
		}
		if d := a.q.Get("lock_days"); d != "" {
			if n, err := strconv.Atoi(d); err != nil || n < 1 || n > 400 {
				return a, errors.New("lock_days is a number of days from 1 to 400")
			}
		}
	case "sftp":
		if u.Hostname() == "" || u.User.Username() == "" || strings.Trim(u.Path, "/") == "" {
			return a, errors.New("is sftp://user@host/folder, or sftp://user@host/~/folder from where the user comes in")
		}
	case "outpost":
		if u.Hostname() == "" || u.Port() == "" || strings.Trim(u.Path, "/") != "" {
			return a, errors.New("is outpost://host:port")
		}
	}
	return a, nil
}

// checkCopies refuses addresses of sites that cannot be meant.
func (c *Config) checkCopies(bad func(key, what string) error) error {
	seen := map[string]bool{}
	for i, s := range c.Copies.Sites {
		a, err := parseSite(s)
		if err != nil {
			return bad("copies.sites", fmt.Sprintf("number %d %s", i+1, err))
		}
		if seen[a.name] {
			return bad("copies.sites", fmt.Sprintf("two sites have the name %s", a.name))
		}
		seen[a.name] = true
	}
	if c.Copies.Required > 0 && c.Database.URL.Reveal() != "" {
		return bad("copies.required", "is for the database inside; on PostgreSQL a synchronous standby keeps what buyers were told (docs/runbooks/postgres-standby.md)")
	}
	if c.Copies.Required < 0 || c.Copies.Required > 2 {
		return bad("copies.required", "must be 0, 1 or 2")
	}
	if n := len(c.Copies.Sites); c.Copies.Required > n {
		return bad("copies.required", fmt.Sprintf("asks for %d sites, %d are configured", c.Copies.Required, n))
	}
	if s := c.Copies.Budget; s != "" {
		if d, err := time.ParseDuration(s); err != nil || d <= 0 || d > 10*time.Second {
			return bad("copies.budget", `must be a time such as "250ms", 10s at most`)
		}
	}
	if _, key, err := c.Copies.policy(); err != nil {
		return bad("copies."+key, err.Error())
	}
	return nil
}

// storeEvery is how long changes are gathered for an object store, where each object costs.
// With the time it takes to send them, a store lacks ten seconds at most.
const storeEvery = 8 * time.Second

// feedSite opens a site of [copies] sites with how it is fed.
func feedSite(address, dataDir string) (copies.SiteOptions, error) {
	s, err := OpenSite(address, dataDir)
	if err != nil {
		return copies.SiteOptions{}, err
	}
	a, err := parseSite(address)
	o := copies.SiteOptions{Site: s, Unsealed: a.q.Get("unsealed") == "yes"}
	if a.kind == "s3" {
		o.Every = storeEvery
	}
	if e := a.q.Get("every"); e != "" {
		o.Every, err = time.ParseDuration(e)
	}
	return o, err
}

// readSite opens a site to read from, on a machine that knows nothing of it yet: a folder
// must be there and have its mark.
func readSite(address, from string) (copies.Site, error) {
	a, err := parseSite(address)
	if err != nil {
		return nil, fmt.Errorf("the address %w", err)
	}
	if a.kind == "file" {
		return dir.Open(filepath.Clean(a.url.Path), dir.Options{Name: a.name, Location: a.location, Provider: a.provider})
	}
	return OpenSite(address, from)
}

// siteCredentials is the file of credentials of a site; each kind knows its own words.
type siteCredentials struct {
	AccessKey       secret.Secret `toml:"access_key"`
	SecretKey       secret.Secret `toml:"secret_key"`
	RemoveAccessKey secret.Secret `toml:"remove_access_key"`
	RemoveSecretKey secret.Secret `toml:"remove_secret_key"`

	Key     secret.Secret `toml:"key"`      // a private key, PEM
	KeyFile string        `toml:"key_file"` // or the file it stands in
	HostKey string        `toml:"host_key"`

	Cert string `toml:"cert"` // PEM
	CA   string `toml:"ca"`   // PEM
}

var credentialWords = map[string][]string{
	"s3":      {"access_key", "secret_key", "remove_access_key", "remove_secret_key"},
	"sftp":    {"key", "key_file", "host_key"},
	"outpost": {"key", "key_file", "cert", "ca"},
}

// readPrivate reads a file that only its owner may read.
func readPrivate(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others (%v): chmod 600 %s", path, st.Mode().Perm(), path)
	}
	return os.ReadFile(path)
}

func (a siteAddress) secrets(dataDir string) (c siteCredentials, err error) {
	path := within(dataDir, a.credentials)
	words := strings.Join(credentialWords[a.kind], ", ")
	b, err := readPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("site %s: the file of credentials %s does not exist; it holds %s", a.name, path, words)
	}
	if err != nil {
		return c, fmt.Errorf("site %s: %w", a.name, err)
	}
	md, err := toml.Decode(string(b), &c)
	if err != nil {
		var pe toml.ParseError
		if errors.As(err, &pe) { // its text would quote the line
			return c, fmt.Errorf("site %s: %s: line %d cannot be read", a.name, path, pe.Position.Line)
		}
		return c, fmt.Errorf("site %s: %s cannot be read", a.name, path)
	}
	for _, k := range md.Keys() {
		if !slices.Contains(credentialWords[a.kind], k.String()) {
			return c, fmt.Errorf("site %s: %s: %s: no such word for %s://; there are %s", a.name, path, k, a.kind, words)
		}
	}
	if c.KeyFile != "" {
		if !c.Key.IsZero() {
			return c, fmt.Errorf("site %s: %s has both key and key_file", a.name, path)
		}
		b, err := readPrivate(within(dataDir, c.KeyFile))
		if err != nil {
			return c, fmt.Errorf("site %s: %w", a.name, err)
		}
		c.Key = secret.Hide(string(b))
	}
	return c, nil
}

func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// OpenSite opens a site by its address in [copies] sites. Files that the address names are
// relative to dataDir. It speaks to nobody: a site may be away when the shop starts.
func OpenSite(address, dataDir string) (copies.Site, error) {
	a, err := parseSite(address)
	if err != nil {
		return nil, &configError{ConfigFile, "copies.sites", "an address " + err.Error()}
	}
	if a.kind == "file" {
		return a.openDir(dataDir)
	}
	c, err := a.secrets(dataDir)
	if err != nil {
		return nil, err
	}
	var site copies.Site
	switch a.kind {
	case "s3":
		o := s3.Options{Name: a.name, Location: a.location, Provider: a.provider, Endpoint: a.q.Get("endpoint"), Region: a.q.Get("region"), Bucket: a.url.Host, Prefix: a.url.Path,
			AccessKey: c.AccessKey, SecretKey: c.SecretKey, RemoveAccessKey: c.RemoveAccessKey, RemoveSecretKey: c.RemoveSecretKey, Lock: a.q.Get("lock"), Retain: lockFor(a.q.Get("lock_days"))}
		if f := a.q.Get("ca"); f != "" {
			if o.CA, err = os.ReadFile(within(dataDir, f)); err != nil {
				return nil, fmt.Errorf("site %s: %w", a.name, err)
			}
		}
		site, err = s3.Open(o)
	case "sftp":
		port := a.url.Port()
		if port == "" {
			port = "22"
		}
		path := a.url.Path
		if rest, home := strings.CutPrefix(path, "/~/"); home {
			path = rest
		}
		site, err = sftp.Open(sftp.Options{Name: a.name, Location: a.location, Provider: a.provider, Addr: net.JoinHostPort(a.url.Hostname(), port), User: a.url.User.Username(), Path: path, Key: c.Key, HostKey: c.HostKey})
	case "outpost":
		site, err = post.Open(post.Options{Name: a.name, Location: a.location, Provider: a.provider, Addr: a.url.Host, Cert: c.Cert, CA: c.CA, Key: c.Key})
	}
	if err != nil {
		return nil, fmt.Errorf("site %s: %w", a.name, err)
	}
	return site, nil
}

// lockFor is how long an object is locked: raw segments three days, after which longer ones
// have taken their place, everything else as many days as the address says, 30 if nothing.
func lockFor(days string) func(name string) time.Duration {
	n, err := strconv.Atoi(days)
	if err != nil {
		n = 30
	}
	return func(name string) time.Duration {
		if part := strings.Split(name, "/"); len(part) > 2 && part[0] == "e" && part[2] == "l0" {
			return time.Duration(min(n, 3)) * 24 * time.Hour
		}
		return time.Duration(n) * 24 * time.Hour
	}
}

// openDir opens a folder. The first time it gets its mark, which is kept in the data
// directory: from then on the folder without it is a disk that is not mounted.
func (a siteAddress) openDir(dataDir string) (copies.Site, error) {
	known := filepath.Join(dataDir, "copies", "marks", a.name)
	o := dir.Options{Name: a.name, Location: a.location, Provider: a.provider}
	path := filepath.Clean(a.url.Path)
	if abs, err := filepath.Abs(dataDir); err == nil && (path == abs || strings.HasPrefix(path, abs+string(filepath.Separator))) {
		return nil, fmt.Errorf("site %s: %s lies in the data directory: what takes the one takes the other", a.name, path)
	}
	b, err := os.ReadFile(known)
	switch {
	case err == nil:
		f := strings.Fields(string(b))
		if len(f) != 2 {
			return nil, fmt.Errorf("site %s: %s cannot be read; if the folder of copies is there and right, remove this file", a.name, known)
		}
		if where, err := url.PathUnescape(f[1]); err == nil && where == path {
			o.Mark = f[0]
			return dir.Open(path, o)
		}
		// Another folder under the same name is set up anew.
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	mark, err := dir.SetUp(path)
	if err != nil {
		return nil, fmt.Errorf("site %s: %w", a.name, err)
	}
	if err := os.MkdirAll(filepath.Dir(known), 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(known, []byte(mark+" "+url.PathEscape(path)+"\n"), 0o600); err != nil {
		return nil, err
	}
	o.Mark = mark
	return dir.Open(path, o)
}
