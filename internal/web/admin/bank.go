package admin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// bankMost is the largest file that the back office takes; the command takes more.
const bankMost = 8 << 20

func linePath(id db.ID) string { return "/admin/money/lines/" + id.String() }

var lineTones = map[string]ui.Tone{payment.LineOpen: ui.Wait, payment.LinePayback: ui.Wait, payment.LineSettled: ui.OK, payment.LineRefund: ui.OK, payment.LinePayout: ui.OK, payment.LinePaidBack: ui.OK}

// bank lists what came in and waits for a person, and the files; one can be added.
func (v *visit) bank() error { return v.showBank(http.StatusOK, ui.Form{}) }

func (v *visit) showBank(code int, f ui.Form) error {
	type page struct {
		lines []payment.BankLine
		files []payment.BankFile
	}
	var after db.ID
	if v.r.Method == http.MethodGet {
		qv, err := v.r.ReadQuery("after")
		if err != nil {
			return err
		}
		if s := qv.Get("after"); s != "" {
			if id, e := db.ParseID(s); e == nil {
				after = id
			}
		}
	}
	p, err := read(v, func(q *db.Reader) (p page, err error) {
		if err = v.by.Need(auth.OrdersRead); err != nil {
			return
		}
		if p.lines, err = payment.OpenLines(q, after, pageSize+1); err != nil {
			return
		}
		p.files, err = payment.BankFiles(q, 0, 20)
		return
	})
	if err != nil {
		return err
	}
	t := v.lines(nil)
	t.Caption, t.Empty = v.t("bank.open"), v.t("bank.open.none")
	if len(p.lines) > pageSize {
		p.lines = p.lines[:pageSize]
		t.Next = query("/admin/money/bank", "after", p.lines[pageSize-1].ID.String())
	}
	if after > 0 {
		t.First = "/admin/money/bank"
	}
	t.Rows = v.lines(p.lines).Rows
	var blocks []view.Block
	if v.by.Has(auth.OrdersWrite) {
		blocks = append(blocks, view.Panel("add", v.t("bank.add"), view.FormBlock(v.l, view.Form{Action: "/admin/money/bank", Submit: v.t("bank.add.go"), Upload: true, Form: f, Fields: []view.Field{
			{Kind: view.File, Accept: ".xml,.txt,.bgmax,.csv,application/xml,text/plain,text/csv", Input: ui.Input{Name: "file", Label: v.t("label.bankfile"), Hint: v.t("bank.add.hint")}}}})))
	}
	blocks = append(blocks, view.Panel("open", v.t("bank.open"), view.TableBlock(v.l, t)), view.Panel("files", v.t("bank.files"), v.fileTable(p.files)))
	return v.show(code, view.Shell{Title: v.t("bank.title"), Lead: v.t("bank.lead"), Crumbs: []ui.Link{{Text: v.t("board.title"), URL: "/admin/money"}, {Text: v.t("bank.title"), URL: "/admin/money/bank"}}}, blocks...)
}

func (v *visit) fileTable(fs []payment.BankFile) view.Block {
	t := view.Table{Caption: v.t("bank.files"), Empty: v.t("bank.files.none"), Cols: []ui.Column{{Text: v.t("col.taken_in")}, {Text: v.t("col.made")}, {Text: v.t("col.format")}, {Text: v.t("col.account")}, {Text: v.t("bank.settled"), Num: true}, {Text: v.t("bank.waits"), Num: true}}}
	for _, f := range fs {
		var r checkout.BankReport
		if err := json.Unmarshal(f.Report, &r); err != nil {
			r = checkout.BankReport{}
		}
		row := view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, f.At), URL: "/admin/money/bank/files/" + f.ID.String()}, {Text: lang.Stamp(v.l, f.Made)}, {Text: f.Format + " " + f.Version}, {Text: f.Accounts}, {Text: strconv.Itoa(r.Settled)}, {Text: strconv.Itoa(r.Open)}}}
		if !f.Whole {
			row.Tone, row.Cells[0].Sub = ui.Stop, v.t("bank.half")
		}
		t.Rows = append(t.Rows, row)
	}
	return view.TableBlock(v.l, t)
}

func (v *visit) lineTable(caption string, ls []payment.BankLine) view.Block {
	t := v.lines(ls)
	t.Caption = v.t(caption)
	return view.TableBlock(v.l, t)
}

