package e2e

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"

	"kassavalv/internal/web"
)

func (p *tab) fault(format string, args ...any) {
	p.faults = append(p.faults, fmt.Sprintf(format, args...))
}

// hear takes the browser's news. It must not ask anything.
func (p *tab) hear(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := ev.(type) {
	case *page.EventLoadEventFired:
		p.loads++
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			var s []string
			for _, a := range e.Args {
				s = append(s, string(a.Value)+a.Description)
			}
			p.fault("console %s: %s", e.Type, strings.Join(s, " "))
		}
	case *runtime.EventExceptionThrown:
		p.fault("uncaught: %s", thrown(e.ExceptionDetails))
	case *log.EventEntryAdded:
		// Statuses and lost connections are judged from the requests themselves.
		if (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) && e.Entry.Source != log.EntrySourceNetwork {
			p.fault("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		p.issue(e.Issue)
	case *network.EventRequestWillBeSent:
		p.asked(e)
	case *network.EventResponseReceived:
		p.answered(e)
	case *network.EventLoadingFailed:
		if e.BlockedReason != "" || e.ErrorText != "net::ERR_ABORTED" {
			p.fault("a %s did not load: %s %s", e.Type, e.ErrorText, e.BlockedReason)
		}
	}
}

func (p *tab) issue(i *audits.InspectorIssue) {
	switch {
	case i.Code == "BounceTrackingIssue":
		// The bank is passed through on purpose.
	case i.Details.ContentSecurityPolicyIssueDetails != nil:
		d := i.Details.ContentSecurityPolicyIssueDetails
		p.fault("policy: %s blocked by %s", d.BlockedURL, d.ViolatedDirective)
	case i.Details.GenericIssueDetails != nil:
		p.fault("issue %s %s", i.Details.GenericIssueDetails.ErrorType, i.Details.GenericIssueDetails.ViolatingNodeAttribute)
	default:
		p.fault("issue %s", i.Code)
	}
}

func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address
	}
	return u.Scheme + "://" + u.Host
}

// asked holds that documents come from the demo's own servers, and everything on a
// page from where the page is.
func (p *tab) asked(e *network.EventRequestWillBeSent) {
	if strings.HasPrefix(e.Request.URL, "data:") || strings.HasPrefix(e.Request.URL, "blob:") {
		return
	}
	o := origin(e.Request.URL)
	if e.Type == network.ResourceTypeDocument {
		if o != p.Shop.Shop && o != p.Bank && o != p.Mailbox && !slices.Contains(p.also, o) {
			p.fault("a page of another origin: %s", e.Request.URL)
		}
		return
	}
	if o != origin(e.DocumentURL) {
		p.fault("a page asked another origin: %s for %s", e.Request.URL, e.DocumentURL)
	}
}

func (p *tab) answered(e *network.EventResponseReceived) {
	if e.Type != network.ResourceTypeDocument {
		if e.Response.Status >= 400 {
			p.fault("%s: %d", e.Response.URL, e.Response.Status)
		}
		return
	}
	p.status = int(e.Response.Status)
	u, err := url.Parse(e.Response.URL)
	if err != nil {
		return
	}
	if want, ok := p.expect[u.Path]; ok && want == p.status {
		delete(p.expect, u.Path)
		return
	}
	if p.status >= 400 {
		p.fault("%s answered %d", e.Response.URL, p.status)
	}
}

// ours are the cookies the shop gives: random or sealed, and for what they are named after.
var ours = []string{web.CookieCart, web.CookieSession, web.CookieLogin, web.CookieStaff, web.CookieFlash, web.CookieSSO}

// leavesNothing looks, when somebody is done, at what the shop has left in his browser: nothing in the storages, and
// only the cookies it names, in which no address of his can be read.
func (p *tab) leavesNothing() {
	if p.t.Failed() || !strings.HasPrefix(look[string](p, `() => location.origin`), p.Shop.Shop) {
		return
	}
	for _, x := range look[[]string](p, `async () => [...Object.keys(localStorage).map(k => "localStorage " + k), ...Object.keys(sessionStorage).map(k => "sessionStorage " + k),
		...(await indexedDB.databases()).map(d => "indexedDB " + d.name), ...(await caches.keys()).map(k => "cache " + k), ...(await navigator.serviceWorker.getRegistrations()).map(() => "a service worker")]`) {
		p.t.Errorf("left in the browser: %s", x)
	}
	for _, c := range must(p, network.GetCookies, network.GetCookiesParams{URLs: []string{p.Shop.Shop + "/"}}).Cookies {
		if !slices.Contains(ours, c.Name) || !c.HTTPOnly || !c.Secure {
			p.t.Errorf("the cookie %s: HttpOnly %v, Secure %v", c.Name, c.HTTPOnly, c.Secure)
		}
		if who := readable(c.Value); who != "" {
			p.t.Errorf("the cookie %s says %q", c.Name, who)
		}
	}
}

var mailIn = regexp.MustCompile(`[\w.+-]+@[\w-]+\.\w+`)

// readable finds a mail address in a cookie's value, as it stands, percent-encoded, or in base64.
func readable(value string) string {
	texts := []string{value}
	if u, err := url.QueryUnescape(value); err == nil {
		texts = append(texts, u)
	}
	for _, part := range strings.FieldsFunc(value, func(r rune) bool { return r == '.' || r == '|' || r == ':' || r == '~' }) {
		for _, e := range []*base64.Encoding{base64.RawURLEncoding, base64.RawStdEncoding} {
			if b, err := e.DecodeString(strings.TrimRight(part, "=")); err == nil {
				texts = append(texts, string(b))
			}
		}
	}
	for _, x := range texts {
		if m := mailIn.FindString(x); m != "" {
			return m
		}
	}
	return ""
}

// The twin: what stands in a cookie is found, however it is written.
func TestReadableCookie(t *testing.T) {
	for v, want := range map[string]string{"anna@exempel.se": "anna@exempel.se", "anna%40exempel.se": "anna@exempel.se", "1." + base64.RawURLEncoding.EncodeToString([]byte(`{"m":"anna@exempel.se"}`)): "anna@exempel.se",
		base64.StdEncoding.EncodeToString([]byte("anna@exempel.se")): "anna@exempel.se", "kv_3Zq8x_random.signature": "", "": ""} {
		if got := readable(v); got != want {
			t.Errorf("%q: %q", v, got)
		}
	}
}

// verdict is given when the test ends.
func (p *tab) verdict() {
	if p.t.Failed() {
		file, _ := filepath.Abs(filepath.Join("../../.cache/e2e", strings.NewReplacer("/", "_", " ", "_").Replace(p.t.Name())+".png"))
		if p.picture(file) == nil {
			p.t.Logf("what it saw: %s", file)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.faults {
		p.t.Error(f)
	}
	for path, s := range p.expect {
		p.t.Errorf("%s never answered %d", path, s)
	}
}
