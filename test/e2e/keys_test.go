package e2e

import (
	"strings"
	"time"

	"github.com/chromedp/cdproto/input"

	"kassavalv/internal/apptest"
)

// key is a key as the browser names it.
type key struct {
	name, code, text string
	number           int64
}

var keys = map[string]key{
	"Tab":       {"Tab", "Tab", "", 9},
	"Enter":     {"Enter", "Enter", "\r", 13},
	"Space":     {" ", "Space", " ", 32},
	"Backspace": {"Backspace", "Backspace", "", 8},
	"ArrowDown": {"ArrowDown", "ArrowDown", "", 40},
}

// press presses one key and lets go. What a page does not want the key to do, it
// does not do: the text goes with the key, as from a keyboard.
func (p *tab) press(name string) {
	p.t.Helper()
	k, ok := keys[name]
	if !ok {
		p.t.Fatalf("no key %s", name)
	}
	e := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: k.name, Code: k.code, Text: k.text, WindowsVirtualKeyCode: k.number}
	if k.text == "" {
		e.Type = input.DispatchKeyEventTypeRawKeyDown
	}
	must(p, input.DispatchKeyEvent, e)
	e.Type, e.Text = input.DispatchKeyEventTypeKeyUp, ""
	must(p, input.DispatchKeyEvent, e)
}

// stop is where the keyboard stands.
type stop struct {
	What    string
	Hit     bool // it is the target
	Visible bool // a ring of two pixels or more, or the caret's field, is drawn round it
	Inside  bool // it is in the window and not covered
}

const whereNow = `q => {
	const e = document.activeElement;
	const ring = e => { const s = getComputedStyle(e); return s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2; };
	let visible = false;
	for (let x = e, n = 0; x && n < 4 && !visible; x = x.parentElement, n++) visible = ring(x);
	const r = e.getBoundingClientRect();
	return {What: e.outerHTML.slice(0, 140), Hit: all(q).includes(e), Visible: visible,
		Inside: r.bottom > 0 && r.right > 0 && r.top < innerHeight && r.left < innerWidth};
}`

// tabTo presses Tab until the keyboard stands on a target. At each stop the focus
// must be seen.
func (p *tab) tabTo(target string) {
	p.t.Helper()
	p.see(target)
	for range 150 {
		p.press("Tab")
		var s stop
		seen := func() bool { // the page may still be scrolling to it
			s = look[stop](p, whereNow, target)
			return s.Visible && s.Inside || strings.HasPrefix(s.What, "<body")
		}
		if apptest.Poll(2*time.Second, seen) != nil {
			p.t.Errorf("focus is not seen on %s (ring %v, in the window %v)", s.What, s.Visible, s.Inside)
		}
		if s.Hit {
			return
		}
	}
	p.t.Fatalf("the keyboard does not reach %s on %s", target, p.path())
}
