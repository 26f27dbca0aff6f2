package main

import (
	"context"
	"time"

	"kassavalv/internal/app"
)

type serveCmd struct{}

// Help is the example under --help.
func (serveCmd) Help() string { return "Example: kassavalv serve --data /var/lib/kassavalv" }

func (serveCmd) Run(e env) error {
	a, err := app.Serve(e.ctx, e.dir("./kassavalv-data"), e.log)
	if err != nil {
		return err
	}
	e.log.Info("the shop is open", "url", a.Origin)
	<-e.ctx.Done()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return a.Close(ctx)
}