func (v *visit) lines(ls []payment.BankLine) view.Table {
	t := view.Table{Caption: v.t("bank.open"), Cols: []ui.Column{{Text: v.t("col.day")}, {Text: v.t("col.state")}, {Text: v.t("money.ocr")}, {Text: v.t("col.amount"), Num: true}, {Text: v.t("bank.settled"), Num: true}}}
	for _, l := range ls {
		sum := lang.Money(v.l, l.Amount)
		if l.Kind != payment.LineIn {
			sum = lang.Money(v.l, l.Amount.Neg())
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: lang.DateYear(v.l, l.On), URL: linePath(l.ID)}, {Text: lang.T(v.l, "bank.state."+l.State), Badge: true, Tone: lineTones[l.State], Sub: checkout.LineReason(v.l, l.Reason)},
			{Text: l.Reference}, {Text: sum}, {Text: lang.Money(v.l, l.Settled)}}})
	}
	return t
}

// uploadBank takes a file and shows what it would bring.
func (v *visit) uploadBank() error {
	var content []byte
	_, err := v.r.ReadUpload(nil, []string{"file"}, bankMost, 1, func(_ web.Values, p web.Part) (err error) {
		content, err = io.ReadAll(p)
		return err
	})
	if err == nil && len(content) == 0 {
		err = fault.Invalid(fault.Field{Pointer: "/file", Code: "required"})
	}
	var rep checkout.BankReport
	var id db.ID
	if err == nil {
		rep, id, err = v.Desk.PreviewBank(v.ctx(), v.by, content)
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		if f := fault.As(err); f != nil && len(f.Fields) == 0 {
			err = &fault.Error{Kind: f.Kind, Code: f.Code, Fields: []fault.Field{{Pointer: "/file", Code: f.Code, Key: f.SentenceKey(), Args: f.Args}}}
		}
		return v.showBank(status(err), v.form(nil, err, ""))
	}
	if rep.Known {
		return v.done("bankfile_known", "/admin/money/bank/files/"+rep.File.String())
	}
	return web.SeeOther(v.w, v.r, "/admin/money/bank/drafts/"+id.String())
}

// bankDraft shows what a file would bring, before anything is entered.
func (v *visit) bankDraft() error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	rep, err := v.Desk.Draft(v.ctx(), v.by, id)
	if err != nil {
		return err
	}
	blocks, soFar := append(v.bankReport(rep), view.TableBlock(v.l, v.results(rep.Results))), v.t("bank.preview.text")
	if rep.Method != "" {
		blocks, soFar = append(v.bankReport(rep), view.TableBlock(v.l, v.diffResults(rep))), v.t("settlement.preview.text")
	}
	if !rep.Known {
		blocks = append([]view.Block{view.Notice(ui.Wait, soFar, view.ButtonForm(v.l, view.Button{Action: "/admin/money/bank/drafts/" + id.String(), Text: v.t("bank.take"), Main: true}))}, blocks...)
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("bank.preview"), Lead: v.t("bank.preview.lead"), Crumbs: v.bankCrumbs(v.t("bank.preview"), "/admin/money/bank/drafts/"+id.String())}, blocks...)
}

func (v *visit) bankCrumbs(text, url string) []ui.Link {
	return []ui.Link{{Text: v.t("board.title"), URL: "/admin/money"}, {Text: v.t("bank.title"), URL: "/admin/money/bank"}, {Text: text, URL: url}}
}

// takeBankDraft enters what the file brings.
func (v *visit) takeBankDraft() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	rep, err := v.Desk.TakeDraft(v.ctx(), v.by, id)
	if err != nil {
		return err
	}
	return v.done("bankfile_taken", "/admin/money/bank/files/"+rep.File.String())
}

