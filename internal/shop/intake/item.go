package intake

import (
	"fmt"
	"slices"
	"strings"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
)

// Bounds of one product.
const (
	maxVariants = 250
	maxOptions  = 5
	maxPictures = 250
)

// tri is a yes or no that may not have been said.
type tri int8

const (
	unsaid tri = iota
	yes
	no
)

func said(b bool) tri {
	if b {
		return yes
	}
	return no
}

// item is a product as a file has it. Empty fields say nothing.
type item struct {
	line       int
	rows       int // of the file
	handle     string
	fileHandle string
	sources    []string // "id:44", "sku:mugg"
	title      string
	body       string // Markdown
	brand      string
	seoTitle   string
	seoText    string
	kind       catalog.Kind
	status     catalog.Status // "": unsaid
	tags       []string
	shelves    [][]string // paths of categories
	options    []string
	variants   []variant
	pictures   []picture
}

type variant struct {
	line      int
	sku, gtin string
	values    []string // in the order of item.options
	price     int64
	priced    bool
	cost      *money.Money // what it costs to buy; nil: the file does not say
	grams     int64
	size      [3]int64
	tracked   tri
	backorder tri
	qty       int64
	counted   bool
	picture   string
}

type picture struct {
	url, alt string
	position int64
	line     int
}

// problem notes what is wrong with a row.
func (r *run) problem(line int, column, code string, kv ...any) {
	r.note(&r.rep.Problems, &r.rep.ProblemCount, line, column, code, kv)
}

// remark notes what was done otherwise than the file has it; the row is in.
func (r *run) remark(line int, column, code string, kv ...any) {
	r.note(&r.rep.Notes, &r.rep.NoteCount, line, column, code, kv)
}

func (r *run) note(list *[]Problem, n *int, line int, column, code string, kv []any) {
	*n++
	if len(*list) >= MaxListed {
		return
	}
	args := map[string]any{}
	for i := 0; i+1 < len(kv); i += 2 {
		args[kv[i].(string)] = kv[i+1]
	}
	*list = append(*list, Problem{Line: line, Column: column, Code: code, Args: args})
}

// common reads what both formats write alike into v; false when the row cannot
// be a variant.
func (r *run) common(x row, v *variant) bool {
	s := r.sheet
	ok := true
	if t := s.get(x, cPrice); t != "" {
		ore, bad := parsePrice(t)
		if bad != "" {
			r.problem(x.line, s.name(cPrice), bad, "value", short(t))
			ok = false
		}
		v.price, v.priced = ore, bad == ""
	}
	if t := s.get(x, cCost); t != "" {
		// What does not read is not quoted: a report is shown to more people than a cost.
		if ore, bad := parsePrice(t); bad != "" {
			r.problem(x.line, s.name(cCost), "bad_cost")
		} else {
			m := money.New(ore, pricing.Currency)
			v.cost = &m
		}
	}
	v.sku = s.get(x, cSKU)
	if t, fine := catalog.CleanText(v.sku); !fine || len(t) > 100 || strings.ContainsRune(t, '\n') {
		r.problem(x.line, s.name(cSKU), "bad_sku", "value", short(v.sku))
		ok = false
	} else {
		v.sku = t
	}
	if t := strings.ReplaceAll(s.get(x, cGTIN), " ", ""); t != "" {
		if catalog.ValidGTIN(t) {
			v.gtin = t
		} else {
			r.problem(x.line, s.name(cGTIN), "bad_gtin", "value", short(t))
		}
	}
	for i, c := range []col{cWeight, cLength, cWidth, cHeight} {
		t := s.get(x, c)
		if t == "" {
			continue
		}
		unit := s.unit[c]
		if unit == "" {
			unit = map[bool]string{true: "g", false: "cm"}[i == 0]
			if i == 0 && s.format == WooCommerce {
				unit = "kg"
			}
		}
		n, fine := measure(t, unit)
		if !fine || n > 10_000_000 || i > 0 && n > 100_000 {
			r.problem(x.line, s.name(c), "bad_number", "value", short(t))
			continue
		}
		if i == 0 {
			v.grams = n
		} else {
			v.size[i-1] = n
		}
	}
	if t := s.get(x, cQty); t != "" && t != "parent" {
		n, fine := count(t)
		switch {
		case !fine || n > 10_000_000:
			r.problem(x.line, s.name(cQty), "bad_quantity", "value", short(t))
		case n < 0:
			r.remark(x.line, s.name(cQty), "negative_stock", "value", short(t))
			v.counted = true
		default:
			v.qty, v.counted = n, true
		}
	}
	return ok
}

