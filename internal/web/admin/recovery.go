package admin

import (
	"net/http"
	"strconv"
	"strings"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/ops/incident"
	"kassavalv/internal/ops/recovery"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// wayBack is all that the recovery plan shows.
type wayBack struct {
	insight
	plan   recovery.Plan
	broken bool // what was written does not open
	call   incident.Contact
}

func (v *visit) recoveryPlan() error { return v.showRecoveryPlan(http.StatusOK, ui.Form{}) }

func (v *visit) showRecoveryPlan(code int, f ui.Form) error {
	x, err := read(v, func(q *db.Reader) (x wayBack, err error) {
		if x.insight, err = v.readInsight(q); err != nil {
			return x, err
		}
		if x.plan, err = recovery.PlanOf(q, v.by, v.Vault); unreadable(err) {
			x.broken, err = true, nil
		}
		if err != nil {
			return x, err
		}
		if v.Incidents != nil {
			if x.call, err = v.Incidents.Call(q); unreadable(err) {
				err = nil
			}
		}
		return x, err
	})
	if err != nil {
		return err
	}
	v.stand(&x.insight)
	printed := view.Notice(ui.Wait, v.t("recovery.never"))
	switch {
	case !x.plan.Printed.IsZero() && x.plan.Stale():
		printed = view.Notice(ui.Wait, v.t("recovery.stale", "date", lang.DateYear(v.l, x.plan.Printed)))
	case !x.plan.Printed.IsZero():
		printed = view.Notice(ui.OK, v.t("recovery.printed", "date", lang.DateYear(v.l, x.plan.Printed)))
	}
	var broken view.Block
	if x.broken {
		broken = view.Notice(ui.Stop, v.t("recovery.broken"))
	}
	lead := v.t("recovery.lead", "date", lang.DateTime(v.l, x.now))
	blocks := []view.Block{v.nowNotice(x.insight), printed, broken}
	for i, b := range v.planSteps(x) {
		blocks = append(blocks, view.Panel("", strconv.Itoa(i+1)+". "+b.title, b.blocks...))
	}
	form := view.Form{Action: "/admin/copies/plan", Submit: v.t("save"), Form: f, Hidden: []view.Pair{{Key: "version", Value: strconv.FormatInt(x.plan.Version, 10)}}}
	for _, p := range recovery.Parts {
		form.Fields = append(form.Fields, view.Field{Input: ui.Input{Name: p, Label: v.t("recovery.part." + p), Hint: v.t("recovery.part." + p + ".hint"), Value: x.plan.Said[p], Rows: 3, Max: recovery.MaxPart, Optional: true}})
	}
	blocks = append(blocks, view.Fold(v.t("recovery.edit"), code != http.StatusOK, view.Quiet(v.t("recovery.edit.text")), view.FormBlock(v.l, form)),
		view.ButtonForm(v.l, view.Button{Action: "/admin/copies/plan/printed", Text: v.t("recovery.have_printed")}))
	return v.show(code, view.Shell{Title: v.t("recovery.title"), Lead: lead, Crumbs: []ui.Link{{Text: v.t("copies.title"), URL: "/admin/copies"}, {Text: v.t("recovery.title"), URL: "/admin/copies/plan"}}}, blocks...)
}

type planStep struct {
	title  string
	blocks []view.Block
}

// planSteps is the plan, in the order in which it is done.
func (v *visit) planSteps(x wayBack) []planStep {
	said := func(part string) view.Block {
		if s := x.plan.Said[part]; s != "" {
			return view.Words(s)
		}
		return view.Quiet(v.t("recovery.empty"))
	}
	who := []view.Pair{}
	if x.call.Phone != "" {
		who = append(who, view.Pair{Key: v.t("recovery.first"), Value: x.call.Name + " " + x.call.Phone})
	}
	fs, n := x.Facts, x.Now()
	back := view.Block(view.Quiet(v.t("recovery.back.unproven")))
	if n.Back > 0 {
		back = view.Quiet(v.t("recovery.back", "span", v.howLong(n.Back)))
	}
	steps := []planStep{
		{v.t("recovery.who"), []view.Block{view.Facts(v.l, who), said("people")}},
		{v.t("recovery.machine"), []view.Block{view.Say(v.t("recovery.machine.text")), said("machine")}},
		{v.t("recovery.restore"), []view.Block{view.Say(v.t("recovery.restore.text")), v.restoreCommand(x.Standing), back}},
		{v.t("recovery.look"), []view.Block{view.Say(v.t("recovery.look.text"))}},
		{v.t("recovery.domain"), []view.Block{view.Facts(v.l, []view.Pair{{Key: v.t("recovery.address"), Value: orDash(fs.Origin)}, {Key: v.t("recovery.certificate"), Value: v.word("recovery.tls.", orDash(fs.TLS))}}), said("domain")}},
		{v.t("recovery.mail"), []view.Block{view.Facts(v.l, []view.Pair{{Key: v.t("recovery.mail.server"), Value: orDash(fs.Mail)}, {Key: v.t("recovery.mail.from"), Value: orDash(fs.MailFrom)}}), said("mail")}},
		{v.t("recovery.bank"), []view.Block{view.Say(v.t("recovery.bank.text")), view.List(v.callbacks(fs)), said("bank")}},
		{v.t("recovery.keys"), []view.Block{view.Facts(v.l, []view.Pair{{Key: v.t("keys.keeper"), Value: v.t("keys.kind." + v.Keeper)}, {Key: v.t("recovery.paper"), Value: v.paperSaid(x.insight)}}), said("keys")}},
		{v.t("recovery.owner"), []view.Block{view.Say(v.t("recovery.owner.text")), said("owner")}},
	}
	return steps
}

func (v *visit) paperSaid(x insight) string {
	switch {
	case x.Charter.Seal == "":
		return v.t("copies.paper.none")
	case x.proven.IsZero():
		return v.t("copies.paper.never")
	}
	return v.t("recovery.paper.proven", "date", lang.DateYear(v.l, x.proven))
}

// restoreCommand is exactly what to type, with this shop's sites.
func (v *visit) restoreCommand(s recovery.Standing) view.Block {
	if s.Postgres {
		return view.Words("kassavalv restore --help")
	}
	if len(s.Addresses) == 0 {
		return view.Notice(ui.Stop, v.t("recovery.no_sites"))
	}
	var b strings.Builder
	b.WriteString("kassavalv restore")
	for _, a := range s.Addresses {
		b.WriteString(" \\\n  --from " + quoted(a))
	}
	b.WriteString(" \\\n  --data kassavalv-data")
	return view.Command(b.String())
}

// quoted is s as one word for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// callbacks are where each bank sends word, which must lead to the new machine.
func (v *visit) callbacks(f recovery.Facts) (out []string) {
	for _, p := range f.Providers {
		out = append(out, v.word("recovery.method.", p)+": "+f.Origin+"/hooks/"+p)
	}
	return out
}

// saveRecoveryPlan writes what the program cannot know.
func (v *visit) saveRecoveryPlan() error {
	in, err := v.r.ReadForm(append([]string{"version"}, recovery.Parts...)...)
	if err != nil {
		return err
	}
	p := recovery.Plan{Said: map[string]string{}}
	if p.Version, err = strconv.ParseInt(in.Get("version"), 10, 64); err != nil {
		return fault.Conflict("changed_meanwhile")
	}
	for _, part := range recovery.Parts {
		p.Said[part] = in.Get(part)
	}
	if err := v.do("recovery.plan", "recovery", 0, func(tx *db.Tx) error { return recovery.SetPlan(tx, v.by, v.Vault, p) }); err != nil {
		if !mendable(err) {
			return err
		}
		return v.showRecoveryPlan(status(err), v.form(in, err, ""))
	}
	return v.done("saved", "/admin/copies/plan")
}

// printedRecoveryPlan notes that the plan hangs on a wall.
func (v *visit) printedRecoveryPlan() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	if err := v.do("recovery.printed", "recovery", 0, func(tx *db.Tx) error { return recovery.Printed(tx, v.by, v.Vault) }); err != nil {
		return err
	}
	return v.done("plan_printed", "/admin/copies/plan")
}
