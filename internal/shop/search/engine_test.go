package search

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
)

// goods makes an engine of titles; the product's id is its place plus one.
func goods(titles ...string) *engine {
	e := newEngine()
	var ds []*Doc
	for i, t := range titles {
		ds = append(ds, &Doc{Card: Card{Product: db.ID(i + 1), Handle: fmt.Sprint("v", i), TitleSV: t, Price: money.SEK(int64(100 * (i + 1))), Stock: StockIn, Variants: 1},
			Created: time.UnixMicro(int64(i)), Variants: []db.ID{db.ID(1000 + i)}, Texts: []Field{{Text: t, Weight: 12}, {Text: fmt.Sprintf("SKU-%03d", i), Weight: 20, Exact: true}}})
	}
	e.put(ds, nil)
	return e
}

func titles(t testing.TB, e *engine, q Query) []string {
	t.Helper()
	r, err := e.list(q)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range r.Cards {
		out = append(out, c.TitleSV)
	}
	slices.Sort(out)
	return out
}

func TestFinds(t *testing.T) {
	e := goods("Vinterjacka i ull", "Jacka med luva", "Tröja i ull", "Gjutjärnsgryta", "Stekpanna 28 cm", "Handduk av linne", "Sko med rem", "Vinterskor", "Kaffekvarn", "Flaska", "Handväska",
		"Glass", "Glas, två stycken", "Ljusstake", "Bok om bröd", "Barnböcker", "Nyckelskåp", "Duk", "Plåtskål", "Vas", "Påslakan", "Ullpläd", "Höganäs mugg", "T-shirt", "Café-set")
	for q, want := range map[string]string{
		"jacka": "Jacka med luva|Vinterjacka i ull", "jackan": "Jacka med luva|Vinterjacka i ull", "jackor": "Jacka med luva|Vinterjacka i ull", "JACKORNA": "Jacka med luva|Vinterjacka i ull",
		"vinterjackor": "Vinterjacka i ull", "tröjan": "Tröja i ull", "troja": "Tröja i ull", "gjutjarn": "Gjutjärnsgryta", "gryta": "Gjutjärnsgryta", "grytor": "Gjutjärnsgryta",
		"stekpannor": "Stekpanna 28 cm", "panna": "Stekpanna 28 cm", "pannor": "Stekpanna 28 cm", "handdukar": "Handduk av linne", "skor": "Sko med rem|Vinterskor", "skorna": "Sko med rem|Vinterskor", "vinterskorna": "Vinterskor",
		"väskor": "Handväska", "böcker": "Barnböcker|Bok om bröd", "barnbok": "Barnböcker", "glass": "Glass", "nycklar": "Nyckelskåp", "skåp": "Nyckelskåp", "lakan": "Påslakan", "pläd": "Ullpläd", "yllepläd": "Ullpläd",
		"hoganas": "Höganäs mugg", "tshirt": "T-shirt", "t-shirt": "T-shirt", "cafe": "Café-set", "café": "Café-set",
		// slips
		"jakca med luva": "Jacka med luva", "stekpana": "Stekpanna 28 cm", "kafekvarn": "Kaffekvarn", "gjutjrnsgyta": "Gjutjärnsgryta", "handuk": "Handduk av linne", "ljustake": "Ljusstake",
		// the beginnings of words, as they are typed
		"kaff": "Kaffekvarn", "gjutj": "Gjutjärnsgryta", "stek": "Stekpanna 28 cm",
		// several words, all of them
		"jacka ull": "Vinterjacka i ull", "ull tröja": "Tröja i ull",
		// codes
		"SKU-004": "Stekpanna 28 cm", "sku004": "Stekpanna 28 cm",
		// nothing
		"traktor": "", "zzzzzz": "", "xq": "",
	} {
		got := strings.Join(titles(t, e, Query{Text: q}), "|")
		if got != want {
			t.Errorf("%q found %q, want %q", q, got, want)
		}
	}
}

