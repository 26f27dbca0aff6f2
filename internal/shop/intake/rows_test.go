package intake_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/intake"
	"kassavalv/internal/shop/stock"
)

func TestBadRows(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		bad := "Handle,Title,Variant SKU,Option1 Name,Option1 Value,Variant Price,Variant Inventory Qty,Variant Inventory Tracker,Variant Barcode,Published,Mystik,Tags\n" + // 1
			"bra,Bra,B-1,Title,Default Title,10,1,shopify,,true,x,\n" + // 2
			"dyr,Dyr,B-2,Title,Default Title,1.299,1,shopify,,true,,\n" + // 3: ambiguous, so nothing of it is in
			"halv,Halv,B-3,Storlek,S,10,1,shopify,,true,,\n" + // 4
			"halv,,B-4,,M,abc,1,shopify,,,,\n" + // 5
			"halv,,B-1,,L,10,1,shopify,,,,\n" + // 6: SKU of line 2
			"halv,,B-5,,S,10,1,shopify,,,,\n" + // 7: options of line 4
			"halv,,B-6,,XL,10,många,shopify,123,,,\n" + // 8: in, without quantity and GTIN
			"namnlös,,B-7,Title,Default Title,10,1,shopify,,true,,\n" + // 9
			"trasig,\"Tras\"ig,B-8,Title,Default Title,10,1,shopify,,true,,\n" + // 10
			"lång,Lång,B-9,Title,Default Title,10,1,shopify,,true,,,,,,x\n" + // 11
			",,B-10,Title,Default Title,10,1,shopify,,true,,\n" + // 12
			"BRA,Samma adress,B-11,Title,Default Title,10,1,shopify,,true,,\n" + // 13
			"euro,Euro,B-12,Title,Default Title,€10,1,shopify,,true,,\n" + // 14
			"kanske,Kanske,B-13,Title,Default Title,10,1,shopify,,kanske,,\n" + // 15
			"lapp,Lapp,B-14,Title,Default Title,10,1,shopify,,true,," + strings.Repeat("å", 60) + "\n" + // 16
			"noll,\"No\x00ll\",B-15,Title,Default Title,10,1,shopify,,true,,\n" + // 17
			"slut,Slut,B-16,Title,Default Title,10,-3,shopify,,true,,\n" // 18
		rep := run(t, d, bad, intake.Options{})
		want := []string{"3 Variant Price price_ambiguous", "5 Variant Price bad_price", "6 Variant SKU sku_twice", "7  variant_twice", "8 Variant Barcode bad_gtin", "8 Variant Inventory Qty bad_quantity",
			"9 Title title_required", "10  quote_stray", "11  too_many_cells", "12 Handle handle_required", "13 Handle handle_twice", "14 Variant Price price_currency", "15 Published bad_value", "16 Tags tag_too_long",
			"17 Title unreadable"}
		if diff := cmp.Diff(want, codes(rep.Problems)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"18 Variant Inventory Qty negative_stock"}, codes(rep.Notes)); diff != "" {
			t.Error(diff)
		}
		if rep.Rows != 17 || rep.RowsBad != 14 || rep.Products.Created != 5 || rep.Variants.Created != 6 || len(rep.Unknown) != 1 || rep.Unknown[0] != "Mystik" {
			t.Errorf("%+v", rep)
		}
		for _, p := range rep.Problems {
			for _, l := range lang.All {
				if s := p.Sentence(l); s == "" || strings.ContainsAny(s, "{}") {
					t.Errorf("%s: %q", p.Code, s)
				}
			}
		}
		if diff := cmp.Diff([]string{"B-3|Storlek=S|1000|1", "B-6|Storlek=XL|1000|0"}, look(t, d, "halv").Variants); diff != "" {
			t.Error(diff)
		}
		if s := look(t, d, "kanske"); s.Status != catalog.Draft {
			t.Error("what cannot be understood is shown")
		}
		again := run(t, d, bad, intake.Options{})
		if again.Products != (intake.Count{Unchanged: 5}) || again.ProblemCount != rep.ProblemCount {
			t.Errorf("%+v", again)
		}
	})
}

