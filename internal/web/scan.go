package web

import (
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"kassavalv/internal/fault"
)

// scanJSON walks a document once, without recursion and without building it, and
// refuses what Decode promises to refuse. t directs which names are known; where
// a type reads itself (UnmarshalJSON) any names are allowed, but none twice.
func scanJSON(data []byte, b Budget, t reflect.Type) error {
	s := scanner{data: data, budget: b}
	return s.run(t)
}

type scanner struct {
	data   []byte
	pos    int
	budget Budget
	keys   int
	stack  []frame
}

// frame is one open array or object.
type frame struct {
	object bool
	typ    reflect.Type            // of the elements of an array or map; nil: anything
	known  map[string]reflect.Type // fields of a struct; nil: any name
	seen   map[string]struct{}
	key    string // current
	items  int    // values begun
}

func unreadable() error { return fault.Bad("unreadable") }

func (s *scanner) tooLarge() error {
	return &fault.Error{Kind: fault.TooLarge, Code: "too_large"}
}

func (s *scanner) bad(code string) error {
	return &fault.Error{Kind: fault.Malformed, Code: code, Fields: []fault.Field{{Pointer: s.pointer(), Code: code}}}
}

func (s *scanner) pointer() string {
	var b strings.Builder
	for _, f := range s.stack {
		b.WriteByte('/')
		if f.object {
			b.WriteString(pointerEscape(clip(f.key, 64)))
		} else {
			b.WriteString(strconv.Itoa(f.items - 1))
		}
	}
	return b.String()
}

func (s *scanner) run(t reflect.Type) error {
	if err := s.value(t); err != nil {
		return err
	}
	for len(s.stack) > 0 {
		f := &s.stack[len(s.stack)-1]
		c, ok := s.next()
		if !ok {
			return unreadable()
		}
		if f.object && c == '}' || !f.object && c == ']' {
			s.pos++
			s.stack = s.stack[:len(s.stack)-1]
			continue
		}
		if f.items > 0 {
			if c != ',' {
				return unreadable()
			}
			s.pos++
		}
		if f.items++; f.items > s.budget.Items {
			return s.tooLarge()
		}
		typ := f.typ
		if f.object {
			var err error
			if typ, err = s.name(f); err != nil {
				return err
			}
		}
		if err := s.value(typ); err != nil {
			return err
		}
	}
	if _, more := s.next(); more {
		return unreadable()
	}
	return nil
}

// name reads `"key":` and returns the type of what follows.
func (s *scanner) name(f *frame) (reflect.Type, error) {
	if c, ok := s.next(); !ok || c != '"' {
		return nil, unreadable()
	}
	key, err := s.text()
	if err != nil {
		return nil, err
	}
	f.key = key
	if s.keys++; s.keys > s.budget.Keys {
		return nil, s.tooLarge()
	}
	if f.seen == nil {
		f.seen = map[string]struct{}{}
	}
	if _, twice := f.seen[key]; twice {
		return nil, s.bad("duplicate_field")
	}
	f.seen[key] = struct{}{}
	typ := f.typ
	if f.known != nil {
		var ok bool
		if typ, ok = f.known[key]; !ok {
			return nil, s.bad("unknown_field")
		}
	}
	if c, ok := s.next(); !ok || c != ':' {
		return nil, unreadable()
	}
	s.pos++
	return typ, nil
}

// value reads a scalar, or opens an array or object.
func (s *scanner) value(t reflect.Type) error {
	c, ok := s.next()
	if !ok {
		return unreadable()
	}
	switch {
	case c == '{' || c == '[':
		if len(s.stack) >= s.budget.Depth {
			return unreadable()
		}
		s.pos++
		s.stack = append(s.stack, open(c == '{', t))
		// A closing bracket at once is handled by run; a comma first is not.
		return nil
	case c == '"':
		_, err := s.text()
		return err
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		if err := s.word("null"); err != nil {
			return err
		}
		if !nullable(t) {
			return s.wrong()
		}
		return nil
	default:
		return s.number(t)
	}
}

func (s *scanner) wrong() error {
	return &fault.Error{Kind: fault.Malformed, Code: "unreadable", Fields: []fault.Field{{Pointer: s.pointer(), Code: "wrong_type"}}}
}

