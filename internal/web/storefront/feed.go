package storefront

import (
	"bufio"
	"encoding/xml"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/web"
	"kassavalv/internal/web/richtext"
)

// feedBatch is how many products are read at a time: a snapshot lives shortly.
const feedBatch = 200

// Bounds of feeds. A place is held as long as its reader takes, so each batch has a
// time of its own, and one network has one place: a reader that dawdles or stops keeps
// the others from nothing.
const (
	feedTime   = 10 * time.Minute // the whole feed of a great shop
	feedStep   = 20 * time.Second // one batch, or a reader who takes nothing
	feedPlaces = 3
)

// feedBook knows whose feeds are being written.
type feedBook struct {
	mu   sync.Mutex
	open map[netip.Prefix]bool
}

func (f *feedBook) enter(who netip.Prefix) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[who] || len(f.open) >= feedPlaces {
		return false
	}
	if f.open == nil {
		f.open = map[netip.Prefix]bool{}
	}
	f.open[who] = true
	return true
}

func (f *feedBook) leave(who netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, who)
}

// feed is "/feeds/google.xml": every variant that shows, as Google's product data
// specification wants it. It is written as it is read, so it may be as long as the
// shop is great; few are written at a time.
func (s *Store) feed(w http.ResponseWriter, r *web.Request) error {
	who := r.Network()
	if !s.feeds.enter(who) {
		return fault.Busy("busy", 30*time.Second)
	}
	defer s.feeds.leave(who)
	f, err := read(s, r.Context(), func(q *db.Reader) (*frame, error) { return s.framed(q) })
	if err != nil {
		return err
	}
	rc := http.NewResponseController(w)
	end := time.Now().Add(feedTime)
	next := func() error {
		by := time.Now().Add(feedStep)
		if by.After(end) {
			by = end
		}
		return rc.SetWriteDeadline(by)
	}
	if err := next(); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", xmlType)
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	b := bufio.NewWriterSize(w, 32<<10)
	b.WriteString(xml.Header + `<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>` + "\n")
	tag(b, "title", f.company.Shop)
	tag(b, "link", s.Origin+"/")
	tag(b, "description", or(s.Tagline.SV, f.company.Shop))
	after := db.ID(0)
	for {
		n, last, err := s.feedPart(r, b, f.tree, after)
		if err != nil {
			return err // half a feed is cut off, so that nobody takes it for a whole one
		}
		if b.Flush() != nil {
			panic(http.ErrAbortHandler) // the reader is gone or takes nothing: no fault of ours
		}
		if err := next(); err != nil {
			return err
		}
		if n < feedBatch {
			break
		}
		after = last
	}
	b.WriteString("</channel></rss>\n")
	return b.Flush()
}

// feedPart writes one batch and tells how many products it read.
func (s *Store) feedPart(r *web.Request, b *bufio.Writer, tree *catalog.Tree, after db.ID) (n int, last db.ID, err error) {
	type part struct {
		ps     []*catalog.Product
		prices map[db.ID]pricing.Price
		levels map[db.ID]stock.Level
		at     time.Time
	}
	x, err := read(s, r.Context(), func(q *db.Reader) (x part, err error) {
		if x.ps, err = catalog.List(q, after, feedBatch); err != nil {
			return
		}
		var ids []db.ID
		for _, p := range x.ps {
			for _, v := range p.Variants {
				ids = append(ids, v.ID)
			}
		}
		x.at = q.LegalNow()
		if x.prices, err = pricing.Selling(q, s.Currency, ids, x.at); err != nil {
			return
		}
		x.levels, err = stock.Levels(q, ids)
		return
	})
	if err != nil {
		return 0, 0, err
	}
	for _, p := range x.ps {
		last = p.ID
		if !p.Visible(x.at) || p.Kind == catalog.GiftCard {
			continue // Google takes no gift cards
		}
		for _, v := range p.Variants {
			if price, ok := x.prices[v.ID]; ok && v.Status == catalog.Active {
				s.item(b, tree, p, v, price, x.levels[v.ID])
			}
		}
	}
	return len(x.ps), last, nil
}

func tag(b *bufio.Writer, name, text string) {
	if text == "" {
		return
	}
	b.WriteString("<" + name + ">")
	_ = xml.EscapeText(b, []byte(text)) // Flush tells of a broken line
	b.WriteString("</" + name + ">\n")
}

