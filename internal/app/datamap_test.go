package app

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"testing"

	"kassavalv/internal/datamap"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

// column is one column of the database as its engine tells it.
type column struct{ table, name, kind string }

// columnsOf lists every column of every table of the migrated shop.
func columnsOf(t *testing.T, d *db.DB) []column {
	t.Helper()
	text := `SELECT m.name, p.name, p.type FROM sqlite_schema m JOIN pragma_table_info(m.name) p WHERE m.type='table' AND m.name NOT LIKE 'sqlite_%' ORDER BY 1, 2`
	if d.Engine() == db.Postgres {
		text = `SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 2`
	}
	cs, err := db.Read(context.Background(), d, func(q *db.Reader) ([]column, error) {
		return db.All(q, func(r *db.Rows) (c column, err error) { err = r.Scan(&c.table, &c.name, &c.kind); return }, text)
	})
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

func room(table string) string { r, _, _ := strings.Cut(table, "_"); return r }

// mapProblems compares the declared map with the columns that are there, in sentences that
// say what to write where.
func mapProblems(tables []datamap.TableOf, have []column) (out []string) {
	declared, seen := map[string]datamap.Column{}, map[string]bool{}
	known := map[string]bool{}
	for _, t := range tables {
		known[t.Name] = true
		for _, c := range t.Columns {
			declared[t.Name+"."+c.Name] = c
		}
	}
	missing := map[string][]string{}
	for _, c := range have {
		key := c.table + "." + c.name
		seen[key] = true
		if _, ok := declared[key]; !ok {
			missing[c.table] = append(missing[c.table], c.name)
		}
	}
	for table, cs := range missing {
		where := fmt.Sprintf("add to datamap.Table(%q, …)", table)
		if !known[table] {
			where = fmt.Sprintf("add datamap.Table(%q, …)", table)
		}
		out = append(out, fmt.Sprintf("%s: nobody says what %s holds. In the data.go of room %q %s what each is: datamap.Plain(%q) when not personal, "+
			"datamap.Hash(%q), datamap.Person(%q) for ids of persons, datamap.Sealed(%q, fieldX, \"CATEGORY\", datamap.Name …), datamap.Index(%q, fieldX, \"CATEGORY\"), or datamap.Open(%q, \"CATEGORY\", \"why it is readable\", datamap.Name …)",
			table, strings.Join(cs, ", "), room(table), where, strings.Join(cs, " "), cs[0], cs[0], cs[0], cs[0], cs[0]))
	}
	for key := range declared {
		if !seen[key] {
			table, name, _ := strings.Cut(key, ".")
			out = append(out, fmt.Sprintf("%s: the map declares the column %s, which the migrated schema does not have: take it out of the data.go of room %q", table, name, room(table)))
		}
	}
	sort.Strings(out)
	return out
}

// Every column of every table is declared, on both engines, and nothing is declared that is
// not there.
func TestDataMap(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		have := columnsOf(t, d)
		if len(have) < 500 {
			t.Fatalf("only %d columns seen", len(have))
		}
		for _, p := range mapProblems(datamap.Tables(), have) {
			t.Error(p)
		}
		for _, tb := range datamap.Tables() {
			if tb.Room != room(tb.Name) {
				t.Errorf("%s is declared by %s", tb.Name, tb.Room)
			}
		}
	})
}

// The comparison itself finds what it is there to find.
func TestDataMapFindsWhatIsMissing(t *testing.T) {
	have := []column{{"a_one", "id", ""}, {"a_one", "name", ""}, {"b_two", "x", ""}}
	got := mapProblems([]datamap.TableOf{datamap.Table("a_one", datamap.Plain("id gone"))}, have)
	if len(got) != 3 || !strings.Contains(got[0], `datamap.Plain("name")`) || !strings.Contains(got[1], "declares the column gone") || !strings.Contains(got[2], `add datamap.Table("b_two"`) {
		t.Error(strings.Join(got, "\n"))
	}
}

// The map and the registered fields of the vault agree both ways, and each category has its
// sentences and its columns.
func TestDataMapAndFieldsAgree(t *testing.T) {
	fields := map[string]bool{}
	for _, f := range secret.Fields() {
		fields[string(f.Field)] = false
	}
	for _, tb := range datamap.Tables() {
		for _, c := range tb.Columns {
			if c.Field != "" {
				if _, ok := fields[c.Field]; !ok {
					t.Errorf("%s.%s names the field %q, which secret.Register does not know", tb.Name, c.Name, c.Field)
				}
				fields[c.Field] = true
			}
			if c.Category != "" {
				if _, ok := datamap.CategoryOf(c.Category); !ok {
					t.Errorf("%s.%s names the category %q, which no room declares: add datamap.Category{Key: %q, …} to the data.go of the room it belongs to", tb.Name, c.Name, c.Category, c.Category)
				}
			}
			for _, k := range c.Classes {
				if !lang.Has("data.class." + string(k)) {
					t.Errorf("the class %s has no word data.class.%s", k, k)
				}
			}
		}
	}
	for f, used := range fields {
		if !used && !strings.HasPrefix(f, "test") {
			t.Errorf("the field %q is registered and no column of the map holds it: declare its column with datamap.Sealed, Shop, Books or Index in the data.go of its room", f)
		}
	}
	for _, c := range datamap.Categories() {
		keys := []string{"data." + c.Key + ".name", "data." + c.Key + ".why", "data.kept." + c.Keep.Rule, "data.basis." + string(c.Basis), "data.who." + string(c.Who), "data.from." + string(c.From)}
		for _, s := range c.Also {
			keys = append(keys, "data.from."+string(s))
		}
		for _, r := range c.To {
			keys = append(keys, "data.to."+string(r))
		}
		for _, k := range keys {
			if !lang.Has(k) {
				t.Errorf("the category %s has no sentence %s: add it to internal/lang/words/data.json in sv and en", c.Key, k)
			}
		}
		if len(datamap.Holdings(c.Key)) == 0 {
			t.Errorf("the category %s has no column", c.Key)
		}
		if c.Who == datamap.Buyer && !c.Export && c.Key != "bankdraft" {
			t.Errorf("what buyers get of themselves leaves out %s", c.Key)
		}
	}
}
