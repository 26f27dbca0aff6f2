// Command kassavalv is the shop: the storefront, the back office, its vault and
// its demo, in one program.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"kassavalv/internal/app"
	"kassavalv/internal/handover"
)

// Exit status, documented and stable.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitFound  = 3 // ran well and found something
)

// found is returned by a command that ran well and found something.
var errFound = errors.New("something was found")

type cli struct {
	Data string `help:"Data directory." placeholder:"DIR" env:"KASSAVALV_DATA"`
	JSON bool   `name:"json" help:"Print data as JSON."`

	Demo    demoCmd         `cmd:"" help:"A complete shop on this machine, with sample goods."`
	Bank    bankCmd         `cmd:"" help:"The sandbox bank by itself."`
	Init    initCmd         `cmd:"" help:"Make a new shop: company facts, keys, the first owner's sign-up link."`
	Serve   serveCmd        `cmd:"" help:"Run the shop."`
	Import  importCmd       `cmd:"" help:"Bring in products from another shop's CSV file."`
	Routes  routesCmd       `cmd:"" help:"Every route of every listener."`
	Audit   auditCmd        `cmd:"" help:"The audit log."`
	Check   checkCmd        `cmd:"" help:"Is this installation sound? Configuration, keys, clock, certificate, mail, copies."`
	Backup  backupCmd       `cmd:"" help:"The copies of the shop at other places."`
	Restore restoreCmd      `cmd:"" help:"Bring a shop back from its copies into an empty folder."`
	Clone   cloneCmd        `cmd:"" help:"Make a second shop for trying things out, in which every person is invented."`
	Keys    keysCmd         `cmd:"" help:"The keys under which personal details are sealed."`
	Outpost outpostCmd      `cmd:"" help:"Another machine that takes copies, keeps them and notices when the shop is silent."`
	Drill   drillProcessCmd `cmd:"" name:"drill-process" hidden:"" help:"What a running shop starts to prove the way back."`
	Version versionCmd      `cmd:"" help:"What this program is."`
}

// env is what every command gets.
type env struct {
	ctx   context.Context
	data  string
	json  bool
	log   *slog.Logger
	level *slog.LevelVar

	handed *handover.Sockets // from a predecessor or the system
}

func (e env) dir(usual string) string {
	if e.data != "" {
		return e.data
	}
	return usual
}

func main() {
	app.DrillsApart()
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	var c cli
	p, err := kong.New(&c, kong.Name("kassavalv"), kong.Description("An e-commerce platform that buyer and merchant can trust, and see why."), kong.UsageOnError(),
		kong.Exit(func(int) {}))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	helped := false
	p.Exit = func(code int) { helped = true }
	k, err := p.Parse(args)
	if helped {
		return exitDone
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kassavalv:", err)
		fmt.Fprintln(os.Stderr, "Run kassavalv --help for what it can do.")
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	level := new(slog.LevelVar)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	handed, err := handover.Inherit()
	if err != nil {
		fmt.Fprintln(os.Stderr, "kassavalv:", err)
		return exitFailed
	}
	switch err := k.Run(env{ctx: ctx, data: c.Data, json: c.JSON, log: log, level: level, handed: handed}); {
	case err == nil:
		return exitDone
	case errors.Is(err, errFound):
		return exitFound
	default:
		fmt.Fprintln(os.Stderr, "kassavalv:", err)
		return exitFailed
	}
}
