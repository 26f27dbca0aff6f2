package catalog_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/shop/catalog"
)

var (
	rooms  = []db.Migrations{audit.Migrations, catalog.Migrations}
	editor = auth.StaffBy(7, "", []auth.Right{auth.CatalogWrite})
	hash   = strings.Repeat("a1", 32)
)

func sv(s string) catalog.Localized { return catalog.Localized{SV: s} }

// whole is a product that lacks nothing.
func whole(title string) catalog.NewProduct {
	return catalog.NewProduct{
		Core: catalog.Core{Brand: "Förstukvist", Maker: catalog.Party{Name: "Förstukvist Handel AB", Postal: "Exempelgatan 1, 411 00 Göteborg", Electronic: "hej@forstukvist.example"}, NoWarnings: true},
		Texts: catalog.Texts{catalog.SV: {Title: title, Description: "Drejat stengods, 30 cl."},
			catalog.EN: {Title: title + " (en)", Description: "Thrown stoneware."}},
		Variants: []catalog.NewVariant{
			{SKU: title + "-H", Choices: []catalog.Choice{{Name: catalog.Localized{SV: "Glasyr", EN: "Glaze"}, Value: catalog.Localized{SV: "havre", EN: "oat"}}}, WeightG: 340, Tracked: true},
			{SKU: title + "-M", Choices: []catalog.Choice{{Name: sv("Glasyr"), Value: sv("mossa")}}, WeightG: 340, Tracked: true},
		},
		Publish: true,
	}
}

func write[T any](t *testing.T, d *db.DB, fn func(tx *db.Tx) (T, error)) T {
	t.Helper()
	v, _, err := db.Write(context.Background(), d, fn)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func fails(t *testing.T, d *db.DB, code, pointer string, fn func(tx *db.Tx) error) {
	t.Helper()
	err := db.Do(context.Background(), d, fn)
	e := fault.As(err)
	if e == nil {
		t.Fatalf("got %v, want a fault %s at %s", err, code, pointer)
	}
	if pointer == "" {
		if e.Code != code {
			t.Fatalf("got %v, want %s", err, code)
		}
		return
	}
	for _, f := range e.Fields {
		if f.Pointer == pointer && f.Code == code {
			return
		}
	}
	t.Fatalf("got %v, want %s at %s", e.Fields, code, pointer)
}

func read[T any](t *testing.T, d *db.DB, fn func(q *db.Reader) (T, error)) T {
	t.Helper()
	v, err := db.Read(context.Background(), d, fn)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func create(t *testing.T, d *db.DB, n catalog.NewProduct) catalog.Created {
	t.Helper()
	return write(t, d, func(tx *db.Tx) (catalog.Created, error) { return catalog.CreateProduct(tx, editor, n) })
}

func byID(t *testing.T, d *db.DB, id db.ID) *catalog.Product {
	t.Helper()
	return read(t, d, func(q *db.Reader) (*catalog.Product, error) { return catalog.AnyByID(q, id) })
}

// shown returns the product under the handle, the redirect, or nothing.
func shown(t *testing.T, d *db.DB, handle string) (*catalog.Product, string) {
	t.Helper()
	type ans struct {
		p *catalog.Product
		r string
	}
	a, err := db.Read(context.Background(), d, func(q *db.Reader) (ans, error) {
		p, r, err := catalog.ByHandle(q, handle)
		return ans{p, r}, err
	})
	if err != nil && !fault.Is(err, "not_found") {
		t.Fatal(err)
	}
	return a.p, a.r
}

func TestCreateShowsAndReads(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		c := create(t, d, whole("Mugg Drej"))
		if c.Handle != "mugg-drej" || !c.Shows || len(c.Problems) != 0 || len(c.Variants) != 2 {
			t.Fatalf("%+v", c)
		}
		p, _ := shown(t, d, "mugg-drej")
		if p == nil || p.ID != c.ID || p.Texts.In(catalog.EN).Title != "Mugg Drej (en)" || len(p.Variants) != 2 ||
			p.Variants[0].Choices[0].Value.EN != "oat" || p.Options[0].Values[1].Label.SV != "mossa" {
			t.Fatalf("%+v", p)
		}
		if got, l := p.Variants[1].Choices[0].Value.In(catalog.EN); got != "mossa" || l != catalog.SV {
			t.Error("missing English must fall back to Swedish and say so:", got, l)
		}
		info := read(t, d, func(q *db.Reader) (map[db.ID]catalog.VariantInfo, error) {
			return catalog.VariantForSale(q, append(c.Variants, 99, 0))
		})
		v := info[c.Variants[0]]
		if len(info) != 2 || !v.Sellable || v.Title.SV != "Mugg Drej" || v.Label().EN != "oat" || v.SKU != "Mugg Drej-H" || v.WeightG != 340 || v.VATClass != "standard" || !v.Tracked {
			t.Fatalf("%+v", v)
		}
	})
}

