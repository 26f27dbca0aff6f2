package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/invoice"
	"kassavalv/internal/shop/payment/stripe"
	"kassavalv/internal/shop/payment/swish"
)

// live reports whether real money moves: in a shop that is served, unless it is
// being tried out.
func (a *App) live() bool { return !a.demo && !a.sandbox && !a.Config.Payments.Test }

// providers builds the ways to pay that are configured, in the order shown: those
// that lend money come last. A partner without its secret is not there at all; one
// whose settings cannot work refuses the start with the key that is wrong.
func (a *App) providers() ([]payment.Provider, error) {
	var out []payment.Provider
	if a.sandbox {
		return nil, nil
	}
	// Partners, those first that move money at once.
	if p, err := a.stripe(); err != nil {
		return nil, err
	} else if p != nil {
		out = append(out, p)
	}
	if p, err := a.swish(); err != nil {
		return nil, err
	} else if p != nil {
		out = append(out, p)
	}
	// Then those that lend it.
	if p, err := a.klarna(); err != nil {
		return nil, err
	} else if p != nil {
		out = append(out, p)
	}
	out = append(out, invoice.Provider{})
	return out, nil
}

// stripe is nil when nothing of it is configured.
func (a *App) stripe() (payment.Provider, error) {
	c := a.Config.Stripe
	if c.SecretKey.Reveal()+c.WebhookSecret.Reveal()+c.Capture+c.BaseURL == "" {
		return nil, nil
	}
	return wrong(stripe.New(stripe.Options{SecretKey: c.SecretKey.Reveal(), WebhookSecret: c.WebhookSecret.Reveal(), Capture: c.Capture, BaseURL: c.BaseURL, Live: a.live(), Log: a.Log}))
}

// swish is nil when nothing of it is configured.
func (a *App) swish() (payment.Provider, error) {
	c := a.Config.Swish
	if c.Payee+c.Cert+c.Key+c.P12+c.Password.Reveal()+c.CA+c.BaseURL == "" {
		return nil, nil
	}
	return wrong(swish.New(swish.Options{Payee: c.Payee, Cert: c.Cert, Key: c.Key, P12: c.P12, Password: c.Password.Reveal(), CA: c.CA, BaseURL: c.BaseURL,
		Live: a.live(), Secret: []byte(a.Vault.Token("swish", 1, 1)), Log: a.Log}))
}

// watchCredentials logs, each day, which ways to pay are about to lose their
// certificate or key.
func (a *App) watchCredentials(ctx context.Context) {
	tell := func() {
		for _, e := range a.Desk.Ending(time.Now()) {
			level := slog.LevelWarn
			if e.Days <= checkout.EndingNow {
				level = slog.LevelError
			}
			a.Log.Log(ctx, level, "the certificate of a way to pay ends", "method", e.Method, "days", e.Days, "ends", e.Until)
		}
	}
	tell()
	every(ctx, 24*time.Hour, tell)
}

// wrong turns a provider's own complaint about a setting into one of the configuration.
func wrong[P payment.Provider](p P, err error) (payment.Provider, error) {
	var ce *swish.ConfigError
	var st *stripe.ConfigError
	switch {
	case errors.As(err, &ce):
		return nil, &configError{ConfigFile, ce.Key, ce.What}
	case errors.As(err, &st):
		return nil, &configError{ConfigFile, st.Key, st.What}
	case err != nil:
		return nil, err
	}
	return p, nil
}
