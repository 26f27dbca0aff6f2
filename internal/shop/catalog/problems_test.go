package catalog_test

import (
	"testing"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/shop/catalog"
)

// TestProblemsByLaw takes one fact away at a time, or adds one duty.
func TestProblemsByLaw(t *testing.T) {
	sv := func(p *catalog.Product, edit func(*catalog.Text)) {
		x := p.Texts[catalog.SV]
		edit(&x)
		p.Texts[catalog.SV] = x
	}
	demand := func(rs ...catalog.Regime) func(*catalog.Product) {
		return func(p *catalog.Product) { p.Demands = rs }
	}
	all := func(fs ...func(*catalog.Product)) func(*catalog.Product) {
		return func(p *catalog.Product) {
			for _, f := range fs {
				f(p)
			}
		}
	}
	for _, c := range []struct {
		name string
		edit func(*catalog.Product)
		want []string // pointer + " " + code
	}{
		{"nothing missing", func(p *catalog.Product) {}, nil},
		{"DAL-02 description", func(p *catalog.Product) { sv(p, func(x *catalog.Text) { x.Description = "" }) }, []string{"/texts/sv/description required"}},
		{"Swedish missing, English there", func(p *catalog.Product) {
			p.Texts[catalog.EN] = p.Texts[catalog.SV]
			delete(p.Texts, catalog.SV)
		}, []string{"/texts/sv/title required", "/texts/sv/description required"}},
		{"no active variant", func(p *catalog.Product) { p.Variants[0].Status = catalog.Hidden }, []string{"/variants required"}},
		{"GPS-01 maker", func(p *catalog.Product) { p.Maker.Electronic = "" }, []string{"/maker maker_required"}},
		{"GPS-02 outside the EU", func(p *catalog.Product) { p.MakerOutsideEU = true }, []string{"/eu_responsible eu_responsible_required"}},
		{"GPS-02 with one responsible", func(p *catalog.Product) { p.MakerOutsideEU, p.EUResponsible = true, p.Maker }, nil},
		{"GPS-04 neither warnings nor none", func(p *catalog.Product) { p.NoWarnings = false }, []string{"/texts/sv/warnings warnings_or_none_required"}},
		{"GPS-04 warnings", func(p *catalog.Product) {
			p.NoWarnings = false
			sv(p, func(x *catalog.Text) { x.Warnings = []string{"Lämna inte ljuset obevakat."} })
		}, nil},
		{"warnings in English only", func(p *catalog.Product) {
			p.NoWarnings = false
			p.Texts[catalog.EN] = catalog.Text{Title: "x", Warnings: []string{"Hot"}}
		}, []string{"/texts/sv/warnings warnings_or_none_required"}},
		{"PIL-02 measure", demand(catalog.RegimeMeasure), []string{"/variants/0/content measure_required", "/unit measure_required"}},
		{"measure given", all(demand(catalog.RegimeMeasure), func(p *catalog.Product) { p.Unit, p.Content = "kg", 340 }), nil},
		{"measure on the variant", all(demand(catalog.RegimeMeasure), func(p *catalog.Product) { p.Unit, p.Variants[0].Content = "kg", 340 }), nil},
		{"EPR-04 energy", demand(catalog.RegimeEnergy), []string{"/energy_class energy_class_required", "/media energy_label_required", "/media product_sheet_required"}},
		{"energy given", all(demand(catalog.RegimeEnergy), func(p *catalog.Product) {
			p.EnergyClass = "F"
			p.Media = []catalog.Media{{Kind: catalog.EnergyLabel}, {Kind: catalog.ProductSheet}}
		}), nil},
		{"EPR-05 food by VAT class", func(p *catalog.Product) { p.VATClass = catalog.VATFood }, []string{"/texts/sv/ingredients ingredients_required", "/texts/sv/allergens allergens_required"}},
		{"food by shelf", demand(catalog.RegimeFood), []string{"/texts/sv/ingredients ingredients_required", "/texts/sv/allergens allergens_required"}},
		{"food, told to be free of allergens", func(p *catalog.Product) {
			p.VATClass = catalog.VATFood
			sv(p, func(x *catalog.Text) { x.Ingredients, x.Allergens = "lingon, socker", "-" })
		}, nil},
		{"origin", demand(catalog.RegimeOrigin), []string{"/origin origin_required"}},
		{"EPR-06 chemical", demand(catalog.RegimeChemical), []string{"/texts/sv/warnings hazard_warning_required"}},
		{"EPR-07 textile", demand(catalog.RegimeTextile), []string{"/texts/sv/materials materials_required"}},
		{"EPR-08 toy: none needed is not enough", demand(catalog.RegimeToy), []string{"/texts/sv/warnings toy_warning_required"}},
		{"toy with an age", all(demand(catalog.RegimeToy), func(p *catalog.Product) { p.MinAge = 3 }), nil},
		{"cosmetic", demand(catalog.RegimeCosmetic), []string{"/texts/sv/ingredients ingredients_required"}},
		{"a service has no maker", func(p *catalog.Product) { p.Kind, p.Maker, p.NoWarnings = catalog.Service, catalog.Party{}, false }, nil},
		{"a gift card neither", func(p *catalog.Product) { p.Kind, p.Maker, p.NoWarnings = catalog.GiftCard, catalog.Party{}, false }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := whole("x")
			p := &catalog.Product{Core: n.Core, Texts: catalog.Texts{catalog.SV: n.Texts[catalog.SV]}, Variants: []catalog.Variant{{Status: catalog.Active}}}
			p.Kind, p.VATClass = catalog.Goods, catalog.VATStandard
			c.edit(p)
			got := map[string]bool{}
			for _, f := range catalog.Problems(p) {
				got[f.Pointer+" "+f.Code] = true
			}
			for _, w := range c.want {
				if !got[w] {
					t.Errorf("%s is not told", w)
				}
				delete(got, w)
			}
			for g := range got {
				t.Errorf("%s is told and need not be", g)
			}
		})
	}
}

