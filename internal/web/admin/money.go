package admin

import (
	"net/http"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/shield"
	"kassavalv/internal/web/ui"
)

func (a *Admin) moneyRoutes() []web.Route {
	read, write, back := web.Staff(auth.OrdersRead), web.Staff(auth.OrdersWrite), web.Staff(auth.RefundsWrite)
	upload := a.page(post, "/admin/money/bank", write, (*visit).uploadBank)
	upload.Rate, upload.Body, upload.BodyTime = shield.Upload, bankMost+1<<20, 2*time.Minute
	return []web.Route{
		a.page(get, "/admin/money", read, (*visit).money),
		a.page(post, "/admin/money/compare", web.Staff(auth.JobsWrite), (*visit).compareNow),
		a.page(get, "/admin/money/cases", read, (*visit).differences),
		a.page(get, "/admin/money/cases/{id}", read, (*visit).difference),
		a.page(post, "/admin/money/cases/{id}/close", back, (*visit).closeDifference),
		a.page(get, "/admin/money/bank", read, (*visit).bank),
		upload,
		a.page(get, "/admin/money/bank/drafts/{id}", write, (*visit).bankDraft),
		a.page(post, "/admin/money/bank/drafts/{id}", write, (*visit).takeBankDraft),
		a.page(get, "/admin/money/bank/files/{id}", read, (*visit).bankFile),
		a.page(get, "/admin/money/lines/{id}", read, (*visit).bankLine),
		a.page(post, "/admin/money/lines/{id}", write, (*visit).decideBankLine),
	}
}

// boardRows is how many rows of a kind the board shows; the count says how many there
// are, and the list of the kind has the rest.
const boardRows = 8

// board is the money that is not settled.
type board struct {
	n        checkout.Unsettled
	unknown  []checkout.Purchase
	alarms   []checkout.Purchase
	refused  []returns.Alarm
	tries    []payment.Try
	reserved []payment.Intent
	cases    []payment.Case
	lines    []payment.BankLine
	bills    []order.Order
	windows  []payment.Window
}

func (v *visit) readBoard(q *db.Reader) (b board, err error) {
	if err = v.by.Need(auth.OrdersRead); err != nil {
		return
	}
	if b.n, err = checkout.Count(q); err != nil {
		return
	}
	if b.unknown, err = checkout.UnknownMoney(q, v.by, boardRows); err != nil {
		return
	}
	if b.alarms, err = checkout.List(q, v.by, checkout.Filter{Alarm: true}, 0, boardRows); err != nil {
		return
	}
	if b.refused, err = returns.Alarms(q, v.by, countTo); err != nil {
		return
	}
	if b.tries, err = payment.OpenTries(q, boardRows); err != nil {
		return
	}
	if b.reserved, err = payment.Reserved(q, boardRows); err != nil {
		return
	}
	if b.cases, err = payment.Cases(q, false, 0, boardRows); err != nil {
		return
	}
	if b.lines, err = payment.OpenLines(q, 0, boardRows); err != nil {
		return
	}
	bills, err := order.Bills(q, v.by, boardRows)
	if err != nil {
		return b, err
	}
	for _, o := range bills {
		if o.DueAt.Before(q.LegalNow()) {
			b.bills = append(b.bills, o)
		}
	}
	if v.Desk == nil {
		return b, nil
	}
	for _, p := range v.Desk.Providers {
		if _, ok := p.(payment.Lister); ok {
			w, err := payment.WindowOf(q, p.Method())
			if err != nil {
				return b, err
			}
			w.Method = p.Method()
			b.windows = append(b.windows, w)
		}
	}
	return b, nil
}

