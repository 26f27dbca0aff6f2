package app

import (
	"context"
	"time"

	"kassavalv/internal/job"
	"kassavalv/internal/shop/checkout"
)

// compareBooks has the shop's books held against those of the providers and of the
// account once a night; in the demo each hour, and whenever a person asks.
func (a *App) compareBooks() {
	a.Jobs.Every(checkout.JobReconcile, time.Hour, job.Opts{Workers: 1}, func(ctx context.Context, j job.Job) error {
		if j.Ref == 0 && !a.demo {
			if due, err := a.Desk.Nightly(ctx, time.Now()); err != nil || !due {
				return err
			}
		}
		return a.Desk.Reconcile(ctx)
	})
}