// What is meant stands first.
func TestRanks(t *testing.T) {
	e := goods("Fodral till mugg", "Mugg", "Muggställ")
	e.put([]*Doc{{Card: Card{Product: 9, TitleSV: "Kanna", Price: money.SEK(1), Stock: StockIn}, Texts: []Field{{Text: "Kanna", Weight: 12}, {Text: "Passar till en mugg", Weight: 1}}, Variants: []db.ID{5}}}, nil)
	r, _ := e.list(Query{Text: "mugg"})
	if len(r.Cards) != 4 || r.Cards[len(r.Cards)-1].TitleSV != "Kanna" {
		t.Errorf("%d cards, last %+v", len(r.Cards), r.Cards[len(r.Cards)-1])
	}
	for _, c := range r.Cards[:2] {
		if c.TitleSV == "Muggställ" {
			t.Error("a compound stands before the word itself")
		}
	}
	if r, _ := e.list(Query{Text: "muggg"}); r.Corrected == "" || r.Total == 0 {
		t.Errorf("%+v", r)
	}
	if r, _ := e.list(Query{Text: "mugg"}); r.Corrected != "" {
		t.Error("corrected what was right")
	}
}

func TestOddQueries(t *testing.T) {
	e := goods("Mugg", "Tröja")
	for _, q := range []string{strings.Repeat("x", 1<<20), strings.Repeat("mugg ", 1000), "!?%&/()=", "🙂🙂", "\x00\xff\xfe", "' OR 1=1 --", strings.Repeat("å", 200_000), "   ", "<script>", "\u202e\u200d"} {
		start := time.Now()
		r, err := e.list(Query{Text: q})
		if err != nil {
			t.Errorf("%.20q: %v", q, err)
		}
		if len(r.Cards) > 2 || time.Since(start) > 5*time.Second {
			t.Errorf("%.20q: %d cards", q, len(r.Cards))
		}
	}
	if got := titles(t, e, Query{Text: "!?!"}); got != nil {
		t.Errorf("signs found %v", got)
	}
	if got := titles(t, e, Query{Text: "  "}); len(got) != 2 {
		t.Errorf("a blank query is none: %v", got)
	}
	for _, q := range []Query{{Limit: -1}, {Limit: 101}, {Sort: "best"}, {Cursor: "x"}, {Cursor: "AAAA"}, {Cursor: strings.Repeat("_", 22)}, {Filters: many(13, 1)}, {Filters: many(1, 25)}} {
		if _, err := e.list(q); !fault.Is(err, "invalid") {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func many(keys, values int) map[string][]string {
	m := map[string][]string{}
	for i := range keys {
		for j := range values {
			m[fmt.Sprint("k", i)] = append(m[fmt.Sprint("k", i)], fmt.Sprint(j))
		}
	}
	return m
}

// arbitrary draws a document.
func arbitrary(t *rapid.T, id db.ID) *Doc {
	d := &Doc{Card: Card{Product: id, TitleSV: rapid.SampledFrom([]string{"Anka", "Ål", "Ärla", "Öring", "anka", "Björn", "Zebra"}).Draw(t, "title"), Price: money.SEK(rapid.Int64Range(1, 5).Draw(t, "price")),
		Stock: rapid.SampledFrom([]string{StockIn, StockFew, StockOut}).Draw(t, "stock")}, Created: time.UnixMicro(rapid.Int64Range(0, 4).Draw(t, "created")), Variants: []db.ID{id + 10_000}}
	if rapid.Bool().Draw(t, "reduced") {
		p := money.SEK(9)
		d.Prior = &p
	}
	for _, c := range []db.ID{1, 2, 3} {
		if rapid.Bool().Draw(t, "category") {
			d.Categories = append(d.Categories, c)
		}
	}
	for _, k := range []string{"färg", "märke"} {
		for _, v := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 2, rapid.ID[string]).Draw(t, k) {
			d.Facets = append(d.Facets, Facet{Key: k, Value: v, NameSV: k, LabelSV: v})
		}
	}
	d.Texts = []Field{{Text: rapid.SampledFrom([]string{"fisk", "fågel", "fisk fågel", ""}).Draw(t, "text"), Weight: 5}}
	return d
}

// twin answers a query slowly and obviously.
func twin(ds map[db.ID]*Doc, q Query) (ids []db.ID, facets map[string]int, inStock, reduced int) {
	has := func(d *Doc, k, v string) bool {
		return slices.ContainsFunc(d.Facets, func(f Facet) bool { return f.Key == k && f.Value == v })
	}
	passes := func(d *Doc, but string) bool {
		for k, vs := range q.Filters {
			if k != but && !slices.ContainsFunc(vs, func(v string) bool { return has(d, k, v) }) {
				return false
			}
		}
		return (q.Category == 0 || slices.Contains(d.Categories, q.Category)) && (!q.InStock || d.Stock != StockOut) && (!q.Reduced || d.Prior != nil) &&
			(q.Text == "" || slices.Contains(strings.Fields(d.Texts[0].Text), q.Text))
	}
	facets = map[string]int{}
	for _, d := range ds {
		for _, k := range []string{"färg", "märke"} {
			for _, v := range []string{"a", "b", "c"} {
				but := ""
				if _, ok := q.Filters[k]; ok {
					but = k
				}
				if has(d, k, v) && passes(d, but) {
					facets[k+"="+v]++
				}
			}
		}
		if passes(d, "") {
			ids = append(ids, d.Product)
			if d.Stock != StockOut {
				inStock++
			}
			if d.Prior != nil {
				reduced++
			}
		}
	}
	slices.SortFunc(ids, func(x, y db.ID) int {
		a, b := ds[x], ds[y]
		byID := int(x - y)
		switch q.Sort {
		case SortPrice:
			if a.Price.Amount != b.Price.Amount {
				return int(a.Price.Amount - b.Price.Amount)
			}
			return byID
		case SortPriceDesc:
			if a.Price.Amount != b.Price.Amount {
				return int(b.Price.Amount - a.Price.Amount)
			}
			return -byID
		case SortName:
			const abc = "abcdefghijklmnopqrstuvwxyzåäö"
			an, bn := []rune(strings.ToLower(a.TitleSV)), []rune(strings.ToLower(b.TitleSV))
			for i := range min(len(an), len(bn)) {
				if an[i] != bn[i] {
					return slices.Index([]rune(abc), an[i]) - slices.Index([]rune(abc), bn[i])
				}
			}
			if len(an) != len(bn) {
				return len(an) - len(bn)
			}
			return byID
		}
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return -byID
	})
	return
}

// Lists, counts, orders and pages agree with the twin, through any history of
// changes.
func TestAgainstTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := newEngine()
		ds := map[db.ID]*Doc{}
		for range rapid.IntRange(0, 6).Draw(t, "rounds") {
			var put []*Doc
			var gone []db.ID
			for range rapid.IntRange(0, 12).Draw(t, "n") {
				id := db.ID(rapid.IntRange(1, 25).Draw(t, "id"))
				if slices.ContainsFunc(put, func(d *Doc) bool { return d.Product == id }) || slices.Contains(gone, id) {
					continue
				}
				if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
					gone = append(gone, id)
					delete(ds, id)
				} else {
					d := arbitrary(t, id)
					copied := *d // the engine lets go of texts
					put, ds[id] = append(put, &copied), d
				}
			}
			e.put(put, gone)
			if rapid.IntRange(0, 4).Draw(t, "compact") == 0 {
				e.mu.Lock()
				e.compact()
				e.mu.Unlock()
			}
		}
		q := Query{Sort: rapid.SampledFrom([]string{"", SortNew, SortPrice, SortPriceDesc, SortName}).Draw(t, "sort"), Limit: rapid.IntRange(1, 7).Draw(t, "limit"),
			Category: db.ID(rapid.IntRange(0, 4).Draw(t, "category")), InStock: rapid.Bool().Draw(t, "instock"), Reduced: rapid.Bool().Draw(t, "reduced"), Filters: map[string][]string{},
			Text: rapid.SampledFrom([]string{"", "", "fisk", "fågel"}).Draw(t, "text")}
		if q.Text != "" && q.Sort == "" {
			q.Sort = SortNew
		}
		for _, k := range []string{"färg", "märke"} {
			if vs := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "x"}), 0, 2, rapid.ID[string]).Draw(t, "filter"); len(vs) > 0 {
				q.Filters[k] = vs
			}
		}
		want, facets, inStock, reduced := twin(ds, q)
		var got []db.ID
		for page := 0; ; page++ {
			r, err := e.list(q)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range r.Cards {
				got = append(got, c.Product)
			}
			counts := map[string]int{}
			for _, g := range r.Facets {
				for _, v := range g.Values {
					if v.Count > 0 {
						counts[g.Key+"="+v.Value] = v.Count
					}
					if v.Chosen != slices.Contains(q.Filters[g.Key], v.Value) {
						t.Fatalf("%+v chosen", v)
					}
				}
			}
			if r.Total != len(want) || r.InStock != inStock || r.Reduced != reduced || !cmp.Equal(counts, facets) {
				t.Fatalf("%+v, want %d, %d, %d, %v", r, len(want), inStock, reduced, facets)
			}
			if r.Next == "" {
				break
			}
			if len(r.Cards) != q.Limit || page > 30 {
				t.Fatalf("a page of %d", len(r.Cards))
			}
			q.Cursor = r.Next
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v\nwant %v", got, want)
		}
	})
}

