package admin

import (
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
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

var campaignTabs = []tab{{"", "campaigns.now"}, {"all", "campaigns.all"}}

// campaigns lists the dated reductions.
func (v *visit) campaigns() error {
	show, _, _, err := v.listQuery(campaignTabs)
	if err != nil {
		return err
	}
	type list struct {
		cs  []pricing.Campaign
		now time.Time
	}
	got, err := read(v, func(q *db.Reader) (l list, err error) {
		if err := v.by.Need(auth.CatalogRead); err != nil {
			return l, err
		}
		at := q.LegalNow()
		l.now = at
		if show == "all" {
			at = time.Time{}
		}
		l.cs, err = pricing.Campaigns(q, at)
		return l, err
	})
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("campaigns.title"), Empty: v.t("campaigns.none"), Cols: []ui.Column{{Text: v.t("col.campaign")}, {Text: v.t("col.reduction")}, {Text: v.t("col.from")}, {Text: v.t("col.to")}, {Text: v.t("col.state")}}}
	for _, c := range slices.Backward(got.cs) {
		var steps []string
		for _, s := range c.Steps {
			steps = append(steps, v.reduction(s))
		}
		state, tone := v.span(c.From, c.To, got.now)
		title, l := c.Name.In(v.l)
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: title, Lang: l, URL: "/admin/campaigns/" + c.ID.String()}, {Text: strings.Join(steps, ", ")}, {Text: v.day(c.From)}, {Text: v.day(c.To)}, {Text: state, Badge: true, Tone: tone}}})
	}
	s := view.Shell{Title: v.t("campaigns.title"), Lead: v.t("campaigns.lead")}
	if v.by.Has(auth.CatalogWrite) {
		s.Head = view.Go(v.l, v.t("campaign.new"), "/admin/campaigns/new", true)
	}
	return v.show(http.StatusOK, s, v.tabs("/admin/campaigns", show, campaignTabs...), view.TableBlock(v.l, t))
}

// span is where something with a beginning and an end stands.
func (v *visit) span(from, to, now time.Time) (string, ui.Tone) {
	switch {
	case from.After(now):
		return v.t("span.coming"), ui.Wait
	case !to.IsZero() && !to.After(now):
		return v.t("span.over"), ui.Plain
	}
	return v.t("span.now"), ui.OK
}

func (v *visit) reduction(s pricing.Step) string {
	switch s.Kind {
	case "percent":
		return "−" + lang.Percent(v.l, s.Value)
	case "amount":
		return "−" + lang.Money(v.l, money.New(s.Value, s.Currency))
	}
	return lang.Money(v.l, money.New(s.Value, s.Currency))
}

func (v *visit) campaign() error { return v.showCampaign(http.StatusOK, ui.Form{}, nil) }

func (v *visit) showCampaign(code int, f ui.Form, refused view.Block) error {
	which := v.r.PathValue("id")
	tree, err := v.tree()
	if err != nil {
		return err
	}
	c, legal := pricing.Campaign{Steps: []pricing.Step{{Kind: "percent"}}, Targets: []pricing.Target{{Kind: "all"}}}, time.Now()
	if which != "new" {
		id, err := parseID(which)
		if err != nil {
			return err
		}
		if c, err = read(v, func(q *db.Reader) (pricing.Campaign, error) { return pricing.CampaignByID(q, id) }); err != nil {
			return err
		}
	}
	title := v.t("campaign.new")
	if c.ID > 0 {
		title, _ = c.Name.In(v.l)
	}
	path := "/admin/campaigns/" + which
	hidden := []view.Pair{{Key: "version", Value: strconv.FormatInt(c.Version, 10)}}
	blocks := []view.Block{refused}
	if c.ID == 0 || c.From.After(legal) {
		blocks = append(blocks, view.Panel("", "", v.editable(v.campaignForm(path, c, tree, hidden, f), auth.CatalogWrite)))
	} else {
		facts := []view.Pair{{Key: v.t("label.name.sv"), Value: c.Name.SV}, {Key: v.t("label.name.en"), Value: c.Name.EN}, {Key: v.t("col.to"), Value: v.day(c.To)}}
		for _, s := range c.Steps {
			facts = append(facts, view.Pair{Key: v.reduction(s), Value: v.t("campaign.step", "at", lang.DateTime(v.l, s.From))})
		}
		for _, x := range c.Targets {
			facts = append(facts, view.Pair{Key: v.t("label.target"), Value: v.target(x, tree)})
		}
		blocks = append(blocks, view.Panel("", v.t("campaign.begun"), view.Quiet(v.t("campaign.begun.text")), view.Facts(v.l, facts)))
	}
	if c.ID > 0 && v.by.Has(auth.CatalogWrite) {
		if c.From.After(legal) {
			blocks = append(blocks, view.ButtonForm(v.l, view.Button{Action: path + "/delete", Text: v.t("campaign.delete"), Danger: true, Hidden: hidden}))
		} else if c.To.IsZero() || c.To.After(legal) {
			blocks = append(blocks, view.ButtonForm(v.l, view.Button{Action: path + "/end", Text: v.t("campaign.end"), Danger: true, Hidden: hidden}))
		}
	}
	return v.show(code, view.Shell{Title: title, Crumbs: []ui.Link{{Text: v.t("campaigns.title"), URL: "/admin/campaigns"}, {Text: title, URL: path}}}, blocks...)
}

