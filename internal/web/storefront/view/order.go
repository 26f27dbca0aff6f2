package view

import (
	"net/url"
	"time"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/web/ui"
)

// Order is "/orders/{token}": the order for who holds the link.
type Order struct {
	Shell
	Number       string
	PlacedAt     time.Time
	Erased       bool   // who bought it is erased
	State        string // "placed", "closed", "cancelled"
	Paid         money.Money
	Left         money.Money // still to be paid; zero: nothing
	Reserved     string      // a sentence: the money is reserved, and when it is taken
	Refunded     money.Money // zero: nothing
	Method       string
	RefundDays   int // banking days until a refund shows
	Lines        []CartLine
	Totals       Totals
	Address      []string // lines of the delivery address; empty: not shown here
	Delivery     string   // "Paketbox, onsdag 25 november"
	Parcels      []Parcel
	Late         time.Time // a new, later delivery day; zero: in time
	Timeline     []ui.Entry
	Consents     []Agreed // what the buyer agreed to besides the terms
	ReceiptPath  string
	ReceiptText  string    // "Kvitto 8", "Faktura 3"
	Documents    []ui.Link // further documents: credit notes
	CancelPath   string    // POST; empty: cannot be cancelled any more
	WithdrawPath string    // with the order filled in; empty: "/withdraw"
	WithdrawBy   time.Time // last day to withdraw; zero: not known yet
	ClaimBy      time.Time // last day of the three years; zero: not said
	CasePath     string
	MailTrouble  string // address that could not be reached, or ""
	GiftCards    []BoughtCard
	GiftRefunded money.Money // back on gift cards; zero: nothing
	Reads        []string    // "data.read" sentences: who has read the buyer's data
}

// BoughtCard is a gift card that the order bought, with its code: for who holds the link.
type BoughtCard struct {
	Code    string
	Issued  money.Money
	Left    money.Money
	Expires time.Time
	Ended   bool
}

// GiftCard is "/gift-card": the form, and with Found what is left on a card.
type GiftCard struct {
	Shell
	Form    ui.Form // field "code"
	Found   bool
	Last4   string
	Left    money.Money
	Held    money.Money // of it besides, by purchases under way
	Expires time.Time
}

// Agreed is a consent of the buyer's, in the words he read.
type Agreed struct {
	Text string
	At   time.Time
}

// Parcel is one box on its way.
type Parcel struct {
	Carrier  string
	Number   string
	TrackURL string // absolute, the carrier's page; may be empty
	SentAt   time.Time
	Lines    []string // "1 st Stekpanna Glöd"
}

// Receipt is a document to keep: a receipt, a full invoice or a credit note.
type Receipt struct {
	Full bool // tells unit prices and bases without VAT, as a full invoice must
	Shell
	Kind      string // "receipt", "invoice", "credit"
	Number    string
	Order     string
	Date      time.Time // of the document
	Supplied  time.Time // of the supply when it is another day; zero: the same
	Due       time.Time // of an invoice; zero: none
	Buyer     []string  // name and address; only on a full invoice
	BuyerVAT  string
	Reference string
	Lines     []ReceiptLine
	Totals    Totals
	Paid      string // "Betalt med kort 23 november 2026"; or how to pay the invoice
	Credits   string // number of the document a credit note changes
	PDFPath   string
}

// ReceiptLine is one line with its VAT rate.
type ReceiptLine struct {
	Text     string
	TextLang lang.Lang
	Quantity int
	Price    money.Money // each, VAT included
	Total    money.Money
	Rate     int64       // basis points
	Net      money.Money // each, without VAT; with Receipt.Full
}

// FindOrder is "/orders/find". Number and address that belong together lead to the
// order; the answer to all others is the same.
type FindOrder struct {
	Shell
	Form ui.Form // fields "number", "email"
}

// Notify is "/products/{handle}/notify": where to write who wants to know when a
// variant is back.
type Notify struct {
	Shell
	Handle  string
	Title   string // of the goods
	Choices []ui.Option
	Form    ui.Form // fields "variant", "email"
}

// Waiting is "/waiting/{token}": a wish that is kept, or that it is forgotten.
type Waiting struct {
	Shell
	Title string // of the goods
	Gone  bool
	Path  string // the wish's own path: the form goes to Path+"/stop"
	Back  string // path of the goods; empty: they are gone
}

// Withdraw is "/withdraw", first step: who, which order, where the
// acknowledgement goes. Nothing else may be demanded.
type Withdraw struct {
	Shell
	Form ui.Form // fields "name", "number", "email", "message"
	// Once the order is known (from a link or an account) its lines can be chosen.
	Lines []WithdrawLine
	Keep  []Hidden // carried along
}

