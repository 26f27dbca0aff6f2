package lang

import (
	"sync"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

var matcher = language.NewMatcher([]language.Tag{language.Swedish, language.English})

// Match chooses a language for an Accept-Language header; Swedish when it is
// empty, unreadable or asks for nothing the shop speaks.
func Match(acceptLanguage string) Lang {
	if len(acceptLanguage) > 256 {
		return SV
	}
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil || len(tags) == 0 {
		return SV
	}
	_, i, confidence := matcher.Match(tags...)
	if confidence != language.No && i == 1 {
		return EN
	}
	return SV
}

// A Collator is not safe for concurrent use, hence the pools.
var collators = map[Lang]*sync.Pool{
	SV: {New: func() any { return collate.New(language.Swedish, collate.IgnoreCase) }},
	EN: {New: func() any { return collate.New(language.English, collate.IgnoreCase) }},
}

// Compare orders a and b as a reader of l expects: å, ä, ö after z in Swedish.
// Upper and lower case are equal. It returns −1, 0 or 1.
func Compare(l Lang, a, b string) int {
	p := collators[l.Or()]
	c := p.Get().(*collate.Collator)
	defer p.Put(c)
	return c.CompareString(a, b)
}
