package apptest

import (
	"crypto/rand"
	"encoding/hex"
	"net/url"
	"strings"
	"time"
)

// Cards of the sandbox bank.
const (
	Good     = "4242424242424242"
	Declined = "4000000000000002"
	NoFunds  = "4000000000009995"
	Second   = "4000000000003220"
	Trouble  = "4000000000000119"
	Twice    = "4000000000005126" // notified twice before the buyer returns
	Silent   = "4000000000000341" // never notified
	Hangs    = "4000000000009987" // paid, then the payment hangs for 30 s
)

// NewMail is a mail address nobody else has.
func NewMail() string {
	var b [6]byte
	rand.Read(b[:])
	return "prov-" + hex.EncodeToString(b[:]) + "@example.se"
}

// Payment is what the bank believes.
type Payment struct {
	ID        string `json:"id"`
	Reference string `json:"reference"`
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency"`
	State     string `json:"state"`
	Captured  int64  `json:"captured"`
	Refunded  int64  `json:"refunded"`
	// Notes are what the buyer reads with the money that went back.
	Notes []string `json:"notes"`
}

// Payments lists the bank's books; reference "" lists all.
func (c *Client) Payments(reference string) []Payment {
	c.T.Helper()
	var p page[Payment]
	c.Want(c.Do("GET", c.Bank+"/control/payments?reference="+url.QueryEscape(reference), nil), 200, &p)
	return p.Items
}

// Payment is the one payment of a purchase.
func (c *Client) Payment(reference string) Payment {
	c.T.Helper()
	ps := c.Payments(reference)
	if len(ps) != 1 {
		c.T.Fatalf("%d payments at the bank for one purchase", len(ps))
	}
	return ps[0]
}

// Pay types a card number (and the second factor) on the bank's page and returns
// where the bank sends the buyer. It does not go there.
func (c *Client) Pay(p Purchase, card string) string {
	c.T.Helper()
	if p.Next == nil {
		c.T.Fatalf("no way to the bank in state %s", p.State)
	}
	to, err := c.TryPay(p.Next.URL, card)
	if err != nil {
		c.T.Fatal(err)
	}
	return to
}

// TryPay is Pay for an address, with the error of a connection that broke.
func (c *Client) TryPay(at, card string) (string, error) {
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	// Reading the page first is what a browser does; it moves the payment on.
	if _, err := c.Try("GET", at, nil); err != nil {
		return "", err
	}
	a, err := c.Try("POST", at, Raw(url.Values{"card_number": {card}}.Encode()), form...)
	if err != nil {
		return "", err
	}
	if a.Status == 200 && strings.Contains(string(a.Body), `name="code"`) {
		if a, err = c.Try("POST", at+"/code", Raw("code=123456"), form...); err != nil {
			return "", err
		}
	}
	return a.Location(), nil
}

// Notified is what the shop answered to notifications.
type Notified struct {
	Results []struct {
		Status int    `json:"status"`
		Error  string `json:"error"`
	} `json:"results"`
}

// Notify has the bank send notifications, true or false ones.
func (c *Client) Notify(payment string, body any) (n Notified) {
	c.T.Helper()
	c.Want(c.Do("POST", c.Bank+"/control/payments/"+payment+"/notify", body), 200, &n)
	return
}

// Faults sets what the bank does wrong; nil ends it.
func (c *Client) Faults(f map[string]any) {
	c.T.Helper()
	if f == nil {
		f = map[string]any{}
	}
	c.Want(c.Do("POST", c.Bank+"/control/faults", f), 200, nil)
}

// Mail is a message that arrived.
type Mail struct {
	ID       string    `json:"id"`
	From     string    `json:"from"`
	To       []string  `json:"to"`
	Subject  string    `json:"subject"`
	Text     string    `json:"text"`
	HTML     string    `json:"html"`
	Received time.Time `json:"received_at"`
}

// Mails lists messages to an address, newest first; "" lists all.
func (c *Client) Mails(to string) []Mail {
	c.T.Helper()
	var p page[Mail]
	c.Want(c.Do("GET", c.Mailbox+"/api/messages?limit=5000&to="+url.QueryEscape(to), nil), 200, &p)
	return p.Items
}

// RawMail is a message as it came.
func (c *Client) RawMail(id string) string {
	c.T.Helper()
	a := c.Do("GET", c.Mailbox+"/api/messages/"+id+"/raw", nil)
	c.Want(a, 200, nil)
	return string(a.Body)
}

// OneMail waits for the first message to an address.
func (c *Client) OneMail(to string) Mail {
	c.T.Helper()
	var ms []Mail
	c.Wait("a mail arrives", 30*time.Second, func() bool { ms = c.Mails(to); return len(ms) > 0 })
	return ms[len(ms)-1]
}
