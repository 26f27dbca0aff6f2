package catalog

import (
	"errors"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
)

// VariantInfo is what cart, stock, pricing and the checkout need of a variant.
type VariantInfo struct {
	ID, Product  db.ID
	Handle       string
	Title        Localized // of the product
	Choices      []Choice
	SKU, GTIN    string
	Kind         Kind
	VATClass     string
	Withdrawal   Withdrawal // custom_made when the variant is made to order
	WeightG      int64
	SizeMM       [3]int64
	Bulky        bool
	ReturnCost   money.Money
	Tracked      bool
	Backorder    bool
	MadeToOrder  bool
	LeadDays     int64 // see Variant
	BGoods       Localized
	MinAge       int64
	Electrical   bool   // take-back duty at delivery
	Picture      string // file of its first picture, or of the product's
	Categories   []db.ID
	Tags         []string
	Unit         string
	Content      int64 // the variant's, else the product's
	Sellable     bool  // product visible at q.LegalNow() and variant active
	VisibleFrom  time.Time
	VisibleUntil time.Time
}

// Label is the choices as words, "24 cm, blå", or "".
func (v VariantInfo) Label() Localized {
	var l Localized
	for i, c := range v.Choices {
		if i > 0 {
			l.SV += ", "
			l.EN += ", "
		}
		sv, _ := c.Value.In(SV)
		en, _ := c.Value.In(EN)
		l.SV += sv
		l.EN += en
	}
	return l
}

// NeedsDelivery reports whether it must be sent or fetched.
func (v VariantInfo) NeedsDelivery() bool { return v.Kind == Goods }

