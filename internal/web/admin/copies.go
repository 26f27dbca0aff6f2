package admin

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/recovery"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

func (a *Admin) copyRoutes() []web.Route {
	run := web.Staff(auth.JobsWrite)
	return []web.Route{
		a.page(get, "/admin/copies", run, (*visit).copies),
		a.page(post, "/admin/copies/paper", web.Staff(auth.KeysWrite), (*visit).provePaper),
		a.page(post, "/admin/copies/drill", run, (*visit).drillNow),
		a.page(get, "/admin/copies/plan", run, (*visit).recoveryPlan),
		a.page(post, "/admin/copies/plan", run, (*visit).saveRecoveryPlan),
		a.page(post, "/admin/copies/plan/printed", run, (*visit).printedRecoveryPlan),
	}
}

const chartDays = 90

// insight is all that the page of the copies shows.
type insight struct {
	recovery.Standing
	now        time.Time
	proven     time.Time // the paper key was last typed
	goalLoss   time.Duration
	goalBack   time.Duration
	price      int64
	sales      order.Sales
	knowsSales bool
}

func (v *visit) readInsight(q *db.Reader) (x insight, err error) {
	if err := v.by.Need(auth.JobsWrite); err != nil {
		return x, err
	}
	x.now = q.Now()
	if x.Drills, err = copies.Drills(q, x.now.AddDate(0, 0, -chartDays)); err != nil {
		return x, err
	}
	if x.proven, err = recovery.Proven(q); err != nil {
		return x, err
	}
	loss, err := content.GoalLoss.Get(q)
	if err != nil {
		return x, err
	}
	back, err := content.GoalBack.Get(q)
	if err != nil {
		return x, err
	}
	x.goalLoss, x.goalBack = time.Duration(loss)*time.Second, time.Duration(back)*time.Minute
	if x.price, err = content.CopiesPrice.Get(q); err != nil {
		return x, err
	}
	if v.by.Has(auth.FiguresRead) {
		x.knowsSales = true
		x.sales, err = order.SalesBetween(q, v.by, x.now.AddDate(0, 0, -30), x.now, v.Currency)
	}
	return x, err
}

// stand fills in what the program knows beside the database; it may ask the network.
func (v *visit) stand(x *insight) {
	if v.Copies != nil {
		drills := x.Drills
		x.Standing = v.Copies(v.ctx())
		x.Drills = drills
	}
}

// copies is the page of what would be lost and how long it would take.
func (v *visit) copies() error { return v.showCopies(http.StatusOK, ui.Form{}) }

func (v *visit) showCopies(code int, paper ui.Form) error {
	qv, err := v.r.ReadQuery("orders", "value", "spare")
	if err != nil {
		return err
	}
	x, err := read(v, v.readInsight)
	if err != nil {
		return err
	}
	v.stand(&x)
	side := []view.Block{v.goalsPanel(x), v.paperPanel(x, paper), view.Panel("", v.t("copies.plan"), view.Quiet(v.t("copies.plan.text")), view.Go(v.l, v.t("copies.plan.go"), "/admin/copies/plan", false))}
	// The two tables have many columns and take the whole width.
	return v.show(code, view.Shell{Title: v.t("copies.title")}, v.nowNotice(x), v.copyWarnings(x), v.sitesPanel(x), v.drillsPanel(x), view.Beside(v.calculator(x, qv), view.Group(side...)))
}

// howLong is a length of time in words; what is shorter than a second is one.
func (v *visit) howLong(d time.Duration) string {
	if d > 0 && d < time.Second {
		d = time.Second
	}
	return lang.Duration(v.l, d)
}

