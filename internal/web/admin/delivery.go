package admin

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// deliveries lists the ways for goods to reach the buyer.
func (v *visit) deliveries() error {
	ms, err := read(v, func(q *db.Reader) ([]delivery.Method, error) {
		if err := v.by.Need(auth.SettingsRead); err != nil {
			return nil, err
		}
		return delivery.Methods(q)
	})
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("delivery.title"), Empty: v.t("delivery.none"), Cols: []ui.Column{{Text: v.t("col.delivery")}, {Text: v.t("col.kind")}, {Text: v.t("col.price"), Num: true}, {Text: v.t("col.days"), Num: true}, {Text: v.t("col.state")}}}
	for _, m := range ms {
		price := "–"
		if len(m.Tiers) > 0 {
			price = lang.Money(v.l, money.New(m.Tiers[0].Amount, m.Currency))
			if len(m.Tiers) > 1 {
				price = v.t("price.from", "price", money.New(m.Tiers[0].Amount, m.Currency))
			}
		}
		state := view.Cell{Text: v.t("delivery.off"), Badge: true}
		if m.Active {
			state = view.Cell{Text: v.t("delivery.on"), Badge: true, Tone: ui.OK}
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: name(v.l, m.NameSV, m.NameEN), Sub: m.Code, URL: "/admin/delivery/" + m.ID.String()}, {Text: v.word("delivery.kind.", string(m.Kind))}, {Text: price}, {Text: fmt.Sprintf("%d–%d", m.MinDays, m.MaxDays)}, state}})
	}
	s := view.Shell{Title: v.t("delivery.title")}
	if v.by.Has(auth.SettingsWrite) {
		s.Head = view.Group(view.Go(v.l, v.t("delivery.new"), "/admin/delivery/new", true), view.Go(v.l, v.t("carriers.title"), "/admin/carriers", false))
	} else {
		s.Head = view.Go(v.l, v.t("carriers.title"), "/admin/carriers", false)
	}
	return v.show(http.StatusOK, s, view.TableBlock(v.l, t))
}

func name(l lang.Lang, sv, en string) string {
	if l == lang.EN && en != "" {
		return en
	}
	return sv
}

func (v *visit) delivery() error { return v.showDelivery(http.StatusOK, ui.Form{}) }

func (v *visit) readDelivery(which string) (delivery.Method, error) {
	if which == "new" {
		return delivery.Method{Currency: v.Currency, Kind: delivery.Pickup, CutoffMinute: 14 * 60, MinDays: 1, MaxDays: 3, Active: true, Tiers: []delivery.Tier{{UpToG: 20000, Amount: 4900}}}, nil
	}
	id, err := parseID(which)
	if err != nil {
		return delivery.Method{}, err
	}
	return read(v, func(q *db.Reader) (delivery.Method, error) {
		if err := v.by.Need(auth.SettingsRead); err != nil {
			return delivery.Method{}, err
		}
		ms, err := delivery.Methods(q)
		for _, m := range ms {
			if m.ID == id {
				return m, err
			}
		}
		if err == nil {
			err = fault.NotFound()
		}
		return delivery.Method{}, err
	})
}

func (v *visit) showDelivery(code int, f ui.Form) error {
	which := v.r.PathValue("id")
	m, err := v.readDelivery(which)
	if err != nil {
		return err
	}
	named, err := read(v, func(q *db.Reader) ([]fulfilment.Named, error) { return fulfilment.NamedCarriers(q) })
	if err != nil {
		return err
	}
	number := func(key string, n int64) view.Field {
		return view.Field{Half: true, Input: ui.Input{Name: key, Label: v.t("label.delivery." + key), Value: strconv.FormatInt(n, 10), InputMode: "numeric", Short: true, Max: 12}}
	}
	kronor := func(key string, n int64) view.Field {
		return view.Field{Half: true, Input: ui.Input{Name: key, Label: v.t("label.delivery." + key), Hint: v.t("nought.hint"), Value: typed(n), InputMode: "decimal", Short: true, Max: 16}}
	}
	var tiers []string
	for _, t := range m.Tiers {
		tiers = append(tiers, fmt.Sprintf("%d: %s", t.UpToG, typed(t.Amount)))
	}
	x := view.Form{Action: "/admin/delivery/" + which, Submit: v.t("save"), Form: f, Hidden: []view.Pair{{Key: "version", Value: strconv.FormatInt(m.Version, 10)}}, Fields: []view.Field{
		{Half: true, Input: ui.Input{Name: "name_sv", Label: v.t("label.name.sv"), Value: m.NameSV, Max: 100}}, {Half: true, Input: ui.Input{Name: "name_en", Label: v.t("label.name.en"), Value: m.NameEN, Max: 100}},
		{Half: true, Input: ui.Input{Name: "code", Label: v.t("label.delivery.code"), Value: m.Code, Max: 40, NoSpell: true}},
		{Half: true, Kind: view.Select, Input: ui.Input{Name: "kind", Label: v.t("label.kind"), Value: string(m.Kind)}, Options: options(v, "delivery.kind.", delivery.Pickup, delivery.Locker, delivery.Home, delivery.Bulky, delivery.Store, delivery.Digital)},
		{Half: true, Kind: view.Select, Input: ui.Input{Name: "carrier", Label: v.t("label.carrier"), Value: m.Carrier}, Options: v.carriers(named)},
		{Input: ui.Input{Name: "tiers", Label: v.t("label.delivery.tiers"), Hint: v.t("delivery.tiers.hint"), Value: strings.Join(tiers, "\n"), Rows: 4}},
		kronor("free_from", m.FreeFrom), kronor("max_value", m.MaxValue), number("max_weight_g", m.MaxWeightG), number("max_side_mm", m.MaxSideMM),
		number("min_days", int64(m.MinDays)), number("max_days", int64(m.MaxDays)), number("far_days", int64(m.FarDays)),
		{Half: true, Input: ui.Input{Name: "cutoff", Label: v.t("label.delivery.cutoff"), Type: "time", Value: fmt.Sprintf("%02d:%02d", m.CutoffMinute/60, m.CutoffMinute%60), Short: true}},
		number("position", int64(m.Position)),
		{Kind: view.Box, Checked: m.TakesBulky, Input: ui.Input{Name: "takes_bulky", Label: v.t("label.delivery.takes_bulky")}},
		{Kind: view.Box, Checked: m.PhoneRequired, Input: ui.Input{Name: "phone_required", Label: v.t("label.delivery.phone_required")}},
		{Kind: view.Box, Checked: m.Active, Input: ui.Input{Name: "active", Label: v.t("label.delivery.active")}}}}
	title := name(v.l, m.NameSV, m.NameEN)
	if which == "new" {
		title = v.t("delivery.new")
	}
	return v.show(code, view.Shell{Title: title, Crumbs: []ui.Link{{Text: v.t("delivery.title"), URL: "/admin/delivery"}, {Text: title, URL: "/admin/delivery/" + which}}}, view.Panel("", "", v.editable(x, auth.SettingsWrite)))
}

