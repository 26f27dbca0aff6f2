package catalog

import (
	"errors"
	"slices"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// Category is a shelf. Hidden ones are not shown, nor what is below them; their
// demands count all the same.
type Category struct {
	ID       db.ID
	Version  int64
	Handle   string
	Parent   db.ID // 0: at the top
	Position int64
	Hidden   bool
	Regimes  []Regime
	Texts    Texts
	Depth    int
}

// Tree is the whole tree of categories in the order of a menu: each before its
// children, children by position.
type Tree struct {
	All      []*Category
	byID     map[db.ID]*Category
	children map[db.ID][]*Category
}

// maxDepth bounds the tree; deeper menus help no one.
const maxDepth = 8

// Get returns a category by id, or nil.
func (t *Tree) Get(id db.ID) *Category { return t.byID[id] }

// Children of a category; of the top for 0.
func (t *Tree) Children(id db.ID) []*Category { return t.children[id] }

// ByHandle returns a category that shows, or nil.
func (t *Tree) ByHandle(handle string) *Category {
	for _, c := range t.All {
		if c.Handle == handle && t.Shown(c.ID) {
			return c
		}
	}
	return nil
}

// Path is the way from the top down to the category.
func (t *Tree) Path(id db.ID) []*Category {
	var out []*Category
	for c := t.byID[id]; c != nil && len(out) <= maxDepth; c = t.byID[c.Parent] {
		out = append(out, c)
	}
	slices.Reverse(out)
	return out
}

// Shown reports whether neither the category nor one above it is hidden.
func (t *Tree) Shown(id db.ID) bool {
	path := t.Path(id)
	return len(path) > 0 && !slices.ContainsFunc(path, func(c *Category) bool { return c.Hidden })
}

// Below is the category and all below it.
func (t *Tree) Below(id db.ID) []db.ID {
	if t.byID[id] == nil {
		return nil
	}
	out := []db.ID{id}
	for i := 0; i < len(out); i++ {
		for _, c := range t.children[out[i]] {
			out = append(out, c.ID)
		}
	}
	return out
}

func (t *Tree) regimes(ids []db.ID) []Regime {
	var out []Regime
	for _, id := range ids {
		for _, c := range t.Path(id) {
			out = append(out, c.Regimes...)
		}
	}
	return out
}

// Categories reads the whole tree in two queries. Faces keep it in a cache that
// the change feed ("category") empties.
func Categories(q db.Q) (*Tree, error) {
	t := &Tree{byID: map[db.ID]*Category{}, children: map[db.ID][]*Category{}}
	list, err := db.All(q, func(r *db.Rows) (*Category, error) {
		c := &Category{Texts: Texts{}}
		var parent *int64
		var regimes string
		err := r.Scan(&c.ID, &c.Version, &c.Handle, &parent, &c.Position, &c.Hidden, &regimes)
		if parent != nil {
			c.Parent = db.ID(*parent)
		}
		c.Regimes = unpackRegimes(regimes)
		return c, err
	}, `SELECT id, version, handle, parent, position, hidden, regimes FROM catalog_category ORDER BY position, id`)
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		t.byID[c.ID] = c
		t.children[c.Parent] = append(t.children[c.Parent], c)
	}
	// CROSS JOIN keeps SQLite from beginning with the texts, which are mostly those
	// of products.
	rows, err := q.Query(`SELECT t.owner, t.lang, t.title, t.description, t.seo_title, t.seo_description FROM catalog_category c CROSS JOIN catalog_text t WHERE t.owner = c.id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var owner db.ID
		var x Text
		if err := rows.Scan(&owner, &x.Lang, &x.Title, &x.Description, &x.SEOTitle, &x.SEODescription); err != nil {
			return nil, err
		}
		t.byID[owner].Texts[x.Lang] = x
	}
	var walk func(parent db.ID, depth int)
	walk = func(parent db.ID, depth int) {
		for _, c := range t.children[parent] {
			c.Depth = depth
			t.All = append(t.All, c)
			walk(c.ID, depth+1)
		}
	}
	walk(0, 0)
	return t, rows.Err()
}

// CategoryRedirect returns the present handle of a category that once had this
// one; fault.NotFound.
func CategoryRedirect(q db.Q, handle string) (string, error) {
	var now string
	err := q.QueryRow(`SELECT c.handle FROM catalog_redirect r JOIN catalog_category c ON c.id = r.target WHERE r.kind = 'category' AND r.handle = $1`, handle).Scan(&now)
	if errors.Is(err, db.ErrNotFound) {
		return "", fault.NotFound()
	}
	return now, err
}

// PutCategory adds a category (ID 0) or replaces one (Version as read, 0 any),
// and returns its id. Without a handle a new one gets it from its title. Texts
// of languages that are not given stay. Parent and Position count only for a
// new one; MoveCategory moves.
func PutCategory(tx *db.Tx, by auth.By, c Category) (db.ID, error) {
	if err := by.Need(auth.CatalogWrite); err != nil {
		return 0, err
	}
	var f fault.Fields
	for _, r := range c.Regimes {
		if !slices.Contains(Regimes, r) {
			f.Add("/regimes", "unknown")
		}
	}
	if c.Handle != "" && !ValidHandle(c.Handle) {
		f.Add("/handle", "bad_handle")
	}
	if err := f.Err(); err != nil {
		return 0, err
	}
	tree, err := lockTree(tx)
	if err != nil {
		return 0, err
	}
	if c.ID == 0 {
		err = addCategory(tx, tree, &c)
	} else {
		err = replaceCategory(tx, tree, &c)
	}
	if err != nil {
		return 0, err
	}
	if err := record(tx, by, "category.put", EntityCategory, c.ID, ""); err != nil {
		return 0, err
	}
	return c.ID, tx.Changed(EntityCategory, c.ID)
}

// lockTree makes the tree ours until the commit, and reads it.
func lockTree(tx *db.Tx) (*Tree, error) {
	if err := tx.ExecOne(`UPDATE catalog_tree SET version = version + 1 WHERE id = 1`); err != nil {
		return nil, err
	}
	return Categories(tx)
}

func addCategory(tx *db.Tx, tree *Tree, c *Category) error {
	if c.Parent != 0 && tree.Get(c.Parent) == nil {
		return fault.Invalid(fault.Field{Pointer: "/parent", Code: "unknown"})
	}
	if len(tree.Path(c.Parent)) >= maxDepth {
		return fault.Invalid(fault.Field{Pointer: "/parent", Code: "too_deep"})
	}
	if c.Handle == "" {
		if c.Handle = MakeHandle(c.Texts[SV].Title); c.Handle == "" {
			return fault.Invalid(fault.Field{Pointer: "/handle", Code: "required"})
		}
	}
	if err := free(tx, EntityCategory, c.Handle); err != nil {
		return err
	}
	c.ID = tx.NewID()
	if err := putTexts(tx, c.ID, nil, c.Texts); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM catalog_redirect WHERE kind = 'category' AND handle = $1`, c.Handle); err != nil {
		return err
	}
	return taken(insertRows(tx, "catalog_category", `id, version, handle, parent, position, hidden, regimes, updated_at`,
		[][]any{{c.ID, 1, c.Handle, nullID(c.Parent), c.Position, c.Hidden, packRegimes(c.Regimes), tx.Now()}}), "/handle")
}