func TestRightsComeFirst(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		c := create(t, d, whole("Mugg"))
		reader := auth.StaffBy(8, "", []auth.Right{auth.CatalogRead, auth.OrdersWrite})
		for _, by := range []auth.By{{}, auth.Guest("192.0.2.0/24"), reader} {
			for name, fn := range map[string]func(tx *db.Tx) error{
				"create": func(tx *db.Tx) error { _, err := catalog.CreateProduct(tx, by, whole("X")); return err },
				"update": func(tx *db.Tx) error { _, err := catalog.UpdateProduct(tx, by, c.ID, 0, catalog.Core{}); return err },
				"texts":  func(tx *db.Tx) error { _, err := catalog.SetTexts(tx, by, c.ID, 0, nil); return err },
				"variant": func(tx *db.Tx) error {
					_, _, err := catalog.PutVariant(tx, by, c.ID, 0, 0, catalog.NewVariant{})
					return err
				},
				"media":   func(tx *db.Tx) error { _, err := catalog.SetMedia(tx, by, c.ID, 0, nil); return err },
				"archive": func(tx *db.Tx) error { _, err := catalog.Archive(tx, by, c.ID, 0); return err },
				"put":     func(tx *db.Tx) error { _, err := catalog.PutCategory(tx, by, catalog.Category{}); return err },
				"move":    func(tx *db.Tx) error { return catalog.MoveCategory(tx, by, 1, 0, 0) },
				"delete":  func(tx *db.Tx) error { return catalog.DeleteCategory(tx, by, 1) },
				"attr":    func(tx *db.Tx) error { _, err := catalog.PutAttribute(tx, by, catalog.Attribute{}); return err },
			} {
				t.Run(name, func(t *testing.T) { fails(t, d, "denied", "", fn) })
			}
		}
	})
}

func TestVersionsGuardEdits(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		c := create(t, d, whole("Mugg"))
		core := byID(t, d, c.ID).Core
		core.Brand = "Annan"
		o := write(t, d, func(tx *db.Tx) (catalog.Outcome, error) { return catalog.UpdateProduct(tx, editor, c.ID, 1, core) })
		if o.Version != 2 {
			t.Fatal(o)
		}
		fails(t, d, "version_changed", "", func(tx *db.Tx) error { _, err := catalog.UpdateProduct(tx, editor, c.ID, 1, core); return err })
		fails(t, d, "not_found", "", func(tx *db.Tx) error { _, err := catalog.UpdateProduct(tx, editor, 12345, 1, core); return err })
		if got := byID(t, d, c.ID).Core.Brand; got != "Annan" {
			t.Error(got)
		}
	})
}

