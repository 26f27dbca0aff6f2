package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/cert"
	"kassavalv/internal/db"
	"kassavalv/internal/demo/bank"
	"kassavalv/internal/demo/goods"
	"kassavalv/internal/demo/mailbox"
	"kassavalv/internal/demo/sandbox"
	"kassavalv/internal/handover"
	"kassavalv/internal/mail"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/dir"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/invoice"
)

// DemoOptions are the flags of `kassavalv demo`.
type DemoOptions struct {
	Dir       string
	Addr      string // of the HTTPS listener; empty: localhost:8443, and well-known ports for the others
	Bank      string // URL of a bank that runs already; empty: one of its own
	ReadyFile string
	Products  int       // fill the shop up to so many
	Now       time.Time // what laws and prices take for now; zero: the real time
	Out       io.Writer // where the facts for a person go
	Log       *slog.Logger
	Handed    *handover.Sockets // from a predecessor; nil: none
	Progress  func(done, of int)

	onStatement func(text string) // tests read the plans of what is asked
	lookEvery   time.Duration     // and do not wait for a minute until a site is asked who the shop is
}

// Ready is the ready file: where everything answers, and the keys to it.
type Ready struct {
	Shop       string       `json:"shop"`
	HTTP       string       `json:"http"`
	Admin      string       `json:"admin"`
	Ops        string       `json:"ops"`
	Bank       string       `json:"bank"`
	Mailbox    string       `json:"mailbox"`
	SMTP       string       `json:"smtp"`
	CA         string       `json:"ca"`
	Data       string       `json:"data"`
	AdminToken string       `json:"admin_token"`
	Staff      []DemoMember `json:"staff"`
	PID        int          `json:"pid"`
}

// DemoMember is a member of staff of the demo.
type DemoMember struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	TOTP     string `json:"totp_secret"`
	Role     string `json:"role"`
}

// demoStaff are roles, not people.
var demoStaff = []struct{ role, email, name string }{
	{"owner", "agare@forstukvist.example", "Ägaren"},
	{"catalogue", "sortiment@forstukvist.example", "Sortimentet"},
	{"orders", "lager@forstukvist.example", "Lagret"},
	{"support", "kundtjanst@forstukvist.example", "Kundtjänsten"},
	{"reader", "revisor@forstukvist.example", "Revisorn"},
}

// demoMethods are the ways to pay of the demo, for the list of routes.
func demoMethods() []payment.Provider {
	return []payment.Provider{sandbox.New("http://127.0.0.1:0", ""), invoice.Provider{}}
}

// Demo starts a complete shop on this machine: sample goods, a bank, a mailbox
// and an authority of its own. It returns when everything answers; Close stops
// it.
func Demo(ctx context.Context, o DemoOptions) (*App, *Ready, error) {
	cfg, err := LoadConfig(o.Dir, os.Environ())
	if err != nil {
		return nil, nil, err
	}
	if err := demoFolder(o.Dir); err != nil {
		return nil, nil, err
	}
	var shift time.Duration
	if !o.Now.IsZero() {
		shift = time.Until(o.Now)
	}
	if cfg.Copies.Sites, err = sitesOf(o.Dir, cfg); err != nil {
		return nil, nil, err
	}
	a, err := open(ctx, o.Dir, cfg, o.Log, openOptions{create: true, shift: shift, onStatement: o.onStatement, lookEvery: o.lookEvery})
	if _, none := readCharter(o.Dir); err == nil && len(cfg.Copies.Sites) > 0 && errors.Is(none, os.ErrNotExist) {
		a, err = a.demoPaper(ctx, openOptions{create: true, shift: shift, onStatement: o.onStatement, lookEvery: o.lookEvery})
	}
	if err != nil {
		return nil, nil, err
	}
	a.demo, a.handed = true, o.Handed
	ready, err := a.startDemo(ctx, o)
	if err != nil {
		cctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return nil, nil, errors.Join(err, a.Close(cctx))
	}
	return a, ready, nil
}

// sitesOf are the configured sites of a folder, or the demo's own where none is configured.
func sitesOf(dir string, cfg Config) ([]string, error) {
	if _, err := os.Stat(filepath.Join(dir, demoMark)); err != nil || len(cfg.Copies.Sites) > 0 || cfg.Database.URL.Reveal() != "" || os.Getenv("KASSAVALV_TEST_NO_COPIES") != "" {
		return cfg.Copies.Sites, nil
	}
	return demoSites(dir)
}