func TestRefusals(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	for _, c := range []struct{ name, in, code string }{
		{"empty", "", "import_empty"},
		{"blank", "\n\n\n", "import_empty"},
		{"header only", "Handle,Title,Variant Price\n", "import_empty"},
		{"another table", "namn,adress\nx,y\n", "import_format"},
		{"a picture", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "import_format"},
		{"no CSV", "Handle,Title,Variant Price\n" + strings.Repeat("\"\"x\n", 10_002), "import_broken"},
		{"a row", "mugg-drej,Mugg,129\n", "import_format"},
	} {
		rep, err := intake.Import(context.Background(), d, by, strings.NewReader(c.in), intake.Options{})
		if !fault.Is(err, c.code) || rep.In() != 0 {
			t.Errorf("%s: %v %+v", c.name, err, rep)
		}
		if f := fault.As(err); f != nil && !lang.Has(f.SentenceKey()) {
			t.Errorf("no words for %s", c.code)
		}
	}
	if _, err := intake.Import(context.Background(), d, by, strings.NewReader(shopifyGoods), intake.Options{Images: "/no/such/folder"}); !fault.Is(err, "import_images") {
		t.Error(err)
	}
}

// The same goods in whatever dress.
func TestDresses(t *testing.T) {
	plain := "Handle,Title,Variant SKU,Variant Price\nmugg,\"Mugg på fot, blå\",M-1,129.50\n"
	semi := "Variant Price;Handle;Variant SKU;Title\r\n129,50;mugg;M-1;Mugg på fot, blå\r\n"
	new2024 := "Title,URL handle,Description,SKU,Price,Status,Product image URL\n\"Mugg på fot, blå\",mugg,,M-1,129.50,Active,\n"
	latin, _ := charmap.Windows1252.NewEncoder().String(semi)
	wide, _ := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String("Handle\tTitle\tVariant SKU\tVariant Price\r\nmugg\tMugg på fot, blå\tM-1\t129.50\r\n")
	for _, c := range []struct{ name, in, encoding, sep string }{
		{"comma", plain, "UTF-8", ","}, {"semicolon, crlf, other order", semi, "UTF-8", ";"}, {"excel's first line", "sep=;\r\n" + semi, "UTF-8", ";"},
		{"mark", "\ufeff" + semi, "UTF-8 (BOM)", ";"}, {"windows", latin, "Windows-1252", ";"}, {"utf-16 with tabs", wide, "UTF-16", "tab"},
		{"template of 2024", new2024, "UTF-8", ","}, {"pipe", strings.ReplaceAll(semi, ";", "|"), "UTF-8", "|"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := dbtest.SQLite(t, ms)
			rep := run(t, d, c.in, intake.Options{})
			if rep.Encoding != c.encoding || rep.Separator != c.sep || rep.ProblemCount != 0 || rep.Products.Created != 1 {
				t.Errorf("%+v", rep)
			}
			s := look(t, d, "mugg")
			if s.Title != "Mugg på fot, blå" || s.Variants[0] != "M-1||12950|-" || s.Status != catalog.Published {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A column that is not there, and an empty cell, change nothing.
func TestWhatIsNotSaidStays(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	run(t, d, shopifyGoods, intake.Options{})
	was := look(t, d, "mugg-drej")
	rep := run(t, d, "Handle,Variant SKU,Variant Price\nmugg-drej,MUGG-2,95\n", intake.Options{})
	if rep.Products != (intake.Count{Changed: 1}) || rep.ProblemCount != 0 {
		t.Errorf("%+v", rep)
	}
	was.Variants[1] = "MUGG-2|Färg=Blå,Storlek=Liten|9500|0+"
	if diff := cmp.Diff(was, look(t, d, "mugg-drej")); diff != "" {
		t.Error(diff)
	}
	rep = run(t, d, "Handle,Title,Body (HTML),Vendor,Tags,Variant SKU,Variant Price,Published,Variant Barcode,Variant Inventory Qty\nmugg-drej,,,,,MUGG-2,,,,\n", intake.Options{})
	if rep.Products != (intake.Count{Unchanged: 1}) {
		t.Errorf("%+v", rep)
	}
	// A new variant without SKU, by its options; one of other options is reported.
	rep = run(t, d, "Handle,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant Price\nmugg-drej,Färg,Röd,Storlek,Stor,140\nvas,Färg,Röd,,,1\n", intake.Options{})
	if diff := cmp.Diff([]string{"3  other_options"}, codes(rep.Problems)); diff != "" {
		t.Error(diff)
	}
	if s := look(t, d, "mugg-drej"); len(s.Variants) != 3 || s.Variants[2] != "|Färg=Röd,Storlek=Stor|14000|-" {
		t.Errorf("%+v", s)
	}
}

func TestIdentity(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	run(t, d, shopifyGoods, intake.Options{})
	head := "Handle,Title,Variant SKU,Variant Barcode,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant Price,Variant Inventory Qty\n"
	// Another handle with a SKU that is in the shop: the same product.
	rep := run(t, d, head+"annat-namn,Mugg Drej,MUGG-1,,,,,,131,\n", intake.Options{})
	if rep.Products != (intake.Count{Changed: 1}) || codes(rep.Notes)[0] != "2 Handle known_as" {
		t.Errorf("%+v", rep)
	}
	// A SKU that belongs to another product than the handle.
	rep = run(t, d, head+"vas,Vas,MUGG-1,,,,,,131,\n", intake.Options{})
	if rep.In() != 0 || codes(rep.Problems)[0] != "2 Variant SKU sku_elsewhere" {
		t.Errorf("%+v", rep)
	}
	// A GTIN finds what a new SKU does not; options find what neither does.
	rep = run(t, d, head+"mugg-drej,,NY-1,7310865004703,Färg,Blå,Storlek,Stor,131,\nmugg-drej,,NY-2,,,Blå,,Liten,99,\n", intake.Options{})
	if rep.Variants != (intake.Count{Changed: 2}) {
		t.Errorf("%+v", rep)
	}
	if diff := cmp.Diff([]string{"NY-1|Färg=Blå,Storlek=Stor|13100|12", "NY-2|Färg=Blå,Storlek=Liten|9900|0+"}, look(t, d, "mugg-drej").Variants); diff != "" {
		t.Error(diff)
	}
}

// A renamed handle still leads to its product, by the redirect.
func TestRenamedHere(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	run(t, d, shopifyGoods, intake.Options{})
	_, _, err := db.Write(context.Background(), d, func(tx *db.Tx) (struct{}, error) {
		p, err := catalog.AnyByHandle(tx, "vas")
		if err != nil {
			return struct{}{}, err
		}
		c := p.Core
		c.Handle = "golvvas"
		_, err = catalog.UpdateProduct(tx, by, p.ID, 0, c)
		return struct{}{}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if rep := run(t, d, shopifyGoods, intake.Options{}); rep.Products.Created != 0 || rep.Products.Unchanged != 3 {
		t.Errorf("%+v", rep)
	}
}

// Pieces that are promised to customers are not counted away.
func TestPromisedStock(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		run(t, d, shopifyGoods, intake.Options{})
		_, _, err := db.Write(context.Background(), d, func(tx *db.Tx) (struct{}, error) {
			v, err := catalog.VariantBySKU(tx, "MUGG-1")
			if err != nil {
				return struct{}{}, err
			}
			return struct{}{}, stock.Hold(tx, 1, []stock.Line{{Variant: v, Quantity: 10}})
		})
		if err != nil {
			t.Fatal(err)
		}
		rep := run(t, d, strings.ReplaceAll(strings.ReplaceAll(shopifyGoods, "shopify,12,", "shopify,9,"), "129.50", "128"), intake.Options{})
		if diff := cmp.Diff([]string{"2 Variant Inventory Qty stock_promised"}, codes(rep.Problems)); diff != "" {
			t.Error(diff)
		}
		if s := look(t, d, "mugg-drej").Variants[0]; s != "MUGG-1|Färg=Blå,Storlek=Stor|12800|12" {
			t.Error(s) // the price is in all the same
		}
	})
}

// The rows of one product may stand apart.
func TestScatteredRows(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	in := "Handle,Title,Option1 Name,Option1 Value,Variant Price\na,A,Storlek,S,10\nb,B,Title,Default Title,20\na,,,M,11\n"
	for range 2 {
		rep := run(t, d, in, intake.Options{})
		if rep.ProblemCount != 0 || rep.In() != 2 || len(look(t, d, "a").Variants) != 2 {
			t.Errorf("%+v", rep)
		}
	}
}

// A file and the same file with its products in another order give the same shop.
func TestOrderDoesNotMatter(t *testing.T) {
	a, b := dbtest.SQLite(t, ms), dbtest.SQLite(t, ms)
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		n := rapid.IntRange(1, 8).Draw(rt, "n")
		var goods []string
		for i := range n {
			price := rapid.Int64Range(0, 1_000_000).Draw(rt, "öre")
			goods = append(goods, fmt.Sprintf("v-%d-%d,Vara %d,S-%d-%d,%d.%02d,%s\n", round, i, i, round, i, price/100, price%100, rapid.SampledFrom([]string{"true", "false"}).Draw(rt, "published")))
		}
		head := "Handle,Title,Variant SKU,Variant Price,Published\n"
		run(t, a, head+strings.Join(goods, ""), intake.Options{})
		run(t, b, head+strings.Join(rapid.Permutation(goods).Draw(rt, "order"), ""), intake.Options{})
		for i := range n {
			h := fmt.Sprintf("v-%d-%d", round, i)
			if diff := cmp.Diff(look(t, a, h), look(t, b, h)); diff != "" {
				rt.Fatal(diff)
			}
		}
	})
}

// A source that cannot be read twice is spooled.
func TestPlainReader(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	rep, err := intake.Import(context.Background(), d, by, io.MultiReader(strings.NewReader(shopifyGoods)), intake.Options{})
	if err != nil || rep.Products.Created != 3 {
		t.Errorf("%v %+v", err, rep)
	}
}

func TestCancelled(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	ctx, cancel := context.WithCancel(context.Background())
	rep, err := intake.Import(ctx, d, by, strings.NewReader(many(500)), intake.Options{Progress: func(done, of int) {
		if done > 300 {
			cancel()
		}
	}})
	if err == nil || rep.In() == 0 || rep.In() == 500 {
		t.Errorf("%v, %d in", err, rep.In())
	}
	if rep := run(t, d, many(500), intake.Options{}); rep.In() != 500 {
		t.Errorf("%+v", rep)
	}
}

// many is a file of n products with two variants each.
func many(n int) string {
	var b strings.Builder
	b.WriteString(shopifyHead)
	for i := range n {
		fmt.Fprintf(&b, "vara-%d,Vara nummer %d,<p>En beskrivning av <b>varan</b>.</p>,Märke %d,Typ %d,\"a, b\",true,Storlek,S,,,S-%d-1,350,shopify,12,deny,%d.50,,true,,,,,false,,80\n", i, i, i%20, i%12, i, 10+i%900)
		fmt.Fprintf(&b, "vara-%d,,,,,,,,M,,,S-%d-2,350,shopify,3,deny,%d,,true,,,,,,,\n", i, i, 20+i%900)
	}
	return b.String()
}

func TestMany(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		calls, last := 0, 0
		rep := run(t, d, many(1000), intake.Options{Progress: func(done, of int) {
			if done < last || of != 2000 {
				t.Errorf("progress %d of %d after %d", done, of, last)
			}
			calls, last = calls+1, done
		}})
		if rep.Products.Created != 1000 || rep.Variants.Created != 2000 || rep.ProblemCount != 0 || calls < 10 || last != 2000 {
			t.Errorf("%+v, %d calls to %d", rep, calls, last)
		}
		t.Logf("1,000 products, 2,000 variants: %s", rep.Took)
		rep = run(t, d, many(1000), intake.Options{})
		if rep.Products.Unchanged != 1000 {
			t.Errorf("%+v", rep)
		}
		t.Logf("again, unchanged: %s", rep.Took)
	})
}

// The merchants' own sample files, where they are at hand.
func TestRealFiles(t *testing.T) {
	for _, name := range []string{"shopify-apparel.csv", "shopify-home-and-garden.csv"} {
		b, err := os.ReadFile("../../../../shared/data/" + name)
		if err != nil {
			t.Logf("%s is not at hand; its like is in the other tests", name)
			continue
		}
		d := dbtest.SQLite(t, ms)
		rep := run(t, d, string(b), intake.Options{})
		if rep.ProblemCount != 0 || rep.NotIn != 0 || rep.Products.Created < 15 {
			t.Errorf("%s: %+v", name, rep)
		}
		if rep = run(t, d, string(b), intake.Options{}); rep.Products.Created+rep.Products.Changed != 0 {
			t.Errorf("%s again: %+v", name, rep)
		}
	}
}

func BenchmarkImport(b *testing.B) {
	in := many(10_000)
	for b.Loop() {
		d := dbtest.SQLite(b, ms)
		if rep := run(b, d, in, intake.Options{}); rep.Products.Created != 10_000 {
			b.Fatal(rep.Products)
		}
		d.Close()
	}
}
