package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"kassavalv/internal/app"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/intake"
)

type importCmd struct {
	File   string `arg:"" help:"Product file of Shopify or WooCommerce (CSV), a bank's file (camt.053, camt.054, BgMax), or Klarna's settlement file (CSV)." placeholder:"FILE"`
	DryRun bool   `help:"Say what would be done, and do nothing."`
	Images string `help:"Folder with the pictures that the file names; the others are fetched later." placeholder:"DIR"`
}

// Help is the example under --help.
func (importCmd) Help() string {
	return "Examples:\n  kassavalv import products_export.csv --dry-run\n  kassavalv import camt054.xml\n  kassavalv import klarna_settlement.csv --dry-run\n\nThe file is recognised by its content. Exit status: 0 everything is in, 1 nothing went in, 3 some rows were reported, payments wait for a person, or a settlement file and the books differ; the rest is in."
}

// shownProblems is how many rows a person is shown; --json has them all.
const shownProblems = 50

func (c *importCmd) Run(e env) error {
	dir := e.dir("./kassavalv-data")
	cfg, err := app.LoadConfig(dir, os.Environ())
	if err != nil {
		return err
	}
	if bank, err := app.IsBankFile(c.File); err != nil {
		return err
	} else if bank {
		return c.bank(e, dir, cfg)
	}
	o := app.ImportOptions{DryRun: c.DryRun, Images: c.Images, Log: e.log}
	if !e.json {
		o.Progress = progress("Reading rows")
	}
	rep, err := app.Import(e.ctx, dir, cfg, c.File, o)
	l := speech()
	if f := fault.As(err); f != nil {
		err = errors.New(lang.TArgs(l, f.SentenceKey(), f.Args))
	}
	if e.json {
		if jerr := printJSON(os.Stdout, l, rep, err); jerr != nil {
			return jerr
		}
	} else if err == nil {
		printReport(os.Stdout, l, rep)
	}
	switch {
	case err != nil:
		return err
	case rep.In() == 0:
		return errors.New("nothing went in")
	case rep.ProblemCount > 0:
		return errFound
	}
	return nil
}

// speech is Swedish for those whose system speaks it, English for the others.
func speech() lang.Lang {
	for _, k := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(k); v != "" {
			if strings.HasPrefix(v, "sv") {
				return lang.SV
			}
			return lang.EN
		}
	}
	return lang.EN
}

// told is a problem with its reason in words.
type told struct {
	intake.Problem
	Reason string `json:"reason"`
}

func reasons(l lang.Lang, ps []intake.Problem) []told {
	out := make([]told, len(ps))
	for i, p := range ps {
		out[i] = told{p, p.Sentence(l)}
	}
	return out
}

func printJSON(w io.Writer, l lang.Lang, rep intake.Report, err error) error {
	out := struct {
		intake.Report
		Unknown  []string `json:"unknown_columns"`
		Unused   []string `json:"unused_columns"`
		Problems []told   `json:"problems"`
		Notes    []told   `json:"notes"`
		Error    string   `json:"error,omitempty"`
	}{Report: rep, Unknown: append([]string{}, rep.Unknown...), Unused: append([]string{}, rep.Unused...), Problems: reasons(l, rep.Problems), Notes: reasons(l, rep.Notes)}
	if err != nil {
		out.Error = err.Error()
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}

func printReport(w io.Writer, l lang.Lang, rep intake.Report) {
	would := ""
	if rep.DryRun {
		would = "Dry run: nothing was written. It would be:\n"
	}
	fmt.Fprintf(w, "%s%s, %s, %d rows, %s\n\n", would, map[string]string{intake.Shopify: "Shopify", intake.WooCommerce: "WooCommerce"}[rep.Format], rep.Encoding, rep.Rows, rep.Took.Round(time.Millisecond))
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "\tcreated\tchanged\tunchanged\tnot in\t")
	fmt.Fprintf(tw, "Products\t%d\t%d\t%d\t%d\t\n", rep.Products.Created, rep.Products.Changed, rep.Products.Unchanged, rep.NotIn)
	fmt.Fprintf(tw, "Variants\t%d\t%d\t%d\t\t\n", rep.Variants.Created, rep.Variants.Changed, rep.Variants.Unchanged)
	fmt.Fprintf(tw, "Categories\t%d\t\t\t\t\n", rep.Categories)
	tw.Flush()
	if rep.PicturesNow+rep.PicturesDue > 0 {
		fmt.Fprintf(w, "\nPictures: %d taken from the folder, %d to be fetched by the running shop.\n", rep.PicturesNow, rep.PicturesDue)
	}
	if len(rep.Unknown) > 0 {
		fmt.Fprintf(w, "\nColumns that are not known: %s\n", strings.Join(rep.Unknown, ", "))
	}
	if len(rep.Unused) > 0 {
		fmt.Fprintf(w, "\nColumns that nothing was made of: %s\n", strings.Join(rep.Unused, ", "))
	}
	table(w, l, fmt.Sprintf("Rows with problems: %d", rep.RowsBad), rep.Problems, rep.ProblemCount)
	table(w, l, "Notes: these rows are in", rep.Notes, rep.NoteCount)
}

func table(w io.Writer, l lang.Lang, title string, ps []intake.Problem, n int) {
	if n == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n\n", title)
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, p := range ps[:min(len(ps), shownProblems)] {
		fmt.Fprintf(tw, "line %d\t%s\t%s\n", p.Line, p.Column, p.Sentence(l))
	}
	tw.Flush()
	if n > shownProblems {
		fmt.Fprintf(w, "… and %d more; --json lists them.\n", n-shownProblems)
	}
}
