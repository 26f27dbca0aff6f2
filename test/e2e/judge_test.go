package e2e

import (
	"os"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/runtime"

	"kassavalv/internal/apptest"
)

// tags are the rules a page is judged by: WCAG 2.2 A and AA, and good practice.
var tags = []string{"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"}

// colours are the rules that can judge otherwise in another colour scheme.
var colours = []string{"color-contrast", "link-in-text-block"}

var axe = sync.OnceValues(func() (string, error) {
	b, err := os.ReadFile("../../.cache/node_modules/axe-core/axe.min.js")
	return string(b), err
})

// judge holds the page as it stands against axe, light and dark, on a desk and on
// a phone, and sees that nothing scrolls sideways at 320 pixels and at 400 per cent.
// The window is a desk's afterwards.
func (p *tab) judge(name string) {
	p.t.Helper()
	src, err := axe()
	if err != nil {
		p.t.Fatalf("%v; test/scripts/setup.sh fetches it", err)
	}
	if r := must(p, runtime.Evaluate, runtime.EvaluateParams{Expression: src + ";0"}); r.ExceptionDetails != nil {
		p.t.Fatalf("axe: %s", thrown(r.ExceptionDetails))
	}
	for _, width := range []int64{1280, 390} {
		p.size(width, 900)
		p.findings(name, width, "light", map[string]any{"type": "tag", "values": tags})
		p.scheme("dark")
		p.findings(name, width, "dark", map[string]any{"type": "rule", "values": colours})
		p.scheme("light")
	}
	p.size(320, 640)
	p.upright(name + " at 320 pixels")
	p.zoom(400)
	p.upright(name + " at 400 per cent")
	p.size(1280, 900)
}

func (p *tab) findings(name string, width int64, scheme string, only map[string]any) {
	p.t.Helper()
	found := look[[]string](p, `async only => {
		// What lies in a closed fold does not move on until it is opened.
		const moving = a => a.effect.getComputedTiming().endTime !== Infinity && (!a.effect.target || a.effect.target.checkVisibility());
		await Promise.all(document.getAnimations().filter(moving).map(a => a.finished.catch(() => {})));
		const r = await axe.run(document, {runOnly: only, resultTypes: ["violations"]});
		if (!r.passes.length) return ["axe looked at nothing"];
		return r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + v.help + ": " + n.html.slice(0, 160) + " " + (n.any[0]?.message ?? "")));
	}`, only)
	for _, f := range found {
		p.t.Errorf("%s, %d, %s: %s", name, width, scheme, f)
	}
}

// upright fails when the page is wider than its window.
func (p *tab) upright(name string) {
	p.t.Helper()
	wide := look[[]string](p, `() => {
		const w = document.documentElement.clientWidth, d = document.scrollingElement;
		if (d.scrollWidth <= w && window.innerWidth <= w + 20) return [];
		return ["page " + d.scrollWidth + " in " + w].concat([...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > w + 1 && shown(e)
			&& !e.closest(".scroll, .gallery")).slice(0, 3).map(e => e.outerHTML.slice(0, 120)));
	}`)
	if len(wide) > 0 {
		p.t.Errorf("%s scrolls sideways: %s", name, strings.Join(wide, " · "))
	}
}

// settled waits until the page's pictures and faces are there.
func (p *tab) settled() {
	p.t.Helper()
	if apptest.Poll(10*time.Second, func() bool {
		ok, err := glance[bool](p, `() => document.fonts.status === "loaded" && [...document.images].every(i => i.complete || i.loading === "lazy")`)
		return err == nil && ok
	}) != nil {
		p.t.Errorf("%s: pictures or faces do not come", p.path())
	}
}