// WithdrawLine is a line of the order that may be given back.
type WithdrawLine struct {
	ID       string // field "line" with this value; quantity in "quantity.ID"
	Title    string
	TextLang lang.Lang
	Quantity int
	Chosen   bool
	Barred   string // why it cannot be withdrawn, or ""
}

// WithdrawConfirm is the second and last step: what was written, and the button.
type WithdrawConfirm struct {
	Shell
	Name, Number, Email, Message string
	Goods                        []string // "1 st Stekpanna Glöd"; empty: the whole order
	Keep                         []Hidden // the first step's values, carried along
}

// WithdrawDone is the acknowledgement, to keep.
type WithdrawDone struct {
	Shell
	At      time.Time // when the notice came in, by the server's clock
	Number  string
	Goods   string // "Stekpanna Glöd och 2 Honung Slåtteräng"
	Message string // what the buyer wrote
	Email   string
	Next    []string // what happens now: where to send it, when the money comes
}

// Support is "/support".
type Support struct {
	Shell
	Form     ui.Form // fields "topic", "message", "order", "name", "email"
	About    string  // the product, order or purchase the question is about, in words; or ""
	Keep     []Hidden
	Busy     string // sentence when answers take longer than usual, or ""
	AnswerBy time.Time
	Sent     bool // then AnswerBy is promised and the form gone
	CasePath string
	Topics   []ui.Option
	Common   []ui.Link // answers most look for
}

// Case is "/cases/{token}": one question and its answers.
type Case struct {
	Shell
	Subject  string
	Erased   bool // whose it was is erased, with all that was said
	Number   string
	State    string // "open", "answered", "closed"
	AnswerBy time.Time
	Messages []Message
	Form     ui.Form // field "message"
	Path     string  // the case's own path: forms go to Path+"/reply", "/solved", "/reopen"
}

// Message is one letter in a case.
type Message struct {
	From string // "Du", "Maja på kundtjänst"
	Ours bool
	At   time.Time
	Text string
	Lang lang.Lang
}

// Content is "/pages/{handle}".
type Content struct {
	Shell
	Heading  string
	Body     ui.Rich // made safe by the one reviewed function
	BodyLang lang.Lang
	Version  string       // of terms: "3"
	Updated  time.Time    // zero: not said
	PDFPath  string       // the same text to keep; or ""
	Links    []ui.Link    // other pages
	Register []Processing // of buyers' details; only on the page about privacy
}

// Processing is one use of somebody's details, in words.
type Processing struct {
	Name  string
	Facts []Told
}

// Told is a fact with its name.
type Told struct{ Name, Text string }

// Trust is "/trust": live figures, each with what it means.
type Trust struct {
	Shell
	Lead       string // empty: the usual words
	Figures    []Figure
	MeasuredAt time.Time
	Sections   []TrustSection
}

// Figure is one number. Tone says how it stands against its goal.
type Figure struct {
	Name, Value, Note string
	Tone              ui.Tone
}

// TrustSection is a heading with facts below.
type TrustSection struct {
	Heading string
	Text    string
	Facts   []Fact
	Chart   *ui.Chart
}

// Login is a step of the sign-in.
type Login struct {
	Shell
	Step  string // "email", "code", "factor", "password"
	Again bool   // who is signed in proves himself anew
	Email string // where the code went, of step "code"
	Form  ui.Form
	Keep  []Hidden
	// Message stands above the form.
	Message string
}

func (p Login) title() string {
	switch {
	case p.Step == "code":
		return lang.T(p.l(), "login.code.title")
	case p.Step == "factor":
		return lang.T(p.l(), "login.factor.title")
	case p.Again:
		return lang.T(p.l(), "login.again.title")
	}
	return lang.T(p.l(), "login.title")
}

// first is the step that asks who it is.
func (p Login) first() bool { return p.Step == "" || p.Step == "email" }

func (p Login) action() string {
	if p.first() {
		return "/login"
	}
	return "/login/" + p.Step
}

// with is a path of the sign-in that leads to the same page afterwards.
func (p Login) with(path string) string {
	q := url.Values{}
	for _, h := range p.Keep {
		q.Set(h.Name, h.Value)
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// Fault is every page that says no: 400, 403, 404, 413, 429, 500, 503. Title and
// Text are whole words in the page's language; nothing in them came from the request.
type Fault struct {
	Shell
	Status  int
	Title   string
	Text    string
	Ref     string // to name to customer service; empty: none
	Search  bool   // offer search (404)
	Picks   []Card
	Waiting int // minutes in a queue; 0: no queue
}

// span is how many columns stand before the sums.
func (p Receipt) span() string {
	if p.Full {
		return "5"
	}
	return "4"
}
