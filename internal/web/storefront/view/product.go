package view

import (
	"kassavalv/internal/lang"
	"kassavalv/internal/web/ui"
	"strings"
)

// chosen is the variant the page opens with: the one marked, else the first that
// can be bought, else the first.
func (p Product) chosen() Variant {
	for _, v := range p.Variants {
		if v.Chosen {
			return v
		}
	}
	for _, v := range p.Variants {
		if v.Sellable {
			return v
		}
	}
	if len(p.Variants) > 0 {
		return p.Variants[0]
	}
	return Variant{}
}

// sellable reports whether anything on the page can be bought.
func (p Product) sellable() bool {
	for _, v := range p.Variants {
		if v.Sellable {
			return true
		}
	}
	return false
}

func (p Product) pricesDiffer() bool {
	for _, v := range p.Variants {
		if v.Price != p.Variants[0].Price {
			return true
		}
	}
	return false
}

func (p Product) legend() string {
	if p.Options != "" {
		return p.Options
	}
	return lang.T(p.l(), "product.choose")
}

func (p Product) withdrawal() string {
	switch p.Withdrawal {
	case "custom_made", "perishable", "sealed", "dated":
		return p.Withdrawal
	}
	return "yes"
}

// notify is where to ask to be told when a variant is back.
func (p Product) notify(v Variant) string {
	return p.to("/products/" + p.Handle + "/notify?variant=" + v.ID)
}

// gallerySizes is the room a picture takes: the first is wide, the others half.
func gallerySizes(i int) string {
	if i == 0 {
		return "(min-width: 56rem) 45rem, 88vw"
	}
	return "(min-width: 56rem) 22rem, 88vw"
}

// decor takes the words off a picture whose words stand beside it.
func decor(i ui.Image) ui.Image {
	i.Alt = ""
	return i
}

// inLang puts the paths of links into the page's language.
func inLang(s Shell, links []ui.Link) []ui.Link {
	out := make([]ui.Link, len(links))
	for i, k := range links {
		if k.URL != "" {
			k.URL = s.to(k.URL)
		}
		out[i] = k
	}
	return out
}

// marked parts a text at its marks of emphasis ("av **råg**, vatten"): every other
// part stands out, as allergens among the ingredients must (EU 1169/2011 art. 21). A
// mark without its fellow is only a sign.
func marked(s string) []string {
	parts := strings.Split(s, "**")
	if len(parts)%2 == 0 {
		last := len(parts) - 1
		parts = append(parts[:last-1], parts[last-1]+"**"+parts[last])
	}
	return parts
}
