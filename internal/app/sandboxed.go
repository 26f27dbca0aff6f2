package app

import (
	"context"
	"path/filepath"

	"kassavalv/internal/demo/bank"
	"kassavalv/internal/demo/mailbox"
	"kassavalv/internal/demo/sandbox"
	"kassavalv/internal/mail"
	"kassavalv/internal/shop/payment"
)

// sandboxed is the configuration of a shop that is a clone of another and must reach nobody:
// money is the sandbox bank's, letters stay in a mailbox, nothing is copied anywhere, no
// partner, key service, sign-on or witness is asked. It begins empty and takes over only what
// tells where a shop stands and how it counts, so that a key that comes later is off here.
// The database is not taken over: a clone has its own, or none.
//
// Open a clone with openOptions{sandbox: true}: it is then open that applies this, and puts the clone's own database in.
func sandboxed(cfg Config) Config {
	var c Config
	c.HTTP, c.TLS, c.Ops, c.Log, c.Limits = cfg.HTTP, cfg.TLS, cfg.Ops, cfg.Log, cfg.Limits
	c.Books, c.Audit.ReadingsDays = cfg.Books, cfg.Audit.ReadingsDays
	c.Klarna.PayoutDays = cfg.Klarna.PayoutDays // of settlements that are in the books
	c.Keys.Keeper = "file"                      // keys of its own, in its folder
	c.Payments.Test = true
	return c
}

// outside is what a sandboxed shop has in the place of the world: a bank and a mailbox of its
// own, in its folder and on this machine alone. a.Close ends them.
type outside struct {
	Bank    string // URL
	Mailbox string // URL
	SMTP    string // host:port
	card    *sandbox.Provider
	relay   mail.Sender
}

// ways are the only ways to pay of a sandboxed shop.
func (o outside) ways() []payment.Provider { return []payment.Provider{o.card} }

// startOutside starts them on ports of 127.0.0.1 that the system gives. ca is the PEM of the
// authority that the bank trusts at the shop's address; empty: it tells the shop nothing, and
// the shop asks.
func (a *App) startOutside(ctx context.Context, ca string) (o outside, err error) {
	const loopback = "127.0.0.1:0"
	box, err := mailbox.New(mailbox.Options{Dir: filepath.Join(a.Dir, "mailbox"), SMTPAddr: loopback, HTTPAddr: loopback, Log: a.Log})
	if err != nil {
		return o, err
	}
	a.closers = append(a.closers, box.Close)
	if err := box.Start(ctx); err != nil {
		return o, err
	}
	b, err := bank.New(bank.Options{Dir: filepath.Join(a.Dir, "bank"), Addr: loopback, Log: a.Log})
	if err != nil {
		return o, err
	}
	a.closers = append(a.closers, b.Close)
	if err := b.Start(ctx); err != nil {
		return o, err
	}
	o.Bank, o.Mailbox, o.SMTP, o.card = b.URL(), box.URL(), box.SMTPAddr(), sandbox.New(b.URL(), ca)
	o.relay, err = mail.NewSMTP(mail.SMTPConfig{Name: "mailbox", Addr: o.SMTP, TLS: mail.NoTLS})
	return o, err
}
