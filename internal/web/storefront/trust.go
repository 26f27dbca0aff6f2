package storefront

import (
	"crypto/tls"
	"net/http"
	"strings"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/web"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

// trust is "/trust": only what this program knows itself, as it is now. Where it
// knows nothing it says nothing.
func (s *Store) trust(w http.ResponseWriter, r *web.Request) error {
	l := r.Lang
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.Trust, err error) {
		if p.Shell, err = s.shell(q, r, "/trust"); err != nil {
			return p, err
		}
		f, err := s.framed(q)
		if err != nil {
			return p, err
		}
		waiting, late, err := support.Queue(q)
		if err != nil {
			return p, err
		}
		p.MeasuredAt = q.Now()
		// Behind a proxy the line ends elsewhere; then nothing is claimed.
		if r.TLS != nil {
			p.Figures = append(p.Figures, view.Figure{Name: lang.T(l, "trust.tls"), Value: tls.VersionName(r.TLS.Version), Note: lang.T(l, "trust.tls.note")})
		}
		p.Figures = append(p.Figures,
			view.Figure{Name: lang.T(l, "trust.waiting"), Value: lang.Number(l, waiting), Note: lang.T(l, "trust.waiting.note")},
			view.Figure{Name: lang.T(l, "trust.late"), Value: lang.Number(l, late), Note: lang.N(l, "trust.late.note", f.hours), Tone: lateTone(late)},
			view.Figure{Name: lang.T(l, "trust.sealed"), Value: lang.Number(l, int64(len(secret.Fields()))), Note: lang.T(l, "trust.sealed.note")},
			view.Figure{Name: lang.T(l, "trust.others"), Value: "0", Note: lang.T(l, "trust.others.note")})
		for _, e := range s.Vault.Epochs() {
			if e.Current {
				p.Figures = append(p.Figures,
					view.Figure{Name: lang.T(l, "trust.key"), Value: lang.DayMonth(l, e.Made), Note: lang.T(l, "trust.key.note")},
					view.Figure{Name: lang.T(l, "trust.gone"), Value: lang.N(l, "trust.days", int(e.Ends.Sub(e.Made)/(24*time.Hour))), Note: lang.T(l, "trust.gone.note")})
			}
		}
		log, err := audit.StandingOf(q)
		if err != nil {
			return p, err
		}
		p.Figures = append(p.Figures, logFigures(l, log, s.Witnessed)...)
		proven, err := copies.LastProven(q)
		if err != nil {
			return p, err
		}
		p.Figures = append(p.Figures, provenFigure(l, proven, q.Now()))
		c := f.company
		p.Sections = []view.TrustSection{
			{Heading: lang.T(l, "trust.company"), Facts: factsOf(
				lang.T(l, "trust.company.name"), c.Name, lang.T(l, "trust.company.org"), c.OrgNumber, lang.T(l, "trust.company.vat"), c.VATNumber, lang.T(l, "trust.company.seat"), c.Seat,
				lang.T(l, "trust.company.address"), strings.TrimPrefix(c.Address(), ",  "), lang.T(l, "trust.company.phone"), c.Phone, lang.T(l, "trust.company.mail"), c.Mail)},
			{Heading: lang.T(l, "trust.money"), Text: lang.T(l, "trust.money.text")},
			{Heading: lang.T(l, "trust.data"), Text: lang.T(l, "trust.data.text"), Facts: factsOf(
				lang.T(l, "trust.data.cart"), lang.T(l, "trust.data.cart.text"), lang.T(l, "trust.data.order"), lang.T(l, "trust.data.order.text"),
				lang.T(l, "trust.data.log"), lang.T(l, "trust.data.log.text"), lang.T(l, "trust.data.cookie"), lang.T(l, "trust.data.cookie.text"))},
			{Heading: lang.T(l, "trust.open"), Text: lang.T(l, "trust.open.text")},
		}
		if c.Example {
			p.Sections[0].Text = lang.T(l, "foot.example")
		}
		return p, nil
	})
	if err != nil {
		return err
	}
	return web.HTML(w, r, http.StatusOK, view.TrustPage(p))
}

// logFigures are what the log of readings says of itself. Of witnesses nothing is said where the shop
// has none, or has one that has not answered.
func logFigures(l lang.Lang, x audit.Standing, witnesses bool) []view.Figure {
	readings := view.Figure{Name: lang.N(l, "trust.readings", audit.CountedDays), Value: lang.Number(l, x.Readings), Note: lang.T(l, "trust.readings.note")}
	if x.Readings == 0 {
		readings.Note = lang.T(l, "trust.readings.none")
	}
	verified := view.Figure{Name: lang.T(l, "trust.verified"), Value: lang.T(l, "trust.verified.none"), Note: lang.T(l, "trust.verified.soon")}
	if !x.Verified.IsZero() {
		verified.Value, verified.Note = lang.Stamp(l, x.Verified), lang.T(l, "trust.verified.note")
	}
	if x.Found > 0 {
		verified.Note, verified.Tone = lang.T(l, "trust.verified.broken"), ui.Stop
	}
	out := []view.Figure{readings, verified}
	if witnesses && !x.Witnessed.IsZero() {
		out = append(out, view.Figure{Name: lang.T(l, "trust.witnessed"), Value: lang.Stamp(l, x.Witnessed), Note: lang.T(l, "trust.witnessed.note")})
	}
	return out
}

// provenLate is the age from which a proof of the way back is told to be old: two days of
// daily drills.
const provenLate = 48 * time.Hour

// provenFigure tells when it was last proven that the shop comes back from its copies.
func provenFigure(l lang.Lang, at, now time.Time) view.Figure {
	f := view.Figure{Name: lang.T(l, "trust.restored"), Value: lang.T(l, "trust.restored.none"), Note: lang.T(l, "trust.restored.soon")}
	if at.IsZero() {
		return f
	}
	f.Value, f.Note = lang.Stamp(l, at), lang.T(l, "trust.restored.note")
	if now.Sub(at) > provenLate {
		f.Note, f.Tone = lang.T(l, "trust.restored.late"), ui.Wait
	}
	return f
}

func lateTone(late int64) ui.Tone {
	if late > 0 {
		return ui.Wait
	}
	return ui.OK
}

// factsOf pairs names with values and leaves out what is not known.
func factsOf(pairs ...string) []view.Fact {
	var out []view.Fact
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			out = append(out, view.Fact{Name: pairs[i], Value: pairs[i+1]})
		}
	}
	return out
}