// deliveryFacts are what the audit log keeps of a way to deliver: what it costs
// and promises.
func deliveryFacts(m delivery.Method) string {
	var tiers []string
	for _, t := range m.Tiers {
		tiers = append(tiers, fmt.Sprintf("%d:%d", t.UpToG, t.Amount))
	}
	return fmt.Sprintf("%s %s active=%t tiers=%s free_from=%d days=%d-%d+%d cutoff=%d carrier=%s", m.Code, m.Kind, m.Active, strings.Join(tiers, ","), m.FreeFrom, m.MinDays, m.MaxDays, m.FarDays, m.CutoffMinute, m.Carrier)
}

func (v *visit) saveDelivery() error {
	in, err := v.r.ReadForm("version", "name_sv", "name_en", "code", "kind", "carrier", "tiers", "free_from", "max_value", "max_weight_g", "max_side_mm", "min_days", "max_days", "far_days", "cutoff", "position", "takes_bulky", "phone_required", "active")
	if err != nil {
		return err
	}
	m, err := v.deliveryOf(in)
	if err == nil {
		_, err = act(v, "delivery.put", "delivery", m.ID, func(tx *db.Tx) (db.ID, error) {
			was := ""
			if m.ID > 0 {
				ms, err := delivery.Methods(tx)
				if err != nil {
					return 0, err
				}
				for _, x := range ms {
					if x.ID == m.ID {
						was = deliveryFacts(x)
					}
				}
			}
			id, err := delivery.Put(tx, v.by, m)
			if err != nil {
				return 0, err
			}
			return id, v.by.Record(tx, "delivery.put", "delivery", id, was, deliveryFacts(m))
		})
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showDelivery(status(err), v.form(in, renamed(err, "/cutoff_minute", "/cutoff"), ""))
	}
	return v.done("saved", "/admin/delivery")
}

// deliveryOf reads a method from its form.
func (v *visit) deliveryOf(in web.Values) (delivery.Method, error) {
	var bad fault.Fields
	number := func(key string) int64 {
		n, ok := whole(orNought(in.Get(key)))
		if !ok || n < 0 || n > 1<<31 {
			bad.Add("/"+key, "not_a_number")
			return 0
		}
		return n
	}
	kronor := func(key string) int64 {
		m, ok := amount(orNought(in.Get(key)), v.Currency)
		if !ok {
			bad.Add("/"+key, "bad_amount")
		}
		return m.Amount
	}
	m := delivery.Method{Code: in.Get("code"), Kind: delivery.Kind(in.Get("kind")), NameSV: in.Get("name_sv"), NameEN: in.Get("name_en"), Carrier: in.Get("carrier"), Currency: v.Currency, FreeFrom: kronor("free_from"), MaxValue: kronor("max_value"),
		MaxWeightG: number("max_weight_g"), MaxSideMM: number("max_side_mm"), MinDays: int(number("min_days")), MaxDays: int(number("max_days")), FarDays: int(number("far_days")), Position: int(number("position")),
		TakesBulky: in.Has("takes_bulky"), PhoneRequired: in.Has("phone_required"), Active: in.Has("active")}
	var h, min int
	if n, err := fmt.Sscanf(in.Get("cutoff"), "%d:%d", &h, &min); err != nil || n != 2 || h < 0 || h > 23 || min < 0 || min > 59 {
		bad.Add("/cutoff", "bad_time")
	}
	m.CutoffMinute = h*60 + min
	for _, line := range lines(in.Get("tiers")) {
		g, price, ok := strings.Cut(line, ":")
		up, ok1 := whole(strings.TrimSpace(g))
		sum, ok2 := amount(price, v.Currency)
		if !ok || !ok1 || !ok2 {
			bad = append(bad, fault.Field{Pointer: "/tiers", Code: "bad_tier", Key: "admin.field.bad_tier", Args: map[string]any{"line": line}})
			break
		}
		m.Tiers = append(m.Tiers, delivery.Tier{UpToG: up, Amount: sum.Amount})
	}
	if err := bad.Err(); err != nil {
		return m, err
	}
	if which := v.r.PathValue("id"); which != "new" {
		id, err := parseID(which)
		if err != nil {
			return m, err
		}
		if m.Version, err = version(in.Get("version")); err != nil {
			return m, err
		}
		m.ID = id
	}
	return m, nil
}
