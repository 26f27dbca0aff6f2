package intake_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/file"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/intake"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/stock"
)

var ms = []db.Migrations{audit.Migrations, job.Migrations, file.Migrations, catalog.Migrations, pricing.Migrations, stock.Migrations, intake.Migrations}

var by = auth.System("import")

func run(t testing.TB, d *db.DB, csv string, o intake.Options) intake.Report {
	t.Helper()
	rep, err := intake.Import(context.Background(), d, by, strings.NewReader(csv), o)
	if err != nil {
		t.Fatalf("%v\n%+v", err, rep)
	}
	return rep
}

// shown is a product as a test compares it.
type shown struct {
	Title, Text, Brand string
	Status             catalog.Status
	Shelves, Tags      []string
	Variants           []string // "SKU|choices|öre|on hand or -"
}

func look(t testing.TB, d *db.DB, handle string) (s shown) {
	t.Helper()
	_, err := db.Read(context.Background(), d, func(q *db.Reader) (struct{}, error) {
		p, err := catalog.AnyByHandle(q, handle)
		if err != nil {
			return struct{}{}, err
		}
		tree, err := catalog.Categories(q)
		if err != nil {
			return struct{}{}, err
		}
		x := p.Texts[catalog.SV]
		s = shown{Title: x.Title, Text: x.Description, Brand: p.Brand, Status: p.Status, Tags: p.Tags}
		for _, c := range p.Categories {
			var path []string
			for _, k := range tree.Path(c) {
				path = append(path, k.Texts[catalog.SV].Title)
			}
			s.Shelves = append(s.Shelves, strings.Join(path, " > "))
		}
		for _, v := range p.Variants {
			var choices []string
			for _, c := range v.Choices {
				choices = append(choices, c.Name.SV+"="+c.Value.SV)
			}
			price, err := pricing.Selling(q, "SEK", []db.ID{v.ID}, q.LegalNow())
			if err != nil {
				return struct{}{}, err
			}
			l, err := stock.One(q, v.ID)
			if err != nil {
				return struct{}{}, err
			}
			n := "-"
			if l.Tracked {
				n = db.ID(l.OnHand).String()
			}
			if l.Backorder {
				n += "+"
			}
			s.Variants = append(s.Variants, v.SKU+"|"+strings.Join(choices, ",")+"|"+db.ID(price[v.ID].Price.Amount).String()+"|"+n)
		}
		return struct{}{}, nil
	})
	if err != nil {
		t.Fatalf("%s: %v", handle, err)
	}
	return s
}

func codes(ps []intake.Problem) (out []string) {
	for _, p := range ps {
		out = append(out, db.ID(p.Line).String()+" "+p.Column+" "+p.Code)
	}
	return
}

const shopifyHead = "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,Variant Compare At Price,Variant Requires Shipping,Variant Barcode,Image Src,Image Position,Image Alt Text,Gift Card,Variant Image,Cost per item\n"

const shopifyGoods = shopifyHead +
	`mugg-drej,Mugg Drej,<p>Drejad <b>för hand</b></p>,Verkstan,Koppar,"kök, Stengods",true,Färg,Blå,Storlek,Stor,MUGG-1,350,shopify,12,deny,129.50,150,true,7310865004703,https://bilder.example/mugg.jpg,1,En blå mugg,false,,80
mugg-drej,,,,,,,,Blå,,Liten,MUGG-2,250,shopify,0,continue,99,,true,,https://bilder.example/mugg2.jpg,2,,,https://bilder.example/mugg.jpg,
mugg-drej,,,,,,,,,,,,,,,,,,,,https://bilder.example/mugg3.jpg,3,,,,
vas,Vas,,Verkstan,Vaser,,true,Title,Default Title,,,,0,,7,deny,"1 299,00 kr",,true,,,,,false,,
utkast,Utkast,,Verkstan,Vaser,,false,Title,Default Title,,,UTK,0,,7,deny,10,,true,,,,,false,,
`

