package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"kassavalv/internal/app"
)

type serveCmd struct{}

// Help is the example under --help.
func (serveCmd) Help() string { return "Example: kassavalv serve --data /var/lib/kassavalv" }

func (serveCmd) Run(e env) error {
	dir := e.dir("./kassavalv-data")
	cfg, err := app.LoadConfig(dir, os.Environ())
	if err != nil {
		return err
	}
	e.level.Set(cfg.LogLevel(slog.LevelInfo))
	a, err := app.Serve(e.ctx, dir, e.log)
	if err != nil {
		return err
	}
	e.log.Info("the shop is open", "url", a.Origin)
	<-e.ctx.Done()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return a.Close(ctx)
}
