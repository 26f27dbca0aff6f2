package catalog

import (
	"fmt"
	"slices"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// Problems lists the required facts a product lacks; while there is one it does
// not show. p.Demands must be up to date, as it is on every product read.
//
// The rules: distansavtalslagen 2 kap. 2 § p 2 (a description), GPSR art. 19
// (maker, EU responsible, warnings), and those of each Regime. What is not
// goods has no maker and no warnings.
func Problems(p *Product) []fault.Field {
	var f fault.Fields
	sv := p.Texts[SV]
	if sv.Title == "" {
		f.Add("/texts/sv/title", "required")
	}
	if sv.Description == "" {
		f.Add("/texts/sv/description", "required")
	}
	active := 0
	for _, v := range p.Variants {
		if v.Status == Active {
			active++
		}
	}
	if active == 0 {
		f.Add("/variants", "required")
	}
	if p.Kind != Goods {
		return f
	}
	if !p.Maker.whole() {
		f.Add("/maker", "maker_required")
	}
	if p.MakerOutsideEU && !p.EUResponsible.whole() {
		f.Add("/eu_responsible", "eu_responsible_required")
	}
	toy := p.demands(RegimeToy)
	switch {
	case toy && len(sv.Warnings) == 0 && p.MinAge == 0:
		f.Add("/texts/sv/warnings", "toy_warning_required")
	case p.demands(RegimeChemical) && len(sv.Warnings) == 0:
		f.Add("/texts/sv/warnings", "hazard_warning_required")
	case !toy && len(sv.Warnings) == 0 && !p.NoWarnings:
		f.Add("/texts/sv/warnings", "warnings_or_none_required")
	}
	if p.demands(RegimeMeasure) {
		for i, v := range p.Variants {
			if v.Status == Active && p.Content == 0 && v.Content == 0 {
				f.Add(fmt.Sprintf("/variants/%d/content", i), "measure_required")
			}
		}
		if p.Unit == "" {
			f.Add("/unit", "measure_required")
		}
	}
	food := p.VATClass == VATFood || p.demands(RegimeFood)
	if (food || p.demands(RegimeCosmetic)) && sv.Ingredients == "" {
		f.Add("/texts/sv/ingredients", "ingredients_required")
	}
	if food && sv.Allergens == "" {
		f.Add("/texts/sv/allergens", "allergens_required")
	}
	if p.demands(RegimeOrigin) && p.Origin == "" {
		f.Add("/origin", "origin_required")
	}
	if p.demands(RegimeTextile) && sv.Materials == "" {
		f.Add("/texts/sv/materials", "materials_required")
	}
	if p.demands(RegimeEnergy) {
		if p.EnergyClass == "" {
			f.Add("/energy_class", "energy_class_required")
		}
		for _, k := range []MediaKind{EnergyLabel, ProductSheet} {
			if !slices.ContainsFunc(p.Media, func(m Media) bool { return m.Kind == k }) {
				f.Add("/media", plain(k)+"_required")
			}
		}
	}
	return f
}

func (p *Product) demands(r Regime) bool { return slices.Contains(p.Demands, r) }

// essential are the problems that no mercy covers: without them there is
// nothing to show.
func essential(fs []fault.Field) []fault.Field {
	var out []fault.Field
	for _, f := range fs {
		if f.Pointer == "/texts/sv/title" || f.Pointer == "/variants" {
			out = append(out, f)
		}
	}
	return out
}

// recheck judges the product again and stores the answer. It returns what is
// missing.
func recheck(tx *db.Tx, id db.ID) ([]fault.Field, error) {
	p, err := AnyByID(tx, id)
	if err != nil {
		return nil, err
	}
	up, err := ancestorRegimes(tx, p.Categories)
	if err != nil {
		return nil, err
	}
	return p.settle(tx, up)
}

func (p *Product) settle(tx *db.Tx, up []Regime) ([]fault.Field, error) {
	p.Demands = unpackRegimes(packRegimes(append(slices.Clone(p.Regimes), up...)))
	missing := Problems(p)
	p.Complete = len(missing) == 0
	p.Owed = p.Owed && !p.Complete && len(essential(missing)) == 0
	_, err := tx.Exec(`UPDATE catalog_product SET complete = $2, owed = $3, demands = $4 WHERE id = $1 AND (complete <> $2 OR owed <> $3 OR demands <> $4)`,
		p.ID, p.Complete, p.Owed, packRegimes(p.Demands))
	return missing, err
}

// ancestorRegimes are the regimes of the categories and all above them.
func ancestorRegimes(q db.Q, categories []db.ID) ([]Regime, error) {
	var out []Regime
	err := in(q, categories, `WITH RECURSIVE up (id, parent, regimes) AS (
 SELECT id, parent, regimes FROM catalog_category WHERE id IN (?)
 UNION SELECT c.id, c.parent, c.regimes FROM catalog_category c JOIN up ON c.id = up.parent)
 SELECT regimes FROM up WHERE regimes <> ''`, func(r *db.Rows) error {
		var s string
		err := r.Scan(&s)
		out = append(out, unpackRegimes(s)...)
		return err
	})
	return out, err
}