func TestALostFactTakesItOffTheShelf(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		c := create(t, d, whole("Mugg"))
		core := byID(t, d, c.ID).Core
		core.NoWarnings = false
		o := write(t, d, func(tx *db.Tx) (catalog.Outcome, error) { return catalog.UpdateProduct(tx, editor, c.ID, 0, core) })
		if len(o.Problems) != 1 || o.Problems[0].Code != "warnings_or_none_required" {
			t.Fatal(o)
		}
		if p, _ := shown(t, d, "mugg"); p != nil {
			t.Error("shows without its facts")
		}
		debts := read(t, d, func(q *db.Reader) ([]*catalog.Product, error) {
			return catalog.ListStaff(q, catalog.Filter{Incomplete: true}, 0, 9)
		})
		if len(debts) != 1 {
			t.Error("the back office does not see it")
		}
		x := byID(t, d, c.ID).Texts[catalog.SV]
		x.Warnings = []string{" Tål inte maskindisk. ", ""}
		write(t, d, func(tx *db.Tx) (catalog.Outcome, error) {
			return catalog.SetTexts(tx, editor, c.ID, 0, catalog.Texts{catalog.SV: x})
		})
		p, _ := shown(t, d, "mugg")
		if p == nil || len(p.Texts[catalog.SV].Warnings) != 1 || p.Texts[catalog.SV].Warnings[0] != "Tål inte maskindisk." || p.Texts[catalog.EN].Title == "" {
			t.Errorf("%+v", p)
		}
	})
}

func TestPublishNamesWhatIsMissing(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		n := whole("Ljus")
		n.NoWarnings = false
		c := create(t, d, n)
		if c.Shows || len(c.Problems) != 1 {
			t.Fatalf("%+v", c)
		}
		fails(t, d, "warnings_or_none_required", "/texts/sv/warnings", func(tx *db.Tx) error {
			_, err := catalog.Publish(tx, editor, c.ID, 0, at(0), at(0))
			return err
		})
		fails(t, d, "before_from", "/publish_to", func(tx *db.Tx) error {
			_, err := catalog.Publish(tx, editor, c.ID, 0, at(5), at(5))
			return err
		})
		core := byID(t, d, c.ID).Core
		core.NoWarnings = true
		write(t, d, func(tx *db.Tx) (catalog.Outcome, error) { return catalog.UpdateProduct(tx, editor, c.ID, 0, core) })
		write(t, d, func(tx *db.Tx) (catalog.Outcome, error) { return catalog.Publish(tx, editor, c.ID, 0, at(0), at(0)) })
		if p, _ := shown(t, d, "ljus"); p == nil {
			t.Error("not shown")
		}
	})
}

