package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"kassavalv/internal/app"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/payment"
)

// bank takes a bank's file in.
func (c *importCmd) bank(e env, dir string, cfg app.Config) error {
	if c.Images != "" {
		return errors.New("--images goes with a product file; this is a bank's file")
	}
	rep, err := app.ImportBank(e.ctx, dir, cfg, c.File, app.ImportOptions{DryRun: c.DryRun, Log: e.log})
	l := speech()
	if f := fault.As(err); f != nil {
		err = errors.New(lang.TArgs(l, f.SentenceKey(), f.Args))
	}
	if e.json {
		out := struct {
			checkout.BankReport
			Error string `json:"error,omitempty"`
		}{BankReport: rep}
		if err != nil {
			out.Error = err.Error()
		}
		enc := json.NewEncoder(os.Stdout)
		enc.SetEscapeHTML(false)
		if jerr := enc.Encode(out); jerr != nil {
			return jerr
		}
	} else if err == nil {
		printBank(os.Stdout, l, rep)
	}
	switch {
	case err != nil:
		return err
	case rep.Open > 0:
		return errFound
	}
	return nil
}

func printBank(w io.Writer, l lang.Lang, r checkout.BankReport) {
	if r.DryRun {
		fmt.Fprintln(w, "Dry run: nothing was written. It would be:")
	}
	fmt.Fprintf(w, "%s %s, made %s, %d movements\n", r.Format, r.Version, r.Made.In(lang.Zone).Format("2006-01-02 15:04"), r.Entries)
	if r.Known {
		fmt.Fprintln(w, "\nThe same file was taken in before. Nothing was changed.")
		return
	}
	if r.Method != "" {
		printSettlement(w, l, r)
		return
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "\n%s\n", lang.TArgs(l, "bank.note."+n.Code, n.Args))
	}
	fmt.Fprintln(w)
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, x := range []struct {
		what string
		n    int
	}{{"entered on orders", r.Settled}, {"refunds found", r.Refunds}, {"payouts found", r.Payouts}, {"in already", r.Same}, {"for a person to decide", r.Open}, {"not booked yet", r.Pending}, {"from the account, no refunds", r.Outgoing}} {
		fmt.Fprintf(tw, "%s\t%d\t\n", x.what, x.n)
	}
	tw.Flush()
	for _, s := range r.Sums {
		fmt.Fprintf(w, "\n%s entered, %s to decide\n", lang.Money(l, s.Settled), lang.Money(l, s.Open))
	}
	if len(r.Results) == 0 {
		return
	}
	fmt.Fprintln(w)
	tw = tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, x := range r.Results[:min(len(r.Results), shownProblems)] {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", x.On.In(lang.Zone).Format(time.DateOnly), lang.Money(l, x.Amount), x.Order, lang.T(l, "bank.state."+x.State), checkout.LineReason(l, x.Reason))
	}
	tw.Flush()
	if len(r.Results) > shownProblems {
		fmt.Fprintf(w, "… and more; --json lists %d.\n", len(r.Results))
	}
}

// printSettlement tells how a payment company's settlement file and the books agree.
func printSettlement(w io.Writer, l lang.Lang, r checkout.BankReport) {
	fmt.Fprintln(w)
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, x := range []struct {
		what string
		n    int
	}{{"payouts", r.Payouts}, {"captures and refunds compared", r.Compared}, {"agree with the books", r.Same}, {"differ: a case each", r.Open}} {
		fmt.Fprintf(tw, "%s\t%d\t\n", x.what, x.n)
	}
	tw.Flush()
	if len(r.Diffs) == 0 {
		return
	}
	fmt.Fprintln(w)
	tw = tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	side := func(s *payment.CaseSide) string {
		if s == nil {
			return "-"
		}
		return lang.Money(l, s.Amount)
	}
	for _, d := range r.Diffs[:min(len(r.Diffs), shownProblems)] {
		fmt.Fprintf(tw, "%s\t%s\tours %s\ttheirs %s\n", d.Kind, d.Moved, side(d.Ours), side(d.Theirs))
	}
	tw.Flush()
	if len(r.Diffs) > shownProblems {
		fmt.Fprintf(w, "… and more; --json lists %d.\n", len(r.Diffs))
	}
}
