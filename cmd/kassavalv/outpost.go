package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"kassavalv/internal/app"
)

type outpostCmd struct {
	Init    outpostInitCmd    `cmd:"" help:"Make an outpost on this machine, and a token that lets a shop in."`
	Run     outpostRunCmd     `cmd:"" help:"Take copies and watch over them."`
	Join    outpostJoinCmd    `cmd:"" help:"On the shop's machine: let the outpost of a token keep its copies."`
	Release outpostReleaseCmd `cmd:"" help:"Let retention go on after you have looked at what stopped it."`
}

const usualOutpost = "./kassavalv-outpost"

type outpostInitCmd struct {
	Address string `help:"HOST:PORT under which shops reach this machine." placeholder:"HOST:PORT"`
	Listen  string `help:"HOST:PORT of the listener, where it is another." placeholder:"HOST:PORT"`
	Shop    string `help:"Make a token for the new machine of a shop that is enrolled already." placeholder:"ID"`
}

// Help is the example under --help.
func (outpostInitCmd) Help() string {
	return "Example: kassavalv outpost init --address watch.example:8445 --data /var/lib/kassavalv-outpost\n\nRun again, it makes another token. A token lets one shop in, once, within a day."
}

func (c *outpostInitCmd) Run(e env) error {
	dir := e.dir(usualOutpost)
	token, err := app.OutpostInit(dir, c.Address, c.Listen, c.Shop)
	if err != nil {
		return err
	}
	if e.json {
		return e.printed(map[string]string{"token": token})
	}
	fmt.Printf("The outpost is in %s. Run it:\n\n  kassavalv outpost run --data %s\n\nThen, on the shop's machine, within a day:\n\n  kassavalv outpost join %s\n", dir, dir, token)
	return nil
}

type outpostRunCmd struct {
	ReadyFile string `help:"Write the addresses there, as JSON, when it answers." placeholder:"FILE"`
}

// Help is the example under --help.
func (outpostRunCmd) Help() string {
	return "Example: kassavalv outpost run --data /var/lib/kassavalv-outpost\n\nHow the shops stand is told at http://127.0.0.1:8446/status."
}

func (c *outpostRunCmd) Run(e env) error {
	dir := e.dir(usualOutpost)
	p, err := app.OutpostRun(e.ctx, dir, e.log)
	if err != nil {
		return err
	}
	e.log.Info("the outpost takes copies", "addr", p.Addr(), "status", p.StatusAddr())
	if c.ReadyFile != "" {
		if err := os.WriteFile(c.ReadyFile+".new", fmt.Appendf(nil, "{\"outpost\": %q, \"status\": %q, \"pid\": %d}\n", p.Addr(), p.StatusAddr(), os.Getpid()), 0o600); err != nil {
			return err
		}
		if err := os.Rename(c.ReadyFile+".new", c.ReadyFile); err != nil {
			return err
		}
		defer os.Remove(c.ReadyFile)
	}
	<-e.ctx.Done()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return p.Close(ctx)
}

type outpostJoinCmd struct {
	Token string `arg:"" help:"What kassavalv outpost init printed."`
	Name  string `help:"The shop's name for it." default:"outpost"`
}

// Help is the example under --help.
func (outpostJoinCmd) Help() string {
	return "Example: kassavalv outpost join kassavalv-outpost-1.eyJh… --name watch --data /var/lib/kassavalv"
}

func (c *outpostJoinCmd) Run(e env) error {
	j, err := app.OutpostJoin(e.ctx, e.dir(usualData), c.Token, c.Name)
	if err != nil {
		return err
	}
	switch {
	case e.json:
		return e.printed(j)
	case j.Empty:
		fmt.Printf("The outpost knows this machine. Bring the shop back with:\n\n  kassavalv restore --from '%s' --data NEWDIR\n", j.Site)
	default:
		fmt.Printf("The outpost knows the shop. Add it to kassavalv.toml, with where it is and who runs it, and start the shop again:\n\n  [copies]\n  sites = [\"%s&location=…&provider=…\"]\n", j.Site)
	}
	return nil
}

type outpostReleaseCmd struct {
	Shop string `arg:"" help:"The shop, as /status names it."`
}

// Help is the example under --help.
func (outpostReleaseCmd) Help() string {
	return "Example: kassavalv outpost release 0f1e2d3c4b5a69788796a5b4c3d2e1f0 --data /var/lib/kassavalv-outpost\n\nLook first: /status says what looked wrong. Once released, what retention no longer keeps is removed within seconds."
}

func (c *outpostReleaseCmd) Run(e env) error {
	if err := app.OutpostRelease(e.dir(usualOutpost), c.Shop); err != nil {
		return err
	}
	fmt.Println("Retention goes on for this shop.")
	return nil
}
