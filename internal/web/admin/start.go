package admin

import (
	"net/http"
	"strconv"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/search"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

func (a *Admin) startRoutes() []web.Route {
	return []web.Route{a.page(get, home, web.AnyStaff, (*visit).start)}
}

// countTo is up to how many rows the start page counts; more is "100+".
const countTo = 100

func counted(n int) string {
	if n >= countTo {
		return strconv.Itoa(countTo) + "+"
	}
	return strconv.Itoa(n)
}

// work is what waits, as far as the visitor may know of it.
type work struct {
	pack               []order.Order
	bills              []order.Order
	overdue            int
	alarms             []checkout.Purchase
	refunds            []returns.Alarm
	returns, returnDue int
	lacking            int
	asked, late        int64
	dead, letters      int

	lessons, lessonsLate, membersLate int
	incidents, untaken                int
}

func (v *visit) readWork(q *db.Reader) (w work, err error) {
	if v.by.Has(auth.OrdersRead) {
		if w.pack, err = order.List(q, v.by, order.Filter{State: order.Placed, Unshipped: true}, 0, countTo); err != nil {
			return w, err
		}
		if w.bills, err = order.Bills(q, v.by, countTo); err != nil {
			return w, err
		}
		for _, o := range w.bills {
			if o.DueAt.Before(q.LegalNow()) {
				w.overdue++
			}
		}
		if w.alarms, err = checkout.List(q, v.by, checkout.Filter{Alarm: true}, 0, countTo); err != nil {
			return w, err
		}
		if w.refunds, err = returns.Alarms(q, v.by, countTo); err != nil {
			return w, err
		}
		open, err := returns.List(q, v.by, returns.Filter{Open: true}, 0, countTo)
		if err != nil {
			return w, err
		}
		w.returns = len(open)
		due, err := returns.List(q, v.by, returns.Filter{Due: true}, 0, countTo)
		if err != nil {
			return w, err
		}
		w.returnDue = len(due)
	}
	if v.by.Has(auth.CasesRead) {
		if w.asked, w.late, err = support.Queue(q); err != nil {
			return w, err
		}
	}
	if v.by.Has(auth.CatalogRead) {
		ps, err := catalog.ListStaff(q, catalog.Filter{Incomplete: true}, 0, countTo)
		if err != nil {
			return w, err
		}
		w.lacking = len(ps)
	}
	if v.by.Has(auth.JobsWrite) {
		dead, err := job.Dead(q, 0, countTo)
		if err != nil {
			return w, err
		}
		letters, err := mail.Troubled(q, 0, countTo)
		if err != nil {
			return w, err
		}
		w.dead, w.letters = len(dead), len(letters)
	}
	return w, v.readPeople(q, &w)
}

// tone is how loud a figure is: silent at nought.
func tone(n int, t ui.Tone) ui.Tone {
	if n == 0 {
		return ui.Plain
	}
	return t
}

// start shows what needs doing now.
func (v *visit) start() error {
	w, err := read(v, v.readWork)
	if err != nil {
		return err
	}
	var tiles []view.Tile
	add := func(key string, n int, t ui.Tone, url, note string) {
		tiles = append(tiles, view.Tile{Label: v.n("start."+key, n), Value: counted(n), Note: note, URL: url, Tone: tone(n, t)})
	}
	note := func(key string, n int) string {
		if n == 0 {
			return ""
		}
		return v.n("start."+key, n)
	}
	if v.by.Has(auth.OrdersRead) {
		add("pack", len(w.pack), ui.OK, "/admin/orders?show=pack", "")
		add("alarms", len(w.alarms)+len(w.refunds), ui.Stop, "/admin/purchases?show=alarm", "")
		add("returns", w.returns, ui.Wait, "/admin/returns", note("returns.due", w.returnDue))
		add("unpaid", len(w.bills), ui.Wait, "/admin/orders?show=unpaid", note("overdue", w.overdue))
	}
	if v.by.Has(auth.CasesRead) {
		t := ui.Wait
		if w.late > 0 {
			t = ui.Stop
		}
		add("asked", int(w.asked), t, "/admin/cases", note("asked.late", int(w.late)))
	}
	if v.by.Has(auth.CatalogRead) {
		add("lacking", w.lacking, ui.Wait, "/admin/products?show=lacking", "")
		if out, ok := v.soldOut(); ok {
			add("out", out, ui.Wait, "/admin/stock?show=low", "")
		}
	}
	if v.by.Has(auth.JobsWrite) {
		add("letters", w.letters, ui.Stop, "/admin/mail", "")
		add("dead", w.dead, ui.Stop, "/admin/jobs", "")
	}
	v.peopleTiles(w, add, note)
	blocks := append(v.endings(time.Now()), view.Tiles(v.l, tiles))
	if v.by.Has(auth.OrdersRead) {
		blocks = append(blocks, view.Panel("", v.t("start.next"), v.nextOrders(w.pack)))
		if len(w.bills) > 0 {
			blocks = append(blocks, view.Panel("bills", v.t("start.bills"), v.dueOrders(w.bills[:min(10, len(w.bills))])))
		}
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("start.title")}, blocks...)
}

// endings warn of ways to pay whose certificate or key ends soon.
func (v *visit) endings(now time.Time) (out []view.Block) {
	if v.Desk == nil || !v.by.Has(auth.OrdersRead) && !v.by.Has(auth.SettingsRead) {
		return nil
	}
	for _, e := range v.Desk.Ending(now) {
		tone := ui.Plain
		switch {
		case e.Days <= checkout.EndingNow:
			tone = ui.Stop
		case e.Days <= checkout.EndingNear:
			tone = ui.Wait
		}
		name, date := lang.T(v.l, "method."+e.Method+".name"), lang.DateYear(v.l, e.Until)
		switch {
		case e.Days < 0:
			out = append(out, view.Notice(tone, v.t("start.ended", "method", name, "date", date)))
		default:
			out = append(out, view.Notice(tone, v.n("start.ending", e.Days, "method", name, "date", date)))
		}
	}
	return out
}

// nextOrders are the oldest orders that wait to be packed.
func (v *visit) nextOrders(pack []order.Order) view.Block {
	t := view.Table{Caption: v.t("start.next"), Cols: v.orderCols(), Empty: v.t("start.next.none")}
	for i := len(pack) - 1; i >= 0 && len(t.Rows) < 10; i-- {
		t.Rows = append(t.Rows, v.orderRow(pack[i], time.Now()))
	}
	return view.TableBlock(v.l, t)
}

// soldOut counts the goods that show and cannot be had, from the search index.
func (v *visit) soldOut() (int, bool) {
	if v.Index == nil {
		return 0, false
	}
	select {
	case <-v.Index.Ready():
	default:
		return 0, false
	}
	r, err := v.Index.List(search.Query{Limit: 1})
	if err != nil {
		return 0, false
	}
	return r.Total - r.InStock, true
}
