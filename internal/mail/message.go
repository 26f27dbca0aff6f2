package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"mime/quotedprintable"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

// Errors of a message. They are faults of what was put in; another try does
// not mend them.
var (
	ErrHeader  = errors.New("mail: a header value holds what must not be there")
	ErrAddress = errors.New("mail: not one plain address")
	ErrBody    = errors.New("mail: no text, or too much")
)

// MaxBytes bounds a whole message.
const MaxBytes = 8 << 20

// Address is a sender: a mailbox of the shop.
type Address struct {
	Name  string
	Email string
}

// Attachment is a file in a message. Its name is of A–Z a–z 0–9 . _ - alone.
type Attachment struct {
	Name string
	Type string // "application/pdf"
	Data []byte
}

// Message is a letter to one recipient. Renderers fill To, Subject, Text and
// HTML, and what more they need; the worker fills From, ReplyTo where empty,
// MessageID and Date.
type Message struct {
	From        Address
	ReplyTo     string // bare address; empty: none
	To          string // bare address
	Subject     string // at most 200 characters
	Text        string // always
	HTML        string // a whole document, as Letter.HTML writes it; empty: text alone
	Lang        lang.Lang
	Attachments []Attachment
	// ListUnsubscribe is an https address that ends a subscription by one POST
	// (RFC 8058); only for what one can unsubscribe from.
	ListUnsubscribe string
	MessageID       string // without angle brackets
	Date            time.Time
}