// money is the board of money that is not settled, each row leading to its page.
func (v *visit) money() error {
	b, err := read(v, v.readBoard)
	if err != nil {
		return err
	}
	unknown := b.n.Unknown["hour"] + b.n.Unknown["day"] + b.n.Unknown["older"]
	tile := func(key string, n int64, t ui.Tone, url, note string) view.Tile {
		return view.Tile{Label: v.t("board." + key), Value: counted(int(n)), Note: note, URL: url, Tone: tone(int(n), t)}
	}
	ages := ""
	if unknown > 0 {
		ages = v.t("board.ages", "hour", b.n.Unknown["hour"], "day", b.n.Unknown["day"], "older", b.n.Unknown["older"])
	}
	loud := ui.Wait
	if b.n.Unknown["older"]+b.n.Unknown["day"] > 0 {
		loud = ui.Stop
	}
	tiles := []view.Tile{
		tile("unknown", unknown, loud, "/admin/purchases?show=unknown", ages),
		tile("alarms", b.n.Alarms, ui.Stop, "/admin/purchases?show=alarm", ""),
		tile("refunds", b.n.Refunds, ui.Wait, "#moves", ""),
		tile("refused", int64(len(b.refused)), ui.Stop, "/admin/purchases?show=alarm", ""),
		tile("captures", b.n.Captures, ui.Wait, "#moves", ""),
		tile("reserved", b.n.Reserved, ui.Wait, "#reserved", ""),
		tile("cases", b.n.Cases, ui.Stop, "/admin/money/cases", ""),
		tile("lines", b.n.Lines, ui.Wait, "/admin/money/bank", ""),
		tile("overdue", b.n.Overdue, ui.Wait, "/admin/orders?show=unpaid", ""),
	}
	blocks := []view.Block{view.Tiles(v.l, tiles)}
	quiet := unknown+b.n.Alarms+b.n.Refunds+b.n.Captures+b.n.Reserved+b.n.Cases+b.n.Lines+b.n.Overdue+int64(len(b.refused)) == 0
	if quiet {
		blocks = append(blocks, view.Notice(ui.OK, v.t("board.settled")))
	}
	if len(b.unknown) > 0 {
		blocks = append(blocks, v.boardPanel("unknown", "/admin/purchases?show=unknown", v.purchaseTable("board.unknown", b.unknown)))
	}
	if len(b.alarms) > 0 {
		blocks = append(blocks, v.boardPanel("alarms", "/admin/purchases?show=alarm", v.purchaseTable("board.alarms", b.alarms)))
	}
	if len(b.refused) > 0 {
		blocks = append(blocks, v.refundAlarms(b.refused[:min(len(b.refused), boardRows)]))
	}
	if len(b.tries) > 0 {
		blocks = append(blocks, view.Panel("moves", v.t("board.moves"), v.tryTable(b.tries, true)))
	}
	if len(b.reserved) > 0 {
		blocks = append(blocks, view.Panel("reserved", v.t("board.reserved"), v.reservedTable(b.reserved)))
	}
	if len(b.cases) > 0 {
		blocks = append(blocks, v.boardPanel("cases", "/admin/money/cases", v.diffTable(b.cases)))
	}
	if len(b.lines) > 0 {
		blocks = append(blocks, v.boardPanel("lines", "/admin/money/bank", v.lineTable("board.lines", b.lines)))
	}
	if len(b.bills) > 0 {
		blocks = append(blocks, v.boardPanel("overdue", "/admin/orders?show=unpaid", v.dueOrders(b.bills)))
	}
	blocks = append(blocks, v.compared(b.windows))
	return v.show(http.StatusOK, view.Shell{Title: v.t("board.title"), Lead: v.t("board.lead"), Head: view.Go(v.l, v.t("bank.title"), "/admin/money/bank", false)}, blocks...)
}

func (v *visit) boardPanel(key, all string, table view.Block) view.Block {
	return view.Panel(key, v.t("board."+key), table, view.Links(v.l, []ui.Link{{Text: v.t("board.all"), URL: all}}))
}

// compared tells when the books were compared last, and lets it be done now.
func (v *visit) compared(ws []payment.Window) view.Block {
	var facts []view.Pair
	for _, w := range ws {
		p := view.Pair{Key: v.methodName(w.Method), Value: v.t("compare.never")}
		if !w.Looked.IsZero() {
			p.Value = v.t("compare.at", "at", lang.Stamp(v.l, w.Looked), "until", lang.Stamp(v.l, w.DoneUntil))
		}
		if w.Trouble != "" {
			p.Sub = v.t("compare.trouble")
		}
		facts = append(facts, p)
	}
	blocks := []view.Block{view.Quiet(v.t("compare.text"))}
	if len(facts) > 0 {
		blocks = append(blocks, view.Facts(v.l, facts))
	}
	if v.by.Has(auth.JobsWrite) {
		blocks = append(blocks, view.ButtonForm(v.l, view.Button{Action: "/admin/money/compare", Text: v.t("compare.now")}))
	}
	return view.Panel("compare", v.t("compare.title"), blocks...)
}

