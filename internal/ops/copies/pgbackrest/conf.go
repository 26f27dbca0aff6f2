package pgbackrest

import (
	"bufio"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"kassavalv/internal/secret"
)

// Conf is what the configuration file of pgBackRest holds, as far as it is ours.
type Conf struct {
	Stanza string // pgBackRest's word for one server
	Data   string // the server's data directory (PGDATA)
	Port   int
	Socket string // folder of the server's socket
	User   string // who connects over it; empty: the system's user of that name
	Spool  string // folder that the log waits in
	Lock   string // folder; empty: pgBackRest's usual
	Certs  string // folder that the files of Repo.CA lie in
	Repos  []Repo // the first is repo1
}

// Repo is one repository.
type Repo struct {
	Name, Location, Provider string

	Kind string // posix or s3
	Path string // a folder, or what stands before each key in the bucket

	Bucket, Endpoint, Region string
	Key, KeySecret           secret.Secret
	// CA holds the certificates (PEM) by which the store is known, if not those the machine
	// trusts. They stand in the configuration, so that they go where it goes: to the sites, and
	// to the machine that the shop is restored on.
	CA string
	// CAFile is where a configuration of an earlier version has the store's certificates, which it does not hold
	// itself; empty: it holds them, or the machine trusts the store.
	CAFile string

	Pass secret.Secret // what it is encrypted under
}

// Where tells people where a repository is, without secrets.
func (r Repo) Where() string {
	if r.Kind == "s3" {
		return "s3://" + r.Bucket + r.Path + " at " + r.Endpoint
	}
	return r.Path
}

// Ages of the retention: full backups weekly, others daily. With the log of five weeks each
// moment of 28 days can be reached, after that each day's backup, for 400 days.
const (
	keepDays     = 400
	keepArchives = 5
)

// QueueMax is how much of the log may wait on the server when no repository takes it. What
// comes after it is dropped, so that the shop goes on selling: an alarm tells, and a new
// backup closes the gap.
const QueueMax = "4GiB"

// NewPass draws what a repository is encrypted under: 384 bits.
func NewPass() secret.Secret {
	b := make([]byte, 48)
	rand.Read(b) // never fails
	return secret.Hide(base64.StdEncoding.EncodeToString(b))
}

var word = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// Check refuses what cannot be meant. Its errors hold no secret.
func (c Conf) Check() error {
	switch {
	case !word.MatchString(c.Stanza):
		return fmt.Errorf("the stanza %q must be of a-z, 0-9 and dashes", c.Stanza)
	case !filepath.IsAbs(c.Data):
		return errors.New("the server's data directory is needed, as a whole path")
	case len(c.Repos) < 2:
		return fmt.Errorf("%d repository is not enough: name two or more, in different places", len(c.Repos))
	case len(c.Repos) > 9:
		return errors.New("nine repositories at most")
	}
	seen := map[string]bool{}
	for _, r := range c.Repos {
		switch {
		case !word.MatchString(r.Name):
			return fmt.Errorf("a repository needs a name of a-z, 0-9 and dashes, not %q", r.Name)
		case seen[r.Name] || seen[r.Where()]:
			return fmt.Errorf("repository %s stands there twice, or lies where another does", r.Name)
		case r.Kind != "posix" && r.Kind != "s3":
			return fmt.Errorf("repository %s: pgBackRest takes a folder or an S3 store here", r.Name)
		case !strings.HasPrefix(r.Path, "/") || r.Kind == "posix" && filepath.Clean(r.Path) == "/":
			return fmt.Errorf("repository %s: the path must be whole", r.Name)
		case r.Kind == "posix" && (inside(r.Path, c.Data) || inside(c.Data, r.Path)):
			return fmt.Errorf("repository %s lies in the server's data directory, or that in it: what takes the one takes the other", r.Name)
		case r.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(r.CA)):
			return fmt.Errorf("repository %s: what ca names holds no certificate", r.Name)
		case r.CA != "" && !filepath.IsAbs(c.Certs):
			return fmt.Errorf("repository %s: where its certificates lie is not told", r.Name)
		case r.Pass.IsZero():
			return fmt.Errorf("repository %s has no pass: it must be encrypted", r.Name)
		}
		seen[r.Name], seen[r.Where()] = true, true
	}
	for _, v := range c.lines() {
		if strings.ContainsAny(v[1], "\n\r") {
			return fmt.Errorf("%s must stand on one line", v[0])
		}
	}
	return nil
}

