package app

import (
	"context"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/notice"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/shop/waitlist"
)

// work registers what the job runner does.
func (a *App) work() {
	if a.Mail != nil {
		notice.Register(a.Jobs, a.letters())
		a.Mail.Handle(a.Jobs)
	}
	a.peopleWork(a.letters())
	a.fetchPictures()
	a.Jobs.Handle("checkout.money_returned", job.Opts{}, func(ctx context.Context, j job.Job) error { return a.Desk.MoneyReturned(ctx, j.Ref) })
	a.Jobs.Handle(cart.JobMoved, job.Opts{}, func(ctx context.Context, j job.Job) error { return a.Desk.CartMoved(ctx, j.Ref) })
	a.Jobs.Handle(checkout.JobReserved, job.Opts{}, func(ctx context.Context, j job.Job) error { return a.Desk.SettleReserved(ctx, j.Ref) })
	a.Jobs.Handle(order.JobPaid, job.Opts{}, func(ctx context.Context, j job.Job) error { return a.Desk.IssueGiftCards(ctx, j.Ref) })
	a.Jobs.Handle(giftcard.JobMove, job.Opts{}, func(ctx context.Context, j job.Job) error {
		return db.Do(ctx, a.DB, func(tx *db.Tx) error {
			years, err := content.GiftCardYears.Get(tx)
			if err != nil {
				return err
			}
			return giftcard.Move(tx, a.Vault, j.Ref, years)
		})
	})
	a.compareBooks()
	a.Jobs.Handle(jobReopen, job.Opts{Limit: 10 * time.Minute}, func(ctx context.Context, j job.Job) error { return a.reopenAsked(ctx, int64(j.Ref)) })
	a.Jobs.Handle(checkout.JobGap, job.Opts{}, func(ctx context.Context, j job.Job) error { return a.Desk.CloseGap(ctx, j.Ref) })
	a.Jobs.Handle(checkout.JobGapReturn, job.Opts{}, func(ctx context.Context, j job.Job) error { return a.Desk.GapReturned(ctx, j.Ref) })
	support.Register(a.Jobs, a.DB)
	waitlist.Register(a.Jobs, a.DB, a.Vault)
	a.keepReadings()
	a.checkLog()
	a.tendPrivacy()
	a.Jobs.Every("secret.turn", time.Hour, job.Opts{}, func(ctx context.Context, _ job.Job) error { return a.Vault.Turn(ctx) })
	a.Jobs.Handle(jobTurn, job.Opts{}, func(ctx context.Context, j job.Job) error { return a.turnAsked(ctx, int64(j.Ref)) })
	a.Jobs.Every("auth.sweep", time.Hour, job.Opts{}, func(ctx context.Context, _ job.Job) error { return a.Auth.Sweep(ctx) })
	a.Jobs.Every("account.sweep", time.Hour, job.Opts{}, func(ctx context.Context, _ job.Job) error { return a.Accounts.Sweep(ctx) })
	a.Jobs.Every("auth.upkeep", time.Hour, job.Opts{}, func(ctx context.Context, _ job.Job) error { return a.Auth.Upkeep(ctx) })
}

// letters is what letters need.
func (a *App) letters() notice.Deps {
	return notice.Deps{DB: a.DB, Vault: a.Vault, Mail: a.Mail, Auth: a.Auth, Accounts: a.Accounts, Base: a.Origin, Office: a.officeOrigin(), Carriers: a.Carriers}
}
