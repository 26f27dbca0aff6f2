package datamap

import (
	"fmt"
	"regexp"
	"sort"
	"sync"
)

// Part is a part of a declaration: a Category or a TableOf.
type Part interface{ add(room string) error }

var (
	mu         sync.RWMutex
	categories = map[string]Category{}
	tables     = map[string]TableOf{}
	word       = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// Declare adds a room's tables and categories. It panics on what cannot be right: that is a
// fault of the program. The result is for a package variable to hold.
func Declare(room string, parts ...Part) bool {
	mu.Lock()
	defer mu.Unlock()
	for _, p := range parts {
		if err := p.add(room); err != nil {
			panic("datamap: room " + room + ": " + err.Error())
		}
	}
	return true
}

func (c Category) add(string) error {
	if _, ok := categories[c.Key]; ok || !word.MatchString(c.Key) {
		return fmt.Errorf("the category %q is declared twice or has no name", c.Key)
	}
	if c.Who == "" || c.Basis == "" || c.Keep.Rule == "" || c.From == "" {
		return fmt.Errorf("the category %q must say whose, on which ground, how long and from where", c.Key)
	}
	categories[c.Key] = c
	return nil
}

func (t TableOf) add(room string) error {
	if _, ok := tables[t.Name]; ok {
		return fmt.Errorf("the table %s is declared twice", t.Name)
	}
	seen := map[string]bool{}
	for _, c := range t.Columns {
		if seen[c.Name] || !word.MatchString(c.Name) {
			return fmt.Errorf("the column %s.%s is declared twice or has no name", t.Name, c.Name)
		}
		seen[c.Name] = true
	}
	t.Room = room
	tables[t.Name] = t
	return nil
}

// Tables lists the declared tables by name.
func Tables() []TableOf {
	mu.RLock()
	defer mu.RUnlock()
	out := make([]TableOf, 0, len(tables))
	for _, t := range tables {
		out = append(out, t)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Categories lists the declared categories: buyers' first, then by key.
func Categories() []Category {
	mu.RLock()
	defer mu.RUnlock()
	out := make([]Category, 0, len(categories))
	for _, c := range categories {
		out = append(out, c)
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Who != out[j].Who {
			return out[i].Who == Buyer
		}
		return out[i].Key < out[j].Key
	})
	return out
}

// CategoryOf is the category of a key.
func CategoryOf(key string) (Category, bool) {
	mu.RLock()
	defer mu.RUnlock()
	c, ok := categories[key]
	return c, ok
}

// Held is one declared personal column with its table.
type Held struct {
	Table, Room string
	Column
}

// Holdings lists the personal columns of a category, by table.
func Holdings(category string) (out []Held) {
	for _, t := range Tables() {
		for _, c := range t.Columns {
			if c.Category == category && c.Personal() {
				out = append(out, Held{t.Name, t.Room, c})
			}
		}
	}
	return out
}

// ClassesOf lists what kinds of details a category holds, in the order of Classes.
func ClassesOf(category string) (out []Class) {
	has := map[Class]bool{}
	for _, h := range Holdings(category) {
		for _, c := range h.Classes {
			has[c] = true
		}
	}
	for _, c := range Classes {
		if has[c] {
			out = append(out, c)
		}
	}
	return out
}
