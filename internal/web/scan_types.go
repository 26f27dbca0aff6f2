package web

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
)

// open is the frame for an array or object that is to become a t.
func open(object bool, t reflect.Type) frame {
	f := frame{object: object}
	t = bare(t)
	if t == nil || readsItself(t) {
		return f
	}
	switch {
	case object && t.Kind() == reflect.Struct:
		f.known = fieldsOf(t)
	case object && t.Kind() == reflect.Map, !object && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array):
		f.typ = t.Elem()
	}
	return f
}

func bare(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer && !readsItself(t) {
		t = t.Elem()
	}
	return t
}

var (
	jsonReader = reflect.TypeFor[json.Unmarshaler]()
	textReader = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func readsItself(t reflect.Type) bool {
	return t.Implements(jsonReader) || t.Implements(textReader) ||
		reflect.PointerTo(t).Implements(jsonReader) || reflect.PointerTo(t).Implements(textReader)
}

// nullable: null stands for "not sent" where absence can be told or does no harm
// (pointers, text, lists), and is refused where it would become 0 or false.
func nullable(t reflect.Type) bool {
	if t == nil {
		return true
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice, reflect.String:
		return true
	}
	return false
}

func integer(t reflect.Type) bool {
	t = bare(t)
	if t == nil || readsItself(t) {
		return false
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	}
	return false
}

var fieldCache sync.Map // reflect.Type -> map[string]reflect.Type

// fieldsOf lists the names encoding/json would fill in a struct, embedded ones
// included.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	if m, ok := fieldCache.Load(t); ok {
		return m.(map[string]reflect.Type)
	}
	m := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Tag.Get("json") == "-" {
			continue
		}
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if f.Anonymous && tag == "" && inner.Kind() == reflect.Struct {
			for name, typ := range fieldsOf(inner) {
				if _, own := m[name]; !own {
					m[name] = typ
				}
			}
			continue
		}
		if !f.IsExported() {
			continue
		}
		if tag == "" {
			tag = f.Name
		}
		m[tag] = f.Type
	}
	fieldCache.Store(t, m)
	return m
}