// nowSentence is what would be lost and how long it would take, now.
func (v *visit) nowSentence(s recovery.Standing) (string, ui.Tone) {
	n := s.Now()
	lost, tone := "", ui.OK
	switch n.Loss {
	case recovery.Elsewhere:
		return v.t("copies.now.postgres"), ui.Wait
	case recovery.Locked, recovery.Unreached:
		return v.t("copies.now." + n.Loss), ui.Stop
	case recovery.Everything:
		if s.Postgres {
			return v.t("copies.now.unbacked"), ui.Stop
		}
		if s.Status == nil || len(s.Status.Sites) == 0 {
			return v.t("copies.now.everything"), ui.Stop
		}
		return v.t("copies.now.soon"), ui.Stop
	case recovery.Together:
		if s.Postgres {
			return v.t("copies.now.together.postgres"), ui.Stop
		}
		return v.t("copies.now.together"), ui.Stop
	case recovery.Nothing:
		lost = v.t("copies.now.nothing", "site", n.Site)
	default:
		lost, tone = v.t("copies.now.something", "span", v.howLong(n.Lost), "site", n.Site), ui.Wait
	}
	if n.Back == 0 {
		return lost + " " + v.t("copies.now.unproven"), ui.Wait
	}
	return lost + " " + v.t("copies.now.back", "span", v.howLong(n.Back), "date", lang.DateTime(v.l, n.Proven)), tone
}

func (v *visit) nowNotice(x insight) view.Block {
	text, tone := v.nowSentence(x.Standing)
	if tone == ui.Wait {
		if n := x.Now(); n.Loss == recovery.Something && n.Back > 0 && n.Lost <= x.goalLoss && n.Back <= x.goalBack {
			tone = ui.OK
		}
	}
	return view.Notice(tone, text)
}

// copyWarnings are what is wrong with all sites together.
func (v *visit) copyWarnings(x insight) view.Block {
	list := v.archiveWarnings(x)
	if x.Status != nil {
		if x.Status.Trouble != nil {
			list = append(list, view.Notice(ui.Stop, v.t("copies.trouble.stream")))
		}
		if x.Status.Dump.Trouble != nil {
			list = append(list, view.Notice(ui.Wait, v.t("copies.trouble.dump")))
		}
		if len(x.Status.Sites) == 1 {
			list = append(list, view.Notice(ui.Wait, v.t("copies.one")))
		}
	}
	for _, name := range x.Late {
		list = append(list, view.Notice(ui.Stop, v.t("copies.late", "site", name)))
	}
	var together []string
	for _, w := range x.Warnings {
		together = append(together, v.t("copies.shared."+w.What, "a", cmp.Or(w.A, v.t("copies.self")), "b", cmp.Or(w.B, v.t("copies.self")), "shared", w.Shared))
	}
	if len(together) > 0 {
		list = append(list, view.Panel("", v.t("copies.shared"), view.List(together)))
	}
	if x.Status != nil && x.Required == 0 {
		list = append(list, view.Quiet(v.t("copies.required.none")))
	} else if x.Status != nil {
		list = append(list, view.Quiet(v.n("copies.required", x.Required)))
	}
	return view.Group(list...)
}

var drillTones = map[copies.State]ui.Tone{copies.Ok: ui.OK, copies.Failed: ui.Stop, copies.Inconclusive: ui.Wait}

