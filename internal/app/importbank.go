package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"

	"kassavalv/internal/fault"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/camt"
	"kassavalv/internal/shop/payment/klarna"
)

// settlements are the files of payment companies that can be taken in.
var settlements = []payment.Settlement{klarna.Settlement}

// IsBankFile reports whether the file at path begins as a bank's file does, or as the
// settlement file of a payment company.
func IsBankFile(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return false, nil // a folder; who reads it says so
	}
	head = head[:n]
	return camt.Recognise(head) || slices.ContainsFunc(settlements, func(s payment.Settlement) bool { return s.Recognise(head) }), nil
}

// ImportBank takes a bank's file into the shop in dir, as Import does goods. The
// errors are those of checkout.ImportBank and of opening.
func ImportBank(ctx context.Context, dir string, cfg Config, path string, o ImportOptions) (checkout.BankReport, error) {
	f, err := os.Open(path)
	if err != nil {
		return checkout.BankReport{}, err
	}
	defer f.Close()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a, err := open(ctx, dir, cfg, o.Log, openOptions{})
	if errors.Is(err, ErrLocked) {
		return bankOver(ctx, dir, f, o)
	}
	if err != nil {
		return checkout.BankReport{}, err
	}
	defer a.Close(context.WithoutCancel(ctx))
	d := &checkout.Desk{DB: a.DB, Vault: a.Vault, Live: a.live(), Accounts: content.Accounts, Settlements: settlements, Times: checkout.DefaultTimes, Log: o.Log}
	return d.ImportBank(ctx, importer, f, o.DryRun)
}

// saidOfBank is the answer to a file.
type saidOfBank struct {
	Report *checkout.BankReport `json:"report,omitempty"`
	Code   string               `json:"code,omitempty"` // of a fault
	Args   map[string]any       `json:"args,omitempty"`
	Error  string               `json:"error,omitempty"`
}

// controlBank takes a bank's file in the body and answers with the report.
func (a *App) controlBank(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	dry, _ := strconv.ParseBool(r.URL.Query().Get("dry_run"))
	rep, err := a.Desk.ImportBank(r.Context(), importer, r.Body, dry)
	end := saidOfBank{Report: &rep}
	if f := fault.As(err); f != nil {
		end = saidOfBank{Code: f.Code, Args: f.Args}
		io.Copy(io.Discard, io.LimitReader(r.Body, 64<<20)) // so that who sends it hears the answer
	} else if err != nil {
		end = saidOfBank{Error: err.Error()}
	}
	json.NewEncoder(w).Encode(end)
}

// bankOver has the running program take a file in.
func bankOver(ctx context.Context, dir string, f io.Reader, o ImportOptions) (checkout.BankReport, error) {
	res, done, err := askRunning(ctx, dir, "/import/bank?"+url.Values{"dry_run": {strconv.FormatBool(o.DryRun)}}.Encode(), f)
	if err != nil {
		return checkout.BankReport{}, err
	}
	defer done()
	dec := json.NewDecoder(res.Body)
	dec.UseNumber()
	var s saidOfBank
	if err := dec.Decode(&s); err != nil {
		return checkout.BankReport{}, fmt.Errorf("the running program broke off: %w", err)
	}
	switch {
	case s.Code != "":
		return checkout.BankReport{}, &fault.Error{Kind: fault.Unprocessable, Code: s.Code, Args: s.Args}
	case s.Error != "":
		return checkout.BankReport{}, errors.New(s.Error)
	case s.Report == nil:
		return checkout.BankReport{}, errors.New("the running program gave no report; it is of another version")
	}
	return *s.Report, nil
}