func TestShopify(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		dry := run(t, d, shopifyGoods, intake.Options{DryRun: true})
		if n, err := db.Read(context.Background(), d, func(q *db.Reader) (n int64, err error) {
			err = q.QueryRow(`SELECT (SELECT count(*) FROM catalog_product) + (SELECT count(*) FROM catalog_category) + (SELECT count(*) FROM stock_level) + (SELECT count(*) FROM intake_picture) + (SELECT count(*) FROM job_job) + (SELECT count(*) FROM db_change)`).Scan(&n)
			return
		}); err != nil || n != 0 {
			t.Fatalf("a dry run wrote %d rows (%v)", n, err)
		}
		rep := run(t, d, shopifyGoods, intake.Options{})
		dry.DryRun, dry.Took, rep.Took = false, 0, 0
		if diff := cmp.Diff(dry, rep); diff != "" {
			t.Errorf("the dry run said otherwise:\n%s", diff)
		}
		if rep.Products != (intake.Count{Created: 3}) || rep.Variants.Created != 4 || rep.ProblemCount != 0 || rep.Categories != 2 || rep.PicturesDue != 3 || rep.Rows != 5 {
			t.Errorf("%+v", rep)
		}
		if len(rep.Unused) != 0 {
			t.Errorf("%q", rep.Unused)
		}
		if got := cost(t, d, "MUGG-1"); got != "80.00 SEK" {
			t.Errorf("MUGG-1 costs %q to buy", got)
		}
		if got := cost(t, d, "MUGG-2"); got != "" {
			t.Errorf("MUGG-2 costs %q to buy, which the file does not say", got)
		}
		if diff := cmp.Diff([]string{"2 Variant Compare At Price compare_at"}, codes(rep.Notes)); diff != "" {
			t.Error(diff)
		}
		want := shown{Title: "Mugg Drej", Text: "Drejad **för hand**", Brand: "Verkstan", Status: catalog.Published, Shelves: []string{"Koppar"}, Tags: []string{"kök", "stengods"},
			Variants: []string{"MUGG-1|Färg=Blå,Storlek=Stor|12950|12", "MUGG-2|Färg=Blå,Storlek=Liten|9900|0+"}}
		if diff := cmp.Diff(want, look(t, d, "mugg-drej")); diff != "" {
			t.Error(diff)
		}
		if v := look(t, d, "vas"); v.Variants[0] != "||129900|-" || v.Status != catalog.Published {
			t.Errorf("%+v", v)
		}
		if u := look(t, d, "utkast"); u.Status != catalog.Draft {
			t.Errorf("%+v", u)
		}
		visible(t, d, "mugg-drej", true)
		visible(t, d, "utkast", false)

		before := dump(t, d)
		again := run(t, d, shopifyGoods, intake.Options{})
		if again.Products != (intake.Count{Unchanged: 3}) || again.Variants != (intake.Count{Unchanged: 4}) || again.Categories != 0 || again.PicturesDue != 0 {
			t.Errorf("the same file again: %+v", again)
		}
		if diff := cmp.Diff(before, dump(t, d)); diff != "" {
			t.Errorf("the same file again wrote:\n%s", diff)
		}

		changed := strings.NewReplacer("129.50", "139", "MUGG-2,250,shopify,0", "MUGG-2,250,shopify,5", "Mugg Drej", "Mugg Drej II", "10,,true", "12,,true").Replace(shopifyGoods)
		rep = run(t, d, changed, intake.Options{})
		if rep.Products != (intake.Count{Changed: 2, Unchanged: 1}) || rep.Variants != (intake.Count{Changed: 3, Unchanged: 1}) {
			t.Errorf("%+v", rep)
		}
		want.Title, want.Variants = "Mugg Drej II", []string{"MUGG-1|Färg=Blå,Storlek=Stor|13900|12", "MUGG-2|Färg=Blå,Storlek=Liten|9900|5+"}
		if diff := cmp.Diff(want, look(t, d, "mugg-drej")); diff != "" {
			t.Error(diff)
		}
	})
}

func visible(t testing.TB, d *db.DB, handle string, want bool) {
	t.Helper()
	_, err := db.Read(context.Background(), d, func(q *db.Reader) (struct{}, error) {
		_, _, err := catalog.ByHandle(q, handle)
		return struct{}{}, err
	})
	if (err == nil) != want || err != nil && !fault.Is(err, "not_found") {
		t.Errorf("%s: visible %v, %v", handle, err == nil, err)
	}
}

