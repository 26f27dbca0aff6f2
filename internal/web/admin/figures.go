package admin

import (
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/money"
	"kassavalv/internal/web/admin/assets"
)

// seconds writes a wait for a header: whole seconds, one at least.
func seconds(d time.Duration) string { return strconv.Itoa(max(1, int((d+time.Second-1)/time.Second))) }

// whole reads a whole number as people type it, spaces between thousands included.
func whole(s string) (int64, bool) {
	s = strings.NewReplacer(" ", "", "\u00a0", "").Replace(s)
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// amount reads an amount of kronor as people type it: "1 299", "1299,50", "99 kr".
func amount(s, currency string) (money.Money, bool) {
	s = strings.NewReplacer(" ", "", "\u00a0", "").Replace(strings.ToLower(strings.TrimSpace(s)))
	s = strings.TrimSuffix(strings.TrimSuffix(s, "kr"), strings.ToLower(currency))
	kr, ore, has := strings.Cut(strings.Replace(s, ".", ",", 1), ",")
	if has && (len(ore) < 1 || len(ore) > 2) || kr == "" || len(kr) > 12 {
		return money.Money{}, false
	}
	for len(ore) < 2 {
		ore += "0"
	}
	for _, c := range kr + ore {
		if c < '0' || c > '9' {
			return money.Money{}, false
		}
	}
	n, err := strconv.ParseInt(kr+ore, 10, 64)
	if err != nil || n > money.Max {
		return money.Money{}, false
	}
	return money.New(n, currency), true
}

// typed writes minor units as one types them into a field: "1299", "1299,50".
func typed(n int64) string {
	s := strconv.FormatInt(n/100, 10)
	if r := n % 100; r != 0 {
		s += "," + string([]byte{'0' + byte(r/10), '0' + byte(r%10)})
	}
	return s
}

func sheet() string { return assets.URL("office.css") }

// joined and split are a list of words in one field.
func joined(list []string) string { return strings.Join(list, ", ") }

func split(s string) []string {
	var out []string
	for _, w := range strings.Split(s, ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