func TestRedirectsCollapseAndReuseWins(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		c := create(t, d, whole("A"))
		core := byID(t, d, c.ID).Core
		for _, h := range []string{"b", "c", "d"} {
			core.Handle = h
			write(t, d, func(tx *db.Tx) (catalog.Outcome, error) { return catalog.UpdateProduct(tx, editor, c.ID, 0, core) })
		}
		for _, h := range []string{"a", "b", "c"} {
			if _, r := shown(t, d, h); r != "d" {
				t.Errorf("%s leads to %q, want d", h, r)
			}
		}
		n := whole("Ny")
		n.Handle = "b"
		fresh := create(t, d, n)
		if p, _ := shown(t, d, "b"); p == nil || p.ID != fresh.ID {
			t.Error("a handle taken anew must win over the redirect")
		}
		core.Handle = "a" // back to an old handle of its own
		write(t, d, func(tx *db.Tx) (catalog.Outcome, error) { return catalog.UpdateProduct(tx, editor, c.ID, 0, core) })
		if p, _ := shown(t, d, "a"); p == nil || p.ID != c.ID {
			t.Error("own old handle not taken back")
		}
		if _, r := shown(t, d, "d"); r != "a" {
			t.Error("d leads to", r)
		}
		core.Handle = "b"
		fails(t, d, "taken", "/handle", func(tx *db.Tx) error { _, err := catalog.UpdateProduct(tx, editor, c.ID, 0, core); return err })
		// A redirect to what may not be seen says nothing (AC-046).
		write(t, d, func(tx *db.Tx) (catalog.Outcome, error) { return catalog.Unpublish(tx, editor, c.ID, 0) })
		if p, r := shown(t, d, "d"); p != nil || r != "" {
			t.Error("redirect leads to a draft")
		}
	})
}

func TestWhatIsNotPublishedIsNotThere(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		now := time.Now()
		cases := map[string]func(n *catalog.NewProduct){
			"draft":   func(n *catalog.NewProduct) { n.Publish = false },
			"future":  func(n *catalog.NewProduct) { n.PublishFrom = now.Add(time.Hour) },
			"past":    func(n *catalog.NewProduct) { n.PublishTo = now.Add(-time.Hour) },
			"lacking": func(n *catalog.NewProduct) { n.NoWarnings = false },
		}
		for name, edit := range cases {
			n := whole(name)
			edit(&n)
			c := create(t, d, n)
			if p, r := shown(t, d, c.Handle); p != nil || r != "" {
				t.Errorf("%s shows", name)
			}
			info := read(t, d, func(q *db.Reader) (map[db.ID]catalog.VariantInfo, error) {
				return catalog.VariantForSale(q, c.Variants)
			})
			for _, v := range info {
				if v.Sellable {
					t.Errorf("%s can be sold", name)
				}
			}
		}
		// Dates are half-open at the legal clock.
		at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
		p := catalog.Product{Status: catalog.Published, Complete: true, PublishFrom: at, PublishTo: at.Add(time.Hour)}
		for off, want := range map[time.Duration]bool{-1: false, 0: true, time.Hour - 1: true, time.Hour: false} {
			if p.Visible(at.Add(off)) != want {
				t.Errorf("visible at %v: %v", off, !want)
			}
		}
		// A hidden variant is neither shown nor sold.
		n := whole("Halv")
		n.Variants[1].Status = catalog.Hidden
		c := create(t, d, n)
		p2, _ := shown(t, d, "halv")
		if len(p2.Variants) != 1 || len(p2.Options[0].Values) != 1 {
			t.Errorf("hidden variant shows: %+v", p2.Variants)
		}
		info := read(t, d, func(q *db.Reader) (map[db.ID]catalog.VariantInfo, error) {
			return catalog.VariantForSale(q, c.Variants)
		})
		if info[c.Variants[1]].Sellable || !info[c.Variants[0]].Sellable {
			t.Error("hidden variant sells")
		}
		if used := read(t, d, func(q *db.Reader) (bool, error) { return catalog.FileUsed(q, hash) }); used {
			t.Error("file of nobody is used")
		}
	})
}