// dump counts and sums what an import may touch, so that "nothing was written" can be seen.
func dump(t testing.TB, d *db.DB) []string {
	t.Helper()
	out, err := db.Read(context.Background(), d, func(q *db.Reader) (out []string, err error) {
		for _, s := range []string{`SELECT count(*), max(id) FROM db_change`, `SELECT count(*), sum(version) FROM catalog_product`, `SELECT count(*), max(id) FROM catalog_variant`, `SELECT count(*), max(id) FROM catalog_category`,
			`SELECT count(*), max(id) FROM pricing_price`, `SELECT count(*), max(id) FROM stock_movement`, `SELECT count(*), max(id) FROM audit_entry`, `SELECT count(*), max(id) FROM catalog_member`,
			`SELECT count(*), max(id) FROM intake_picture`, `SELECT count(*), max(id) FROM job_job`, `SELECT count(*), max(length(description)) FROM catalog_text`} {
			var n, m int64
			if err := q.QueryRow(s).Scan(&n, &m); err != nil {
				return nil, err
			}
			out = append(out, s+": "+db.ID(n).String()+" "+db.ID(m).String())
		}
		return out, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestProblemsHaveWords(t *testing.T) {
	src := ""
	for _, f := range []string{"intake.go", "item.go", "csv.go", "shopify.go", "woo.go", "number.go", "apply.go", "update.go", "picture.go"} {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		src += string(b)
	}
	for _, k := range lang.Keys() {
		if code, ok := strings.CutPrefix(k, "intake.problem."); ok && !strings.Contains(src, `"`+code+`"`) {
			t.Errorf("words for %s, which nothing reports", code)
		}
	}
}

func TestRights(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	for _, by := range []auth.By{auth.Guest(""), {}, auth.TokenBy(1, "", []auth.Right{auth.CatalogWrite})} {
		if _, err := intake.Import(context.Background(), d, by, strings.NewReader(shopifyGoods), intake.Options{}); !fault.Is(err, "denied") {
			t.Errorf("%+v: %v", by, err)
		}
	}
}

// cost is what the variant of an SKU costs to buy; empty where nobody has said.
func cost(t *testing.T, d *db.DB, sku string) string {
	t.Helper()
	m, err := db.Read(context.Background(), d, func(q *db.Reader) (string, error) {
		v, err := catalog.VariantBySKU(q, sku)
		if err != nil {
			return "", err
		}
		costs, err := catalog.Costs(q, auth.System("test"), []db.ID{v})
		if c, ok := costs[v]; ok {
			return c.String(), err
		}
		return "", err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A cost is taken over when it is news, left alone where the file says nothing, and what
// does not read is told without being quoted.
func TestCostsOfFiles(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		const head = "Handle,Title,Variant SKU,Variant Price,Published,Cost per item,Variant Inventory Qty,Variant Inventory Tracker\n"
		run(t, d, head+"mugg,Mugg,M-1,129,true,80,1,shopify\n", intake.Options{})
		for _, x := range []struct {
			row, want string
			changed   int
		}{
			{"mugg,Mugg,M-1,129,true,80,1,shopify\n", "80.00 SEK", 0},
			{"mugg,Mugg,M-1,129,true,\"7391,43\",1,shopify\n", "7391.43 SEK", 1},
			{"mugg,Mugg,M-1,129,true,,1,shopify\n", "7391.43 SEK", 0},
			{"mugg,Mugg,M-1,129,true,-4711,1,shopify\n", "7391.43 SEK", 0},
			{"mugg,Mugg,M-1,129,true,0,1,shopify\n", "0.00 SEK", 1},
		} {
			rep := run(t, d, head+x.row, intake.Options{})
			if got := cost(t, d, "M-1"); got != x.want || rep.Variants.Changed != x.changed || rep.Products.Changed != x.changed {
				t.Errorf("%q: costs %s, %+v", x.row, got, rep)
			}
			if bad := strings.Contains(x.row, "-4711"); bad != (rep.ProblemCount == 1) || bad && (codes(rep.Problems)[0] != "2 Cost per item bad_cost" || strings.Contains(fmt.Sprint(rep), "4711")) {
				t.Errorf("%q: %+v", x.row, rep.Problems)
			}
		}
		const woo = "ID,Type,SKU,Name,Published,Regular price,Cost of goods,Stock\n1,simple,W-1,Vas,1,200,90.50,3\n"
		run(t, d, woo, intake.Options{})
		if got := cost(t, d, "W-1"); got != "90.50 SEK" {
			t.Errorf("W-1 costs %q", got)
		}
	})
}
