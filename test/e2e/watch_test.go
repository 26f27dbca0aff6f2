package e2e

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
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
