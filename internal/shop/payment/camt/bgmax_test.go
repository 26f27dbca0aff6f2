package camt

import (
	"fmt"
	"strings"
	"testing"

	"kassavalv/internal/fault"
	"kassavalv/internal/money"
)

func bgFile() []string {
	return []string{
		"01BGMAX               0120261112063000000000P",
		"050009912346          SEK",
		"200000000000" + fmt.Sprintf("%-25s%018d%s%012d0", "1000000123", 23900, "23", 1),
		"25Tack för kaffet",
		"26Vera Exempel                       Exempelbolaget",
		"27Storgatan 1                        123 45",
		"28Exempelstad                        Sverige                            SE",
		"29005560000167",
		"200000000000" + fmt.Sprintf("%-25s%018d%s%012d0", "", 48850, "33", 2),
		"220000000000" + fmt.Sprintf("%-25s%018d%s%012d0", "1000000131", 50000, "23", 2),
		"230000000000" + fmt.Sprintf("%-25s%018d%s%012d0", "1000000149", 1150, "23", 2),
		"200000000000" + fmt.Sprintf("%-25s%018d%s%012d0", "", 1000, "33", 3),
		"220000000000" + fmt.Sprintf("%-25s%018d%s%012d0", "1000000156", 0, "23", 3),
		"220000000000" + fmt.Sprintf("%-25s%018d%s%012d0", "1000000164", 0, "23", 3),
		"210000000000" + fmt.Sprintf("%-25s%018d%s%012d0", "1000000172", 750, "23", 4) + "0",
		"15" + fmt.Sprintf("%-35s%s%05d%018d%s%08d%s", "00000000000005839825746", "20261112", 12, 73000, "SEK", 3, "K"),
		"70" + fmt.Sprintf("%08d%08d%08d%08d", 3, 1, 4, 1),
	}
}

func readRows(rows []string) (File, error) {
	return Read(strings.NewReader(strings.Join(rows, "\r\n") + "\r\n"))
}

func TestBgMax(t *testing.T) {
	f, err := readRows(bgFile())
	if err != nil {
		t.Fatal(err)
	}
	if f.Format != BgMax || f.Version != "01" || f.Test || len(f.Accounts) != 1 || !f.Accounts[0].Account.SameAccount([]string{"991-2346"}) {
		t.Fatalf("%+v", f)
	}
	e := f.Accounts[0].Entries[0]
	got := ""
	for _, p := range e.Parts {
		got += fmt.Sprintf("%s%v %v|", sign(p.Credit), p.Amount, p.References)
	}
	if got != "+239.00 SEK [1000000123]|+500.00 SEK [1000000131]|-11.50 SEK [1000000149]|+10.00 SEK [1000000156 1000000164]|-7.50 SEK [1000000172]|" {
		t.Error(got)
	}
	if !e.Whole || e.Amount != money.SEK(73000) || e.Booked != date("2026-11-12") || e.Parts[0].Payer != "Vera Exempel Exempelbolaget" || e.Parts[0].Text[0] != "Tack för kaffet" {
		t.Errorf("%+v", e)
	}
	// As Bankgirot writes it, in ISO 8859-1.
	var latin []byte
	for _, r := range strings.Join(bgFile(), "\n") {
		latin = append(latin, byte(r))
	}
	g, err := Read(strings.NewReader(string(latin)))
	if err != nil || g.Accounts[0].Entries[0].Parts[0].Text[0] != "Tack för kaffet" || g.Accounts[0].Entries[0].Key != e.Key {
		t.Error(err)
	}
}

func TestBgMaxRefused(t *testing.T) {
	with := func(row int, s string) []string {
		r := bgFile()
		r[row] = s
		return r
	}
	without := func(row int) []string {
		r := bgFile()
		return append(r[:row:row], r[row+1:]...)
	}
	for name, rows := range map[string][]string{
		"no end":            without(16),
		"no opening":        without(1),
		"no deposit":        without(15),
		"a payment less":    without(11),
		"a reference less":  without(9),
		"another sum":       with(15, strings.Replace(bgFile()[15], "73000", "73001", 1)),
		"another count":     with(15, strings.Replace(bgFile()[15], "00000003K", "00000005K", 1)),
		"another currency":  with(15, strings.Replace(bgFile()[15], "SEK", "EUR", 1)),
		"a day there isn't": with(15, strings.Replace(bgFile()[15], "20261112", "20261131", 1)),
		"letters":           with(2, strings.Replace(bgFile()[2], "000000000000023900", "00000000000002x900", 1)),
		"minus":             with(2, strings.Replace(bgFile()[2], "000000000000023900", "-00000000000023900", 1)),
		"unknown row":       with(7, "30"),
		"more after it":     append(bgFile(), bgFile()[16]),
		"another version":   with(0, strings.Replace(bgFile()[0], "    01", "    02", 1)),
		"a long row":        with(2, bgFile()[2]+strings.Repeat(" ", 20)+"x"),
		"two in one":        with(2, "050009912346          SEK"),
		"about nobody":      with(2, "26Vera"),
	} {
		if _, err := readRows(rows); !fault.Is(err, "bankfile_broken") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read(strings.NewReader("01BGMAX" + strings.Repeat(" ", 5000))); !fault.Is(err, "bankfile_broken") {
		t.Error(err)
	}
}
