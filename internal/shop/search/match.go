package search

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// scratch is the memory of one match: a score for each slot, and which slots
// were touched, so that only those are wiped.
type scratch struct {
	total, word []float32
	count       []uint8 // how many of the words the slot has
	touched     []uint32
	ofWord      []uint32
}

var scratches = sync.Pool{New: func() any { return &scratch{} }}

func (s *scratch) grow(n int) {
	if len(s.total) < n {
		s.total, s.word, s.count = make([]float32, n+n/8), make([]float32, n+n/8), make([]uint8, n+n/8)
	}
}

func (s *scratch) clear() {
	for _, k := range s.touched {
		s.total[k], s.count[k] = 0, 0
	}
	s.touched = s.touched[:0]
}

// how is a term that may stand for a word, and how well it does.
type how struct {
	t *term
	w float32
}

// match finds the slots that have every word in some form, and leaves their
// scores in sc. When nothing has a word and it may be a slip, its neighbours are
// tried. A whole SKU or GTIN finds what has it, and nothing else.
func (e *engine) match(sc *scratch, words []string, text string) (bitmap, string) {
	sc.grow(len(e.docs))
	if t := e.terms[strings.Map(keepCode, text)]; t != nil && t.code && strings.ContainsAny(strings.TrimSpace(text), "0123456789-_/.") && e.lives(t) {
		e.score(sc, []how{{t, 1}}, 0)
		return e.hits(sc, 1), ""
	}
	corrected := false
	fixed := slices.Clone(words)
	n := uint8(0)
	for i, w := range words {
		hs := e.ways(w, i == len(words)-1)
		if len(hs) == 0 {
			hs = e.split(w)
		}
		if len(hs) == 0 {
			if hs = e.slips(w); len(hs) > 0 {
				corrected = true
				fixed[i] = hs[0].t.word
			}
		}
		if len(hs) == 0 {
			continue // a word nobody knows does not empty the list if others are known
		}
		e.score(sc, hs, n)
		n++
	}
	hit := e.hits(sc, n)
	if corrected {
		return hit, strings.Join(fixed, " ")
	}
	return hit, ""
}

// hits are the slots that have n words; none for 0.
func (e *engine) hits(sc *scratch, n uint8) bitmap {
	hit := make(bitmap, len(e.alive))
	for _, s := range sc.touched {
		if sc.count[s] == n {
			hit.set(s)
		}
	}
	return hit
}

// score adds one word's best way to each slot that had the n words before it.
func (e *engine) score(sc *scratch, hs []how, n uint8) {
	for _, h := range hs {
		for _, p := range h.t.post {
			if n > 0 && sc.count[p.slot] != n || !e.alive.has(p.slot) {
				continue
			}
			v := float32(p.weight) * h.w
			if old := sc.word[p.slot]; old == 0 {
				sc.ofWord = append(sc.ofWord, p.slot)
				sc.word[p.slot] = v
			} else if v > old {
				sc.word[p.slot] = v
			}
		}
	}
	// Rare words weigh more; how rare is a matter of the word that was asked for,
	// not of the form that was found.
	rare := idf(len(e.docs)-e.dead, len(sc.ofWord))
	for _, s := range sc.ofWord {
		if n == 0 {
			sc.touched = append(sc.touched, s)
		}
		sc.total[s] += sc.word[s] * rare
		sc.count[s] = n + 1
		sc.word[s] = 0
	}
	sc.ofWord = sc.ofWord[:0]
}

// idf weighs rare words more; a coarse integer logarithm is enough.
func idf(docs, in int) float32 {
	if in <= 0 {
		return 0
	}
	return 1 + 0.35*float32(max(0, bits.Len(uint(docs/in))-1))
}

// Bounds of what one word may stand for.
const (
	maxHeads  = 1000
	maxBegins = 500
	maxSlips  = 8
)