func TestVariantsGuardTheirCodes(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		a, b := create(t, d, whole("A")), create(t, d, whole("B"))
		put := func(p, id db.ID, v catalog.NewVariant) func(tx *db.Tx) error {
			return func(tx *db.Tx) error { _, _, err := catalog.PutVariant(tx, editor, p, 0, id, v); return err }
		}
		g := func(v string) []catalog.Choice { return []catalog.Choice{{Name: sv("Glasyr"), Value: sv(v)}} }
		fails(t, d, "taken", "/sku", put(b.ID, 0, catalog.NewVariant{SKU: "A-H", Choices: g("midnatt")}))
		fails(t, d, "bad_gtin", "/gtin", put(b.ID, 0, catalog.NewVariant{GTIN: "2000000000001", Choices: g("midnatt")}))
		fails(t, d, "taken", "/choices", put(b.ID, 0, catalog.NewVariant{Choices: g("havre")}))
		fails(t, d, "other_options", "/choices", put(b.ID, 0, catalog.NewVariant{}))
		fails(t, d, "other_options", "/choices", put(b.ID, 0, catalog.NewVariant{Choices: []catalog.Choice{{Name: sv("Storlek"), Value: sv("M")}}}))
		fails(t, d, "not_found", "", put(b.ID, a.Variants[0], catalog.NewVariant{Choices: g("midnatt")})) // of another product
		fails(t, d, "out_of_range", "/weight_g", put(b.ID, 0, catalog.NewVariant{WeightG: -1, Choices: g("midnatt")}))
		// Removing frees the code; the row stays for orders.
		if err := db.Do(context.Background(), d, put(a.ID, a.Variants[0], catalog.NewVariant{Status: catalog.Removed, SKU: "A-H", Choices: g("havre")})); err != nil {
			t.Fatal(err)
		}
		if err := db.Do(context.Background(), d, put(b.ID, 0, catalog.NewVariant{SKU: "A-H", Choices: g("midnatt")})); err != nil {
			t.Fatal(err)
		}
		if got := len(byID(t, d, a.ID).Variants); got != 2 {
			t.Error("removed variant is gone:", got)
		}
		fails(t, d, "not_found", "", put(a.ID, a.Variants[0], catalog.NewVariant{Choices: g("havre")}))
		id := read(t, d, func(q *db.Reader) (db.ID, error) { return catalog.VariantBySKU(q, "A-H") })
		if id == a.Variants[0] {
			t.Error("found the removed one")
		}
		for _, none := range []string{"", "finns ej"} {
			if _, err := db.Read(context.Background(), d, func(q *db.Reader) (db.ID, error) { return catalog.VariantBySKU(q, none) }); !fault.Is(err, "not_found") {
				t.Errorf("SKU %q: %v", none, err)
			}
		}
	})
}

func TestAddOptionKeepsVariantsApart(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		c := create(t, d, whole("Tallrik"))
		write(t, d, func(tx *db.Tx) (catalog.Outcome, error) {
			return catalog.AddOption(tx, editor, c.ID, 0, sv("Mått"), sv("22 cm"))
		})
		p := byID(t, d, c.ID)
		if len(p.Options) != 2 || len(p.Variants[1].Choices) != 2 || p.Variants[1].Choices[1].Value.SV != "22 cm" {
			t.Fatalf("%+v", p.Variants)
		}
		o := p.Options[0]
		o.Name.SV, o.Values = "Färg", []catalog.OptionValue{o.Values[1], o.Values[0]}
		write(t, d, func(tx *db.Tx) (catalog.Outcome, error) { return catalog.PutOption(tx, editor, c.ID, 0, o) })
		p = byID(t, d, c.ID)
		if p.Options[0].Name.SV != "Färg" || p.Options[0].Values[0].Label.SV != "mossa" {
			t.Fatalf("%+v", p.Options)
		}
		write(t, d, func(tx *db.Tx) (catalog.Outcome, error) {
			return catalog.OrderVariants(tx, editor, c.ID, 0, []db.ID{c.Variants[1]})
		})
		if p = byID(t, d, c.ID); p.Variants[0].ID != c.Variants[1] {
			t.Error("order not kept")
		}
	})
}

