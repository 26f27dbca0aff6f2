package view

import (
	"slices"
	"testing"
)

func TestMarked(t *testing.T) {
	for s, want := range map[string][]string{
		"":                    {""},
		"salt":                {"salt"},
		"av **råg**, vatten":  {"av ", "råg", ", vatten"},
		"**råg** och **ägg**": {"", "råg", " och ", "ägg", ""},
		"5 ** 2":              {"5 ** 2"},
		"**råg** 5 ** 2":      {"", "råg", " 5 ** 2"},
	} {
		if got := marked(s); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}
