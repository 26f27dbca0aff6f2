package klarnasim

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"kassavalv/internal/shop/payment/paytest"
)

// control makes the routes by which a test in another process steers the server.
func (s *Server) control() {
	s.mux.HandleFunc("GET /control/orders", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"items": s.Orders()})
	})
	s.mux.HandleFunc("POST /control/faults", func(w http.ResponseWriter, r *http.Request) {
		var f paytest.Fault
		b, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
		if err := json.Unmarshal(b, &f); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.Set(f)
	})
	s.mux.HandleFunc("POST /control/forward", func(w http.ResponseWriter, r *http.Request) {
		d, err := time.ParseDuration(r.FormValue("by"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.Forward(d)
	})
	s.mux.HandleFunc("POST /control/settle", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, s.Settle()) })
}

// Fraud sets the outcome of the check for fraud of an order: ACCEPTED, PENDING, REJECTED
// or STOPPED.
func (s *Server) Fraud(order, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.orders[order]; o != nil {
		o.Fraud = status
	}
}

// CancelInPortal cancels an order as the merchant can in Klarna's portal, behind the
// shop's back.
func (s *Server) CancelInPortal(order string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.orders[order]; o != nil {
		o.Status, o.Remaining = "CANCELLED", 0
	}
}

// Withhold makes Klarna forget to pay out, and to tell, what it has captured of an order.
func (s *Server) Withhold(order string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.orders[order]; o != nil {
		for _, c := range o.Captures {
			c.settled = true
		}
	}
}

// BeforeDisable runs f once, just before the next page is closed.
func (s *Server) BeforeDisable(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beforeDisable = f
}

// AfterCapture runs f once, when the next capture has been made and not yet answered.
func (s *Server) AfterCapture(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.afterCapture = f
}

// LosePages loses the answer to each new page, and to nothing else.
func (s *Server) LosePages(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.losePages = on
}

// FillPayouts makes n payouts of so many equal charges, for tests of long lists.
func (s *Server) FillPayouts(n, rows int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		p := &payout{Reference: short(), At: s.now().Truncate(time.Second), Currency: "SEK", Type: "NET", Merchant: "N000000", Totals: map[string]int64{}}
		for range rows {
			p.rows = append(p.rows, trans{Type: "CHARGE", Detail: "MANUAL_ENTRY", Amount: 100, Currency: "SEK", Payout: p.Reference, At: p.At})
		}
		s.payouts = append(s.payouts, p)
	}
}

// Main runs the simulator as a process until it is killed: --addr, --username, --password.
func Main(args []string) int {
	fs := flag.NewFlagSet("klarnasim", flag.ContinueOnError)
	addr := fs.String("addr", "127.0.0.1:0", "address to listen on")
	user := fs.String("username", "", "API user name")
	pass := fs.String("password", "", "API password")
	if fs.Parse(args) != nil {
		return 2
	}
	s := NewServer(Options{Username: *user, Password: *pass})
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Printf("open: http://%s username %s password %s\n", l.Addr(), s.Username(), s.Password())
	fmt.Fprintln(os.Stderr, http.Serve(l, s))
	return 1
}
