package cart

import (
	"crypto/sha256"
	"encoding/hex"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/catalog"
)

// Kinds of consent that the law wants given expressly, apart from the terms.
const (
	ConsentBGoods  = "b_goods" // the flaw of a B-vara (konsumentköplagen 2022:260, 4 kap. 3 §)
	ConsentDigital = "digital" // delivery at once, the right of withdrawal ends (distansavtalslagen 2 kap. 11 § 11)
)

// Consent is one thing about one line that the buyer is asked to agree to.
type Consent struct {
	Kind    string
	Line    db.ID
	Variant db.ID
	Title   string
	Text    string // the whole sentence, in the buyer's language
	Version string // of the sentence without names: the same words have the same version
}

// Key names the consent in a form or a request.
func (c Consent) Key() string { return c.Kind + ":" + c.Line.String() }

// Consents lists what the buyer of this cart is asked to agree to, in the order of
// its lines.
func (v View) Consents(l lang.Lang) []Consent {
	var out []Consent
	for _, x := range v.Lines {
		title, _ := x.Info.Title.In(l)
		c := Consent{Line: x.ID, Variant: x.Variant, Title: title}
		if defect, _ := x.Info.BGoods.In(l); defect != "" {
			c.Kind, c.Version = ConsentBGoods, version(lang.T(l, "checkout.consent_b", "title", "", "defect", ""))
			c.Text = lang.T(l, "checkout.consent_b", "title", title, "defect", defect)
			out = append(out, c)
		}
		if x.Info.Kind == catalog.Digital {
			c.Kind, c.Version = ConsentDigital, version(lang.T(l, "checkout.consent_digital", "title", ""))
			c.Text = lang.T(l, "checkout.consent_digital", "title", title)
			out = append(out, c)
		}
	}
	return out
}

func version(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:4])
}