var (
	messageID  = regexp.MustCompile(`^[a-z0-9]{8,64}@[a-z0-9.-]{1,253}$`)
	fileName   = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}$`)
	mediaType  = regexp.MustCompile(`^(application|text|image)/[a-z0-9.+-]{1,60}$`)
	langForm   = regexp.MustCompile(`^[a-z]{2}$`)
	plainWords = regexp.MustCompile(`^[A-Za-z0-9 ]*$`)
)

// CheckHeader refuses text that must not stand in a header: line breaks of any
// kind, control characters, bidirectional overrides, the beginning of an encoded
// word, broken UTF-8, more than max characters. Forms use it for what will become a subject or a name.
func CheckHeader(s string, max int) error {
	// Some readers decode a header twice, so even well encoded this would be
	// read as encoded text in the end.
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > max || strings.Contains(s, "=?") {
		return ErrHeader
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == 0x2028 || r == 0x2029 || r == 0xfffd ||
			r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ErrHeader
		}
	}
	return nil
}

// Recipient returns the one form in which an address is mailed: an addr-spec
// in ASCII. ErrAddress for two of them, a name before it, a comment, anything else.
func Recipient(s string) (string, error) {
	a, err := secret.CanonicalEmail(s)
	if err != nil {
		return "", ErrAddress
	}
	return a, nil
}

// Bytes writes the message as it leaves, and the same each time. The envelope's
// addresses are From.Email and To in the form of Recipient.
func (m Message) Bytes() ([]byte, error) {
	from, err := Recipient(m.From.Email)
	if err != nil {
		return nil, err
	}
	to, err := Recipient(m.To)
	if err != nil {
		return nil, err
	}
	for s, n := range map[string]int{m.Subject: 200, m.From.Name: 100} {
		if err := CheckHeader(s, n); err != nil {
			return nil, err
		}
	}
	if m.Subject == "" || !messageID.MatchString(m.MessageID) || m.Date.IsZero() || !langForm.MatchString(string(m.Lang.Or())) {
		return nil, ErrHeader
	}
	if strings.TrimSpace(m.Text) == "" || len(m.Text)+len(m.HTML) > MaxBytes/2 {
		return nil, ErrBody
	}
	var b bytes.Buffer
	head := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	head("Date", m.Date.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	if m.From.Name == "" {
		head("From", "<"+from+">")
	} else {
		head("From", phrase(m.From.Name)+"\r\n <"+from+">")
	}
	head("To", "<"+to+">")
	if m.ReplyTo != "" {
		r, err := Recipient(m.ReplyTo)
		if err != nil {
			return nil, err
		}
		head("Reply-To", "<"+r+">")
	}
	head("Subject", encode(m.Subject))
	head("Message-ID", "<"+m.MessageID+">")
	head("Content-Language", string(m.Lang.Or()))
	head("Auto-Submitted", "auto-generated") // RFC 3834: out-of-office robots stay quiet
	if m.ListUnsubscribe != "" {
		u, err := url.Parse(m.ListUnsubscribe)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(m.ListUnsubscribe) > 800 || strings.ContainsAny(m.ListUnsubscribe, "<>, \t\"") ||
			CheckHeader(m.ListUnsubscribe, 800) != nil || !ascii(m.ListUnsubscribe) {
			return nil, ErrHeader
		}
		head("List-Unsubscribe", "<"+m.ListUnsubscribe+">")
		head("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	}
	head("MIME-Version", "1.0")
	seed := sha256.Sum256([]byte(m.MessageID))
	// No line of quoted-printable or base64 text can begin with "--=_": both
	// write the equals sign otherwise.
	boundary := func(n byte) string { return fmt.Sprintf("=_%c%s", n, hex.EncodeToString(seed[:12])) }
	open := func(kind string, n byte) {
		fmt.Fprintf(&b, "Content-Type: multipart/%s;\r\n boundary=\"%s\"\r\n\r\n", kind, boundary(n))
	}
	next := func(n byte) { fmt.Fprintf(&b, "--%s\r\n", boundary(n)) }
	end := func(n byte) { fmt.Fprintf(&b, "--%s--\r\n", boundary(n)) }
	if len(m.Attachments) > 0 {
		open("mixed", 'm')
		next('m')
	}
	if m.HTML == "" {
		writeText(&b, "plain", m.Text)
	} else {
		open("alternative", 'a')
		next('a')
		writeText(&b, "plain", m.Text)
		next('a')
		writeText(&b, "html", m.HTML)
		end('a')
	}
	for _, a := range m.Attachments {
		if !fileName.MatchString(a.Name) || !mediaType.MatchString(a.Type) {
			return nil, ErrHeader
		}
		if b.Len()+len(a.Data)*3/2 > MaxBytes {
			return nil, ErrBody
		}
		next('m')
		fmt.Fprintf(&b, "Content-Type: %s\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n filename=\"%s\"\r\n\r\n", a.Type, a.Name)
		s := base64.StdEncoding.EncodeToString(a.Data)
		for len(s) > 76 {
			b.WriteString(s[:76] + "\r\n")
			s = s[76:]
		}
		b.WriteString(s + "\r\n")
	}
	if len(m.Attachments) > 0 {
		end('m')
	}
	if b.Len() > MaxBytes {
		return nil, ErrBody
	}
	return b.Bytes(), nil
}

func writeText(b *bytes.Buffer, kind, s string) {
	fmt.Fprintf(b, "Content-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", kind)
	w := quotedprintable.NewWriter(b)
	w.Write([]byte(lines(s)))
	w.Close()
	b.WriteString("\r\n") // belongs to the boundary that follows, not to the text
}

// lines makes every line end CRLF and drops what no mail text holds.
func lines(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\x00", "").Replace(strings.ToValidUTF8(s, "\ufffd"))
	return strings.ReplaceAll(s, "\n", "\r\n")
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// encode writes unstructured text. Anything but plain, short ASCII becomes
// encoded words.
func encode(s string) string {
	if ascii(s) && len(s) <= 60 && s == strings.TrimSpace(s) {
		return s
	}
	return words(s)
}

// phrase writes a name before an address.
func phrase(s string) string {
	if len(s) <= 60 && plainWords.MatchString(s) && s == strings.TrimSpace(s) {
		return s
	}
	return words(s)
}

// words splits s into encoded words of RFC 2047, none longer than 75
// characters, none ending inside a character, one a line.
func words(s string) string {
	var out []string
	for s != "" {
		n := 0
		for n < len(s) {
			_, k := utf8.DecodeRuneInString(s[n:])
			if n+k > 42 {
				break
			}
			n += k
		}
		out = append(out, "=?utf-8?B?"+base64.StdEncoding.EncodeToString([]byte(s[:n]))+"?=")
		s = s[n:]
	}
	return strings.Join(out, "\r\n ")
}