func (v *visit) sitesPanel(x insight) view.Block {
	if x.Postgres {
		return v.archivePanel(x)
	}
	if x.Status == nil || len(x.Status.Sites) == 0 {
		return view.Panel("sites", v.t("copies.sites"), view.Say(v.t("copies.none")), view.List([]string{v.t("copies.none.paper"), v.t("copies.none.sites"), v.t("copies.none.start")}))
	}
	t := view.Table{Caption: v.t("copies.sites"), Cols: []ui.Column{{Text: v.t("copies.col.site")}, {Text: v.t("copies.col.place")}, {Text: v.t("copies.col.newest")}, {Text: v.t("copies.col.lag")}, {Text: v.t("copies.col.sent"), Num: true}, {Text: v.t("copies.col.proof")}, {Text: v.t("col.state")}}}
	for _, s := range x.Status.Sites {
		newest, lag := view.Cell{Text: v.t("copies.nothing_yet")}, view.Cell{Text: "–"}
		if s.TX > 0 {
			newest.Text, newest.Sub = lang.Stamp(v.l, s.Newest), v.t("copies.ago", "span", v.howLong(max(x.now.Sub(s.Newest), 0)))
			lag.Text = v.t("copies.lag.none")
			if s.Lag > 0 {
				lag.Text = v.howLong(s.Lag)
			}
		}
		sent := view.Cell{Text: v.size(s.Bytes), Num: true}
		if s.Place.Kind != "dir" && x.price > 0 {
			sent.Sub = v.t("copies.cost", "price", lang.Money(v.l, monthly(s.Bytes, x.price, v.Currency)))
		}
		proof := view.Cell{Text: v.t("copies.never")}
		if d, ok := x.Proof(s.Place.Name); ok {
			proof.Text, proof.Sub = lang.Stamp(v.l, d.Started), v.howLong(d.RTO)
		}
		place := s.Place.Location
		if place == "" {
			place = v.t("copies.unsaid")
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: s.Place.Name, Sub: s.Place.Address}, {Text: place, Sub: s.Place.Provider}, newest, lag, sent, proof, v.siteState(s, x.now)}})
	}
	blocks := []view.Block{view.TableBlock(v.l, t)}
	if x.price > 0 {
		blocks = append(blocks, view.Quiet(v.t("copies.cost.source", "price", lang.Money(v.l, money.New(x.price, v.Currency)))))
	}
	if d := x.Status.Dump; !d.Taken.IsZero() {
		blocks = append(blocks, view.Quiet(v.t("copies.dump", "date", lang.DateTime(v.l, d.Taken), "size", v.size(d.Size))))
	}
	return view.Panel("sites", v.t("copies.sites"), blocks...)
}

// slowAck is from how long a confirmation takes that a site is called slow.
const slowAck = 2 * time.Second

// siteState is whether a site takes what it is given, and since when not.
func (v *visit) siteState(s copies.SiteStatus, now time.Time) view.Cell {
	c := view.Cell{Text: v.t("copies.state.ok"), Badge: true, Tone: ui.OK}
	switch {
	case s.Trouble != nil:
		why := "away"
		switch {
		case errors.Is(s.Trouble, copies.ErrFull):
			why = "full"
		case errors.Is(s.Trouble, copies.ErrRefused):
			why = "refused"
		}
		c.Text, c.Tone = v.t("copies.state."+why), ui.Stop
		c.Sub = v.t("copies.since", "at", lang.Stamp(v.l, s.Since), "span", v.howLong(max(now.Sub(s.Since), 0))) + " " + s.Trouble.Error()
	case s.TX == 0:
		c.Text, c.Tone = v.t("copies.state.first"), ui.Wait
	case s.Took > slowAck+s.Every:
		c.Text, c.Tone, c.Sub = v.t("copies.state.slow"), ui.Wait, v.t("copies.took", "span", v.howLong(s.Took))
	}
	return c
}

// monthly is what bytes cost in a month, in minor units, at a price for a GB (10^9 bytes).
func monthly(bytes, price int64, currency string) money.Money {
	gb, rest := max(bytes, 0)/1e9, max(bytes, 0)%1e9
	if price > 0 && gb > money.Max/price {
		return money.New(money.Max, currency)
	}
	return money.New(min(gb*price+(rest*price+1e9-1)/1e9, money.Max), currency)
}

