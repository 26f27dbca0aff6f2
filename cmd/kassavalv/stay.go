package main

import (
	"context"
	"os"
	"os/signal"
	"time"

	"kassavalv/internal/app"
	"kassavalv/internal/handover"
)

// stay serves until it is told to end, or to make way for a successor in the same
// process (SIGUSR2: a new version lies where this one lay, or a setting was changed).
// Then the sockets stay open: who calls meanwhile waits for the successor. What would
// keep it from starting is looked at before anything is stopped.
func (e env) stay(a *app.App, dir string) error {
	again := make(chan os.Signal, 1)
	if len(restartSignals) > 0 {
		signal.Notify(again, restartSignals...)
	}
	file, ferr := os.Executable()
	for {
		select {
		case <-e.ctx.Done():
			return e.end(a)
		case <-again:
		}
		err := ferr
		if err == nil {
			_, err = app.LoadConfig(dir, os.Environ())
		}
		if err == nil {
			err = handover.Probe(file, "version")
		}
		if err != nil {
			e.log.Error("no restart: the successor could not run; the shop goes on as it is", "err", err)
			continue
		}
		held, err := a.Hold()
		if err != nil {
			e.log.Error("no restart: the sockets cannot be handed over; the shop goes on as it is", "err", err)
			continue
		}
		signal.Ignore(restartSignals...) // a second wish on the way must not end the successor
		e.log.Info("making way for the successor")
		if err := e.end(a); err != nil {
			e.log.Warn("something did not end well before the restart", "err", err)
		}
		return held.Exec(file, os.Args)
	}
}

func (e env) end(a *app.App) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return a.Close(ctx)
}