// A list that changes between two pages gives nothing twice that did not move,
// and leaves out nothing that was there all the time.
func TestPagesWhileGoodsComeAndGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := newEngine()
		var ds []*Doc
		n := rapid.IntRange(5, 30).Draw(t, "n")
		for i := range n {
			ds = append(ds, &Doc{Card: Card{Product: db.ID(i + 1), Price: money.SEK(rapid.Int64Range(1, 6).Draw(t, "price")), Stock: StockIn}, Created: time.UnixMicro(int64(i))})
		}
		e.put(ds, nil)
		stay := map[db.ID]bool{}
		for _, d := range ds {
			stay[d.Product] = true
		}
		q := Query{Sort: rapid.SampledFrom([]string{SortNew, SortPrice, SortPriceDesc, SortName}).Draw(t, "sort"), Limit: 3}
		seen := map[db.ID]bool{}
		next := db.ID(n)
		for page := 0; page < 50; page++ {
			r, err := e.list(q)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range r.Cards {
				if seen[c.Product] {
					t.Fatalf("%d twice", c.Product)
				}
				seen[c.Product] = true
			}
			if r.Next == "" {
				for id := range stay {
					if !seen[id] {
						t.Fatalf("%d was there and was left out", id)
					}
				}
				return
			}
			q.Cursor = r.Next
			switch rapid.IntRange(0, 2).Draw(t, "change") {
			case 0:
				next++
				e.put([]*Doc{{Card: Card{Product: next, Price: money.SEK(rapid.Int64Range(1, 6).Draw(t, "price")), Stock: StockIn}, Created: time.UnixMicro(int64(next))}}, nil)
			case 1:
				id := db.ID(rapid.IntRange(1, n).Draw(t, "gone"))
				delete(stay, id)
				e.put(nil, []db.ID{id})
			}
		}
	})
}

