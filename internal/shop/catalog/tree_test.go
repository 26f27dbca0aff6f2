package catalog_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/shop/catalog"
)

func at(day int) time.Time {
	if day == 0 {
		return time.Time{}
	}
	return time.Date(2030, 1, day, 0, 0, 0, 0, time.UTC)
}

func fieldsOf(err error) (out []string) {
	if e := fault.As(err); e != nil {
		for _, f := range e.Fields {
			out = append(out, f.Pointer)
		}
	}
	return
}

func shelf(t *testing.T, d *db.DB, title string, parent db.ID, rs ...catalog.Regime) db.ID {
	t.Helper()
	return write(t, d, func(tx *db.Tx) (db.ID, error) {
		return catalog.PutCategory(tx, editor, catalog.Category{Parent: parent, Regimes: rs, Texts: catalog.Texts{catalog.SV: {Title: title}}})
	})
}

func tree(t *testing.T, d *db.DB) *catalog.Tree {
	return read(t, d, func(q *db.Reader) (*catalog.Tree, error) { return catalog.Categories(q) })
}

func TestCategoriesAreATree(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		a := shelf(t, d, "Kök", 0)
		b := shelf(t, d, "Bestick", a)
		c := shelf(t, d, "Knivar", b)
		move := func(id, parent db.ID) func(tx *db.Tx) error {
			return func(tx *db.Tx) error { return catalog.MoveCategory(tx, editor, id, parent, 0) }
		}
		fails(t, d, "circle", "/parent", move(a, a))
		fails(t, d, "circle", "/parent", move(a, c))
		fails(t, d, "unknown", "/parent", move(a, 99))
		fails(t, d, "not_found", "", move(99, 0))
		tr := tree(t, d)
		if len(tr.All) != 3 || tr.Get(c).Depth != 2 || len(tr.Path(c)) != 3 || len(tr.Below(a)) != 3 || tr.ByHandle("knivar").ID != c {
			t.Fatalf("%+v", tr)
		}
		deep := c
		for i := range 5 {
			deep = shelf(t, d, fmt.Sprint("nivå", i), deep)
		}
		fails(t, d, "too_deep", "/parent", func(tx *db.Tx) error {
			_, err := catalog.PutCategory(tx, editor, catalog.Category{Parent: deep, Texts: catalog.Texts{catalog.SV: {Title: "x"}}})
			return err
		})
		other := shelf(t, d, "Annat", 0)
		fails(t, d, "too_deep", "/parent", move(a, other))
		fails(t, d, "category_not_empty", "", func(tx *db.Tx) error { return catalog.DeleteCategory(tx, editor, a) })
		// Hidden above hides below.
		hide := *tr.Get(a)
		hide.Hidden, hide.Version = true, tr.Get(a).Version
		write(t, d, func(tx *db.Tx) (db.ID, error) { return catalog.PutCategory(tx, editor, hide) })
		if tr = tree(t, d); tr.ByHandle("knivar") != nil || tr.Shown(c) {
			t.Error("shows below a hidden one")
		}
		fails(t, d, "version_changed", "", func(tx *db.Tx) error { _, err := catalog.PutCategory(tx, editor, hide); return err })
		// A new handle leaves a redirect, which goes with the category.
		ren := catalog.Category{ID: other, Handle: "ovrigt", Texts: catalog.Texts{catalog.EN: {Title: "Other"}}}
		write(t, d, func(tx *db.Tx) (db.ID, error) { return catalog.PutCategory(tx, editor, ren) })
		if h := read(t, d, func(q *db.Reader) (string, error) { return catalog.CategoryRedirect(q, "annat") }); h != "ovrigt" {
			t.Error(h)
		}
		if x := tree(t, d).Get(other).Texts; x.In(catalog.EN).Title != "Other" || x.In(catalog.SV).Title != "Annat" {
			t.Errorf("%+v", x)
		}
		ren.Handle = "knivar"
		fails(t, d, "taken", "/handle", func(tx *db.Tx) error { _, err := catalog.PutCategory(tx, editor, ren); return err })
		p := whole("Kniv")
		p.Categories = []db.ID{other}
		made := create(t, d, p)
		fails(t, d, "category_not_empty", "", func(tx *db.Tx) error { return catalog.DeleteCategory(tx, editor, other) })
		write(t, d, func(tx *db.Tx) (catalog.Outcome, error) { return catalog.SetCategories(tx, editor, made.ID, 0, nil) })
		write(t, d, func(tx *db.Tx) (int, error) { return 0, catalog.DeleteCategory(tx, editor, other) })
		if _, err := db.Read(t.Context(), d, func(q *db.Reader) (string, error) { return catalog.CategoryRedirect(q, "annat") }); !fault.Is(err, "not_found") {
			t.Error(err)
		}
	})
}

