package intake

import (
	"slices"
	"strings"

	"kassavalv/internal/db"
	"kassavalv/internal/shop/catalog"
)

// shelves finds or makes the categories of paths.
func (c *chunk) shelves(paths [][]string) (out []db.ID, err error) {
	for _, path := range paths {
		if c.tree == nil {
			if c.tree, err = catalog.Categories(c.tx); err != nil {
				return nil, err
			}
		}
		parent := db.ID(0)
		for depth, title := range path {
			if len(title) > 300 {
				break
			}
			id, err := c.shelf(parent, title, path[:depth])
			if err != nil {
				return nil, err
			}
			parent = id
		}
		if parent != 0 && !slices.Contains(out, parent) {
			out = append(out, parent)
		}
	}
	return out, nil
}

func (c *chunk) shelf(parent db.ID, title string, above []string) (db.ID, error) {
	for _, k := range c.tree.Children(parent) {
		if strings.EqualFold(k.Texts[catalog.SV].Title, title) {
			return k.ID, nil
		}
	}
	handle := catalog.MakeHandle(title)
	if handle == "" {
		handle = "kategori"
	}
	long := catalog.MakeHandle(strings.Join(above, " ") + " " + title)
	taken := func(h string) *catalog.Category {
		i := slices.IndexFunc(c.tree.All, func(k *catalog.Category) bool { return k.Handle == h })
		if i < 0 {
			return nil
		}
		return c.tree.All[i]
	}
	// A shelf that the shop has renamed keeps its handle.
	if k := taken(handle); k != nil && k.Parent == parent {
		return k.ID, nil
	} else if k != nil {
		if handle = long; taken(long) != nil && taken(long).Parent == parent {
			return taken(long).ID, nil
		}
		for n := 2; taken(handle) != nil || handle == ""; n++ {
			handle = catalog.MakeHandle(long + " " + strings.Repeat("i", n))
		}
	}
	id, err := catalog.PutCategory(c.tx, c.by, catalog.Category{Handle: handle, Parent: parent, Position: int64(len(c.tree.Children(parent))),
		Texts: catalog.Texts{catalog.SV: {Lang: catalog.SV, Title: title}}})
	if err != nil {
		return 0, err
	}
	c.out.shelves = append(c.out.shelves, strings.Join(append(slices.Clone(above), title), " > "))
	c.tree, err = catalog.Categories(c.tx)
	return id, err
}