// vocabulary of the bench: compounds of shop words.
var fronts = strings.Fields("vinter sommar bad kök kaffe te bröd ljus ull bomulls linne silver koppar gjutjärns trä glas barn dam herr sport trädgårds hand stek blom vägg golv tak bords säng natt dag")
var heads = strings.Fields("jacka tröja sko panna gryta duk handduk mugg kopp skål fat kniv sax lampa stake pläd matta korg kruka vas stol bord hylla spegel väska byxa mössa vante kvarn burk")

// made is a word of its own for each number, so that the vocabulary is as large
// as the shop.
func made(i int) string {
	var b strings.Builder
	for i += 30_000; i > 0; i /= 75 {
		b.WriteByte("bdfghjklmnprstv"[i%15])
		b.WriteString([]string{"a", "e", "i", "o", "å"}[i/15%5])
	}
	return b.String() + "lon"
}

func shop(n int) []*Doc {
	rnd := rand.New(rand.NewPCG(1, 2))
	ds := make([]*Doc, n)
	for i := range ds {
		title := fronts[rnd.IntN(len(fronts))] + heads[rnd.IntN(len(heads))] + " " + made(i)
		text := ""
		for range 30 {
			text += fronts[rnd.IntN(len(fronts))] + heads[rnd.IntN(len(heads))] + " "
		}
		d := &Doc{Card: Card{Product: db.ID(i + 1), Handle: fmt.Sprint("v", i), TitleSV: title, Price: money.SEK(rnd.Int64N(200_000)), Stock: []string{StockIn, StockFew, StockOut}[rnd.IntN(3)], Variants: 1},
			Created: time.UnixMicro(rnd.Int64N(1 << 40)), Variants: []db.ID{db.ID(1_000_000 + i)}, Categories: []db.ID{db.ID(1 + i%12), db.ID(20 + i%70)},
			Texts: []Field{{Text: title, Weight: 12}, {Text: text, Weight: 1}, {Text: fmt.Sprintf("SKU-%06d", i), Weight: 20, Exact: true}}}
		for _, k := range []string{"färg", "material", "brand", "storlek", "form", "land"} {
			v := fmt.Sprint(rnd.IntN(20))
			d.Facets = append(d.Facets, Facet{Key: k, Value: v, NameSV: k, LabelSV: v})
		}
		ds[i] = d
	}
	return ds
}