func (s *scanner) next() (byte, bool) {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c, true
		}
	}
	return 0, false
}

func (s *scanner) word(w string) error {
	if !strings.HasPrefix(string(s.data[s.pos:min(len(s.data), s.pos+len(w))]), w) {
		return unreadable()
	}
	s.pos += len(w)
	return nil
}

// number follows RFC 8259; where t is an integer it takes digits only, which
// keeps 1e3, 1.0 and -0 out.
func (s *scanner) number(t reflect.Type) error {
	start := s.pos
	digits := func() int {
		n := 0
		for s.pos < len(s.data) && s.data[s.pos] >= '0' && s.data[s.pos] <= '9' {
			s.pos++
			n++
		}
		return n
	}
	at := func(chars string) bool {
		return s.pos < len(s.data) && strings.IndexByte(chars, s.data[s.pos]) >= 0
	}
	plain := true
	if at("-") {
		s.pos++
	}
	lead := s.pos
	n := digits()
	if n == 0 || n > 1 && s.data[lead] == '0' {
		return unreadable()
	}
	if at(".") {
		s.pos++
		plain = false
		if digits() == 0 {
			return unreadable()
		}
	}
	if at("eE") {
		s.pos++
		plain = false
		if at("+-") {
			s.pos++
		}
		if digits() == 0 {
			return unreadable()
		}
	}
	if s.pos-start > 32 {
		return unreadable()
	}
	if s.data[start] == '-' && n == 1 && s.data[lead] == '0' {
		plain = false
	}
	if !plain && integer(t) {
		return s.wrong()
	}
	return nil
}

// text reads a string and returns it decoded. NUL, lone surrogates and bytes that
// are not UTF-8 are refused: databases and people read them differently.
func (s *scanner) text() (string, error) {
	s.pos++
	start := s.pos
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			raw := s.data[start:s.pos]
			s.pos++
			if len(raw) > s.budget.Text || !utf8.Valid(raw) {
				return "", s.textError(len(raw))
			}
			return string(raw), nil
		case c == '\\':
			return s.escaped(start)
		case c < 0x20:
			return "", unreadable()
		}
		s.pos++
	}
	return "", unreadable()
}

func (s *scanner) textError(n int) error {
	if n > s.budget.Text {
		return s.tooLarge()
	}
	return unreadable()
}

func (s *scanner) escaped(start int) (string, error) {
	out := append([]byte(nil), s.data[start:s.pos]...)
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		s.pos++
		switch {
		case c == '"':
			if len(out) > s.budget.Text || !utf8.Valid(out) {
				return "", s.textError(len(out))
			}
			return string(out), nil
		case c < 0x20:
			return "", unreadable()
		case c != '\\':
			out = append(out, c)
		default:
			if s.pos >= len(s.data) {
				return "", unreadable()
			}
			e := s.data[s.pos]
			s.pos++
			if i := strings.IndexByte(`"\/bfnrt`, e); i >= 0 {
				out = append(out, "\"\\/\b\f\n\r\t"[i])
				continue
			}
			if e != 'u' {
				return "", unreadable()
			}
			r, ok := s.unicode()
			if !ok || r == 0 {
				return "", unreadable()
			}
			out = utf8.AppendRune(out, r)
		}
		if len(out) > s.budget.Text {
			return "", s.tooLarge()
		}
	}
	return "", unreadable()
}

// unicode reads the four digits after \u, and the second half of a pair.
func (s *scanner) unicode() (rune, bool) {
	four := func() (rune, bool) {
		if s.pos+4 > len(s.data) {
			return 0, false
		}
		var r rune
		for _, c := range s.data[s.pos : s.pos+4] {
			d := hexDigit(c)
			if d > 15 {
				return 0, false
			}
			r = r<<4 | rune(d)
		}
		s.pos += 4
		return r, true
	}
	r, ok := four()
	if !ok || r < 0xd800 || r > 0xdfff {
		return r, ok
	}
	if r > 0xdbff || s.pos+2 > len(s.data) || s.data[s.pos] != '\\' || s.data[s.pos+1] != 'u' {
		return 0, false
	}
	s.pos += 2
	low, ok := four()
	if !ok || low < 0xdc00 || low > 0xdfff {
		return 0, false
	}
	return (r-0xd800)<<10 + (low - 0xdc00) + 0x10000, true
}