// Two moves at once, each harmless alone, would close a circle together.
func TestMovesAtOnceMakeNoCircle(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		for range 8 {
			a, b := shelf(t, d, "A"+d.NewID().String(), 0), shelf(t, d, "B"+d.NewID().String(), 0)
			var wg sync.WaitGroup
			var mu sync.Mutex
			refused := 0
			for _, m := range [][2]db.ID{{a, b}, {b, a}} {
				wg.Go(func() {
					err := db.Do(t.Context(), d, func(tx *db.Tx) error { return catalog.MoveCategory(tx, editor, m[0], m[1], 0) })
					if err != nil {
						mu.Lock()
						refused++
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			tr := tree(t, d)
			if refused != 1 || len(tr.Path(a))+len(tr.Path(b)) != 3 {
				t.Fatalf("%d refused; paths %d and %d", refused, len(tr.Path(a)), len(tr.Path(b)))
			}
		}
	})
}

func TestACategorysDemandsReachItsGoods(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		top := shelf(t, d, "Barn", 0)
		sub := shelf(t, d, "Pussel", top)
		var made []catalog.Created
		for i := range 7 {
			n := whole(fmt.Sprint("Pussel ", i))
			n.Categories = []db.ID{sub}
			made = append(made, create(t, d, n))
		}
		put := func(rs ...catalog.Regime) {
			write(t, d, func(tx *db.Tx) (db.ID, error) {
				return catalog.PutCategory(tx, editor, catalog.Category{ID: top, Regimes: rs})
			})
			rounds := 0
			for more := true; more; rounds++ {
				more = write(t, d, func(tx *db.Tx) (bool, error) { return catalog.Recheck(tx, 3) })
			}
			if rounds < 3 {
				t.Error("not in chunks:", rounds)
			}
		}
		put(catalog.RegimeToy)
		for _, m := range made {
			if p, _ := shown(t, d, m.Handle); p != nil {
				t.Fatal("a toy without a warning shows")
			}
		}
		put()
		for _, m := range made {
			if p, _ := shown(t, d, m.Handle); p == nil {
				t.Fatal("does not show again")
			}
		}
		// A new product on the shelf is judged at once.
		write(t, d, func(tx *db.Tx) (db.ID, error) {
			return catalog.PutCategory(tx, editor, catalog.Category{ID: top, Regimes: []catalog.Regime{catalog.RegimeElectrical, catalog.RegimeTextile}})
		})
		n := whole("Ny")
		n.Categories = []db.ID{sub}
		c := create(t, d, n)
		if c.Shows || len(c.Problems) != 1 {
			t.Errorf("%+v", c)
		}
		info := read(t, d, func(q *db.Reader) (map[db.ID]catalog.VariantInfo, error) {
			return catalog.VariantForSale(q, c.Variants)
		})
		if !info[c.Variants[0]].Electrical {
			t.Error("take-back duty lost")
		}
	})
}

