package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kassavalv/internal/cert"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/secret"
)

// Judgement is what a look found of one thing.
type Judgement string

// The judgements. Unseen is never good: what could not be looked at is not known.
const (
	Good   Judgement = "ok"
	Amiss  Judgement = "found"
	Unseen Judgement = "not looked at"
)

// Checked is one line of `kassavalv check`.
type Checked struct {
	Area  string    `json:"area"` // config, keys, clock, certificate, mail, copies or updates
	Judge Judgement `json:"judge"`
	What  string    `json:"what"`
	Do    string    `json:"do,omitempty"` // what would mend it
}

// CheckOptions let tests answer for the world.
type CheckOptions struct {
	Resolver interface {
		LookupTXT(ctx context.Context, name string) ([]string, error)
		LookupMX(ctx context.Context, name string) ([]*net.MX, error)
		LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	}
	Now func() time.Time
	Log *slog.Logger
}

type checker struct {
	ctx context.Context
	dir string
	cfg Config
	o   CheckOptions
	out []Checked
}

func (c *checker) good(area, form string, args ...any) {
	c.out = append(c.out, Checked{Area: area, Judge: Good, What: fmt.Sprintf(form, args...)})
}
func (c *checker) amiss(area, do, form string, args ...any) {
	c.out = append(c.out, Checked{Area: area, Judge: Amiss, What: fmt.Sprintf(form, args...), Do: do})
}
func (c *checker) unseen(area, form string, args ...any) {
	c.out = append(c.out, Checked{Area: area, Judge: Unseen, What: fmt.Sprintf(form, args...)})
}

// Check looks at an installation from outside the running shop: it opens no database and
// writes nothing.
func Check(ctx context.Context, dir string, o CheckOptions) ([]Checked, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &checker{ctx: ctx, dir: dir, o: o}
	var err error
	if c.cfg, err = LoadConfig(dir, os.Environ()); err != nil {
		c.amiss("config", "mend the named key", "%v", err)
		return c.out, nil // nothing else can be judged
	}
	if _, err := os.Stat(filepath.Join(dir, demoMark)); err == nil {
		// The demo makes its own address, certificate and mailbox at each start.
		c.unseen("config", "%s was made by the demo: kassavalv demo", dir)
		c.keys()
		c.clock()
		if c.cfg.Copies.Sites, err = sitesOf(dir, c.cfg); err != nil {
			return nil, err
		}
		c.copies()
		return c.out, nil
	}
	if c.cfg.HTTP.PublicURL == "" {
		c.amiss("config", `set http.public_url = "https://your.shop"`, "http.public_url is missing: the shop does not start without it")
	} else {
		c.good("config", "%s can be read", ConfigFile)
	}
	c.keys()
	c.clock()
	c.certificate()
	c.mail()
	c.copies()
	c.unseen("updates", "this program has no list of its releases to compare itself with")
	return c.out, nil
}

func (c *checker) keys() {
	k, err := openKeeper(c.ctx, c.dir, c.cfg, false)
	if err != nil {
		c.amiss("keys", "see docs/keys.md", "%v", err)
		return
	}
	names, err := k.List(c.ctx)
	if err != nil {
		c.amiss("keys", "see docs/keys.md", "%s does not answer: %v", k.Where(), err)
		return
	}
	have := map[string]bool{}
	for _, n := range names {
		have[n] = true
	}
	for _, n := range secret.RootNames() {
		if !have[n] {
			c.amiss("keys", "put the keys back: kassavalv keys import, or kassavalv restore", "%s lacks the key %s", k.Where(), n)
			return
		}
	}
	c.good("keys", "%d keys in %s", len(names), k.Where())
}

// clockSlack is how far a file's time may lie ahead of the clock.
const clockSlack = 2 * time.Minute

func (c *checker) clock() {
	now := c.o.Now()
	st, err := os.Stat(filepath.Join(c.dir, DatabaseFile))
	switch {
	case err == nil && st.ModTime().Sub(now) > clockSlack:
		c.amiss("clock", "set the clock, and have it kept by a time service", "the database was written at %s, which is still to come: the clock goes wrong", st.ModTime().UTC().Format(time.RFC3339))
	case now.Year() < 2026:
		c.amiss("clock", "set the clock, and have it kept by a time service", "the clock says %s", now.UTC().Format(time.RFC3339))
	default:
		c.good("clock", "not behind what was written last")
	}
}

// certificateLeft is how long before its end a certificate is told of.
const certificateLeft = 14 * 24 * time.Hour

