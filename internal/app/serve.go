package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/cert"
	"kassavalv/internal/db"
	"kassavalv/internal/handover"
	"kassavalv/internal/mail"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/content"
)

// Serve runs a real shop until ctx ends. It makes nothing: a folder without a
// shop, or one made by the demo, is refused with what to do. Sockets that were handed
// over (nil: none) are served on instead of opening new ones.
func Serve(ctx context.Context, dir string, handed *handover.Sockets, log *slog.Logger) (*App, error) {
	cfg, err := LoadConfig(dir, os.Environ())
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, demoMark)); err == nil {
		return nil, fmt.Errorf("%s was made by the demo, whose secrets are printed; make a shop of your own with: kassavalv init --data DIR", dir)
	}
	if cfg.HTTP.PublicURL == "" {
		return nil, &configError{filepath.Join(dir, ConfigFile), "http.public_url", `is needed: the address buyers use, such as "https://shop.example"`}
	}
	if err := need(ctx, dir, cfg, aShop); err != nil {
		return nil, err
	}
	a, err := open(ctx, dir, cfg, log, openOptions{})
	if err != nil {
		return nil, err
	}
	a.handed = handed
	if err := a.startServe(ctx); err != nil {
		cctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return nil, errors.Join(err, a.Close(cctx))
	}
	return a, nil
}

func (a *App) startServe(ctx context.Context) error {
	cfg := a.Config
	a.Origin = cfg.HTTP.PublicURL
	host, err := hostOf(a.Origin)
	if err != nil {
		return err
	}
	names := []string{host}
	if a.apart, err = officeOf(a.Origin, cfg.HTTP.AdminHost); err != nil {
		return err
	}
	if a.apart != "" {
		names = append(names, cfg.HTTP.AdminHost)
	}
	var conf *tls.Config
	shop, plain := cfg.HTTP.Addr, cfg.HTTP.PlainAddr
	authority := "" // that the sandbox bank of a clone trusts
	switch {
	case a.sandbox && cfg.TLS.Mode == "files" && cfg.TLS.Cert == "" && cfg.TLS.Key == "":
		local, err := cert.OpenLocal(filepath.Join(a.Dir, "ca"), cert.LocalOptions{Names: names, Log: a.Log})
		if err != nil {
			return err
		}
		conf, authority = local.TLSConfig(), string(local.CAPEM())
		shop = or(shop, ":443")
		plain = or(plain, ":80")
	case cfg.TLS.Mode == "files":
		if cfg.TLS.Cert == "" || cfg.TLS.Key == "" {
			return &configError{ConfigFile, "tls.cert and tls.key", "are needed with tls.mode = files"}
		}
		files, err := cert.OpenFiles(a.path(cfg.TLS.Cert), a.path(cfg.TLS.Key), cert.FilesOptions{Names: names, Log: a.Log})
		if err != nil {
			return err
		}
		conf = files.TLSConfig()
		shop = or(shop, ":443")
		plain = or(plain, ":80")
	default:
		if len(cfg.HTTP.TrustedProxies) == 0 {
			return &configError{ConfigFile, "http.trusted_proxies", "is needed with tls.mode = proxy: the networks your proxy speaks from"}
		}
		plain = or(plain, "127.0.0.1:8080")
		// The shop itself answers behind the proxy only; its own listener is on
		// loopback with a local certificate, for checks on the machine.
		local, err := cert.OpenLocal(filepath.Join(a.Dir, "ca"), cert.LocalOptions{Names: names, Log: a.Log})
		if err != nil {
			return err
		}
		conf = local.TLSConfig()
		shop = or(shop, "127.0.0.1:0")
	}
	if err := a.listen(conf, shop, plain, or(cfg.Ops.Addr, "127.0.0.1:8081")); err != nil {
		return err
	}
	if a.sandbox {
		if strings.HasSuffix(shop, ":0") { // whatever is free: then that is where it is
			a.Origin = a.shop.URL(host)
		}
		return a.serveClone(ctx, authority)
	}
	var relay mail.Sender
	if cfg.Mail.Host != "" {
		port := cfg.Mail.Port
		if port == 0 {
			port = 587
		}
		mode := mail.STARTTLS
		if port == 465 {
			mode = mail.Implicit
		}
		if ip := net.ParseIP(cfg.Mail.Host); ip != nil && ip.IsLoopback() {
			mode = mail.NoTLS
		}
		if relay, err = mail.NewSMTP(mail.SMTPConfig{Name: "relay", Addr: net.JoinHostPort(cfg.Mail.Host, strconv.Itoa(port)), TLS: mode, User: cfg.Mail.Username, Password: cfg.Mail.Password, Helo: host}); err != nil {
			return err
		}
	} else {
		a.Log.Warn("mail.host is not set: mails wait in the outbox until it is")
	}
	ways, err := a.providers()
	if err != nil {
		return err
	}
	if err := a.rooms(ctx, ways, relay); err != nil {
		return err
	}
	if err := a.background(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	return a.serve()
}

func (a *App) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(a.Dir, p)
}