// size is a number of bytes in words.
func (v *visit) size(n int64) string {
	for _, u := range []struct {
		of   int64
		name string
	}{{1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if n >= u.of {
			return lang.Decimal(v.l, n/(u.of/100)) + "\u00a0" + u.name
		}
	}
	return lang.Number(v.l, n) + "\u00a0B"
}

// goalsPanel is what the merchant wants beside what is measured.
func (v *visit) goalsPanel(x insight) view.Block {
	n := x.Now()
	measure := func(known bool, d, goal time.Duration) view.Block {
		switch {
		case !known:
			return view.Badge(ui.Wait, v.t("copies.goal.unknown"))
		case d > goal:
			return view.Badge(ui.Stop, v.t("copies.goal.missed", "span", v.howLong(d)))
		}
		return view.Badge(ui.OK, v.t("copies.goal.held", "span", v.howLong(d)))
	}
	lost := measure(n.Loss == recovery.Something || n.Loss == recovery.Nothing, n.Lost, x.goalLoss)
	if n.Loss == recovery.Everything || n.Loss == recovery.Together || n.Loss == recovery.Locked {
		lost = view.Badge(ui.Stop, v.t("copies.goal.everything"))
	}
	facts := []view.Pair{
		{Key: v.t("copies.goal.loss"), Value: v.howLong(x.goalLoss)}, {Key: v.t("copies.goal.now"), Block: lost},
		{Key: v.t("copies.goal.back"), Value: v.howLong(x.goalBack)}, {Key: v.t("copies.goal.measured"), Block: measure(n.Back > 0, n.Back, x.goalBack)}}
	return view.Panel("goals", v.t("copies.goals"), view.Facts(v.l, facts), view.Links(v.l, []ui.Link{{Text: v.t("copies.goals.change"), URL: "/admin/settings"}}))
}

// drillNow asks for a drill of every site; its result is on the page when it is done.
func (v *visit) drillNow() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	if v.DrillNow == nil || !v.DrillNow() {
		return v.done("drill_waits", "/admin/copies")
	}
	return v.done("drill_begun", "/admin/copies")
}

// drillsPanel is the proofs of the way back.
func (v *visit) drillsPanel(x insight) view.Block {
	var now view.Block
	if v.DrillNow != nil {
		now = view.ButtonForm(v.l, view.Button{Action: "/admin/copies/drill", Text: v.t("copies.drill.now")})
	}
	if x.Postgres {
		now = view.Group(view.Quiet(v.t("copies.drill.tended")), view.Words("kassavalv backup tend-postgres --drill"))
	}
	if len(x.Drills) == 0 {
		return view.Panel("drills", v.t("copies.drills"), view.Say(v.t("copies.drills.none")), now)
	}
	t := view.Table{Caption: v.t("copies.drills.last"), Cols: []ui.Column{{Text: v.t("col.at")}, {Text: v.t("copies.col.site")}, {Text: v.t("col.outcome")}, {Text: v.t("copies.col.lost")}, {Text: v.t("copies.col.took")}}}
	for _, d := range x.Drills[:min(len(x.Drills), 10)] {
		kind := ""
		if d.Cold {
			kind = v.t("copies.drill.cold")
		}
		lost, took, found := "–", "–", ""
		if d.State == copies.Ok {
			lost, took = v.howLong(d.RPO), v.howLong(d.RTO)
		} else if len(d.Findings) > 0 {
			found = v.foundWords(d)
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, d.Started), Sub: kind}, {Text: d.Site}, {Text: v.t("copies.drill." + string(d.State)), Sub: found, Badge: true, Tone: drillTones[d.State]}, {Text: lost}, {Text: took}}})
	}
	return view.Panel("drills", v.t("copies.drills"), ui.Bars(v.l, v.drillChart(x)), view.TableBlock(v.l, t), v.stepsTable(x), now, view.Quiet(v.t("copies.drills.print")))
}

// foundWords is why a drill did not end well: what proves something wrong before what could
// not be looked at, in the reader's words, with the object's name as the log has it.
func (v *visit) foundWords(d copies.Result) string {
	f := d.Findings[0]
	if i := slices.IndexFunc(d.Findings, func(f copies.Finding) bool { return !f.Unknown }); i > 0 {
		f = d.Findings[i]
	}
	if !slices.Contains(copies.Codes, f.Code) { // kept before there were codes
		return f.String()
	}
	text := v.t("copies.found." + f.Code)
	if f.Object != "" {
		text += " (" + f.Object + ")"
	}
	if n := len(d.Findings) - 1; n > 0 {
		text += " " + v.t("copies.found.more", "n", lang.Number(v.l, int64(n)))
	}
	return text
}

