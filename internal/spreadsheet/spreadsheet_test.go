package spreadsheet

import (
	"encoding/csv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// formulas are beginnings that a spreadsheet would reckon with.
var formulas = []string{"=1+1", "+46701234567", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "|cmd", "%0A=1", "＝1+1", "＋1", "－1", "＠x", "  =1", " =1", "\u200b=1", "\ufeff=1", "\x00=1", "=\"x\";=1", "'=1"}

func read(t interface{ Fatal(...any) }, file string) [][]string {
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(file, "\ufeff")))
	r.Comma = ';'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err, file)
	}
	return rows
}

// What begins as a formula is text, and what does not stays as it is.
func TestFormulas(t *testing.T) {
	for _, f := range formulas {
		if got := guard(f); got != "'"+f {
			t.Errorf("%q is written %q", f, got)
		}
	}
	for _, s := range []string{"", " ", "Åsa Ek", "a=b", "12", "1-2", "x;=1", "«=»"} {
		if got := guard(s); got != s {
			t.Errorf("%q is written %q", s, got)
		}
	}
}

// Whatever stands in the cells: rows and cells are as many as were written, each holds what was written
// once one apostrophe is taken away, and none begins as a formula.
func TestAnyCells(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.OneOf(rapid.String(), rapid.SampledFrom(formulas), rapid.StringMatching(`[=+@";' \r\n-]{0,6}`))
		n := rapid.IntRange(1, 4).Draw(t, "cells")
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, n, n), 1, 4).Draw(t, "rows")
		var b strings.Builder
		w := New(&b)
		for _, r := range rows {
			w.Row(r...)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		got := read(t, b.String())
		if len(got) != len(rows) {
			t.Fatalf("%d rows of %d", len(got), len(rows))
		}
		for i, r := range rows {
			if len(got[i]) != n {
				t.Fatalf("%d cells of %d", len(got[i]), n)
			}
			for j, c := range r {
				// The reader of the test makes one line end of two.
				if back, want := strings.TrimPrefix(got[i][j], "'"), strings.ReplaceAll(c, "\r\n", "\n"); back != want {
					t.Fatalf("%q comes back as %q", c, back)
				}
				if s := strings.TrimSpace(got[i][j]); s != "" && strings.ContainsRune("=+-@", rune(s[0])) || strings.IndexAny(got[i][j], "\t\r\n") == 0 {
					t.Fatalf("%q begins as a formula", got[i][j])
				}
			}
		}
	})
}