// VariantForSale returns what is known of the variants, unknown ids left out,
// in five queries for up to 256. Those that may not be sold are in with
// Sellable false, so that a cart can say what became of its line.
func VariantForSale(q db.Q, ids []db.ID) (map[db.ID]VariantInfo, error) {
	out := make(map[db.ID]VariantInfo, len(ids))
	keys := map[db.ID]string{}
	status := map[db.ID]VariantStatus{}
	var products []db.ID
	seen := map[db.ID]bool{}
	content := map[db.ID]int64{}
	made := map[db.ID]bool{}
	err := in(q, ids, `SELECT `+variantCols+` FROM catalog_variant WHERE id IN (?)`, func(r *db.Rows) error {
		v, key, err := scanVariant(r)
		if err != nil {
			return err
		}
		keys[v.ID], status[v.ID], content[v.ID], made[v.ID] = key, v.Status, v.Content, v.MadeToOrder
		if !seen[v.Product] {
			seen[v.Product] = true
			products = append(products, v.Product)
		}
		out[v.ID] = VariantInfo{ID: v.ID, Product: v.Product, SKU: v.SKU, GTIN: v.GTIN, WeightG: v.WeightG, SizeMM: v.SizeMM,
			Tracked: v.Tracked, Backorder: v.Backorder, MadeToOrder: v.MadeToOrder, LeadDays: v.LeadDays, BGoods: v.BGoods}
		return nil
	})
	if err != nil || len(out) == 0 {
		return out, err
	}
	by := map[db.ID]*Product{}
	err = in(q, products, `SELECT `+productCols+` FROM catalog_product WHERE id IN (?)`, func(r *db.Rows) error {
		p, err := scanProduct(r)
		if err == nil {
			by[p.ID] = p
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = in(q, products, `SELECT owner, lang, title FROM catalog_text WHERE owner IN (?)`, func(r *db.Rows) error {
		var owner db.ID
		var l lang.Lang
		var title string
		if err := r.Scan(&owner, &l, &title); err != nil {
			return err
		}
		by[owner].Texts[l] = Text{Lang: l, Title: title}
		return nil
	})
	if err != nil {
		return nil, err
	}
	idx, err := options(q, products, func(db.ID, []Option) {})
	if err != nil {
		return nil, err
	}
	err = in(q, products, `SELECT product, ref, tag FROM catalog_member WHERE product IN (?) AND valid_to IS NULL ORDER BY product, position, tag`, func(r *db.Rows) error {
		var product, ref db.ID
		var tag string
		if err := r.Scan(&product, &ref, &tag); err != nil {
			return err
		}
		if p := by[product]; p == nil {
		} else if ref != 0 {
			p.Categories = append(p.Categories, ref)
		} else {
			p.Tags = append(p.Tags, tag)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	pic, err := pictures(q, products)
	if err != nil {
		return nil, err
	}
	now := q.LegalNow()
	for id, v := range out {
		p := by[v.Product]
		v.Handle, v.Title, v.Kind, v.VATClass, v.Withdrawal = p.Handle, p.Texts.Title(), p.Kind, p.VATClass, p.Withdrawal
		if made[id] {
			v.Withdrawal = CustomMade
		}
		v.Bulky, v.ReturnCost, v.MinAge, v.Unit, v.Content = p.Bulky, p.ReturnCost, p.MinAge, p.Unit, p.Content
		if content[id] > 0 {
			v.Content = content[id]
		}
		for _, r := range p.Demands {
			v.Electrical = v.Electrical || r == RegimeElectrical
		}
		v.Categories, v.Tags = p.Categories, p.Tags
		v.VisibleFrom, v.VisibleUntil = p.PublishFrom, p.PublishTo
		v.Sellable = status[id] == Active && p.Visible(now)
		_, v.Choices = idx.choices(keys[id])
		if v.Picture = pic[id]; v.Picture == "" {
			v.Picture = pic[v.Product]
		}
		out[id] = v
	}
	return out, nil
}

// pictures returns the first picture by product id and by variant id.
func pictures(q db.Q, products []db.ID) (map[db.ID]string, error) {
	out := map[db.ID]string{}
	err := in(q, products, `SELECT product, variant, file FROM catalog_media WHERE product IN (?) AND kind = 'picture' ORDER BY product, position, id`, func(r *db.Rows) error {
		var product db.ID
		var variant *int64
		var file string
		if err := r.Scan(&product, &variant, &file); err != nil {
			return err
		}
		if out[product] == "" {
			out[product] = file
		}
		if variant != nil && out[db.ID(*variant)] == "" {
			out[db.ID(*variant)] = file
		}
		return nil
	})
	return out, err
}

// VariantBySKU returns the variant (not removed) with this SKU; fault.NotFound.
func VariantBySKU(q db.Q, sku string) (db.ID, error) {
	return variantBy(q, `SELECT id FROM catalog_variant WHERE sku = $1 AND sku <> '' AND status <> 'removed'`, sku)
}

// VariantByGTIN returns the variant (not removed) with this GTIN; fault.NotFound.
func VariantByGTIN(q db.Q, gtin string) (db.ID, error) {
	return variantBy(q, `SELECT id FROM catalog_variant WHERE gtin = $1 AND gtin <> '' AND status <> 'removed'`, gtin)
}

func variantBy(q db.Q, text, arg string) (id db.ID, err error) {
	err = q.QueryRow(text, arg).Scan(&id)
	if errors.Is(err, db.ErrNotFound) {
		return 0, fault.NotFound()
	}
	return id, err
}

// PriceFacts is what pricing needs of a variant.
type PriceFacts struct {
	Product    db.ID
	VATClass   string
	Perishable bool // exempt from the prior price (prisinformationslagen 7 a §)
}

// PriceFactsOf returns them for the variants, unknown ids left out.
func PriceFactsOf(q db.Q, variants []db.ID) (map[db.ID]PriceFacts, error) {
	out := make(map[db.ID]PriceFacts, len(variants))
	err := in(q, variants, `SELECT v.id, p.id, p.vat_class, p.withdrawal FROM catalog_variant v JOIN catalog_product p ON p.id = v.product WHERE v.id IN (?)`, func(r *db.Rows) error {
		var id db.ID
		var f PriceFacts
		var w Withdrawal
		err := r.Scan(&id, &f.Product, &f.VATClass, &w)
		f.Perishable = w == Perishable
		out[id] = f
		return err
	})
	return out, err
}

// VariantsOf returns the ids of a product's variants that are not removed, and
// the product's VAT class; fault.NotFound.
func VariantsOf(q db.Q, product db.ID) (ids []db.ID, vatClass string, err error) {
	err = q.QueryRow(`SELECT vat_class FROM catalog_product WHERE id = $1`, product).Scan(&vatClass)
	if errors.Is(err, db.ErrNotFound) {
		return nil, "", fault.NotFound()
	}
	if err != nil {
		return nil, "", err
	}
	ids, err = db.All(q, func(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return },
		`SELECT id FROM catalog_variant WHERE product = $1 AND status <> 'removed' ORDER BY position, id`, product)
	return ids, vatClass, err
}

// Bump says that something that hangs on the product changed in another room (a
// price): readers of ChangedSince and of the feed look again. It does not touch
// the version, so that an open form in the back office stays good.
func Bump(tx *db.Tx, product db.ID) error {
	if _, err := tx.Exec(`UPDATE catalog_product SET updated_at = $2 WHERE id = $1`, product, tx.Now()); err != nil {
		return err
	}
	return tx.Changed(EntityProduct, product)
}