// drillChart is a bar a day: how many minutes the slowest proof of the day took. A day
// without one that ended well has none, and its words say why.
func (v *visit) drillChart(x insight) ui.Chart {
	c := ui.Chart{Title: v.t("copies.chart"), Goal: x.goalBack.Minutes(), LabelOf: v.t("col.at"), ValueOf: v.t("copies.col.took")}
	for i := chartDays - 1; i >= 0; i-- {
		day := x.now.In(lang.Zone).AddDate(0, 0, -i)
		date := lang.DateShort(v.l, day)
		// Ninety days name their year by themselves, and ten dates must find room.
		p := ui.Point{Label: strings.TrimSuffix(date, " "+strconv.Itoa(day.Year())), Text: v.t("copies.chart.none")}
		worst, bad := time.Duration(0), false
		for _, d := range x.Drills {
			if lang.DateShort(v.l, d.Started) != date {
				continue
			}
			if d.State != copies.Ok {
				bad = true
			} else {
				worst = max(worst, d.RTO)
			}
		}
		switch {
		case worst > 0 && bad:
			p.Value, p.Text = worst.Minutes(), v.t("copies.chart.both", "span", v.howLong(worst))
		case worst > 0:
			p.Value, p.Text = worst.Minutes(), v.howLong(worst)
		case bad:
			p.Text = v.t("copies.chart.bad")
		}
		c.Points = append(c.Points, p)
	}
	return c
}

// calculator turns orders and their value into a proposal, with its arithmetic. By itself it
// begins from what the shop sold in 30 days, for who may know that.
func (v *visit) calculator(x insight, qv web.Values) view.Block {
	t := recovery.Trade{OrdersAnHour: 10, Value: money.New(500_00, v.Currency), Spare: money.New(4_800_00, v.Currency)}
	from := v.t("copies.calc.example")
	if x.knowsSales && x.sales.Orders > 0 {
		t.OrdersAnHour, t.Value = x.sales.Busiest, x.sales.Average()
		from = v.t("copies.calc.own", "orders", lang.Number(v.l, x.sales.Orders), "busiest", lang.Number(v.l, x.sales.Busiest))
	}
	var bad []ui.FieldError
	field := func(name string, set func(s string) bool) {
		if s := qv.Get(name); s != "" && !set(s) {
			bad = append(bad, ui.FieldError{Name: name, Text: v.fieldSentence(fault.Field{Pointer: "/" + name, Code: "bad_amount"}), Label: v.t("copies.calc." + name)})
		}
	}
	field("orders", func(s string) bool {
		n, ok := whole(s)
		if ok = ok && n >= 0 && n <= 1_000_000; ok {
			t.OrdersAnHour = n
		}
		return ok
	})
	field("value", func(s string) (ok bool) {
		m, ok := amount(s, v.Currency)
		if ok {
			t.Value = m
		}
		return ok
	})
	field("spare", func(s string) (ok bool) {
		m, ok := amount(s, v.Currency)
		if ok {
			t.Spare = m
		}
		return ok
	})
	orders, value, spare := strconv.FormatInt(t.OrdersAnHour, 10), typed(t.Value.Amount), typed(t.Spare.Amount)
	form := view.Form{Action: "/admin/copies#calculator", Method: "get", Submit: v.t("copies.calc.go"), Quiet: true, Form: ui.Form{Errors: bad}, Fields: []view.Field{
		{Half: true, Input: ui.Input{Name: "orders", Label: v.t("copies.calc.orders"), Value: orders, InputMode: "numeric", Max: 9}},
		{Half: true, Input: ui.Input{Name: "value", Label: v.t("copies.calc.value"), Value: value, InputMode: "decimal", Max: 15}},
		{Half: true, Input: ui.Input{Name: "spare", Label: v.t("copies.calc.spare"), Hint: v.t("copies.calc.spare.hint"), Value: spare, InputMode: "decimal", Max: 15}}}}
	p, m := recovery.Propose(t), func(x money.Money) string { return lang.Money(v.l, x) }
	rpo := v.t("copies.calc.rpo.none")
	if p.RPO > 0 {
		rpo = v.t("copies.calc.rpo", "span", v.howLong(p.RPO))
	}
	facts := []view.Pair{
		{Key: v.t("copies.calc.hour"), Value: m(p.AnHour), Sub: lang.Number(v.l, t.OrdersAnHour) + " × " + m(t.Value)},
		{Key: v.t("copies.goal.loss"), Value: rpo, Sub: v.t("copies.calc.risk", "hour", m(p.AnHour), "span", v.howLong(p.RPO), "risk", m(p.AtRisk), "orders", lang.Decimal(v.l, p.Orders))},
		{Key: v.t("copies.goal.back"), Value: v.t("copies.calc.rto", "span", v.howLong(p.RTO)), Sub: v.t("copies.calc.still", "hour", m(p.AnHour), "span", v.howLong(p.RTO), "cost", m(p.Standstill))},
		{Key: v.t("copies.sites"), Value: v.n("copies.calc.sites", p.Sites), Sub: v.t("copies.calc.sites.why")}}
	if p.Required > 0 {
		facts = append(facts, view.Pair{Key: v.t("copies.calc.required"), Value: v.t("copies.calc.required.one")})
	}
	return view.Panel("calculator", v.t("copies.calc"), view.Quiet(from), view.FormBlock(v.l, form), view.Facts(v.l, facts))
}

