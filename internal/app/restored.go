package app

import (
	"context"
	"errors"
	"fmt"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/stock"
)

// lookingKeeper gives keys and takes none: whoever looks at a copy makes and destroys nothing.
type lookingKeeper struct{ secret.Keeper }

func (lookingKeeper) Put(context.Context, secret.Key) error { return secret.ErrReadOnly }
func (lookingKeeper) Destroy(context.Context, string) error { return secret.ErrReadOnly }

// checkRestored looks at a shop that was restored as the shop itself knows it: the keys of the
// vault fit, the audit log is the one that was signed, and payments, gift cards and stock add
// up. d is a copy of which nothing is kept.
func checkRestored(ctx context.Context, d *db.DB, k secret.Keeper) (out []copies.Finding) {
	find := func(object string, unknown bool, format string, args ...any) {
		out = append(out, copies.Finding{Object: object, What: fmt.Sprintf(format, args...), Unknown: unknown})
	}
	out = checkSums(ctx, d)
	if k == nil {
		find("audit log", true, "was not looked at: it takes the shop's keys, which could not be read")
		return out
	}
	v, err := secret.Open(ctx, d, lookingKeeper{k})
	if err != nil {
		find("vault", errors.Is(err, secret.ErrReadOnly), "the shop's keys do not open it: %v", err)
		return out
	}
	return append(out, checkLog(ctx, d, v.LogSigner)...)
}

// checkSums looks whether payments, gift cards and stock add up.
func checkSums(ctx context.Context, d *db.DB) (out []copies.Finding) {
	for room, sums := range map[string]func(db.Q) ([]string, int, error){"payments": payment.WrongSums, "gift cards": giftcard.WrongSums, "stock": stock.WrongSums} {
		wrong, err := db.Read(ctx, d, func(q *db.Reader) ([]string, error) { w, _, err := sums(q); return w, err })
		if err != nil {
			out = append(out, copies.Finding{Object: room, What: fmt.Sprintf("cannot be read: %v", err), Unknown: ctx.Err() != nil})
		}
		for _, w := range wrong {
			out = append(out, copies.Finding{Object: room, What: w})
		}
	}
	return out
}

// checkSeries looks whether the series of documents have gaps.
func checkSeries(ctx context.Context, d *db.DB) (out []copies.Finding) {
	wrong, err := db.Read(ctx, d, func(q *db.Reader) ([]string, error) { return order.Examine(q) })
	if err != nil { // what could not be read in time says nothing about the shop
		out = append(out, copies.Finding{Object: "series", What: fmt.Sprintf("could not be read: %v", err), Unknown: true})
	}
	for _, w := range wrong {
		out = append(out, copies.Finding{Object: "series", What: w})
	}
	return out
}

// checkLog computes the audit log anew and compares it with what was signed.
func checkLog(ctx context.Context, d *db.DB, keys audit.Keys) (out []copies.Finding) {
	const object = "audit log"
	l, err := audit.OpenLog(ctx, d, audit.Options{Origin: "restored/log", Keys: keys})
	if err != nil {
		return []copies.Finding{{Object: object, What: fmt.Sprintf("cannot be opened: %v", err)}}
	}
	rep, err := l.Verify(ctx, audit.VerifyOptions{})
	if err != nil {
		out = append(out, copies.Finding{Object: object, What: fmt.Sprintf("could not be gone through: %v", err), Unknown: true})
	}
	for _, f := range rep.Faults[:min(len(rep.Faults), 20)] {
		out = append(out, copies.Finding{Object: object, What: f.String()})
	}
	return out
}
