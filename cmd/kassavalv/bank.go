package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"kassavalv/internal/demo/bank"
)

type bankCmd struct {
	Addr string `help:"Listener, HOST:PORT." required:"" placeholder:"HOST:PORT"`
}

// Help is the example under --help.
func (bankCmd) Help() string { return "Example: kassavalv bank --addr 127.0.0.1:8444 --data ./bank" }

func (c *bankCmd) Run(e env) error {
	b, err := bank.New(bank.Options{Dir: filepath.Join(e.dir("./kassavalv-bank"), "bank"), Addr: c.Addr, Log: e.log})
	if err != nil {
		return err
	}
	if err := b.Start(e.ctx); err != nil {
		return err
	}
	fmt.Println("The sandbox bank is open:", b.URL())
	<-e.ctx.Done()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return b.Close(ctx)
}
