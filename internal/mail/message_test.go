package mail

import (
	"bytes"
	"errors"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/jhillyerd/enmime/v2"
	"pgregory.net/rapid"

	"kassavalv/internal/lang"
)

func sample() Message {
	return Message{
		From: Address{"Ängens Verkstad", "butik@example.test"}, ReplyTo: "svar@example.test", To: "kund@example.test",
		Subject: "Tack för din beställning", Text: "Hej!\n\nOrder KV-4711.\n.\nSlut", HTML: "<!doctype html><p>Hej é</p>", Lang: lang.SV,
		MessageID: "0123456789abcdef@example.test", Date: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC),
	}
}

func raw(t testing.TB, m Message) []byte {
	t.Helper()
	b, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// headers are the header lines, unfolded.
func headers(b []byte) []string {
	head, _, _ := strings.Cut(string(b), "\r\n\r\n")
	return strings.Split(strings.ReplaceAll(head, "\r\n ", " "), "\r\n")
}

func TestMessageAsOthersReadIt(t *testing.T) {
	m := sample()
	m.Attachments = []Attachment{{"kvitto.pdf", "application/pdf", bytes.Repeat([]byte("%PDF\x00\xff"), 100)}}
	m.ListUnsubscribe = "https://shop.test/u/abc"
	b := raw(t, m)
	e, err := enmime.ReadEnvelope(bytes.NewReader(b))
	if err != nil || len(e.Errors) > 0 {
		t.Fatal(err, e.Errors)
	}
	if e.GetHeader("Subject") != m.Subject || e.Text != strings.ReplaceAll(m.Text, "\n", "\r\n")+"\r\n" && strings.TrimSpace(strings.ReplaceAll(e.Text, "\r\n", "\n")) != m.Text ||
		strings.TrimSpace(e.HTML) != m.HTML || len(e.Attachments) != 1 || !bytes.Equal(e.Attachments[0].Content, m.Attachments[0].Data) ||
		e.Attachments[0].FileName != "kvitto.pdf" || e.GetHeader("List-Unsubscribe") != "<https://shop.test/u/abc>" {
		t.Fatalf("%q %q %q %d", e.GetHeader("Subject"), e.Text, e.HTML, len(e.Attachments))
	}
	from, err := e.AddressList("From")
	if err != nil || len(from) != 1 || from[0].Name != m.From.Name || from[0].Address != m.From.Email {
		t.Fatal(from, err)
	}
	if !bytes.Equal(b, raw(t, m)) {
		t.Fatal("other bytes the second time")
	}
	m.MessageID = "1123456789abcdef@example.test"
	if bytes.Equal(b, raw(t, m)) {
		t.Fatal("the boundary does not follow the Message-ID")
	}
	for _, line := range strings.Split(string(b), "\r\n") {
		if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
			t.Fatalf("%q", line)
		}
	}
}

// Values a stranger may have chosen. Each is refused, or arrives as it is, in
// one header of each name and for one recipient.
var evil = []string{
	"a\r\nBcc: evil@example.test", "a\nBcc: evil@example.test", "a\rBcc: x", "a\u2028Bcc: x", "a\u2029x", "a\u0085x", "a\x00b", "a\x0bb", "a\x7fb",
	"%0d%0aBcc: evil@example.test", "=?utf-8?q?a=0d=0aBcc:_evil@example.test?=", "=?utf-8?B?QmNjOiB4?=", "a?= =?utf-8?q?b", "\u202egnp.exe", "\u2066x\u2069",
	"\"quoted\" <evil@example.test>", "a, b <c@example.test>", "(comment)", "a;b:c", " leading", "trailing ", "å\r\n b", "\xff\xfe", strings.Repeat("å", 150), strings.Repeat("a ", 90), "日本語の件名", "=", "?", "tab\there",
}