func (v *visit) campaignForm(path string, c pricing.Campaign, tree *catalog.Tree, hidden []view.Pair, f ui.Form) view.Form {
	s, target := c.Steps[0], "all"
	val := ""
	if s.Value > 0 {
		val = typed(s.Value) // basis points and öre are both hundredths
	}
	targets := []ui.Option{{Value: "all", Label: v.t("target.all")}}
	for _, x := range tree.All {
		targets = append(targets, ui.Option{Value: "category:" + x.ID.String(), Label: indent(x.Depth) + x.Texts.In(v.l).Title})
	}
	tags := []string{}
	for _, x := range c.Targets {
		switch x.Kind {
		case "tag":
			target, tags = "", append(tags, x.Tag)
		case "category":
			target = "category:" + x.Ref.String()
		}
	}
	targets = append(targets, ui.Option{Value: "tags", Label: v.t("target.tags")})
	if len(tags) > 0 {
		target = "tags"
	}
	return view.Form{Action: path, Submit: v.t("save"), Form: f, Hidden: hidden, Fields: []view.Field{
		{Half: true, Input: ui.Input{Name: "name/sv", Label: v.t("label.name.sv"), Value: c.Name.SV, Max: 200}}, {Half: true, Input: ui.Input{Name: "name/en", Label: v.t("label.name.en"), Value: c.Name.EN, Max: 200, Optional: true}},
		{Half: true, Kind: view.Select, Input: ui.Input{Name: "kind", Label: v.t("label.reduction"), Value: s.Kind}, Options: options(v, "reduction.", "percent", "amount", "fixed")},
		{Half: true, Input: ui.Input{Name: "value", Label: v.t("label.value"), Hint: v.t("reduction.hint"), Value: val, InputMode: "decimal", Short: true, Max: 16}},
		{Half: true, Input: ui.Input{Name: "from", Label: v.t("label.first_day"), Type: "date", Value: dayField(s.From), Short: true}}, {Half: true, Input: ui.Input{Name: "to", Label: v.t("label.last_day"), Type: "date", Value: dayField(lastDay(c.To)), Short: true, Optional: true}},
		{Kind: view.Select, Input: ui.Input{Name: "target", Label: v.t("label.target"), Value: target}, Options: targets},
		{Input: ui.Input{Name: "tags", Label: v.t("label.tags"), Hint: v.t("target.tags.hint"), Value: joined(tags), Max: 1000, Optional: true}},
		{Input: ui.Input{Name: "priority", Label: v.t("label.priority"), Hint: v.t("priority.hint"), Value: strconv.FormatInt(c.Priority, 10), InputMode: "numeric", Short: true, Max: 4}}}}
}

func (v *visit) target(t pricing.Target, tree *catalog.Tree) string {
	switch t.Kind {
	case "all":
		return v.t("target.all")
	case "tag":
		return v.t("target.tag", "tag", t.Tag)
	case "category":
		if c := tree.Get(t.Ref); c != nil {
			return c.Texts.In(v.l).Title
		}
	}
	return t.Kind + " " + t.Ref.String()
}

func dayField(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(lang.Zone).Format("2006-01-02")
}