// ways lists the terms that a word means: itself, its stem, the same without
// marks, compounds that end with it, and words that begin with it. last is the
// word that is still being typed.
func (e *engine) ways(w string, last bool) []how {
	var out []how
	seen := map[*term]bool{}
	add := func(t *term, weight float32) {
		if t != nil && !seen[t] {
			seen[t] = true
			out = append(out, how{t, weight})
		}
	}
	stem := Stem(w)
	plain := isASCII(w) // typed without marks: marks may be meant
	add(e.terms[w], 1)
	add(e.terms[stem], 1)
	if plain {
		for _, k := range []string{w, stem} {
			for _, t := range e.folded[k] {
				add(t, 0.9)
			}
		}
	} else {
		add(e.terms[Fold(w)], 0.9)
		add(e.terms[Fold(stem)], 0.9)
	}
	runes, n := utf8.RuneCountInString(w), utf8.RuneCountInString(stem)
	if n < 3 {
		return out
	}
	// vinterjackor ends with jack: its head is what was asked for.
	left := maxHeads
	e.ending(Fold(stem), func(t *term) bool {
		left--
		front := t.n - n
		if front < 3 || !plain && !strings.HasSuffix(t.word, stem) {
			return left > 0
		}
		of := frontOf(t.word, front)
		if !strings.ContainsAny(of, vowels) || strings.ContainsAny(of, "0123456789") {
			return left > 0
		}
		if n >= 4 || runes >= 5 || front >= 4 || e.known(of) {
			add(t, 0.8)
		}
		return left > 0
	})
	begins := func(p string, weight float32) {
		left := maxBegins
		e.beginning(Fold(p), func(t *term) bool {
			left--
			if plain || strings.HasPrefix(t.word, p) {
				add(t, weight)
			}
			return left > 0
		})
	}
	if last {
		begins(w, 0.7)
	}
	if n >= 4 {
		begins(stem, 0.55)
		if u := whole(stem); u != "" {
			begins(u, 0.55) // nycklar: nyckelskåp
		}
	}
	return out
}

// frontOf is the first n runes.
func frontOf(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// whole gives back the e that trim took: nyckl is nyckel.
func whole(stem string) string {
	if l := len(stem); l >= 4 && stem[l-1] == 'l' && !strings.ContainsAny(stem[l-2:l-1], vowels+"l") {
		return stem[:l-1] + "el"
	}
	return ""
}

// known reports whether the front part of a compound is a word of the shop,
// with or without the s or e that joins it.
func (e *engine) known(front string) bool {
	if e.terms[front] != nil || e.terms[Stem(front)] != nil {
		return true
	}
	for _, j := range []string{"s", "e", "a", "o", "u"} {
		if f, ok := strings.CutSuffix(front, j); ok && (e.terms[f] != nil || e.terms[Stem(f)] != nil) {
			return true
		}
	}
	return false
}

// split reads a compound that no product has as its two parts, and finds goods
// by its head: "yllepläd" finds the plaid.
func (e *engine) split(w string) []how {
	r := []rune(w)
	var out []how
	for i := 3; i <= len(r)-3; i++ {
		front := string(r[:i])
		t := e.terms[Stem(string(r[i:]))]
		if t == nil || t.n < 3 || !e.lives(t) || !e.known(front) && (t.n < 4 || i < 4) {
			continue
		}
		out = append(out, how{t, 0.6})
		if f := e.terms[Stem(front)]; f != nil {
			out = append(out, how{f, 0.3})
		}
	}
	return out
}

// slips lists the terms one edit away (words of four letters and more) or two
// (of eight and more), nearest and commonest first.
func (e *engine) slips(w string) []how {
	stem := Stem(w)
	n := utf8.RuneCountInString(stem)
	k := 0
	switch long := utf8.RuneCountInString(w); {
	case long >= 8:
		k = 2
	case long >= 4:
		k = 1
	default:
		return nil
	}
	folded := Fold(stem)
	m, fm := mask(stem), mask(folded)
	rs, fr := []rune(stem), []rune(folded)
	var buf [maxWord]rune
	runes := func(s string) []rune {
		out := buf[:0]
		for _, r := range s {
			out = append(out, r)
		}
		return out
	}
	var out []how
	for l := max(1, n-k); l <= min(maxWord, n+k); l++ {
		b := &e.slip[l]
		for i, tm := range b.masks {
			near, fnear := bits.OnesCount32(tm^m) <= 2*k, bits.OnesCount32(b.fmasks[i]^fm) <= 2*k
			if !near && !fnear {
				continue
			}
			t := b.terms[i]
			weight := float32(0)
			switch tr := runes(t.word); {
			case near && within(rs, tr, 1):
				weight = 0.6
			case near && k == 2 && within(rs, tr, 2):
				weight = 0.35
			case fnear && (t.fold != t.word || folded != stem) && within(fr, runes(t.fold), k):
				weight = 0.3
			}
			if weight > 0 && e.lives(t) {
				out = append(out, how{t, weight})
			}
		}
	}
	slices.SortFunc(out, func(a, b how) int {
		return cmp.Or(cmp.Compare(b.w, a.w), cmp.Compare(len(b.t.post), len(a.t.post)), strings.Compare(a.t.word, b.t.word))
	})
	return out[:min(len(out), maxSlips)]
}
