package main

import (
	"log/slog"
	"os"

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
	a, err := app.Serve(e.ctx, dir, e.handed, e.log)
	if err != nil {
		return err
	}
	e.log.Info("the shop is open", "url", a.Origin)
	return e.stay(a, dir)
}
