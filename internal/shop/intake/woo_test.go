package intake_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/intake"
)

const wooHead = `ID,Type,SKU,"GTIN, UPC, EAN, or ISBN",Name,Published,"Visibility in catalog","Short description",Description,"Date sale price starts","Tax status","Tax class","In stock?",Stock,"Backorders allowed?","Weight (kg)","Length (cm)","Sale price","Regular price",Categories,Tags,Images,Parent,"Attribute 1 name","Attribute 1 value(s)","Attribute 2 name","Attribute 2 value(s)","Meta: x"
`

const wooGoods = wooHead +
	`11,variation,JACKA-S,,"Jacka - S",1,visible,,Annan text,,taxable,parent,1,4,0,,,,899,,,https://bilder.example/s.jpg,id:10,Storlek,S,Färg,,
10,variable,JACKA,,Jacka,1,visible,Kort.,"Lång\nrad.\n\n<b>Stycke</b>",,taxable,,1,,0,".8",40,,,"Kläder > Jackor, Nytt","ull, vinter","https://bilder.example/a.jpg, https://bilder.example/b.jpg",,Storlek,"S, M",Färg,"Blå, Röd",
12,variation,JACKA-M,,"Jacka - M",1,visible,,,,taxable,parent,1,,notify,,,799,899,,,,JACKA,Storlek,M,Färg,,
20,simple,BÄLTE,4006381333931,Bälte,1,hidden,,Läder,2026-01-01,taxable,reduced,0,,0,0.2,,,"349,00","Kläder > Tillbehör",,,,Material,Läder,,,
21,"simple, virtual",PDF,,Mönster,0,visible,,Ett mönster,,taxable,,1,,0,,,,49,Mönster,,,,,,,,
22,simple,,,Bälte,-1,visible,,Annat,,taxable,,1,2,0,,,,99,,,,,,,,,
30,grouped,SATS,,Sats,1,visible,,,,taxable,,1,,0,,,,,,,,,,,,,
31,variation,X-1,,X,1,visible,,,,taxable,,1,,0,,,,10,,,,NIX,Storlek,S,,,
32,variable,TOM,,Tom,1,visible,,,,taxable,,1,,0,,,,,,,,,,,,,
`

func TestWoo(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		rep := run(t, d, wooGoods, intake.Options{})
		if diff := cmp.Diff([]string{"5 Tax class tax_class", "8 Type bad_type", "9 Parent parent_unknown", "10 Type no_variations"}, codes(rep.Problems)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"3  option_open", "4 Sale price sale_price", "5 Visibility in catalog hidden", "5 Attribute 1 name attribute"}, codes(rep.Notes)); diff != "" {
			t.Error(diff)
		}
		if rep.Products != (intake.Count{Created: 4}) || rep.Variants.Created != 5 || rep.RowsBad != 4 || rep.NotIn != 2 || rep.Categories != 5 {
			t.Errorf("%+v", rep)
		}
		want := shown{Title: "Jacka", Text: "Kort.\n\nLång\\\nrad.\n\n**Stycke**", Status: catalog.Published, Shelves: []string{"Kläder > Jackor", "Nytt"}, Tags: []string{"ull", "vinter"},
			Variants: []string{"JACKA-S|Storlek=S|89900|4", "JACKA-M|Storlek=M|89900|-+"}}
		if diff := cmp.Diff(want, look(t, d, "jacka")); diff != "" {
			t.Error(diff)
		}
		if s := look(t, d, "balte"); s.Variants[0] != "BÄLTE||34900|0" || s.Shelves[0] != "Kläder > Tillbehör" || s.Status != catalog.Published {
			t.Errorf("%+v", s)
		}
		if s := look(t, d, "balte-id-22"); s.Text != "Annat" || s.Status != catalog.Draft || s.Variants[0] != "||9900|2" {
			t.Errorf("%+v", s)
		}
		if s := look(t, d, "monster"); s.Status != catalog.Draft {
			t.Errorf("%+v", s)
		}
		before := dump(t, d)
		again := run(t, d, wooGoods, intake.Options{})
		if again.Products != (intake.Count{Unchanged: 4}) {
			t.Errorf("%+v", again)
		}
		if diff := cmp.Diff(before, dump(t, d)); diff != "" {
			t.Errorf("the same file again wrote:\n%s", diff)
		}
		// A new name is the same product: by its SKU, or by its number there.
		renamed := strings.NewReplacer(",Jacka,", ",Kofta,", "22,simple,,,Bälte", "22,simple,,,Rem").Replace(wooGoods)
		if rep := run(t, d, renamed, intake.Options{}); rep.Products != (intake.Count{Changed: 2, Unchanged: 2}) {
			t.Errorf("%+v", rep)
		}
		if s := look(t, d, "jacka"); s.Title != "Kofta" {
			t.Errorf("%+v", s)
		}
	})
}

// A site in Swedish writes its columns in Swedish.
func TestWooSwedish(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	rep := run(t, d, "\ufeffID;Typ;Artikelnr;Namn;Publicerad;Beskrivning;I lager?;Lagersaldo;Ordinarie pris;Kategorier;Vikt (g);Säljes styckvis?\r\n1;simple;A;Mugg;1;Text;1;3;1 129,50;Kök;350;0\r\n", intake.Options{})
	if rep.ProblemCount+rep.NoteCount != 0 || rep.Format != intake.WooCommerce || rep.Separator != ";" || rep.Encoding != "UTF-8 (BOM)" {
		t.Errorf("%+v", rep)
	}
	if s := look(t, d, "mugg"); s.Variants[0] != "A||112950|3" || s.Shelves[0] != "Kök" {
		t.Errorf("%+v", s)
	}
}

// Two products may have one name; SKUs that have nothing in common tell them
// apart, also when they come in different files.
func TestWooNamesakes(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	head := "ID,Type,SKU,Name,Published,Regular price\n"
	run(t, d, head+"1,simple,A-1,Bälte,1,100\n", intake.Options{})
	for range 2 {
		if rep := run(t, d, head+"2,simple,B-1,Bälte,1,200\n", intake.Options{}); rep.ProblemCount != 0 || rep.In() != 1 {
			t.Errorf("%+v", rep)
		}
	}
	if a, b := look(t, d, "balte"), look(t, d, "balte-id-2"); a.Variants[0] != "A-1||10000|-" || b.Variants[0] != "B-1||20000|-" {
		t.Errorf("%+v\n%+v", a, b)
	}
	// Another site's number 1 is not ours.
	if rep := run(t, d, head+"1,simple,C-1,Hatt,1,300\n", intake.Options{}); rep.Products.Created != 1 {
		t.Errorf("%+v", rep)
	}
	if s := look(t, d, "balte"); s.Title != "Bälte" {
		t.Errorf("%+v", s)
	}
}