// demoSites are two folders beside the demo's data: they show how copies work, and save
// nobody, being on the same machine.
func demoSites(dir string) (out []string, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	for _, n := range []string{"plats-1", "plats-2"} {
		p := filepath.Join(dir, "sites", n)
		if err := os.MkdirAll(p, 0o700); err != nil {
			return nil, err
		}
		u := url.URL{Scheme: "file", Path: filepath.ToSlash(p), RawQuery: url.Values{"name": {n}, "location": {"samma maskin"}, "provider": {"demo"}}.Encode()}
		out = append(out, u.String())
	}
	return out, nil
}

// demoSite opens a folder of the demo, which may lie in its data directory.
func demoSite(address, dataDir string) (copies.SiteOptions, error) {
	a, err := parseSite(address)
	if err != nil || a.kind != "file" {
		return feedSite(address, dataDir)
	}
	p := filepath.Clean(a.url.Path)
	if abs, err := filepath.Abs(dataDir); err != nil || !strings.HasPrefix(p, abs+string(filepath.Separator)) {
		return feedSite(address, dataDir) // a place of somebody's own is set up once, and known by its mark
	}
	s, err := dir.Open(p, dir.Options{Name: a.name, Location: a.location, Provider: a.provider, SetUp: true})
	return copies.SiteOptions{Site: s}, err
}

// demoPaperFile holds the words of the demo's paper key, which is no secret.
const demoPaperFile = "paper.txt"

// demoPaper makes the paper key and opens the shop again, this time with copies.
func (a *App) demoPaper(ctx context.Context, o openOptions) (*App, error) {
	words, err := newPaper(ctx, a.Dir, "Förstukvist", a.keeper)
	if err == nil {
		err = os.WriteFile(filepath.Join(a.Dir, demoPaperFile), []byte(words.Reveal()+"\n"), 0o600)
	}
	if err := errors.Join(err, a.Close(ctx)); err != nil {
		return nil, err
	}
	return open(ctx, a.Dir, a.Config, a.Log, o)
}

