package main

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"kassavalv/internal/app"
)

type demoCmd struct {
	Addr      string `help:"HTTPS listener, HOST:PORT; port 0 is a free one. The other listeners then take free ports of their own." placeholder:"HOST:PORT"`
	Bank      string `help:"A sandbox bank that runs already." placeholder:"URL"`
	ReadyFile string `help:"Written as JSON once everything answers, removed at a clean stop." placeholder:"FILE"`
	Products  int    `help:"Fill the shop with this many products." placeholder:"N"`
	Now       string `help:"What laws and prices take for now, such as 2026-03-31 or 2026-03-31T23:59:00+02:00." placeholder:"TIME"`
}

// Help is the example under --help.
func (demoCmd) Help() string {
	return "Example: kassavalv demo --addr localhost:0 --ready-file ready.json --products 1000"
}

func (c *demoCmd) Run(e env) error {
	o := app.DemoOptions{Dir: e.dir("./kassavalv-demo"), Addr: c.Addr, Bank: c.Bank, ReadyFile: c.ReadyFile, Products: c.Products, Out: os.Stdout, Log: e.log, Handed: e.handed}
	if c.Products < 0 || c.Products > 1_000_000 {
		return fmt.Errorf("--products must lie between 0 and 1,000,000")
	}
	if c.Now != "" {
		at, err := parseTime(c.Now)
		if err != nil {
			return err
		}
		o.Now = at
	}
	cfg, err := app.LoadConfig(o.Dir, os.Environ())
	if err != nil {
		return err
	}
	e.level.Set(cfg.LogLevel(slog.LevelWarn)) // a person reads the screen
	o.Progress = progress("Filling the shop")
	a, ready, err := app.Demo(e.ctx, o)
	if err != nil {
		return err
	}
	ready.Tell(os.Stdout)
	defer fmt.Fprintln(os.Stdout, "Stopped.")
	return e.stay(a, o.Dir)
}

func parseTime(s string) (time.Time, error) {
	zone, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		return time.Time{}, err
	}
	for _, f := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(f, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time; write 2026-03-31 or 2026-03-31T23:59:00+02:00", s)
}

// progress shows how far something has come, on a terminal only.
func progress(what string) func(done, of int) {
	if !terminal(os.Stderr) {
		return nil
	}
	last := time.Time{}
	return func(done, of int) {
		if done < of && time.Since(last) < 100*time.Millisecond {
			return
		}
		last = time.Now()
		fmt.Fprintf(os.Stderr, "\r%s: %d of %d", what, done, of)
		if done >= of {
			fmt.Fprintln(os.Stderr)
		}
	}
}
