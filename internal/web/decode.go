package web

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"

	"kassavalv/internal/fault"
)

// Budget bounds a JSON document before anything is built from it. Zero means the
// default in parentheses.
type Budget struct {
	Bytes    int64 // the route's Body
	Depth    int   // 16 nested arrays and objects
	Keys     int   // 2,000 in the whole document
	Items    int   // 1,000 in one array
	Text     int   // 16 kB in one string, decoded
	Optional bool  // no body at all is the zero value
}

func (b Budget) or(bytes int64) Budget {
	def := func(n *int, d int) {
		if *n <= 0 {
			*n = d
		}
	}
	if b.Bytes <= 0 {
		b.Bytes = bytes
	}
	def(&b.Depth, 16)
	def(&b.Keys, 2000)
	def(&b.Items, 1000)
	def(&b.Text, 16<<10)
	return b
}

// Decode reads the JSON body of the request into a T. T's fields need json tags;
// the names are compared exactly, case included.
//
// 400 `unreadable`: no JSON, too deep, a value of the wrong type (a fraction or an
// exponent where T has an integer, null where T has a number, boolean or struct),
// text that is not UTF-8 or holds NUL, anything after the document.
// 400 `unknown_field`, `duplicate_field`, with the pointer in errors.
// 413 `too_large` beyond the budget of bytes, keys, items or text. 415 for another type.
func Decode[T any](r *Request, b Budget) (T, error) {
	var v T
	b = b.or(r.bodyLimit())
	data, err := io.ReadAll(io.LimitReader(r.Body, b.Bytes+1))
	if err != nil {
		return v, bodyError(err)
	}
	if int64(len(data)) > b.Bytes {
		return v, &http.MaxBytesError{Limit: b.Bytes}
	}
	if len(data) == 0 {
		if b.Optional {
			return v, nil
		}
		return v, fault.Bad("unreadable")
	}
	if err := wantType(r.Request, "application/json"); err != nil {
		return v, err
	}
	return Unmarshal[T](data, b)
}

// Unmarshal is Decode for bytes that are already here.
func Unmarshal[T any](data []byte, b Budget) (T, error) {
	var v, zero T
	b = b.or(DefaultBody)
	if int64(len(data)) > b.Bytes {
		return zero, &http.MaxBytesError{Limit: b.Bytes}
	}
	if err := scanJSON(data, b, reflect.TypeFor[T]()); err != nil {
		return zero, err
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return zero, wrongType(err)
	}
	return v, nil
}

// wrongType names the field that did not fit. The value stays unsaid.
func wrongType(err error) error {
	f := &fault.Error{Kind: fault.Malformed, Code: "unreadable"}
	var t *json.UnmarshalTypeError
	if errors.As(err, &t) && t.Field != "" {
		p := ""
		for _, c := range t.Field {
			if c == '.' {
				c = '/'
			}
			p += string(c)
		}
		f.Fields = []fault.Field{{Pointer: "/" + p, Code: "wrong_type"}}
	}
	return f
}
