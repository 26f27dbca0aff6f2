package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"kassavalv/internal/apptest"
)

// patience is how long a tab waits for what must come.
const patience = 60 * time.Second

// tab is one visitor at one browser tab. Its methods end the test when the page
// does not do what it must.
//
// A target names an element: a selector, then "|" and words that it holds, as in
// "button|Köp nu". Only what is shown counts.
type tab struct {
	*apptest.Client
	t   *testing.T
	ctx context.Context

	mu     *sync.Mutex
	loads  int            // documents that have finished loading
	status int            // of the last document
	faults []string       // what must not happen
	expect map[string]int // paths of documents that answer otherwise than 200
	lost   []string       // network requests that failed, judged at the end
	also   []string       // origins besides the demo's own that may show a page
}

// ask sends the browser a command.
func ask[P, R any](p *tab, cmd cdp.Command[P, R], params P) (R, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Call(ctx, cmd, params)
}

// must is ask, and ends the test when the browser refuses.
func must[P, R any](p *tab, cmd cdp.Command[P, R], params P) R {
	p.t.Helper()
	r, err := ask(p, cmd, params)
	if err != nil {
		p.t.Fatalf("%s: %v", cmd.Method, err)
	}
	return r
}

func (p *tab) start() {
	p.t.Helper()
	// This makes the tab; its context must live as long as the tab.
	if err := chromedp.Listen(p.ctx, p.hear); err != nil {
		p.t.Fatalf("no tab: %v", err)
	}
	must(p, network.Enable, network.EnableParams{})
	must(p, log.Enable, cdp.Empty{})
	must(p, audits.Enable, cdp.Empty{})
	must(p, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"X-Forwarded-For": p.IP}})
	must(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	p.size(1280, 900)
}

// size sets the window, in CSS pixels; under 600 it is a phone.
func (p *tab) size(w, h int64) {
	p.t.Helper()
	p.window(w, h, 1, w < 600)
}

// zoom is a window of 1280 by 1024 at so many per cent.
func (p *tab) zoom(percent int64) {
	p.t.Helper()
	p.window(1280*100/percent, 1024*100/percent, float64(percent)/100, false)
}

func (p *tab) window(w, h int64, dots float64, mobile bool) {
	p.t.Helper()
	must(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: w, Height: h, DeviceScaleFactor: dots, Mobile: mobile})
}

// phone is what most buyers hold.
func (p *tab) phone() { p.size(390, 844) }

// scheme is "light" or "dark".
func (p *tab) scheme(s string) {
	p.t.Helper()
	must(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s}}})
}

// scriptsOff switches JavaScript off for the pages; the tab itself still looks.
func (p *tab) scriptsOff() {
	p.t.Helper()
	must(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// navigate does something that leads to another document, and waits for it.
func (p *tab) navigate(what string, act func()) {
	p.t.Helper()
	before := p.loaded()
	act()
	p.Wait(what+" leads to a page", patience, func() bool { return p.loaded() > before })
}

func (p *tab) loaded() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.loads
}

// cookie gives the tab a cookie of the shop's.
func (p *tab) cookie(name, value string) {
	p.t.Helper()
	yes := true
	must(p, network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: p.Shop.Shop + "/", Secure: &yes, HTTPOnly: &yes})
}