// paperPanel asks for the paper key once a quarter.
func (v *visit) paperPanel(x insight, f ui.Form) view.Block {
	if x.Charter.Seal == "" {
		return view.Panel("paper", v.t("copies.paper"), view.Say(v.t("copies.paper.none")))
	}
	said := view.Notice(ui.Wait, v.t("copies.paper.never"))
	switch {
	case !x.proven.IsZero() && x.now.Sub(x.proven) > recovery.Quarter:
		said = view.Notice(ui.Wait, v.t("copies.paper.old", "date", lang.DateYear(v.l, x.proven)))
	case !x.proven.IsZero():
		said = view.Notice(ui.OK, v.t("copies.paper.proven", "date", lang.DateYear(v.l, x.proven), "next", lang.DateYear(v.l, x.proven.Add(recovery.Quarter))))
	}
	blocks := []view.Block{said}
	if v.by.Has(auth.KeysWrite) {
		blocks = append(blocks, view.Quiet(v.t("copies.paper.text")), view.FormBlock(v.l, view.Form{Action: "/admin/copies/paper", Submit: v.t("copies.paper.go"), Quiet: true, Form: f, Fields: append([]view.Field{
			{Input: ui.Input{Name: "password_words", Label: v.t("copies.paper.words"), Hint: v.t("copies.paper.hint"), Rows: 4, Max: 400, NoSpell: true, Autocomplete: "off"}}}, v.proofField()...)}), v.proofLink("/admin/copies"))
	}
	return view.Panel("paper", v.t("copies.paper"), blocks...)
}

// provePaper compares the words with the charter and forgets them.
func (v *visit) provePaper() error {
	in, err := v.r.ReadForm("password_words", "totp")
	if err != nil {
		return err
	}
	var res recovery.Result
	if err = v.prove(in.Get("totp")); err == nil {
		var c copies.Charter
		if v.Copies != nil {
			c = v.Copies(v.ctx()).Charter
		}
		res, err = act(v, "recovery.paper", "recovery", 0, func(tx *db.Tx) (recovery.Result, error) {
			return recovery.Prove(tx, v.by, c, in.Get("password_words"))
		})
	}
	if err == nil && res != recovery.Right {
		err = fault.Invalid(fault.Field{Pointer: "/password_words", Code: "paper_" + string(res)})
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showCopies(status(err), v.form(in, err, ""))
	}
	return v.done("paper_proven", "/admin/copies")
}