func TestMembershipIsDated(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		a, b := shelf(t, d, "A", 0), shelf(t, d, "B", 0)
		n := whole("Mugg")
		n.Categories, n.Tags = []db.ID{a}, []string{" Ny ", "ny", "Höst  2026"}
		c := create(t, d, n)
		if p := byID(t, d, c.ID); len(p.Tags) != 2 || p.Tags[0] != "ny" || p.Tags[1] != "höst 2026" {
			t.Fatal(p.Tags)
		}
		write(t, d, func(tx *db.Tx) (catalog.Outcome, error) {
			return catalog.SetCategories(tx, editor, c.ID, 0, []db.ID{b, a, b})
		})
		write(t, d, func(tx *db.Tx) (catalog.Outcome, error) {
			return catalog.SetCategories(tx, editor, c.ID, 0, []db.ID{b})
		})
		write(t, d, func(tx *db.Tx) (catalog.Outcome, error) { return catalog.SetTags(tx, editor, c.ID, 0, []string{"ny"}) })
		p := byID(t, d, c.ID)
		if len(p.Categories) != 1 || p.Categories[0] != b || len(p.Tags) != 1 {
			t.Fatalf("%+v", p)
		}
		ms := read(t, d, func(q *db.Reader) ([]catalog.Member, error) { return catalog.Members(q, []db.ID{c.ID}, time.Time{}) })
		seen := map[string]catalog.Member{}
		for _, m := range ms {
			seen[fmt.Sprint(m.Category, m.Tag)] = m
		}
		if m := seen[fmt.Sprint(a, "")]; !m.From.IsZero() || m.To.IsZero() {
			t.Errorf("the first shelf: %+v", m)
		}
		if m := seen[fmt.Sprint(b, "")]; m.From.IsZero() || !m.To.IsZero() {
			t.Errorf("the second shelf: %+v", m)
		}
		if m := seen["0höst 2026"]; len(ms) != 4 || m.To.IsZero() {
			t.Errorf("%+v", ms)
		}
		for what, ids := range map[string][]db.ID{
			"shelf": read(t, d, func(q *db.Reader) ([]db.ID, error) { return catalog.InCategories(q, []db.ID{a, b}, 0, 9) }),
			"tag":   read(t, d, func(q *db.Reader) ([]db.ID, error) { return catalog.WithTag(q, "NY", 0, 9) }),
		} {
			if len(ids) != 1 || ids[0] != c.ID {
				t.Error(what, ids)
			}
		}
		fails(t, d, "unknown", "/categories", func(tx *db.Tx) error {
			_, err := catalog.SetCategories(tx, editor, c.ID, 0, []db.ID{a, 99})
			return err
		})
	})
}

func TestMediaAndValues(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		a, b := create(t, d, whole("A")), create(t, d, whole("B"))
		set := func(m ...catalog.Media) func(tx *db.Tx) error {
			return func(tx *db.Tx) error { _, err := catalog.SetMedia(tx, editor, a.ID, 0, m); return err }
		}
		fails(t, d, "unknown", "/media/0/variant", set(catalog.Media{File: hash, Variant: b.Variants[0]}))
		fails(t, d, "bad_file", "/media/0/file", set(catalog.Media{File: hash[1:] + "G"}))
		if err := db.Do(t.Context(), d, set(catalog.Media{File: hash, Alt: sv("Framsida")}, catalog.Media{File: hash[2:] + "00", Variant: a.Variants[1]})); err != nil {
			t.Fatal(err)
		}
		info := read(t, d, func(q *db.Reader) (map[db.ID]catalog.VariantInfo, error) {
			return catalog.VariantForSale(q, a.Variants)
		})
		if info[a.Variants[0]].Picture != hash || info[a.Variants[1]].Picture != hash[2:]+"00" {
			t.Errorf("%+v", info)
		}
		used := func() bool { return read(t, d, func(q *db.Reader) (bool, error) { return catalog.FileUsed(q, hash) }) }
		if !used() {
			t.Error("picture of a shown product is not served")
		}
		write(t, d, func(tx *db.Tx) (catalog.Outcome, error) { return catalog.Archive(tx, editor, a.ID, 0) })
		if used() {
			t.Error("picture of an archived product is served")
		}
		for _, at := range []catalog.Attribute{
			{Key: "farg", Type: catalog.Choose, Filterable: true, Name: catalog.Localized{SV: "Färg", EN: "Colour"}},
			{Key: "hojd", Type: catalog.Number, Unit: "cm", Position: 1, Name: sv("Höjd")}, {Key: "diskmaskin", Type: catalog.Yes, Position: 2, Name: sv("Tål diskmaskin")}, {Key: "skotsel", Type: catalog.Words, Position: 3, Name: sv("Skötsel")},
		} {
			write(t, d, func(tx *db.Tx) (db.ID, error) { return catalog.PutAttribute(tx, editor, at) })
			fails(t, d, "taken", "/key", func(tx *db.Tx) error { _, err := catalog.PutAttribute(tx, editor, at); return err })
		}
		values := func(vs ...catalog.NewValue) func(tx *db.Tx) error {
			return func(tx *db.Tx) error { _, err := catalog.SetValues(tx, editor, b.ID, 0, vs); return err }
		}
		for _, bad := range []string{"", "x", "1.2345", "1e3", "--1", "1.", ".5", "1,2,3", "٣"} {
			fails(t, d, "bad_number", "/values/0/label", values(catalog.NewValue{Key: "hojd", Label: sv(bad)}))
		}
		if err := db.Do(t.Context(), d, values(catalog.NewValue{Key: "hojd", Label: sv("12,5")}, catalog.NewValue{Key: "farg", Label: catalog.Localized{SV: "Blå", EN: "Blue"}},
			catalog.NewValue{Key: "farg", Label: sv("blå")}, catalog.NewValue{Key: "diskmaskin", Label: sv("true")}, catalog.NewValue{Key: "skotsel", Label: sv("Handdisk.")})); err != nil {
			t.Fatal(err)
		}
		vs := byID(t, d, b.ID).Values
		if len(vs) != 4 || vs[0].Value != "bla" || vs[0].Label.EN != "Blue" || !vs[0].Filter || vs[1].Number != 12500 || vs[1].Unit != "cm" {
			t.Fatalf("%+v", vs)
		}
	})
}

