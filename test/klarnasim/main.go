// Command klarnasim is Klarna's stand-in as a process of its own, to try the shop
// against by hand:
//
//	go run ./test/klarnasim --addr 127.0.0.1:9000
//	KASSAVALV_KLARNA_USERNAME=… KASSAVALV_KLARNA_PASSWORD=… KASSAVALV_KLARNA_BASE_URL=http://127.0.0.1:9000 kassavalv demo
package main

import (
	"os"

	"kassavalv/internal/shop/payment/paytest/klarnasim"
)

func main() { os.Exit(klarnasim.Main(os.Args[1:])) }
