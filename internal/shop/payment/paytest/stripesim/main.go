package stripesim

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// Main runs the simulator as a process until it is killed. It prints its address.
func Main(args []string) error {
	fs := flag.NewFlagSet("stripesim", flag.ContinueOnError)
	addr := fs.String("addr", "127.0.0.1:0", "")
	key := fs.String("key", "", "secret key that it takes")
	secret := fs.String("secret", "", "of notifications")
	hook := fs.String("hook", "", "where notifications go")
	ca := fs.String("ca", "", "PEM file of the authority to trust there")
	if err := fs.Parse(args); err != nil {
		return err
	}
	o := Options{Key: *key, Secret: *secret, Hook: *hook}
	if *ca != "" {
		b, err := os.ReadFile(*ca)
		if err != nil {
			return err
		}
		o.CA = string(b)
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	fmt.Println("http://" + l.Addr().String())
	return (&http.Server{Handler: New(o).Handler(), ReadHeaderTimeout: 10 * time.Second}).Serve(l)
}