func or(s, usual string) string {
	if s == "" {
		return usual
	}
	return s
}

// InitOptions are the flags of `kassavalv init`.
type InitOptions struct {
	Company   content.CompanyFacts
	Owner     string // mail address of the first owner
	PublicURL string
}

// Made is what Init tells once.
type Made struct {
	Link  string        // the first owner's invitation
	Paper secret.Secret // the words of the paper key
}

// Init makes a new shop in an empty folder: database, keys, the paper key of its copies,
// company facts, and the first owner's invitation.
func Init(ctx context.Context, dir string, o InitOptions, log *slog.Logger) (out Made, err error) {
	if _, err := os.Stat(filepath.Join(dir, demoMark)); err == nil {
		return out, fmt.Errorf("%s was made by the demo; give the shop a folder of its own", dir)
	}
	cfg, err := LoadConfig(dir, os.Environ())
	if err != nil {
		return out, err
	}
	if o.PublicURL == "" {
		o.PublicURL = cfg.HTTP.PublicURL
	}
	host, err := hostOf(o.PublicURL)
	if err != nil || host == "" {
		return out, errors.New("--url is needed: the address buyers will use, such as https://shop.example")
	}
	a, err := open(ctx, dir, cfg, log, openOptions{create: true, fresh: true})
	if err != nil {
		return out, err
	}
	a.Origin = o.PublicURL
	if a.apart, err = officeOf(a.Origin, cfg.HTTP.AdminHost); err != nil {
		return out, errors.Join(err, a.Close(context.WithoutCancel(ctx)))
	}
	defer a.Close(context.WithoutCancel(ctx))
	by := auth.System("init")
	if a.Auth, err = auth.New(a.DB, a.Vault, auth.Options{PublicURL: a.officeOrigin(), Issuer: o.Company.Name}); err != nil {
		return out, err
	}
	type made struct{ token secret.Secret }
	m, _, err := db.Write(ctx, a.DB, func(tx *db.Tx) (made, error) {
		if err := content.SeedShop(tx, by, o.Company, content.Words{}); err != nil {
			return made{}, err
		}
		inv, err := a.Auth.Invite(tx, by, auth.NewStaff{Email: o.Owner, Name: "Ägare", Role: "owner"})
		return made{inv.Token}, err
	})
	if err != nil {
		return out, err
	}
	file := filepath.Join(dir, ConfigFile)
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(file, []byte(fmt.Sprintf("[http]\npublic_url = %q\n\n[tls]\nmode = \"files\"\ncert = \"cert.pem\"\nkey = \"key.pem\"\n", o.PublicURL)), 0o600); err != nil {
			return out, err
		}
	}
	if out.Paper, err = newPaper(ctx, dir, o.Company.Name, a.keeper); err != nil {
		return out, err
	}
	out.Link = a.officeOrigin() + "/admin/invite/" + m.token.Reveal()
	return out, nil
}