func TestListsArePagedByKey(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		var ns []catalog.NewProduct
		for i := range 70 {
			ns = append(ns, whole(fmt.Sprintf("Vara %02d", i)))
		}
		made := write(t, d, func(tx *db.Tx) ([]catalog.Created, error) { return catalog.InsertMany(tx, editor, ns) })
		var got []db.ID
		for after := db.ID(0); ; {
			ps := read(t, d, func(q *db.Reader) ([]*catalog.Product, error) { return catalog.List(q, after, 32) })
			for _, p := range ps {
				if len(p.Variants) != 2 || p.Texts[catalog.SV].Title == "" {
					t.Fatalf("not filled: %+v", p)
				}
				got, after = append(got, p.ID), p.ID
			}
			if len(ps) < 32 {
				break
			}
		}
		if len(got) != 70 || got[0] != made[0].ID || got[69] != made[69].ID {
			t.Fatal(len(got))
		}
		write(t, d, func(tx *db.Tx) (catalog.Outcome, error) { return catalog.Archive(tx, editor, made[3].ID, 0) })
		var seen []db.ID
		var at time.Time
		var after db.ID
		for {
			cs := read(t, d, func(q *db.Reader) ([]catalog.Change, error) { return catalog.ChangedSince(q, at, after, 25) })
			for _, c := range cs {
				seen, at, after = append(seen, c.ID), c.At, c.ID
			}
			if len(cs) < 25 {
				break
			}
		}
		if len(seen) != 70 || seen[69] != made[3].ID {
			t.Fatal(len(seen), seen[len(seen)-1])
		}
		staff := read(t, d, func(q *db.Reader) ([]*catalog.Product, error) {
			return catalog.ListStaff(q, catalog.Filter{Status: catalog.Archived}, 0, 10)
		})
		if len(staff) != 1 || staff[0].ID != made[3].ID {
			t.Error(staff)
		}
		for find, want := range map[string]int{"Vara 07-M": 1, "vara-1": 10, "vara-69": 1, "zzz": 0} {
			ps := read(t, d, func(q *db.Reader) ([]*catalog.Product, error) {
				return catalog.ListStaff(q, catalog.Filter{Find: find}, 0, 50)
			})
			if len(ps) != want {
				t.Errorf("%q finds %d, want %d", find, len(ps), want)
			}
		}
	})
}

func TestBulkRefusesWholeChunkWithPointers(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		create(t, d, whole("Finns"))
		n := whole("Finns")
		n.Handle = "finns"
		n.Variants[1].SKU = "Finns-M"
		many := func(ns ...catalog.NewProduct) func(tx *db.Tx) error {
			return func(tx *db.Tx) error { _, err := catalog.InsertMany(tx, editor, ns); return err }
		}
		fails(t, d, "taken", "/1/handle", many(whole("Ny"), n))
		fails(t, d, "taken", "/1/variants/1/sku", many(whole("Ny"), n))
		fails(t, d, "taken", "/1/variants/0/sku", many(whole("Ny"), whole("Ny")))
		bad := whole("Ny")
		bad.Texts[catalog.SV] = catalog.Text{Title: "x\x00y"}
		fails(t, d, "unreadable", "/0/texts/sv/title", many(bad))
		same := whole("Ny")
		same.Variants[1].Choices = same.Variants[0].Choices
		fails(t, d, "taken", "/0/variants/1/choices", many(same))
		none := whole("Ny")
		none.Texts = nil
		fails(t, d, "required", "/0/texts/sv/title", many(none))
		if ps := read(t, d, func(q *db.Reader) ([]*catalog.Product, error) { return catalog.List(q, 0, 10) }); len(ps) != 1 {
			t.Error("part of a refused chunk is in")
		}
		// Equal titles get handles of their own.
		x, y := whole("Lika"), whole("Lika")
		y.Variants = []catalog.NewVariant{{}}
		made := write(t, d, func(tx *db.Tx) ([]catalog.Created, error) {
			return catalog.InsertMany(tx, editor, []catalog.NewProduct{x, y})
		})
		if made[0].Handle != "lika" || made[1].Handle != "lika-2" {
			t.Error(made[0].Handle, made[1].Handle)
		}
	})
}