// Goods from another shop's export may owe facts; the debt ends once.
func TestOwedFacts(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		n := whole("Import")
		n.Maker, n.NoWarnings, n.Owed = catalog.Party{}, false, true
		c := create(t, d, n)
		if p, _ := shown(t, d, "import"); p == nil || !p.Owed || p.Complete || !c.Shows || len(c.Problems) != 2 {
			t.Fatalf("%+v %+v", p, c)
		}
		bare := whole("Tom")
		bare.Variants, bare.Owed = nil, true
		if c := create(t, d, bare); c.Shows {
			t.Error("shows without a variant")
		}
		write(t, d, func(tx *db.Tx) (catalog.Outcome, error) { return catalog.Unpublish(tx, editor, c.ID, 0) })
		fails(t, d, "maker_required", "/maker", func(tx *db.Tx) error {
			_, err := catalog.Publish(tx, editor, c.ID, 0, at(0), at(0))
			return err
		})
		// Paid once, the mercy does not come back.
		m := whole("Andra")
		m.NoWarnings, m.Owed = false, true
		c = create(t, d, m)
		core := byID(t, d, c.ID).Core
		core.NoWarnings = true
		write(t, d, func(tx *db.Tx) (catalog.Outcome, error) { return catalog.UpdateProduct(tx, editor, c.ID, 0, core) })
		core.NoWarnings = false
		write(t, d, func(tx *db.Tx) (catalog.Outcome, error) { return catalog.UpdateProduct(tx, editor, c.ID, 0, core) })
		if p, _ := shown(t, d, "andra"); p != nil {
			t.Error("the mercy came back")
		}
	})
}

// DAL-22: fourteen grounds, and no others.
func TestWithdrawalIsAnEnum(t *testing.T) {
	if len(catalog.Withdrawals) != 15 {
		t.Error(len(catalog.Withdrawals))
	}
	surface := map[string]bool{}
	for _, w := range catalog.Withdrawals {
		surface[w.Surface()] = true
		if w == catalog.WithdrawalYes && w.Excluded() {
			t.Error("the rule is an exception")
		}
	}
	for _, s := range []string{"yes", "custom_made", "perishable", "sealed", "dated"} {
		if !surface[s] {
			t.Error(s, "is never said")
		}
	}
	d := dbtest.SQLite(t, rooms)
	n := whole("x")
	n.Withdrawal = "för att vi inte vill"
	fails(t, d, "unknown", "/withdrawal", func(tx *db.Tx) error { _, err := catalog.CreateProduct(tx, editor, n); return err })
}

func TestCoreIsChecked(t *testing.T) {
	d := dbtest.SQLite(t, rooms)
	for pointer, edit := range map[string]func(*catalog.NewProduct){
		"/handle":           func(n *catalog.NewProduct) { n.Handle = "Två ord" },
		"/kind":             func(n *catalog.NewProduct) { n.Kind = "animal" },
		"/vat_class":        func(n *catalog.NewProduct) { n.VATClass = "none" },
		"/regimes":          func(n *catalog.NewProduct) { n.Regimes = []catalog.Regime{"x"} },
		"/unit":             func(n *catalog.NewProduct) { n.Unit = "mile" },
		"/content":          func(n *catalog.NewProduct) { n.Content = 5 },
		"/energy_class":     func(n *catalog.NewProduct) { n.EnergyClass = "A+++" },
		"/origin":           func(n *catalog.NewProduct) { n.Origin = "Sverige" },
		"/min_age":          func(n *catalog.NewProduct) { n.MinAge = -1 },
		"/brand":            func(n *catalog.NewProduct) { n.Brand = "a\x1bb" },
		"/categories":       func(n *catalog.NewProduct) { n.Categories = []db.ID{5} },
		"/values/0/key":     func(n *catalog.NewProduct) { n.Values = []catalog.NewValue{{Key: "x"}} },
		"/media/0/file":     func(n *catalog.NewProduct) { n.Media = []catalog.Media{{File: "../../etc/passwd"}} },
		"/media/0/variant":  func(n *catalog.NewProduct) { n.Media, n.MediaOf = []catalog.Media{{File: hash}}, []int{3} },
		"/texts":            func(n *catalog.NewProduct) { n.Texts["de"] = catalog.Text{Title: "x"} },
		"/variants/0/sku":   func(n *catalog.NewProduct) { n.Variants[0].SKU = string(make([]byte, 5)) },
		"/variants/1/gtin":  func(n *catalog.NewProduct) { n.Variants[1].GTIN = "123" },
		"/publish_to":       func(n *catalog.NewProduct) { n.PublishFrom, n.PublishTo = at(5), at(4) },
		"/texts/sv/title":   func(n *catalog.NewProduct) { n.Texts = catalog.Texts{catalog.EN: {Title: "only English"}} },
		"/return_cost":      func(n *catalog.NewProduct) { n.ReturnCost.Amount = -1 },
		"/maker/electronic": func(n *catalog.NewProduct) { n.Maker.Electronic = string(make([]byte, 900)) },
	} {
		n := whole("x")
		edit(&n)
		err := db.Do(t.Context(), d, func(tx *db.Tx) error { _, err := catalog.CreateProduct(tx, editor, n); return err })
		if err == nil {
			t.Errorf("%s: taken", pointer)
			continue
		}
		found := false
		for _, f := range fieldsOf(err) {
			found = found || f == pointer
		}
		if !found {
			t.Errorf("%s: %v", pointer, fieldsOf(err))
		}
	}
}
