package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/demo/bank"
	"kassavalv/internal/demo/bank/wire"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/paytest"
)

// The sandbox bank keeps the contract that every real partner keeps.
func TestProviderSuite(t *testing.T) { paytest.Run(t, newSim) }

// And the suite is worth something: each fault put into the client is found.
func TestProviderSuiteFindsLies(t *testing.T) { paytest.Lies(t, newSim) }

// sim is a bank with faults before its API and an address of ours behind it.
type sim struct {
	faults paytest.Faults
	bank   *bank.Server
	http   *http.Client
	hook   *httptest.Server
	got    chan paytest.Notice
	p      *Provider
}

func newSim(t *testing.T) paytest.Sim {
	s := &sim{got: make(chan paytest.Notice, 1000)}
	b, err := bank.New(bank.Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.bank = b
	to, err := url.Parse(b.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	proxy.ModifyResponse = s.tellFalsely
	tr := &http.Transport{MaxIdleConnsPerHost: 64}
	proxy.Transport = tr
	front := httptest.NewUnstartedServer(s.faults.Before(proxy))
	front.Config.ErrorLog = proxy.ErrorLog
	front.Start()
	s.hook = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		select {
		case s.got <- paytest.Notice{Header: r.Header, Query: r.URL.RawQuery, Body: body}:
		default:
		}
	}))
	s.hook.Config.ErrorLog = proxy.ErrorLog
	s.hook.StartTLS()
	s.http = &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	s.p = New(front.URL, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.hook.Certificate().Raw})))
	t.Cleanup(func() {
		s.faults.Set(paytest.Fault{})
		s.p.client.CloseIdleConnections()
		front.Close()
		tr.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Error(err)
		}
		s.hook.Close()
	})
	return s
}

// tellFalsely changes what the bank tells of a payment, as the fault wants.
func (s *sim) tellFalsely(res *http.Response) error {
	f := s.faults.Now()
	if f.Amount == 0 && f.Currency == "" {
		return nil
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var l wire.List
	if err := json.Unmarshal(b, &l); err == nil {
		for i := range l.Items {
			p := &l.Items[i]
			p.Amount += f.Amount
			if p.Captured > 0 {
				p.Captured += f.Amount
			}
			if f.Currency != "" {
				p.Currency = f.Currency
			}
		}
		if b, err = json.Marshal(l); err != nil {
			return err
		}
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	res.Header.Del("Content-Length")
	return nil
}

func (s *sim) Provider() payment.Provider { return s.p }

func (s *sim) Fit(w payment.Start) payment.Start {
	w.NotifyURL = s.hook.URL + "/hooks/card"
	return w
}

func (s *sim) Secrets() []string { return []string{wire.Secret, wire.Bearer()} }

// form posts to the bank's pages as a browser does.
func (s *sim) form(t *testing.T, path string, v url.Values) {
	t.Helper()
	res, err := s.http.PostForm(s.bank.URL()+path, v)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode >= 400 && res.StatusCode != http.StatusUnprocessableEntity {
		t.Fatalf("%s: %d", path, res.StatusCode)
	}
}

func (s *sim) card(t *testing.T, ref, number string) {
	t.Helper()
	s.form(t, "/pay/"+ref, url.Values{"card_number": {number}})
}

func (s *sim) Pay(t *testing.T, ref string) { s.card(t, ref, "4242424242424242") }

func (s *sim) Refuse(t *testing.T, ref, code string) {
	switch code {
	case wire.ReasonDeclined:
		s.card(t, ref, "4000000000000002")
	case wire.ReasonInsufficientFunds:
		s.card(t, ref, "4000000000009995")
	case wire.ReasonBankError:
		s.card(t, ref, "4000000000000119")
	case wire.ReasonAuthentication:
		s.card(t, ref, "4000000000003220")
		for range 3 {
			s.form(t, "/pay/"+ref+"/code", url.Values{"code": {"000000"}})
		}
	default:
		t.Fatalf("no code %q", code)
	}
}

func (s *sim) Codes() map[string]payment.Reason {
	return map[string]payment.Reason{wire.ReasonDeclined: payment.Declined, wire.ReasonInsufficientFunds: payment.Insufficient, wire.ReasonBankError: payment.BankError, wire.ReasonAuthentication: payment.AuthFailed}
}

func (s *sim) Leave(t *testing.T, ref string) bool {
	s.form(t, "/pay/"+ref+"/cancel", nil)
	return true
}

func (s *sim) Expire(*testing.T, string) bool { return false }

func (s *sim) Set(f paytest.Fault) { s.faults.Set(f) }
func (s *sim) Calls() int          { return s.faults.Calls() }

// notify has the bank post an event and returns it.
func (s *sim) notify(t *testing.T, ref, body string) paytest.Notice {
	t.Helper()
	for len(s.got) > 0 {
		<-s.got
	}
	res, err := s.http.Post(s.bank.URL()+"/control/payments/"+ref+"/notify", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out struct {
		EventID string `json:"event_id"`
	}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	for end := time.After(time.Minute); ; {
		select {
		case n := <-s.got: // others of the same payment may come between
			if strings.Contains(string(n.Body), out.EventID) {
				return n
			}
		case <-end:
			t.Fatal("no notification came")
		}
	}
}

func (s *sim) Notice(t *testing.T, ref string) paytest.Notice { return s.notify(t, ref, `{}`) }

func (s *sim) Forge(t *testing.T, ref string) (paytest.Notice, bool) {
	return s.notify(t, ref, `{"override":{"account":"another","livemode":true}}`), true
}

func (s *sim) Sign(_ *testing.T, body []byte) paytest.Notice {
	return paytest.Notice{Header: http.Header{wire.HeaderSignature: {wire.SignatureHeader(wire.Secret, time.Now(), body)}}, Body: body}
}

func (s *sim) Books(t *testing.T) []paytest.Book {
	t.Helper()
	res, err := s.http.Get(s.bank.URL() + "/control/payments")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var l struct {
		Items []struct {
			ID, Reference, Currency    string
			Captured, Refunded, Amount int64
		} `json:"items"`
	}
	if err := json.NewDecoder(res.Body).Decode(&l); err != nil {
		t.Fatal(err)
	}
	var out []paytest.Book
	for _, p := range l.Items {
		out = append(out, paytest.Book{Ref: p.ID, Reference: p.Reference, Authorised: money.New(0, p.Currency), Captured: money.New(p.Captured, p.Currency), Refunded: money.New(p.Refunded, p.Currency)})
	}
	return out
}