// short is a value as a report quotes it.
func short(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "�")), " ")
	if rs := []rune(s); len(rs) > 40 {
		return string(rs[:40]) + "…"
	}
	return s
}

// settle checks an item by itself and drops the variants that cannot be; nil
// when nothing is left.
func (r *run) settle(it *item) *item {
	s := r.sheet
	if len(it.options) > maxOptions {
		r.problem(it.line, "", "too_many_options", "max", maxOptions)
		return nil
	}
	it.tags = slices.DeleteFunc(it.tags, func(t string) bool {
		if f := catalog.TagForm(t); f == "" || len(f) > 100 {
			if f != "" {
				r.problem(it.line, s.name(cTags), "tag_too_long", "value", short(t))
			}
			return true
		}
		return false
	})
	seen := map[string]int{}
	kept := it.variants[:0]
	for _, v := range it.variants {
		key := strings.Join(v.values, "\x00")
		if at, twice := seen[key]; twice {
			r.problem(v.line, "", "variant_twice", "other", at)
			continue
		}
		if !r.claim(&v) {
			continue
		}
		seen[key] = v.line
		kept = append(kept, v)
	}
	it.variants = kept
	if len(kept) == 0 {
		return nil
	}
	if len(kept) > maxVariants {
		r.problem(kept[maxVariants].line, "", "too_many_variants", "max", maxVariants)
		it.variants = kept[:maxVariants]
	}
	if len(it.pictures) > maxPictures {
		r.problem(it.pictures[maxPictures].line, s.name(cImage), "too_many_pictures", "max", maxPictures)
		it.pictures = it.pictures[:maxPictures]
	}
	return it
}

// claim takes the variant's codes for this run: a file may name each once.
func (r *run) claim(v *variant) bool {
	if v.sku != "" {
		if at, taken := r.skus[v.sku]; taken {
			r.problem(v.line, r.sheet.name(cSKU), "sku_twice", "value", short(v.sku), "other", at)
			return false
		}
		r.skus[v.sku] = v.line
	}
	if v.gtin != "" {
		if at, taken := r.gtins[v.gtin]; taken {
			r.problem(v.line, r.sheet.name(cGTIN), "gtin_twice", "value", v.gtin, "other", at)
			v.gtin = "" // the variant itself is fine
		} else {
			r.gtins[v.gtin] = v.line
		}
	}
	return true
}

// product is the item as the catalogue takes a new one.
func (it *item) product(shelves []db.ID) catalog.NewProduct {
	n := catalog.NewProduct{Core: catalog.Core{Handle: it.handle, Kind: it.kind, Brand: it.brand}, Categories: shelves, Tags: it.tags,
		Publish: it.status == catalog.Published || it.status == "", Owed: true,
		Texts: catalog.Texts{catalog.SV: {Lang: catalog.SV, Title: it.title, Description: it.body, SEOTitle: it.seoTitle, SEODescription: it.seoText}}}
	for _, v := range it.variants {
		n.Variants = append(n.Variants, catalog.NewVariant{Choices: it.choices(v), SKU: v.sku, GTIN: v.gtin, WeightG: v.grams, SizeMM: v.size,
			Tracked: v.isTracked(), Backorder: v.backorder == yes})
	}
	return n
}

func (it *item) choices(v variant) (out []catalog.Choice) {
	for i, name := range it.options {
		out = append(out, catalog.Choice{Name: catalog.Localized{SV: name}, Value: catalog.Localized{SV: v.values[i]}})
	}
	return
}

// isTracked is for new variants: where the file does not say, a quantity means
// that it is counted.
func (v *variant) isTracked() bool { return v.tracked == yes || v.tracked == unsaid && v.counted }

// blame finds the line and column of a fault that the catalogue found in a product.
func (r *run) blame(it *item, f fault.Field) (line int, column string) {
	line = it.line
	p := strings.TrimLeft(f.Pointer, "/")
	var i int
	if rest, ok := strings.CutPrefix(p, "variants/"); ok {
		if n, err := fmt.Sscanf(rest, "%d", &i); n == 1 && err == nil && i >= 0 && i < len(it.variants) {
			line = it.variants[i].line
		}
	}
	for part, c := range map[string]col{"sku": cSKU, "gtin": cGTIN, "title": cTitle, "description": cBody, "seo_title": cSEOTitle, "seo_description": cSEOText, "brand": cVendor,
		"tags": cTags, "handle": cHandle, "weight_g": cWeight, "price": cPrice, "on_hand": cQty} {
		if strings.HasSuffix(p, part) {
			return line, r.sheet.name(c)
		}
	}
	return line, ""
}