func (c *checker) certificate() {
	if c.cfg.TLS.Mode != "files" {
		c.unseen("certificate", "the proxy in front holds it")
		return
	}
	host, err := hostOf(c.cfg.HTTP.PublicURL)
	if err != nil || host == "" || c.cfg.TLS.Cert == "" || c.cfg.TLS.Key == "" {
		c.amiss("certificate", "name tls.cert and tls.key", "no certificate is configured")
		return
	}
	a := App{Dir: c.dir}
	f, err := cert.OpenFiles(a.path(c.cfg.TLS.Cert), a.path(c.cfg.TLS.Key), cert.FilesOptions{Names: []string{host}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		c.amiss("certificate", "put a certificate for "+host+" there", "%v", err)
		return
	}
	if left := f.Expires().Sub(c.o.Now()); left < certificateLeft {
		c.amiss("certificate", "renew it", "it ends at %s", f.Expires().UTC().Format(time.RFC3339))
		return
	}
	c.good("certificate", "good for %s until %s", host, f.Expires().UTC().Format(time.DateOnly))
}

func (c *checker) mail() {
	if c.cfg.Mail.Host == "" {
		c.amiss("mail", "set mail.host", "no relay is configured: letters wait in the outbox")
		return
	}
	_, domain, ok := strings.Cut(c.cfg.Mail.From, "@")
	if !ok {
		c.unseen("mail", "mail.from is not set here; the company's address is used")
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, 10*time.Second)
	defer cancel()
	record := func(name, begins, what string) {
		txt, err := c.o.Resolver.LookupTXT(ctx, name)
		var de *net.DNSError
		if err != nil && !(errors.As(err, &de) && de.IsNotFound) {
			c.unseen("mail", "%s of %s: the name service does not answer", what, domain)
			return
		}
		n := 0
		for _, t := range txt {
			if strings.HasPrefix(strings.ToLower(t), begins) {
				n++
			}
		}
		switch n {
		case 1:
			c.good("mail", "%s has %s", domain, what)
		case 0:
			c.amiss("mail", "add "+what+" to the name service", "%s has no %s: letters may be taken for junk", domain, what)
		default:
			c.amiss("mail", "leave one", "%s has %d records of %s, so none counts", domain, n, what)
		}
	}
	record(domain, "v=spf1", "SPF")
	record("_dmarc."+domain, "v=dmarc1", "DMARC")
}

func (c *checker) copies() {
	if c.cfg.Database.URL.Reveal() != "" {
		c.unseen("copies", "the database is PostgreSQL's: kassavalv backup status tells of its copies")
		return
	}
	sites := c.cfg.Copies.Sites
	if len(sites) == 0 {
		c.amiss("copies", "name two places in copies.sites (docs/sites.md)", "no site is configured: if this machine is lost, the shop is lost")
		return
	}
	if _, err := readCharter(c.dir); err != nil {
		c.amiss("copies", "kassavalv backup paper", "there is no paper key: %v", err)
	}
	if len(sites) == 1 {
		c.amiss("copies", "name another place", "one site only: copies are to lie in two places at least")
	}
	if c.cfg.Copies.Required == 0 {
		c.amiss("copies", "set copies.required = 1", "orders are shown as paid before another site has them: the last moments can be lost")
	}
	places := []copies.Place{copies.Self("the shop itself", c.dir)}
	for _, s := range sites {
		site, err := readSite(s, c.dir)
		if err != nil {
			c.amiss("copies", "see docs/sites.md", "%v", err)
			continue
		}
		p := site.Place()
		places = append(places, p)
		ctx, cancel := context.WithTimeout(c.ctx, 30*time.Second)
		var at error
		for _, err := range site.List(ctx, "keys/", "") {
			at = err
			break
		}
		cancel()
		site.Close()
		if at != nil {
			c.amiss("copies", "see what the site says", "site %s does not answer: %v", p.Name, at)
		} else {
			c.good("copies", "site %s answers", p.Name)
		}
	}
	resolve := func(ctx context.Context, host string) ([]netip.Addr, error) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		return c.o.Resolver.LookupNetIP(ctx, "ip", host)
	}
	for _, w := range copies.Shared(c.ctx, places, copies.Look{Resolve: resolve, Disk: diskOf, Here: here}) {
		c.amiss("copies", "move one of the two", "%s and %s share the same %s%s: what takes the one takes the other", w.A, w.B, w.What, shared(w.Shared))
	}
	switch s, err := Backup(c.ctx, c.dir, "status", c.o.Log); {
	case err != nil:
		c.unseen("copies", "how far behind the sites are: the shop does not run")
	default:
		for _, x := range s.Sites {
			if x.Trouble != "" {
				c.amiss("copies", "see kassavalv backup status", "site %s takes nothing since %s: %s", x.Name, x.Since.UTC().Format(time.RFC3339), x.Trouble)
			}
		}
	}
}

func shared(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}