func TestHandles(t *testing.T) {
	for in, want := range map[string]string{"Mugg Drej, 30 cl": "mugg-drej-30-cl", "Rårörda lingon": "rarorda-lingon", "  ÅÄÖ & é ": "aao-e", "Smørrebrød Æbler": "smorrebrod-aebler", "日本": "", "--x--": "x", "": ""} {
		if got := catalog.MakeHandle(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
	for _, bad := range []string{"", "-a", "a-", "a--b", "A", "å", "a b", "a/b", "a.b", "..", "a%2f"} {
		if catalog.ValidHandle(bad) {
			t.Errorf("%q is taken", bad)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if h := catalog.MakeHandle(rapid.String().Draw(t, "title")); h != "" && (!catalog.ValidHandle(h) || catalog.MakeHandle(h) != h) {
			t.Fatalf("%q", h)
		}
	})
}

func TestGTIN(t *testing.T) {
	// Restricted numbers (prefix 2), made for the test; no goods carry them.
	for _, good := range []string{"2000000000008", "20000004", "200000000004", "20000000000004"} {
		if !catalog.ValidGTIN(good) {
			t.Errorf("%s refused", good)
		}
		for i := range good { // every single wrong digit is seen
			for c := byte('0'); c <= '9'; c++ {
				if b := []byte(good); b[i] != c {
					b[i] = c
					if catalog.ValidGTIN(string(b)) {
						t.Errorf("%s taken", b)
					}
				}
			}
		}
	}
	for _, bad := range []string{"", "0000000000000", "2", "200000000000x"} {
		if catalog.ValidGTIN(bad) {
			t.Errorf("%q taken", bad)
		}
	}
}

func FuzzMakeHandle(f *testing.F) {
	f.Add("Mugg Drej")
	f.Add("İ\u0307ﬃ½Ⅷ")
	f.Fuzz(func(t *testing.T, s string) {
		if h := catalog.MakeHandle(s); h != "" && !catalog.ValidHandle(h) {
			t.Fatalf("%q gives %q", s, h)
		}
	})
}

// The dates of publication go by the legal clock.
func TestPublicationByTheLegalClock(t *testing.T) {
	d := dbtest.OpenOptions(t, db.Options{Path: t.TempDir() + "/x.db", Create: true, LegalShift: 48 * time.Hour}, rooms)
	n := whole("Snart")
	n.PublishFrom = time.Now().Add(24 * time.Hour)
	create(t, d, n)
	if p, _ := shown(t, d, "snart"); p == nil {
		t.Error("the shift of the clock was not heeded")
	}
	next := read(t, d, func(q *db.Reader) (time.Time, error) { return catalog.NextPublication(q, 0, time.Now()) })
	if next.IsZero() {
		t.Error("no boundary")
	}
}