// certified is the configuration with the certificates that it only names.
func (c Conf) certified() (Conf, error) {
	c.Repos = slices.Clone(c.Repos)
	for i, r := range c.Repos {
		if r.CA != "" || r.CAFile == "" {
			continue
		}
		b, err := os.ReadFile(r.CAFile)
		if errors.Is(err, fs.ErrNotExist) {
			q := url.Values{"name": {r.Name}, "endpoint": {"https://" + r.Endpoint}, "region": {r.Region}, "ca": {"FILE"}}
			return c, fmt.Errorf("repository %s is known by the certificate in %s, which the configuration of an earlier version names and does not hold: put that file there on this machine, or restore with --repo-at '%s'",
				r.Name, r.CAFile, "s3://"+r.Bucket+r.Path+"?"+q.Encode())
		}
		if err != nil {
			return c, fmt.Errorf("repository %s: its certificate: %w", r.Name, err)
		}
		c.Repos[i].CA, c.Repos[i].CAFile = string(b), ""
	}
	return c, nil
}

func inside(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// global are the settings of the file, in order; secrets open.
func (c Conf) lines() (out [][2]string) {
	add := func(k, v string) {
		if v != "" {
			out = append(out, [2]string{k, v})
		}
	}
	for i, r := range c.Repos {
		p := "repo" + strconv.Itoa(i+1) + "-"
		add(p+"type", r.Kind)
		add(p+"path", r.Path)
		if r.Kind == "s3" {
			add(p+"s3-bucket", r.Bucket)
			add(p+"s3-endpoint", r.Endpoint)
			add(p+"s3-region", r.Region)
			add(p+"s3-uri-style", "path")
			add(p+"s3-key", r.Key.Reveal())
			add(p+"s3-key-secret", r.KeySecret.Reveal())
			if r.CA != "" {
				add(p+"storage-ca-file", c.caFile(r))
			} else {
				add(p+"storage-ca-file", r.CAFile)
			}
			add(p+"storage-verify-tls", "y")
		}
		add(p+"cipher-type", "aes-256-cbc")
		add(p+"cipher-pass", r.Pass.Reveal())
		add(p+"retention-full-type", "time")
		add(p+"retention-full", strconv.Itoa(keepDays))
		add(p+"retention-archive-type", "full")
		add(p+"retention-archive", strconv.Itoa(keepArchives))
	}
	add("archive-async", "y") // else one dead repository holds back the others
	add("archive-push-queue-max", QueueMax)
	add("spool-path", c.Spool)
	add("lock-path", c.Lock)
	add("log-level-console", "warn")
	add("log-level-file", "off")
	add("start-fast", "y")
	add("compress-type", "gz")
	add("compress-level", "3")
	add("process-max", "2")
	return out
}

func (c Conf) caFile(r Repo) string { return filepath.Join(c.Certs, c.Stanza+"-"+r.Name+"-ca.pem") }

// Text is the configuration file. With hidden the secrets are not shown.
func (c Conf) Text(hidden bool) string {
	var b strings.Builder
	b.WriteString("# Written by kassavalv backup setup-postgres. It holds secrets: only the server's user may read it.\n[global]\n")
	for i, r := range c.Repos {
		fmt.Fprintf(&b, "# repo%d name=%s location=%q provider=%q\n", i+1, r.Name, r.Location, r.Provider)
		if r.CA != "" {
			fmt.Fprintf(&b, "# repo%d ca=%s\n", i+1, base64.StdEncoding.EncodeToString([]byte(r.CA)))
		}
	}
	for _, l := range c.lines() {
		v := l[1]
		if hidden && (strings.HasSuffix(l[0], "-cipher-pass") || strings.HasSuffix(l[0], "-s3-key") || strings.HasSuffix(l[0], "-s3-key-secret")) {
			v = "(not shown)"
		}
		fmt.Fprintf(&b, "%s=%s\n", l[0], v)
	}
	fmt.Fprintf(&b, "\n[%s]\npg1-path=%s\n", c.Stanza, c.Data)
	if c.Port != 0 {
		fmt.Fprintf(&b, "pg1-port=%d\n", c.Port)
	}
	if c.Socket != "" {
		fmt.Fprintf(&b, "pg1-socket-path=%s\n", c.Socket)
	}
	if c.User != "" {
		fmt.Fprintf(&b, "pg1-user=%s\n", c.User)
	}
	return b.String()
}

var named = regexp.MustCompile(`^# repo(\d) name=(\S+) location=("(?:[^"\\]|\\.)*") provider=("(?:[^"\\]|\\.)*")$`)

var certified = regexp.MustCompile(`^# repo([1-9]) ca=([A-Za-z0-9+/=]+)$`)

// ParseConf reads a file that Text has written. Its errors quote no line.
func ParseConf(text string) (c Conf, err error) {
	at := func(no string) *Repo {
		n, _ := strconv.Atoi(no)
		for len(c.Repos) < n {
			c.Repos = append(c.Repos, Repo{})
		}
		return &c.Repos[n-1]
	}
	in := bufio.NewScanner(strings.NewReader(text))
	in.Buffer(nil, 1<<20)
	for n := 1; in.Scan(); n++ {
		l := strings.TrimSpace(in.Text())
		if m := named.FindStringSubmatch(l); m != nil && m[1] != "0" {
			r := at(m[1])
			r.Name = m[2]
			r.Location, _ = strconv.Unquote(m[3])
			r.Provider, _ = strconv.Unquote(m[4])
			continue
		}
		if m := certified.FindStringSubmatch(l); m != nil {
			b, err := base64.StdEncoding.DecodeString(m[2])
			if err != nil {
				return c, fmt.Errorf("line %d cannot be read", n)
			}
			at(m[1]).CA = string(b)
			continue
		}
		if l == "" || l[0] == '#' || l == "[global]" {
			continue
		}
		if strings.HasPrefix(l, "[") && strings.HasSuffix(l, "]") {
			if c.Stanza != "" {
				return c, fmt.Errorf("line %d: a second stanza; this program keeps one", n)
			}
			c.Stanza = l[1 : len(l)-1]
			continue
		}
		k, v, ok := strings.Cut(l, "=")
		if !ok {
			return c, fmt.Errorf("line %d cannot be read", n)
		}
		if len(k) > 6 && strings.HasPrefix(k, "repo") && k[4] >= '1' && k[4] <= '9' && k[5] == '-' {
			r := at(k[4:5])
			switch k[6:] {
			case "type":
				r.Kind = v
			case "path":
				r.Path = v
			case "s3-bucket":
				r.Bucket = v
			case "s3-endpoint":
				r.Endpoint = v
			case "s3-region":
				r.Region = v
			case "s3-key":
				r.Key = secret.Hide(v)
			case "s3-key-secret":
				r.KeySecret = secret.Hide(v)
			case "storage-ca-file":
				r.CAFile = v
			case "cipher-pass":
				r.Pass = secret.Hide(v)
			}
			continue
		}
		switch k {
		case "spool-path":
			c.Spool = v
		case "lock-path":
			c.Lock = v
		case "pg1-path":
			c.Data = v
		case "pg1-port":
			c.Port, _ = strconv.Atoi(v)
		case "pg1-socket-path":
			c.Socket = v
		case "pg1-user":
			c.User = v
		}
	}
	for i := range c.Repos {
		if r := &c.Repos[i]; r.CA != "" && r.CAFile != "" {
			c.Certs, r.CAFile = filepath.Dir(r.CAFile), ""
		}
	}
	return c, c.Check()
}

// Only is the configuration of a restore from repository n (from 1), and nothing else, into
// data. Its folders are its own, so that it neither waits for the server's pgBackRest nor is
// taken for it.
func (c Conf) Only(n int, data, own string) Conf {
	one := c
	one.Repos = []Repo{c.Repos[n-1]}
	one.Data, one.Spool, one.Lock = data, filepath.Join(own, "spool"), filepath.Join(own, "lock")
	one.Port, one.Socket, one.User = 0, "", ""
	one.Certs = own
	return one
}