func (s *Store) item(b *bufio.Writer, tree *catalog.Tree, p *catalog.Product, v catalog.Variant, price pricing.Price, lv stock.Level) {
	t := p.Texts.In(lang.SV)
	title := t.Title
	if words := label(v.Choices, lang.SV); words != "" {
		title += ", " + words
	}
	b.WriteString("<item>\n")
	tag(b, "g:id", or(v.SKU, v.ID.String()))
	tag(b, "g:title", clip(title, 150))
	tag(b, "g:description", richtext.Plain(or(t.Description, t.Title), 4900))
	tag(b, "g:link", s.Origin+"/products/"+p.Handle)
	pics := 0
	for _, own := range []bool{true, false} { // the variant's own pictures first
		for _, m := range p.Pictures() {
			if own != (m.Variant == v.ID) || m.Variant != 0 && m.Variant != v.ID {
				continue
			}
			if i := picture(m.File, "", 0, 0); i.URL != "" && pics < 11 {
				name := "g:image_link"
				if pics > 0 {
					name = "g:additional_image_link"
				}
				tag(b, name, s.Origin+i.URL)
				pics++
			}
		}
	}
	switch {
	case !lv.Sellable(1) || lv.Variant == 0:
		tag(b, "g:availability", "out_of_stock")
	case lv.Tracked && lv.Available() <= 0:
		tag(b, "g:availability", "backorder")
		tag(b, "g:availability_date", time.Now().AddDate(0, 0, 14).UTC().Format(time.RFC3339))
	default:
		tag(b, "g:availability", "in_stock")
	}
	if price.Reduced && price.Prior != nil {
		tag(b, "g:price", feedPrice(*price.Prior))
		tag(b, "g:sale_price", feedPrice(price.Price))
	} else {
		tag(b, "g:price", feedPrice(price.Price))
	}
	tag(b, "g:brand", p.Brand)
	tag(b, "g:gtin", v.GTIN)
	if v.GTIN == "" && p.Brand != "" {
		tag(b, "g:mpn", v.SKU)
	}
	if v.GTIN == "" && (p.Brand == "" || v.SKU == "") {
		tag(b, "g:identifier_exists", "no")
	}
	condition := "new"
	if v.BGoods.SV != "" {
		condition = "used"
	}
	tag(b, "g:condition", condition)
	if len(p.Variants) > 1 {
		tag(b, "g:item_group_id", p.ID.String())
	}
	if len(p.Categories) > 0 {
		var way []string
		for _, c := range tree.Path(p.Categories[0]) {
			way = append(way, c.Texts.In(lang.SV).Title)
		}
		tag(b, "g:product_type", strings.Join(way, " > "))
	}
	if v.WeightG > 0 {
		tag(b, "g:shipping_weight", strconv.FormatInt(v.WeightG, 10)+" g")
	}
	content := v.Content
	if content == 0 {
		content = p.Content
	}
	if u := feedUnit[p.Unit]; u.base != "" && content > 0 {
		tag(b, "g:unit_pricing_measure", thousandths(content)+u.base)
		tag(b, "g:unit_pricing_base_measure", "1"+u.base)
	}
	if p.EnergyClass != "" {
		tag(b, "g:energy_efficiency_class", p.EnergyClass)
		tag(b, "g:min_energy_efficiency_class", "G")
		tag(b, "g:max_energy_efficiency_class", "A")
	}
	b.WriteString("</item>\n")
}

var feedUnit = map[string]struct{ base string }{"kg": {"kg"}, "l": {"l"}, "m": {"m"}, "piece": {"ct"}}

func feedPrice(m money.Money) string { return decimal(m) + " " + m.Currency }

// thousandths writes thousandths as a decimal: 1500 is "1.5".
func thousandths(n int64) string {
	s := strconv.FormatInt(n/1000, 10)
	if r := n % 1000; r != 0 {
		s += "." + strings.TrimRight(strconv.FormatInt(1000+r, 10)[1:], "0")
	}
	return s
}

// clip cuts at a number of characters.
func clip(s string, n int) string {
	if rs := []rune(s); len(rs) > n {
		return string(rs[:n-1]) + "…"
	}
	return s
}
