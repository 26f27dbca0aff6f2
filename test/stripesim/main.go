// Command stripesim is Stripe's stand-in as a process of its own, to try the shop
// against by hand:
//
//	go run ./test/stripesim -addr 127.0.0.1:9001 -key sk_test_1 -secret whsec_0123456789
//	KASSAVALV_STRIPE_SECRET_KEY=sk_test_1 KASSAVALV_STRIPE_WEBHOOK_SECRET=whsec_0123456789 KASSAVALV_STRIPE_BASE_URL=http://127.0.0.1:9001 kassavalv demo
//
// Notifications are sent when it knows where: curl -d '{"url":"https://localhost:8443/hooks/stripe","ca":"…PEM…"}' http://127.0.0.1:9001/control/hook
package main

import (
	"fmt"
	"os"

	"kassavalv/internal/shop/payment/paytest/stripesim"
)

func main() {
	if err := stripesim.Main(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
