package web

import (
	"encoding/json"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"kassavalv/internal/web/shield"
)

// ReportRoute takes what browsers report about the content security policy. The
// log gets the directive and the origin of what was stopped, counted into observe
// when that is not nil; the page's address, which may hold a token, is not kept.
func ReportRoute(log *slog.Logger, observe func(directive, blocked string)) Route {
	return Route{Method: http.MethodPost, Path: ReportPath, Who: Public, Rate: shield.Report, Face: Callback, Body: 16 << 10,
		Handle: func(w http.ResponseWriter, r *Request) error {
			ct, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
			if err != nil || ct != "application/csp-report" && ct != "application/reports+json" && ct != "application/json" {
				return Refuse(http.StatusUnsupportedMediaType, "unsupported_type")
			}
			data, err := io.ReadAll(io.LimitReader(r.Body, 16<<10+1))
			if err != nil {
				return bodyError(err)
			}
			if err := scanJSON(data, Budget{Depth: 8, Keys: 500, Items: 50}.or(16<<10), nil); err != nil {
				return err
			}
			for _, one := range readReports(data) {
				if log != nil {
					log.Warn("content security policy", "directive", one.directive, "blocked", one.blocked, "id", r.ID)
				}
				if observe != nil {
					observe(one.directive, one.blocked)
				}
			}
			return NoContent(w)
		}}
}

type stopped struct{ directive, blocked string }

// readReports understands both forms: report-uri's object and report-to's list.
func readReports(data []byte) []stopped {
	var old struct {
		Report struct {
			Effective string `json:"effective-directive"`
			Violated  string `json:"violated-directive"`
			Blocked   string `json:"blocked-uri"`
		} `json:"csp-report"`
	}
	if json.Unmarshal(data, &old) == nil && (old.Report.Effective != "" || old.Report.Violated != "") {
		d := old.Report.Effective
		if d == "" {
			d = old.Report.Violated
		}
		return []stopped{{word(d), origin(old.Report.Blocked)}}
	}
	var list []struct {
		Type string `json:"type"`
		Body struct {
			Effective string `json:"effectiveDirective"`
			Blocked   string `json:"blockedURL"`
		} `json:"body"`
	}
	if json.Unmarshal(data, &list) != nil {
		return nil
	}
	var out []stopped
	for i, one := range list {
		if i < 10 && one.Type == "csp-violation" {
			out = append(out, stopped{word(one.Body.Effective), origin(one.Body.Blocked)})
		}
	}
	return out
}

// directives are those of CSP level 3 and of trusted types that a browser reports.
var directives = []string{"base-uri", "child-src", "connect-src", "default-src", "font-src", "form-action", "frame-ancestors", "frame-src", "img-src", "manifest-src", "media-src", "object-src",
	"prefetch-src", "require-trusted-types-for", "sandbox", "script-src", "script-src-attr", "script-src-elem", "style-src", "style-src-attr", "style-src-elem", "trusted-types", "worker-src"}

// word keeps a directive's name and nothing a stranger could write a log with.
func word(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'a' || c > 'z') && c != '-' {
			s = s[:i]
			break
		}
	}
	if !slices.Contains(directives, s) {
		return "unknown"
	}
	return s
}

func origin(s string) string {
	switch s {
	case "inline", "eval", "data", "blob", "self", "trusted-types-policy", "trusted-types-sink", "wasm-eval":
		return s
	}
	u, err := url.Parse(s)
	if err != nil || !slices.Contains([]string{"http", "https", "ws", "wss"}, u.Scheme) || !plainHost(u.Host) {
		return "other"
	}
	return u.Scheme + "://" + u.Host
}

// plainHost reports whether a host is written as browsers write it: letters, digits,
// dots and dashes (other scripts as punycode), a port, brackets.
func plainHost(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == ':' || c == '[' || c == ']') {
			return false
		}
	}
	return s != "" && len(s) <= 200
}