func replaceCategory(tx *db.Tx, tree *Tree, c *Category) error {
	old := tree.Get(c.ID)
	if old == nil {
		return fault.NotFound()
	}
	if c.Version != 0 && c.Version != old.Version {
		return fault.Conflict("version_changed")
	}
	if c.Handle == "" {
		c.Handle = old.Handle
	}
	if c.Handle != old.Handle {
		if err := free(tx, EntityCategory, c.Handle); err != nil {
			return err
		}
		if err := moveHandle(tx, EntityCategory, c.ID, old.Handle, c.Handle); err != nil {
			return err
		}
	}
	if err := putTexts(tx, c.ID, old.Texts, c.Texts); err != nil {
		return err
	}
	err := tx.ExecOne(`UPDATE catalog_category SET version = version + 1, handle = $2, hidden = $3, regimes = $4, updated_at = $5 WHERE id = $1`,
		c.ID, c.Handle, c.Hidden, packRegimes(c.Regimes), tx.Now())
	if err != nil {
		return taken(err, "/handle")
	}
	if packRegimes(old.Regimes) != packRegimes(c.Regimes) {
		return rejudge(tx, tree.Below(c.ID))
	}
	return nil
}

// MoveCategory puts a category under another (0: the top), before whatever
// stands at a higher position. Circles and a depth above 8 are refused.
func MoveCategory(tx *db.Tx, by auth.By, id, parent db.ID, position int64) error {
	if err := by.Need(auth.CatalogWrite); err != nil {
		return err
	}
	tree, err := lockTree(tx)
	if err != nil {
		return err
	}
	c := tree.Get(id)
	if c == nil {
		return fault.NotFound()
	}
	below := tree.Below(id)
	switch {
	case parent != 0 && tree.Get(parent) == nil:
		return fault.Invalid(fault.Field{Pointer: "/parent", Code: "unknown"})
	case slices.Contains(below, parent):
		return fault.Invalid(fault.Field{Pointer: "/parent", Code: "circle"})
	}
	height := 0
	for _, b := range below {
		height = max(height, tree.Get(b).Depth-c.Depth+1)
	}
	if len(tree.Path(parent))+height > maxDepth {
		return fault.Invalid(fault.Field{Pointer: "/parent", Code: "too_deep"})
	}
	if err := tx.ExecOne(`UPDATE catalog_category SET version = version + 1, parent = $2, position = $3, updated_at = $4 WHERE id = $1`, id, nullID(parent), position, tx.Now()); err != nil {
		return err
	}
	if c.Parent != parent {
		if err := rejudge(tx, below); err != nil {
			return err
		}
	}
	if err := record(tx, by, "category.move", EntityCategory, id, ""); err != nil {
		return err
	}
	return tx.Changed(EntityCategory, id)
}

