package web

import "net/http"

// CSP is the content security policy of every answer. There is no inline script
// or style anywhere, so it needs neither nonce nor hash, and pages are the same
// bytes for all. Forms lead to the shop itself; the bank is reached by a link.
// Strings never become script or markup in the browser (trusted types).
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'; report-uri " + ReportPath + "; report-to csp"

// InertCSP is for files that came from people (pictures of merchants, documents):
// nothing in them may run or load anything.
const InertCSP = "default-src 'none'; sandbox; frame-ancestors 'none'"

// ReportPath is where browsers report what the policy stopped.
const ReportPath = "/csp-report"

// Values of Strict-Transport-Security. The demo's is short and spares other
// servers of the developer's machine; a shop's is a year.
const (
	HSTSDemo  = "max-age=300"
	HSTSServe = "max-age=31536000"
)

// The values are shared by all answers: a slice of length and capacity one is
// copied by an Add, and nobody writes into it.
var baseline = []struct {
	name  string
	value []string
}{
	{"Content-Security-Policy", []string{CSP}},
	{"Reporting-Endpoints", []string{`csp="` + ReportPath + `"`}},
	{"Cross-Origin-Opener-Policy", []string{"same-origin"}},
	{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
	{"Permissions-Policy", []string{"accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), " +
		"gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-create=(self), " +
		"publickey-credentials-get=(self), usb=()"}},
	// Not no-referrer: browsers would then send "Origin: null" with our own forms.
	// Not an origin either: links with tokens stay known to the shop alone.
	{"Referrer-Policy", []string{"same-origin"}},
	{"X-Content-Type-Options", []string{"nosniff"}},
	{"X-Frame-Options", []string{"DENY"}},
	{"Cache-Control", noStore},
}

var (
	noStore  = []string{"no-store"}
	unlisted = []string{"noindex, nofollow"}
)

// setBaseline puts the security headers on an answer before anything else runs, so
// that errors, redirects and files have them too.
func setBaseline(h http.Header, hsts []string, noIndex bool) {
	for i := range baseline {
		h[baseline[i].name] = baseline[i].value
	}
	if hsts != nil {
		h["Strict-Transport-Security"] = hsts
	}
	if noIndex {
		h["X-Robots-Tag"] = unlisted
	}
}
