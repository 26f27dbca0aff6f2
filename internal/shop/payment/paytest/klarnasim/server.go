package klarnasim

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"

	"kassavalv/internal/shop/payment/paytest"
)

// Options of a server.
type Options struct {
	Username, Password string
	// Sessions makes keys count for sessions too.
	Sessions bool
	// Silent sends no status updates.
	Silent bool
	// Prompt pays out whatever has been taken whenever the payouts are listed.
	Prompt bool
}

// Server is the simulator: an http.Handler.
type Server struct {
	opt    Options
	mux    *http.ServeMux
	client *http.Client
	sent   sync.WaitGroup

	faults paytest.Faults

	beforeDisable func()
	afterCapture  func()
	losePages     bool

	mu       sync.Mutex
	ahead    time.Duration // of the real clock
	sessions map[string]*session
	pages    map[string]*page
	orders   map[string]*order
	keys     map[string]*answer
	payouts  []*payout
	serial   int
}

type line struct {
	Type      string `json:"type,omitempty"`
	Reference string `json:"reference,omitempty"`
	Name      string `json:"name"`
	Quantity  int64  `json:"quantity"`
	UnitPrice int64  `json:"unit_price"`
	TaxRate   int64  `json:"tax_rate"`
	Total     int64  `json:"total_amount"`
	Discount  int64  `json:"total_discount_amount,omitempty"`
	Tax       int64  `json:"total_tax_amount"`
}

type session struct {
	ID        string    `json:"-"`
	Amount    int64     `json:"order_amount"`
	Tax       int64     `json:"order_tax_amount"`
	Country   string    `json:"purchase_country"`
	Currency  string    `json:"purchase_currency"`
	Locale    string    `json:"locale"`
	Reference string    `json:"merchant_reference1,omitempty"`
	Lines     []line    `json:"order_lines"`
	Intent    string    `json:"intent,omitempty"`
	Status    string    `json:"status"`
	Expires   time.Time `json:"expires_at"`
	made      int
}

type page struct {
	ID, Code, Session, Status, Order string
	URLs                             map[string]string
	Updated, Expires                 time.Time
	Told                             bool // its address was answered to somebody, or opened
}

type order struct {
	ID        string     `json:"order_id"`
	Short     string     `json:"klarna_reference"`
	Status    string     `json:"status"`
	Fraud     string     `json:"fraud_status"`
	Amount    int64      `json:"order_amount"`
	Original  int64      `json:"original_order_amount"`
	Captured  int64      `json:"captured_amount"`
	Refunded  int64      `json:"refunded_amount"`
	Remaining int64      `json:"remaining_authorized_amount"`
	Country   string     `json:"purchase_country"`
	Currency  string     `json:"purchase_currency"`
	Locale    string     `json:"locale"`
	Reference string     `json:"merchant_reference1,omitempty"`
	Lines     []line     `json:"order_lines"`
	Created   time.Time  `json:"created_at"`
	Expires   time.Time  `json:"expires_at"`
	Captures  []*capture `json:"captures"`
	Refunds   []*refund  `json:"refunds"`
	serial    int
}

type capture struct {
	ID        string    `json:"capture_id"`
	Amount    int64     `json:"captured_amount"`
	Refunded  int64     `json:"refunded_amount"`
	Reference string    `json:"reference,omitempty"`
	Short     string    `json:"klarna_reference"`
	At        time.Time `json:"captured_at"`
	Lines     []line    `json:"order_lines,omitempty"`
	settled   bool
}

type refund struct {
	ID          string    `json:"refund_id"`
	Amount      int64     `json:"refunded_amount"`
	Reference   string    `json:"reference,omitempty"`
	Description string    `json:"description,omitempty"`
	At          time.Time `json:"refunded_at"`
	Lines       []line    `json:"order_lines,omitempty"`
	settled     bool
}

// answer is what a key was answered with.
type answer struct {
	at     time.Time
	status int
	header map[string]string
	body   any
}

// The lifetimes that Klarna documents.
const (
	sessionLife = 48 * time.Hour
	pageLife    = sessionLife - time.Hour
	orderLife   = 28 * 24 * time.Hour
	keyLife     = 24 * time.Hour
)

// NewServer makes an empty simulator.
func NewServer(o Options) *Server {
	if o.Username == "" {
		o.Username, o.Password = "PK00000_kassavalv", "klarna_test_api_kassavalv"
	}
	s := &Server{opt: o, mux: http.NewServeMux(), sessions: map[string]*session{}, pages: map[string]*page{}, orders: map[string]*order{}, keys: map[string]*answer{},
		// Shops under test have authorities of their own.
		client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	s.routes()
	return s
}

// Username and Password are what a client must send.
func (s *Server) Username() string { return s.opt.Username }

// Password is the secret that goes with Username.
func (s *Server) Password() string { return s.opt.Password }

func (s *Server) now() time.Time { return time.Now().Add(s.ahead).UTC().Truncate(time.Millisecond) }

// Set makes the server misbehave from now on.
func (s *Server) Set(f paytest.Fault) { s.faults.Set(f) }

// Forward moves the server's clock.
func (s *Server) Forward(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead += d
}

// Calls counts the API's requests.
func (s *Server) Calls() int { return s.faults.Calls() }

// Wait blocks until the status updates that are under way have been sent.
func (s *Server) Wait() { s.sent.Wait() }

func uuid() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func short() string { return strings.ToUpper(uuid()[:8]) }

// life lets what is too old end. The lock is held.
func (o *order) life(now time.Time) {
	if (o.Status == "AUTHORIZED" || o.Status == "PART_CAPTURED") && now.After(o.Expires) {
		o.Remaining = 0
		if o.Status = "EXPIRED"; o.Captured > 0 {
			o.Status = "CAPTURED"
		}
	}
}

// Order is an order as the books have it.
type Order struct {
	ID, Reference, Status, Fraud          string
	Amount, Captured, Refunded, Remaining int64
	Currency                              string
	Captures, Refunds                     int
	CaptureRefs, RefundRefs               []string
	RefundNotes                           []string // shown to the buyer
}

// Orders lists the orders, oldest first.
func (s *Server) Orders() []Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Order
	for _, o := range s.sorted() {
		o.life(s.now())
		x := Order{ID: o.ID, Reference: o.Reference, Status: o.Status, Fraud: o.Fraud, Amount: o.Amount, Captured: o.Captured, Refunded: o.Refunded, Remaining: o.Remaining, Currency: o.Currency,
			Captures: len(o.Captures), Refunds: len(o.Refunds)}
		for _, c := range o.Captures {
			x.CaptureRefs = append(x.CaptureRefs, c.Reference)
		}
		for _, r := range o.Refunds {
			x.RefundRefs, x.RefundNotes = append(x.RefundRefs, r.Reference), append(x.RefundNotes, r.Description)
		}
		out = append(out, x)
	}
	return out
}

func (s *Server) sorted() []*order {
	var out []*order
	for _, o := range s.orders {
		out = append(out, o)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].serial < out[j].serial })
	return out
}
