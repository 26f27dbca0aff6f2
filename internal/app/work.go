package app

import (
	"context"
	"time"

	"kassavalv/internal/job"
	"kassavalv/internal/shop/checkout"
)

// work registers what the job runner does.
func (a *App) work() {
	if a.Mail != nil {
		a.Mail.Handle(a.Jobs)
	}
	a.Jobs.Handle("checkout.money_returned", job.Opts{}, func(ctx context.Context, j job.Job) error { return a.Desk.MoneyReturned(ctx, j.Ref) })
	a.Jobs.Every("secret.turn", 24*time.Hour, job.Opts{}, func(ctx context.Context, _ job.Job) error {
		if err := a.Vault.Turn(ctx); err != nil {
			return err
		}
		if _, err := a.Vault.Rewrap(ctx); err != nil {
			return err
		}
		_, err := a.Vault.DestroyOldEpochs(ctx)
		return err
	})
}

var _ = checkout.JobPlaced