// DeleteCategory removes an empty category: no children, no products now.
func DeleteCategory(tx *db.Tx, by auth.By, id db.ID) error {
	if err := by.Need(auth.CatalogWrite); err != nil {
		return err
	}
	tree, err := lockTree(tx)
	if err != nil {
		return err
	}
	if tree.Get(id) == nil {
		return fault.NotFound()
	}
	inside, err := InCategories(tx, []db.ID{id}, 0, 1)
	if err != nil {
		return err
	}
	if len(tree.Children(id)) > 0 || len(inside) > 0 {
		return fault.Conflict("category_not_empty")
	}
	for _, s := range []string{`DELETE FROM catalog_redirect WHERE target = $1`, `DELETE FROM catalog_text WHERE owner = $1`,
		`DELETE FROM catalog_recheck WHERE category = $1`, `DELETE FROM catalog_category WHERE id = $1`} {
		if _, err := tx.Exec(s, id); err != nil {
			return err
		}
	}
	if err := record(tx, by, "category.delete", EntityCategory, id, ""); err != nil {
		return err
	}
	return tx.Changed(EntityCategory, id)
}

// rejudge asks for a new judgement of all products in the categories, because
// what the law demands of them may have changed. Recheck does it, in chunks.
func rejudge(tx *db.Tx, categories []db.ID) error {
	for _, id := range categories {
		if _, err := tx.Exec(`INSERT INTO catalog_recheck (category, after) VALUES ($1, 0) ON CONFLICT (category) DO UPDATE SET after = 0`, id); err != nil {
			return err
		}
	}
	return nil
}

// Recheck judges up to n products again that a changed category left waiting,
// and reports whether more wait. A job calls it through WriteBulk after
// "category" changes until it says false.
func Recheck(tx *db.Tx, n int) (more bool, err error) {
	for n > 0 {
		var category, after db.ID
		err := tx.QueryRow(`SELECT category, after FROM catalog_recheck ORDER BY category LIMIT 1`).Scan(&category, &after)
		if errors.Is(err, db.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		ids, err := InCategories(tx, []db.ID{category}, after, n)
		if err != nil {
			return false, err
		}
		for _, id := range ids {
			if _, err := touch(tx, id, 0); err != nil {
				return false, err
			}
			if _, err := recheck(tx, id); err != nil {
				return false, err
			}
			if err := tx.Changed(EntityProduct, id); err != nil {
				return false, err
			}
		}
		if len(ids) < n {
			_, err = tx.Exec(`DELETE FROM catalog_recheck WHERE category = $1 AND after = $2`, category, after)
		} else {
			_, err = tx.Exec(`UPDATE catalog_recheck SET after = $3 WHERE category = $1 AND after = $2`, category, after, ids[len(ids)-1])
		}
		if err != nil {
			return false, err
		}
		n -= max(1, len(ids))
	}
	return true, nil
}