// bankReport are the counts of a report, and what it tells besides.
func (v *visit) bankReport(r checkout.BankReport) []view.Block {
	var blocks []view.Block
	for _, n := range r.Notes {
		blocks = append(blocks, view.Notice(ui.Wait, lang.TArgs(v.l, "bank.note."+n.Code, n.Args)))
	}
	if r.Method != "" {
		return append(blocks, v.settlementReport(r))
	}
	facts := []view.Pair{{Key: v.t("col.format"), Value: r.Format + " " + r.Version}, {Key: v.t("col.made"), Value: lang.Stamp(v.l, r.Made)}}
	for _, a := range r.Accounts {
		facts = append(facts, view.Pair{Key: v.t("col.account"), Value: a})
	}
	for _, x := range []struct {
		key string
		n   int
	}{{"bank.entries", r.Entries}, {"bank.settled.n", r.Settled}, {"bank.refunds", r.Refunds}, {"bank.payouts", r.Payouts}, {"bank.same", r.Same}, {"bank.waits", r.Open}, {"bank.pending", r.Pending}, {"bank.outgoing", r.Outgoing}} {
		facts = append(facts, view.Pair{Key: v.t(x.key), Value: strconv.Itoa(x.n)})
	}
	for _, s := range r.Sums {
		facts = append(facts, view.Pair{Key: v.t("bank.settled"), Value: lang.Money(v.l, s.Settled)}, view.Pair{Key: v.t("bank.sum.open"), Value: lang.Money(v.l, s.Open)})
	}
	return append(blocks, view.Panel("", v.t("bank.report"), view.Facts(v.l, facts)))
}

// settlementReport are the counts of a payment company's settlement file.
func (v *visit) settlementReport(r checkout.BankReport) view.Block {
	facts := []view.Pair{{Key: v.t("col.format"), Value: v.t("settlement.of", "partner", v.methodName(r.Method))}, {Key: v.t("col.made"), Value: lang.Stamp(v.l, r.Made)}}
	for _, x := range []struct {
		key string
		n   int
	}{{"bank.entries", r.Entries}, {"settlement.compared", r.Compared}, {"settlement.agree", r.Same}, {"settlement.differ", r.Open}, {"bank.payouts", r.Payouts}} {
		facts = append(facts, view.Pair{Key: v.t(x.key), Value: strconv.Itoa(x.n)})
	}
	return view.Panel("", v.t("bank.report"), view.Facts(v.l, facts))
}

// diffResults are the differences of a settlement file.
func (v *visit) diffResults(r checkout.BankReport) view.Table {
	t := v.diffs(nil)
	t.Caption, t.Empty = v.t("settlement.differ"), v.t("settlement.differ.none")
	t.Cols = []ui.Column{{Text: v.t("col.matter")}, {Text: v.t("col.moved")}, {Text: v.t("col.ours"), Num: true}, {Text: v.t("col.theirs"), Num: true}}
	for _, d := range r.Diffs {
		c := view.Cell{Text: v.word("diff.kind.", d.Kind), Sub: v.word("move.", d.Moved)}
		if d.Purchase > 0 {
			c.URL = purchasePath(d.Purchase)
		}
		row, at := view.Row{Cells: []view.Cell{c, {Text: "–"}, {Text: "–"}, {Text: "–"}}}, time.Time{}
		for i, s := range []*payment.CaseSide{d.Ours, d.Theirs} {
			if s != nil {
				row.Cells[2+i].Text, at = lang.Money(v.l, s.Amount), s.At
			}
		}
		row.Cells[1].Text = stampOr(v.l, at)
		t.Rows = append(t.Rows, row)
	}
	return t
}

// results are the payments of a file that is not taken in yet.
func (v *visit) results(rs []checkout.BankResult) view.Table {
	t := view.Table{Caption: v.t("bank.results"), Empty: v.t("bank.results.none"), Cols: []ui.Column{{Text: v.t("col.day")}, {Text: v.t("col.state")}, {Text: v.t("col.order")}, {Text: v.t("money.ocr")}, {Text: v.t("col.amount"), Num: true}, {Text: v.t("bank.settled"), Num: true}}}
	for _, r := range rs {
		o := view.Cell{Text: r.Order}
		if r.Order != "" {
			o.URL = "/admin/orders/" + r.Order
		}
		sum := lang.Money(v.l, r.Amount)
		if r.Kind != payment.LineIn {
			sum = lang.Money(v.l, r.Amount.Neg())
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: lang.DateYear(v.l, r.On)}, {Text: lang.T(v.l, "bank.state."+r.State), Badge: true, Tone: lineTones[r.State], Sub: checkout.LineReason(v.l, r.Reason)}, o, {Text: r.Ref},
			{Text: sum}, {Text: lang.Money(v.l, r.Settled)}}})
	}
	return t
}

