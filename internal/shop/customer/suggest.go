package customer

import "strings"

// mailDomains are the great mail houses of our buyers; a slip of one or two
// letters from them is worth a question. The second list holds real domains that look
// like a slip and are none.
var (
	mailDomains = []string{"gmail.com", "hotmail.com", "hotmail.se", "outlook.com", "outlook.se", "live.se", "live.com", "icloud.com",
		"yahoo.com", "yahoo.se", "telia.com", "bredband.net", "comhem.se", "bahnhof.se", "spray.se", "swipnet.se", "msn.com", "proton.me", "protonmail.com", "me.com", "mac.com"}
	realDomains = []string{"mail.com", "email.com", "ymail.com", "gmx.com", "gmx.net", "gmx.se", "googlemail.com", "rocketmail.com", "pm.me", "hey.com",
		"fastmail.com", "aol.com", "tele2.se", "telenor.se", "home.se", "passagen.se", "glocalnet.net", "live.dk", "live.no", "live.fi", "hotmail.no", "hotmail.dk",
		"hotmail.fi", "hotmail.de", "hotmail.fr", "outlook.dk", "outlook.de", "yahoo.de", "yahoo.fr", "yahoo.no", "yahoo.dk", "live.nl", "live.de", "live.fr", "mail.se", "mac.se", "me.se"}
	// ends of domains that do not exist
	endSlips = map[string]string{"con": "com", "cmo": "com", "ocm": "com", "comm": "com", "coom": "com", "vom": "com", "xom": "com", "cim": "com", "see": "se", "ses": "se", "nett": "net", "ner": "net"}
)

// SuggestEmail gives the address that was probably meant, or "" when the given one
// looks right. It is a hint beside the field, never an error: the buyer knows his
// address best. The argument is a canonical address.
func SuggestEmail(email string) string {
	local, domain, ok := strings.Cut(email, "@")
	if !ok || local == "" || domain == "" {
		return ""
	}
	for _, d := range append(mailDomains[:len(mailDomains):len(mailDomains)], realDomains...) {
		if domain == d {
			return ""
		}
	}
	best, at := "", 3
	for _, d := range mailDomains {
		limit := 1
		if len(d) >= 9 {
			limit = 2
		}
		if n := distance(domain, d); n <= limit && n < at {
			best, at = d, n
		}
	}
	if best == "" {
		if i := strings.LastIndexByte(domain, '.'); i > 0 {
			if end, ok := endSlips[domain[i+1:]]; ok {
				best = domain[:i+1] + end
			}
		}
	}
	if best == "" {
		return ""
	}
	return local + "@" + best
}

// distance counts insertions, deletions, replacements and swaps of neighbours
// (optimal string alignment). Longer texts than a slip makes are far.
func distance(a, b string) int {
	if d := len(a) - len(b); d > 2 || d < -2 {
		return 99
	}
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
