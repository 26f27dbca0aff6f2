package mailbox

import (
	"bytes"
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jhillyerd/enmime/v2"
	"golang.org/x/net/html"
)

// Message is one message as the API shows it.
type Message struct {
	ID          string       `json:"id"`
	From        string       `json:"from"`      // the address of the header From, else of the envelope
	FromName    string       `json:"from_name"` // may be empty
	To          []string     `json:"to"`        // recipients of the envelope
	Subject     string       `json:"subject"`
	Text        string       `json:"text"`
	HTML        string       `json:"html"`
	MessageID   string       `json:"message_id"` // without angle brackets
	ReceivedAt  time.Time    `json:"received_at"`
	Attachments []Attachment `json:"attachments"`
	Problems    []string     `json:"problems,omitempty"` // what is wrong with the message's form
}

// Attachment is a file in a message.
type Attachment struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Size int    `json:"size"` // bytes
	URL  string `json:"url"`  // path on this server
}

var parser = enmime.NewParser(
	enmime.DisableTextConversion(true), // text is what was sent as text, or nothing
	enmime.SkipMalformedParts(true),
)

// parse reads a message without keeping its attachments' bytes.
func parse(id string, env envelope, raw []byte) Message {
	m, _ := parseAll(id, env, raw)
	return m
}

// parseAll reads a message; one that is no mail at all is shown as its text.
func parseAll(id string, env envelope, raw []byte) (Message, [][]byte) {
	m := Message{ID: id, From: env.From, To: slices.Clone(env.To), Attachments: []Attachment{}}
	if m.To == nil {
		m.To = []string{}
	}
	if id != "" {
		m.ReceivedAt = received(id)
	}
	e, err := parser.ReadEnvelope(bytes.NewReader(raw))
	if err != nil {
		m.Text = strings.ToValidUTF8(string(raw), "\ufffd")
		m.Problems = []string{"the message could not be read as mail"}
		return m, nil
	}
	if a, err := mail.ParseAddress(e.GetHeader("From")); err == nil {
		m.From, m.FromName = a.Address, a.Name
	}
	m.Subject, m.Text, m.HTML = e.GetHeader("Subject"), e.Text, e.HTML
	m.MessageID = strings.Trim(strings.TrimSpace(e.GetHeader("Message-Id")), "<>")
	for _, p := range e.Errors {
		m.Problems = append(m.Problems, p.Name)
	}
	var parts [][]byte
	for _, p := range slices.Concat(e.Attachments, e.Inlines, e.OtherParts) {
		m.Attachments = append(m.Attachments, Attachment{Name: fileName(p.FileName, len(parts)), Type: p.ContentType, Size: len(p.Content)})
		parts = append(parts, p.Content)
	}
	return m, parts
}

// link gives the attachments their addresses, once the id is known.
func (m *Message) link() {
	for i := range m.Attachments {
		m.Attachments[i].URL = fmt.Sprintf("/messages/%s/attachments/%d", m.ID, i)
	}
}

// fileName makes a sender's name for a file harmless.
func fileName(name string, n int) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == '"' || r == '\ufffd' {
			return -1
		}
		return r
	}, name)
	if name = strings.Trim(name, ". "); name == "" {
		return fmt.Sprintf("part-%d", n+1)
	}
	return name
}

// Link is a link in a message: in the frame nothing can be followed.
type Link struct {
	Text string
	URL  string
}

var bareURL = regexp.MustCompile(`https?://[^\s<>"']+`)

// Links returns the web addresses of a message, each once, those of the HTML
// first.
func (m Message) Links() []Link {
	var out []Link
	add := func(text, address string) {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return
		}
		if slices.ContainsFunc(out, func(l Link) bool { return l.URL == address }) {
			return
		}
		if text = strings.Join(strings.Fields(text), " "); text == "" {
			text = address
		}
		out = append(out, Link{Text: text, URL: address})
	}
	if doc, err := html.Parse(strings.NewReader(m.HTML)); err == nil {
		for n := range doc.Descendants() {
			if n.Type != html.ElementNode || n.Data != "a" {
				continue
			}
			for _, a := range n.Attr {
				if a.Key == "href" {
					add(textOf(n), strings.TrimSpace(a.Val))
				}
			}
		}
	}
	for _, u := range bareURL.FindAllString(m.Text, -1) {
		add("", strings.TrimRight(u, ".,;:!?)]"))
	}
	return out
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}