// bankFile is a file that was taken in, with its payments.
func (v *visit) bankFile() error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	qv, err := v.r.ReadQuery("after")
	if err != nil {
		return err
	}
	var after db.ID
	if s := qv.Get("after"); s != "" {
		if x, e := db.ParseID(s); e == nil {
			after = x
		}
	}
	type page struct {
		f  payment.BankFile
		ls []payment.BankLine
	}
	p, err := read(v, func(q *db.Reader) (p page, err error) {
		if err = v.by.Need(auth.OrdersRead); err != nil {
			return
		}
		if p.f, err = payment.BankFileByID(q, id); errors.Is(err, db.ErrNotFound) {
			return p, fault.NotFound()
		}
		if err == nil {
			p.ls, err = payment.LinesOfFile(q, id, after, pageSize+1)
		}
		return
	})
	if err != nil {
		return err
	}
	var rep checkout.BankReport
	if err := json.Unmarshal(p.f.Report, &rep); err != nil {
		return err
	}
	path := "/admin/money/bank/files/" + id.String()
	t := v.lines(nil)
	t.Caption, t.Empty = v.t("bank.results"), v.t("bank.results.none")
	if len(p.ls) > pageSize {
		p.ls = p.ls[:pageSize]
		t.Next = query(path, "after", p.ls[pageSize-1].ID.String())
	}
	if after > 0 {
		t.First = path
	}
	t.Rows = v.lines(p.ls).Rows
	var blocks []view.Block
	if p.f.Whole {
		blocks = v.bankReport(rep)
	} else {
		blocks = []view.Block{view.Notice(ui.Stop, v.t("bank.half"), view.Say(v.t("bank.half.do")))}
	}
	shell := view.Shell{Title: v.t("bank.file"), Lead: p.f.Message, Crumbs: v.bankCrumbs(lang.Stamp(v.l, p.f.At), path)}
	if rep.Method != "" {
		if rep.Open > 0 {
			blocks = append(blocks, view.Notice(ui.Wait, v.t("settlement.cases"), view.Say(v.t("settlement.cases.text"))))
			shell.Head = view.Go(v.l, v.t("diffs.title"), "/admin/money/cases", false)
		}
		return v.show(http.StatusOK, shell, append(blocks, view.TableBlock(v.l, v.diffResults(rep)))...)
	}
	return v.show(http.StatusOK, shell, append(blocks, view.TableBlock(v.l, t))...)
}

// bankLine is one payment on the account, with what the bank tells of it and what can
// be decided.
func (v *visit) bankLine() error { return v.showLine(http.StatusOK, "", ui.Form{}) }

func (v *visit) showLine(code int, act string, f ui.Form) error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	type page struct {
		l     payment.BankLine
		d     payment.LineDetails
		known bool
		leave auth.Opened // what the visitor has opened of this line
		shut  bool        // who paid has asked for restriction
		lost  bool        // what the bank tells does not open
		o     order.Order
	}
	p, err := read(v, func(q *db.Reader) (p page, err error) {
		if err = v.by.Need(auth.OrdersRead); err != nil {
			return
		}
		if p.l, err = payment.LineByID(q, id); errors.Is(err, db.ErrNotFound) {
			return p, fault.NotFound()
		}
		if err != nil {
			return
		}
		if p.leave, err = v.by.Opened(q, "bankline", id); err != nil {
			return
		}
		if p.shut, err = restricted(q, p.l.Person); err != nil {
			return
		}
		if p.d, p.known, _, err = p.l.Seen(q, v.Vault, p.leave); unreadable(err) {
			p.lost, err = true, nil
		}
		if err != nil {
			return
		}
		if p.l.Order > 0 {
			p.o, err = order.ByID(q, p.l.Order)
		}
		return
	})
	if err != nil {
		return err
	}
	l := p.l
	facts := []view.Pair{{Key: v.t("col.state"), Value: lang.T(v.l, "bank.state."+l.State), Sub: checkout.LineReason(v.l, l.Reason)}, {Key: v.t("col.direction"), Value: lang.T(v.l, "bank.kind."+l.Kind)}, {Key: v.t("col.amount"), Value: lang.Money(v.l, l.Amount)},
		{Key: v.t("bank.settled"), Value: lang.Money(v.l, l.Settled)}, {Key: v.t("bank.left"), Value: lang.Money(v.l, l.Rest())}, {Key: v.t("col.day"), Value: lang.DateYear(v.l, l.On)}, {Key: v.t("col.account"), Value: l.Account}, {Key: v.t("money.ocr"), Value: l.Reference}}
	if p.o.ID > 0 {
		facts = append(facts, view.Pair{Key: v.t("col.order"), Value: p.o.NumberString(), URL: orderPath(p.o), Sub: v.t("bank.order.left", "amount", lang.Money(v.l, money.New(p.o.ToPay.Amount-p.o.Paid.Amount, p.o.ToPay.Currency)))})
	}
	if l.Twin > 0 {
		facts = append(facts, view.Pair{Key: v.t("bank.twin"), Value: v.t("bank.twin.go"), URL: linePath(l.Twin)})
	}
	if p.lost {
		facts = append(facts, view.Pair{Key: v.t("bank.payer"), Value: v.t("sight.unreadable")})
	}
	if p.known {
		payer := p.d.Payer
		if payer == "" {
			payer = "–"
		}
		facts = append(facts, view.Pair{Key: v.t("bank.payer"), Value: payer, Sub: p.d.From})
		for _, s := range p.d.Text {
			facts = append(facts, view.Pair{Key: v.t("bank.text"), Value: s})
		}
		for _, s := range p.d.Refs {
			facts = append(facts, view.Pair{Key: v.t("bank.ref"), Value: s})
		}
	}
	if l.Note != "" {
		facts = append(facts, view.Pair{Key: v.t("label.note"), Value: l.Note, Sub: lang.Stamp(v.l, l.Changed)})
	}
	facts = append(facts, view.Pair{Key: v.t("bank.file"), Value: l.Format, URL: "/admin/money/bank/files/" + l.File.String()})
	var sight view.Block
	if p.known {
		sight = v.sight("bankline", l.ID, p.leave, p.shut)
	}
	blocks := []view.Block{view.Panel("", v.t("diff.facts"), sight, view.Facts(v.l, facts))}
	blocks = append(blocks, v.decisions(l, p.o, act, f)...)
	return v.show(code, view.Shell{Title: v.t("line.title"), Crumbs: v.bankCrumbs(lang.DateYear(v.l, l.On), linePath(id))}, blocks...)
}