func TestHeaderInjection(t *testing.T) {
	want := headers(raw(t, sample()))
	for _, s := range evil {
		for _, field := range []string{"subject", "name"} {
			m := sample()
			if field == "subject" {
				m.Subject = s
			} else {
				m.From.Name = s
			}
			b, err := m.Bytes()
			if err != nil {
				if !errors.Is(err, ErrHeader) {
					t.Errorf("%q: %v", s, err)
				}
				continue
			}
			if strings.Contains(s, "=?") || strings.ContainsAny(s, "\r\n\x00\x0b\x7f\u2028\u2029\u0085\u202e\u2066\t") {
				t.Errorf("%q was taken as %s", s, field)
			}
			e, err := enmime.ReadEnvelope(bytes.NewReader(b))
			if err != nil || len(e.Errors) > 0 {
				t.Errorf("%q: %v %v", s, err, e.Errors)
				continue
			}
			got := e.GetHeader("Subject")
			if field == "name" {
				from, err := e.AddressList("From")
				if err != nil || len(from) != 1 || from[0].Address != "butik@example.test" {
					t.Errorf("%q: %v %v", s, from, err)
					continue
				}
				got = from[0].Name
			}
			if got != s {
				t.Errorf("%s %q arrived as %q", field, s, got)
			}
			if hs := headers(b); len(hs) != len(want) || !strings.Contains(strings.Join(hs, "\n"), "\nTo: <kund@example.test>") {
				t.Errorf("%q: %q", s, hs)
			}
		}
	}
	for _, to := range append([]string{"", "a", "a@b", "a@example.test,b@example.test", "a@example.test b@example.test", "A <a@example.test>", "<a@example.test>", "a@example.test\r\nBcc: x@example.test",
		"a@example.test>", "a@[127.0.0.1]", "\"a b\"@example.test", "a@example.test;b@example.test", "å@example.test", "a@exa\u2028mple.test", "group:a@example.test;"}, evil...) {
		for _, put := range []func(*Message){func(m *Message) { m.To = to }, func(m *Message) { m.ReplyTo = to + " " }, func(m *Message) { m.From.Email = to }} {
			m := sample()
			put(&m)
			if to == "" && m.ReplyTo == " " {
				continue
			}
			if b, err := m.Bytes(); !errors.Is(err, ErrAddress) {
				t.Errorf("%q: %v %q", to, err, headers(b))
			}
		}
	}
	for _, u := range []string{"http://shop.test/u", "https://shop.test/u>,<https://evil.test", "https://shop.test/\r\nX: y", "javascript:x", "https://å.test/", "https://u:p@shop.test/", "https://"} {
		m := sample()
		m.ListUnsubscribe = u
		if _, err := m.Bytes(); !errors.Is(err, ErrHeader) {
			t.Errorf("%q: %v", u, err)
		}
	}
	for _, a := range []Attachment{{"../a.pdf", "application/pdf", nil}, {"a\".pdf", "application/pdf", nil}, {"a.pdf\r\nX: y", "application/pdf", nil}, {"a.pdf", "a/b\r\nX: y", nil}, {".a", "text/plain", nil}, {"å.pdf", "application/pdf", nil}} {
		m := sample()
		m.Attachments = []Attachment{a}
		if _, err := m.Bytes(); !errors.Is(err, ErrHeader) {
			t.Errorf("%+v: %v", a, err)
		}
	}
	for name, put := range map[string]func(*Message){
		"no subject": func(m *Message) { m.Subject = "" }, "no id": func(m *Message) { m.MessageID = "" }, "bad id": func(m *Message) { m.MessageID = "a>\r\nX: y@b" },
		"no date": func(m *Message) { m.Date = time.Time{} }, "no text": func(m *Message) { m.Text = " \n" },
		"too much": func(m *Message) { m.Text = strings.Repeat("a", MaxBytes) },
		"large file": func(m *Message) {
			m.Attachments = []Attachment{{"a.pdf", "application/pdf", make([]byte, MaxBytes)}}
		},
	} {
		m := sample()
		put(&m)
		if _, err := m.Bytes(); err == nil {
			t.Error(name, "was taken")
		}
	}
}

func TestBodiesArriveWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := sample()
		m.Text = "x" + rapid.String().Draw(t, "text")
		m.HTML = "x" + rapid.StringOf(rapid.SampledFrom([]rune("a-=_\n. å\r\t<m0123456789abcdef"))).Draw(t, "html")
		m.Subject = strings.ReplaceAll(rapid.StringMatching(`[ -~åäö=?_]{1,120}`).Draw(t, "subject"), "=?", "=")
		b, err := m.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		c := Copy{Raw: b}
		if err := c.parse(); err != nil {
			t.Fatal(err)
		}
		same := func(got, want string) bool {
			norm := func(s string) string { return strings.ReplaceAll(lines(s), "\r\n", "\n") }
			return strings.TrimSuffix(got, "\n") == strings.TrimSuffix(norm(want), "\n")
		}
		if !same(c.Text, m.Text) || !same(c.HTML, m.HTML) || c.Subject != m.Subject {
			t.Fatalf("%q %q %q", c.Text, c.HTML, c.Subject)
		}
		if _, err := netmail.ReadMessage(bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzMessage(f *testing.F) {
	for _, s := range evil {
		f.Add(s, s, s)
	}
	base := len(headers(raw(f, sample())))
	f.Fuzz(func(t *testing.T, subject, name, to string) {
		m := sample()
		m.Subject, m.From.Name, m.To = subject, name, to
		b, err := m.Bytes()
		if err != nil {
			return
		}
		r, err := netmail.ReadMessage(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if a, err := r.Header.AddressList("To"); err != nil || len(a) != 1 {
			t.Fatal(a, err)
		}
		if a, err := r.Header.AddressList("From"); err != nil || len(a) != 1 || a[0].Name != name && name != "" {
			t.Fatal(a, err)
		}
		if hs := headers(b); len(hs) != base {
			t.Fatal(hs)
		}
	})
}