// demoFolder marks a new folder as the demo's, and refuses a real shop's.
func demoFolder(dir string) error {
	mark := filepath.Join(dir, demoMark)
	if _, err := os.Stat(mark); err == nil {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, KeyFolder)); err == nil {
		return fmt.Errorf("%s holds a real shop; give the demo a folder of its own with --data", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(mark, []byte("made by: kassavalv demo\n"), 0o600)
}

func (a *App) startDemo(ctx context.Context, o DemoOptions) (*Ready, error) {
	cfg := a.Config
	pick := func(key, usual string) string {
		switch {
		case key != "":
			return key
		case o.Addr != "":
			return "127.0.0.1:0"
		}
		return usual
	}
	main := o.Addr
	if main == "" {
		main = cfg.HTTP.Addr
	}
	if main == "" {
		main = "localhost:8443"
	}
	local, err := cert.OpenLocal(filepath.Join(a.Dir, "ca"), cert.LocalOptions{Log: a.Log})
	if err != nil {
		return nil, err
	}
	if err := a.listen(local.TLSConfig(), main, pick(cfg.HTTP.PlainAddr, "127.0.0.1:8080"), pick(cfg.Ops.Addr, "127.0.0.1:8081")); err != nil {
		return nil, explainPort(err)
	}
	host := "localhost"
	if h, _, err := net.SplitHostPort(main); err == nil && h != "" && h != "0.0.0.0" && h != "::" && h != "127.0.0.1" && h != "::1" {
		host = h
	}
	a.Origin = a.shop.URL(host)
	if cfg.HTTP.PublicURL != "" {
		a.Origin = cfg.HTTP.PublicURL
	}
	a.hosts = []string{"localhost", "127.0.0.1", "::1"}

	box, err := mailbox.New(mailbox.Options{Dir: filepath.Join(a.Dir, "mailbox"), SMTPAddr: pick("", "127.0.0.1:2525"), HTTPAddr: pick("", "127.0.0.1:8025"), Log: a.Log})
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, box.Close)
	if err := box.Start(ctx); err != nil {
		return nil, explainPort(err)
	}
	bankURL := o.Bank
	if bankURL == "" {
		b, err := bank.New(bank.Options{Dir: filepath.Join(a.Dir, "bank"), Addr: pick("", "127.0.0.1:8444"), Log: a.Log})
		if err != nil {
			return nil, err
		}
		a.closers = append(a.closers, b.Close)
		if err := b.Start(ctx); err != nil {
			return nil, explainPort(err)
		}
		bankURL = b.URL()
	}
	relay, err := mail.NewSMTP(mail.SMTPConfig{Name: "mailbox", Addr: box.SMTPAddr(), TLS: mail.NoTLS})
	if err != nil {
		return nil, err
	}
	card := sandbox.New(bankURL, string(local.CAPEM()))
	card.Instant = os.Getenv("KASSAVALV_TEST_INSTANT_CARD") // load tests only
	if err := db.Do(ctx, a.DB, content.Seed); err != nil {
		return nil, err
	}
	ways, err := a.providers()
	if err != nil {
		return nil, err
	}
	if err := a.rooms(ctx, append([]payment.Provider{card}, ways...), relay); err != nil {
		return nil, err
	}
	if err := a.seed(ctx, o); err != nil {
		return nil, err
	}
	if err := a.DB.Checkpoint(ctx); err != nil {
		return nil, err
	}
	ready := &Ready{Shop: a.Origin, HTTP: a.plain.URL("localhost"), Admin: a.Origin + "/admin", Ops: a.ops.URL("127.0.0.1"), Bank: bankURL, Mailbox: box.URL(), SMTP: box.SMTPAddr(),
		CA: abs(local.CAFile()), Data: abs(a.Dir), PID: os.Getpid()}
	if err := a.mint(ctx, ready); err != nil {
		return nil, err
	}
	if err := a.background(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	if err := a.serve(); err != nil {
		return nil, err
	}
	// The first page can be shown; lists wait by themselves for the rest.
	select {
	case <-a.Index.First():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if o.ReadyFile != "" {
		if err := writeReady(o.ReadyFile, ready); err != nil {
			return nil, err
		}
		a.closers = append(a.closers, func(context.Context) error { return os.Remove(o.ReadyFile) })
	}
	return ready, nil
}

func abs(p string) string {
	if s, err := filepath.Abs(p); err == nil {
		return s
	}
	return p
}

// explainPort adds what to do about a port that is taken.
func explainPort(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "listen" {
		return fmt.Errorf("%w; choose other ports with: kassavalv demo --addr localhost:0", err)
	}
	return err
}

func (a *App) seed(ctx context.Context, o DemoOptions) error {
	by := auth.System("demo")
	if err := goods.Seed(ctx, a.DB, by, a.Files); err != nil {
		return err
	}
	if o.Products > 0 {
		return goods.Fill(ctx, a.DB, o.Products, o.Progress)
	}
	return nil
}

// mint makes new secrets at each start; the old ones end.
func (a *App) mint(ctx context.Context, r *Ready) error {
	by := auth.System("demo")
	for _, s := range demoStaff {
		totp, err := a.Auth.NewTOTP()
		if err != nil {
			return err
		}
		pw := secret.RandomToken()[:20]
		if _, err := a.Auth.SetCredentials(ctx, by, auth.Credentials{NewStaff: auth.NewStaff{Email: s.email, Name: s.name, Role: s.role}, Password: secret.Hide(pw), TOTP: totp}); err != nil {
			return err
		}
		r.Staff = append(r.Staff, DemoMember{s.email, pw, totp.Reveal(), s.role})
	}
	old, err := db.Read(ctx, a.DB, func(q *db.Reader) ([]auth.Token, error) { return a.Auth.Tokens(q, by) })
	if err != nil {
		return err
	}
	token, _, err := db.Write(ctx, a.DB, func(tx *db.Tx) (secret.Secret, error) {
		for _, t := range old {
			if t.Name == "demo" && t.Revoked.IsZero() {
				if err := a.Auth.RevokeToken(tx, by, t.ID); err != nil {
					return secret.Secret{}, err
				}
			}
		}
		_, s, err := a.Auth.CreateToken(tx, by, auth.NewToken{Name: "demo", Rights: auth.AllRights})
		return s, err
	})
	if err != nil {
		return err
	}
	r.AdminToken = token.Reveal()
	return nil
}

// writeReady writes the file in one step, so that a script that sees it can
// read it whole.
func writeReady(path string, r *Ready) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	tmp := path + ".tmp" + strconv.Itoa(os.Getpid())
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// Tell prints the facts for a person, the link to open first.
func (r *Ready) Tell(w io.Writer) {
	fmt.Fprintf(w, "\nThe shop is open:\n\n  %s\n\n", r.Shop)
	fmt.Fprintf(w, "Your browser will warn about the certificate, because this machine made it.\nTo trust it, import %s as an authority.\n\n", r.CA)
	fmt.Fprintf(w, "  Back office   %s\n  Mailbox       %s   every mail the shop sends\n  Sandbox bank  %s   pay with card 4242 4242 4242 4242\n  Ops           %s/readyz\n  Admin token   %s\n\n", r.Admin, r.Mailbox, r.Bank, r.Ops, r.AdminToken)
	for _, s := range r.Staff {
		fmt.Fprintf(w, "  %-10s %-32s %s  TOTP %s\n", s.Role, s.Email, s.Password, s.TOTP)
	}
	fmt.Fprintf(w, "\nPasswords and codes are new at each start. Stop with Ctrl-C.\n")
}