// decisions are what staff can say about a line.
func (v *visit) decisions(l payment.BankLine, o order.Order, act string, f ui.Form) []view.Block {
	form := func(name string, right auth.Right, more ...view.Field) view.Block {
		if !v.by.Has(right) {
			return nil
		}
		x := view.Form{Action: linePath(l.ID), Submit: v.t("line." + name + ".go"), Hidden: []view.Pair{{Key: "act", Value: name}, {Key: "version", Value: strconv.FormatInt(l.Version, 10)}}, Fields: append(more, v.noteField(name+"_note", "")), Quiet: name != "order"}
		if act == name {
			x.Form = f
		}
		return view.Panel(name, v.t("line."+name), view.Quiet(v.t("line."+name+".text")), view.FormBlock(v.l, x))
	}
	switch {
	case l.State == payment.LinePayback:
		return []view.Block{form("paid_back", auth.RefundsWrite)}
	case l.State != payment.LineOpen:
		return nil
	}
	var out []view.Block
	if l.Kind == payment.LineIn {
		number := ""
		if o.ID > 0 && o.ToPay.Amount > o.Paid.Amount {
			number = o.NumberString()
		}
		out = append(out, form("order", auth.OrdersWrite, view.Field{Input: ui.Input{Name: "order", Label: v.t("label.order_number"), Value: number, InputMode: "numeric", Max: 20, Short: true, Needed: true}}), form("payback", auth.RefundsWrite))
	}
	return append(out, form("foreign", auth.OrdersWrite))
}

// decideBankLine carries out what staff decide.
func (v *visit) decideBankLine() error {
	in, err := v.r.ReadForm("act", "version", "order", "order_note", "payback_note", "foreign_note", "paid_back_note")
	if err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	ver, _ := strconv.ParseInt(in.Get("version"), 10, 64)
	if ver <= 0 {
		ver = -1 // a form without it is of no page of ours
	}
	l, err := act(v, "bankline.decide", "bankline", id, func(tx *db.Tx) (payment.BankLine, error) {
		return v.Desk.DecideLine(tx, v.by, checkout.Decision{Line: id, Version: ver, Act: in.Get("act"), Order: in.Get("order"), Note: in.Get(in.Get("act") + "_note")})
	})
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showLine(status(err), in.Get("act"), v.form(in, refield(err, "/note", "/"+in.Get("act")+"_note"), ""))
	}
	if l.State == payment.LineOpen {
		return v.done("line_part", linePath(id))
	}
	return v.done("line_decided", "/admin/money/bank")
}
