package secret

import (
	"fmt"
	"regexp"
	"sort"
	"sync"
)

// Field is the fixed id of a sealed or indexed field, "room.name". It is part
// of every sealed value: once data exist it never changes.
type Field string

// Declared is a registered field with what it is for, in a few plain English
// words: the register of personal data is made of these.
type Declared struct {
	Field   Field
	Purpose string
}

var (
	fieldName = regexp.MustCompile(`^[a-z]+(\.[a-z][a-z0-9_]*)+$`)
	fieldsMu  sync.RWMutex
	fields    = map[Field]Declared{}
)

// Register declares a field; rooms call it once, in a package variable:
//
//	var fieldContact = secret.Register("customer.contact", "to deliver and to answer")
//
// It panics on a malformed or twice declared name: both are faults of the program.
func Register(f Field, purpose string) Field {
	if !fieldName.MatchString(string(f)) || purpose == "" {
		panic(fmt.Sprintf("secret: bad declaration of field %q", f))
	}
	fieldsMu.Lock()
	defer fieldsMu.Unlock()
	if _, ok := fields[f]; ok {
		panic(fmt.Sprintf("secret: field %q declared twice", f))
	}
	fields[f] = Declared{f, purpose}
	return f
}

// Fields lists every declared field by name.
func Fields() []Declared {
	fieldsMu.RLock()
	defer fieldsMu.RUnlock()
	out := make([]Declared, 0, len(fields))
	for _, d := range fields {
		out = append(out, d)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Field < out[j].Field })
	return out
}

func (f Field) check() error {
	fieldsMu.RLock()
	defer fieldsMu.RUnlock()
	if _, ok := fields[f]; !ok {
		return fmt.Errorf("secret: field %q is not declared", f)
	}
	return nil
}