// compareNow has the books compared at once.
func (v *visit) compareNow() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	if err := v.do("books.compare", "books", 0, func(tx *db.Tx) error { return checkout.AskReconcile(tx, v.by) }); err != nil {
		return err
	}
	return v.done("comparing", "/admin/money")
}

func purchasePath(id db.ID) string { return "/admin/purchases/" + id.String() }

// purchaseTable are purchases that wait.
func (v *visit) purchaseTable(caption string, ps []checkout.Purchase) view.Block {
	t := view.Table{Caption: v.t(caption), Cols: []ui.Column{{Text: v.t("col.started")}, {Text: v.t("col.state")}, {Text: v.t("col.method")}, {Text: v.t("purchase.check")}, {Text: v.t("col.total"), Num: true}}}
	for _, p := range ps {
		row := view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, p.Created), URL: purchasePath(p.ID)}, {Text: v.word("purchase.state.", string(p.State)), Badge: true, Tone: purchaseTones[p.State]}, {Text: v.methodName(p.Method)},
			{Text: stampOr(v.l, p.CheckAt)}, {Text: lang.Money(v.l, p.Total)}}}
		if p.Alarm != "" {
			row.Cells[1].Sub = v.word("alarm.", p.Alarm)
			row.Tone = ui.Stop
		}
		t.Rows = append(t.Rows, row)
	}
	return view.TableBlock(v.l, t)
}

// stampOr is a moment, or a dash for none.
func stampOr(l lang.Lang, t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return lang.Stamp(l, t)
}

var tryTones = map[string]ui.Tone{"asked": ui.Wait, "done": ui.OK, "refused": ui.Stop}

// tryTable are refunds and captures with their tries.
func (v *visit) tryTable(ts []payment.Try, far bool) view.Block {
	t := view.Table{Caption: v.t("board.moves"), Empty: v.t("tries.none"), Cols: []ui.Column{{Text: v.t("col.asked")}, {Text: v.t("col.matter")}, {Text: v.t("col.state")}, {Text: v.t("col.tries"), Num: true}, {Text: v.t("col.next")}, {Text: v.t("col.amount"), Num: true}}}
	for _, x := range ts {
		url := ""
		if far {
			url = purchasePath(x.Purchase)
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, x.At), URL: url}, {Text: v.word("move.", x.Kind), Sub: v.reason(x.Reason)}, {Text: v.word("move.state.", x.State), Sub: x.Code, Badge: true, Tone: tryTones[x.State]},
			{Text: lang.Number(v.l, x.Attempts)}, {Text: stampOr(v.l, x.Next)}, {Text: lang.Money(v.l, x.Amount)}}})
	}
	return view.TableBlock(v.l, t)
}

// reason is why money is asked to move: a word of the program's, or what staff wrote.
func (v *visit) reason(s string) string {
	if _, ref := order.Typed(s); ref != "" {
		return v.reasonOf(nil, s)
	}
	if w := v.word("move.reason.", s); w != s {
		return w
	}
	return v.word("alarm.", s)
}

// reservedTable is money that is authorised and not taken.
func (v *visit) reservedTable(is []payment.Intent) view.Block {
	t := view.Table{Caption: v.t("board.reserved"), Cols: []ui.Column{{Text: v.t("col.ends_at")}, {Text: v.t("col.method")}, {Text: v.t("purchase.captured"), Num: true}, {Text: v.t("col.left"), Num: true}}}
	for _, i := range is {
		row := view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, i.AuthUntil), URL: purchasePath(i.Purchase)}, {Text: v.methodName(i.Method)}, {Text: lang.Money(v.l, i.Captured)}, {Text: lang.Money(v.l, i.Takeable())}}}
		if time.Until(i.AuthUntil) < 48*time.Hour {
			row.Tone = ui.Stop
		}
		t.Rows = append(t.Rows, row)
	}
	return view.TableBlock(v.l, t)
}