// cookieOf is the value of a cookie that the tab holds.
func (p *tab) cookieOf(name string) string {
	p.t.Helper()
	for _, c := range must(p, network.GetCookies, network.GetCookiesParams{}).Cookies {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// visit opens an address by hand. A path is the shop's.
func (p *tab) visit(path string) {
	p.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = p.Shop.Shop + path
	}
	p.navigate(path, func() {
		if r := must(p, page.Navigate, page.NavigateParams{URL: path}); r.ErrorText != "" {
			p.t.Fatalf("%s: %s", path, r.ErrorText)
		}
	})
}

// answers says that the document at a path will answer with another status than 200.
func (p *tab) answers(path string, status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expect[path] = status
}

// prelude are the words all looking is done with.
const prelude = `
const shown = e => e.getClientRects().length > 0 && getComputedStyle(e).visibility !== "hidden";
const all = q => { const i = q.indexOf("|"), s = i < 0 ? q : q.slice(0, i), t = i < 0 ? "" : q.slice(i + 1);
  return [...document.querySelectorAll(s)].filter(e => (!t || (e.innerText ?? "").replace(/\s+/g, " ").includes(t)) && shown(e)); };
const one = q => all(q)[0];
`

// look evaluates a function of JavaScript in the page and returns its value. The
// function only reads: when the page moves on under it, it looks again.
func look[T any](p *tab, fn string, args ...any) T {
	p.t.Helper()
	var v T
	var err error
	apptest.Poll(patience, func() bool {
		v, err = glance[T](p, fn, args...)
		return err == nil || !movedOn(err)
	})
	if err != nil {
		p.t.Fatalf("looking at the page: %v in %s", err, fn)
	}
	return v
}

// movedOn reports whether the browser says that the page went while it was asked.
func movedOn(err error) bool {
	for _, s := range []string{"navigated or closed", "context was destroyed", "Cannot find context", "Cannot find default execution context"} {
		if strings.Contains(err.Error(), s) {
			return true
		}
	}
	return false
}

func glance[T any](p *tab, fn string, args ...any) (v T, err error) {
	var list []string
	for _, a := range args {
		b, _ := json.Marshal(a)
		list = append(list, string(b))
	}
	expr := "(async () => {" + prelude + "return await (" + fn + ")(" + strings.Join(list, ",") + ")})()"
	yes := true
	r, err := ask(p, runtime.Evaluate, runtime.EvaluateParams{Expression: expr, ReturnByValue: &yes, AwaitPromise: &yes})
	if err != nil {
		return v, err
	}
	if r.ExceptionDetails != nil {
		return v, fmt.Errorf("%s", thrown(r.ExceptionDetails))
	}
	if len(r.Result.Value) == 0 {
		return v, nil
	}
	return v, json.Unmarshal(r.Result.Value, &v)
}

func thrown(d *runtime.ExceptionDetails) string {
	if d.Exception != nil {
		return d.Exception.Description
	}
	return d.Text
}

// see waits until a target is shown.
func (p *tab) see(target string) {
	p.t.Helper()
	if apptest.Poll(patience, func() bool {
		ok, err := glance[bool](p, `q => !!one(q)`, target)
		return err == nil && ok
	}) != nil {
		p.t.Fatalf("%s is not shown on %s (%s): %s", target, p.path(), p.title(), p.words("body"))
	}
}

// has reports whether a target is shown now.
func (p *tab) has(target string) bool {
	p.t.Helper()
	return look[bool](p, `q => !!one(q)`, target)
}

// not fails when a target is shown.
func (p *tab) not(target string) {
	p.t.Helper()
	if p.has(target) {
		p.t.Errorf("%s is shown on %s", target, p.path())
	}
}

// words are what a reader sees in the first element of a selector.
func (p *tab) words(selector string) string {
	p.t.Helper()
	return look[string](p, `q => (one(q)?.innerText ?? "").replace(/\s+/g, " ").trim()`, selector)
}

// attr is an attribute of a target, "" without it.
func (p *tab) attr(target, name string) string {
	p.t.Helper()
	return look[string](p, `(q, n) => one(q)?.getAttribute(n) ?? ""`, target, name)
}

// value is what stands in a field.
func (p *tab) value(selector string) string {
	p.t.Helper()
	return look[string](p, `q => document.querySelector(q)?.value ?? "(no such field)"`, selector)
}

func (p *tab) title() string { p.t.Helper(); return look[string](p, `() => document.title`) }
func (p *tab) path() string {
	p.t.Helper()
	return look[string](p, `() => location.pathname + location.search`)
}

// at waits until the address matches.
func (p *tab) at(pattern string) {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	var now string
	if apptest.Poll(patience, func() bool {
		var err error
		now, err = glance[string](p, `() => location.href`)
		return err == nil && re.MatchString(now)
	}) != nil {
		p.t.Fatalf("the browser is at %s, not %s: %s", now, pattern, p.words("main"))
	}
}

// click clicks the middle of a target, which nothing may cover.
func (p *tab) click(target string) {
	p.t.Helper()
	p.see(target)
	type spot struct {
		X, Y    float64
		Covered string
	}
	var at spot
	if apptest.Poll(patience, func() bool {
		var err error
		at, err = glance[spot](p, `q => {
			const e = one(q); e.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
			const r = e.getClientRects()[0], x = r.left + r.width / 2, y = r.top + r.height / 2, hit = document.elementFromPoint(x, y);
			const mine = hit && (e.contains(hit) || [...(e.labels ?? [])].some(l => l.contains(hit)) || getComputedStyle(e, "::after").position === "absolute");
			return {X: x, Y: y, Covered: mine ? "" : (hit?.outerHTML ?? "nothing").slice(0, 120)};
		}`, target)
		return err == nil && at.Covered == ""
	}) != nil {
		p.t.Fatalf("%s on %s is covered by %s", target, p.path(), at.Covered)
	}
	e := input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseMoved, X: at.X, Y: at.Y}
	must(p, input.DispatchMouseEvent, e)
	e.Button, e.ClickCount, e.Type = input.MouseButtonLeft, 1, input.DispatchMouseEventTypeMousePressed
	must(p, input.DispatchMouseEvent, e)
	e.Type = input.DispatchMouseEventTypeMouseReleased
	must(p, input.DispatchMouseEvent, e)
}

// follow clicks what leads to another page.
func (p *tab) follow(target string) {
	p.t.Helper()
	p.navigate(target, func() { p.click(target) })
}

// fill clicks into a field and writes over what stands there.
func (p *tab) fill(selector, text string) {
	p.t.Helper()
	p.click(selector)
	look[any](p, `q => { document.querySelector(q).select() }`, selector)
	if text == "" {
		p.press("Backspace")
		return
	}
	p.write(text)
}

// write types text where the focus is.
func (p *tab) write(text string) {
	p.t.Helper()
	must(p, input.InsertText, input.InsertTextParams{Text: text})
}

// choose picks an option of a select by its value.
func (p *tab) choose(selector, value string) {
	p.t.Helper()
	if !look[bool](p, `(q, v) => { const e = document.querySelector(q); e.value = v;
		e.dispatchEvent(new Event("input", {bubbles: true})); e.dispatchEvent(new Event("change", {bubbles: true})); return e.value === v; }`, selector, value) {
		p.t.Fatalf("%s has no choice %q", selector, value)
	}
}

// picture writes what the tab shows into a file.
func (p *tab) picture(path string) error {
	whole := true
	shot, err := ask(p, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: &whole})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, shot.Data, 0o644)
}