// lastDay is the last day of a half-open span that ends at midnight.
func lastDay(to time.Time) time.Time {
	if to.IsZero() {
		return to
	}
	return to.Add(-time.Microsecond)
}

// days reads a first and a last day as a half-open span.
func days(in web.Values, bad *fault.Fields) (from, to time.Time) {
	from, ok := date(in.Get("from"))
	if !ok {
		bad.Add("/from", "bad_date")
	}
	if to, ok = date(in.Get("to")); !ok {
		bad.Add("/to", "bad_date")
	}
	if !to.IsZero() {
		to = to.AddDate(0, 0, 1)
	}
	return from, to
}

func (v *visit) saveCampaign() error {
	in, err := v.r.ReadForm("version", "name/sv", "name/en", "kind", "value", "from", "to", "target", "tags", "priority")
	if err != nil {
		return err
	}
	var bad fault.Fields
	from, to := days(in, &bad)
	m, ok := amount(in.Get("value"), v.Currency)
	if !ok {
		bad.Add("/value", "bad_amount")
	}
	priority, ok := whole(orNought(in.Get("priority")))
	if !ok || priority < 0 || priority > 9999 {
		bad.Add("/priority", "not_a_number")
	}
	c := pricing.Campaign{Name: catalog.Localized{SV: in.Get("name/sv"), EN: in.Get("name/en")}, Priority: priority, To: to, Steps: []pricing.Step{{From: from, Kind: in.Get("kind"), Value: m.Amount, Currency: v.Currency}}}
	switch ref, isCategory := strings.CutPrefix(in.Get("target"), "category:"); {
	case in.Get("target") == "all":
		c.Targets = []pricing.Target{{Kind: "all"}}
	case isCategory:
		id, e := db.ParseID(ref)
		if e != nil {
			bad.Add("/target", "unknown")
		}
		c.Targets = []pricing.Target{{Kind: "category", Ref: id}}
	default:
		for _, x := range split(in.Get("tags")) {
			c.Targets = append(c.Targets, pricing.Target{Kind: "tag", Tag: x})
		}
		if len(c.Targets) == 0 {
			bad.Add("/tags", "required")
		}
	}
	err = bad.Err()
	if which := v.r.PathValue("id"); err == nil && which != "new" {
		if c.ID, err = parseID(which); err != nil {
			return err
		}
		c.Version, err = version(in.Get("version"))
	}
	if err == nil {
		_, err = act(v, "campaign.put", pricing.EntityCampaign, c.ID, func(tx *db.Tx) (db.ID, error) {
			x := c
			x.Steps = slices.Clone(c.Steps)
			if now := tx.LegalNow(); x.Steps[0].From.IsZero() || sameDay(x.Steps[0].From, now) {
				x.Steps[0].From = now // today means now
			}
			return pricing.PutCampaign(tx, v.by, x)
		})
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showCampaign(status(err), v.form(in, renamed(err, "/steps/0/value", "/value", "/steps/0/from", "/from", "/steps/0/kind", "/kind", "/targets/0", "/target"), ""), nil)
	}
	return v.done("saved", "/admin/campaigns")
}

func (v *visit) endCampaign() error {
	return v.stopCampaign("campaign_ended", "campaign.end", func(tx *db.Tx, id db.ID, ver int64) error {
		return pricing.EndCampaign(tx, v.by, id, ver, time.Time{})
	})
}

func (v *visit) deleteCampaign() error {
	return v.stopCampaign("campaign_deleted", "campaign.delete", func(tx *db.Tx, id db.ID, ver int64) error { return pricing.DeleteCampaign(tx, v.by, id, ver) })
}

func (v *visit) stopCampaign(said, action string, fn func(tx *db.Tx, id db.ID, ver int64) error) error {
	in, err := v.r.ReadForm("version")
	if err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	ver, err := version(in.Get("version"))
	if err == nil {
		err = v.do(action, pricing.EntityCampaign, id, func(tx *db.Tx) error { return fn(tx, id, ver) })
	}
	if err != nil {
		if f := fault.As(err); mendable(err) && f != nil {
			return v.showCampaign(status(err), ui.Form{}, view.Notice(ui.Stop, v.sentence(f)))
		}
		return err
	}
	return v.done(said, "/admin/campaigns")
}
