package search

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// form is a word as texts write it, with the term it counts as.
type form struct{ t *term }

// words gives every term of the texts, some of them more than once.
func (e *engine) words(texts []Field, note func(*term, uint8)) {
	for _, f := range texts {
		if f.Exact {
			if code := strings.Map(keepCode, f.Text); code != "" && len(code) <= 100 {
				t := e.term(code)
				t.code = true
				note(t, f.Weight)
			}
			continue
		}
		for _, w := range Words(f.Text, 400) {
			note(e.form(w), f.Weight)
		}
		// T-shirt is looked for as tshirt, too.
		if strings.IndexByte(f.Text, '-') > 0 {
			for _, w := range hyphened(f.Text) {
				note(e.form(w), f.Weight)
			}
		}
	}
}

// hyphened are the words of a text that a hyphen joins, written as one.
func hyphened(s string) (out []string) {
	for _, f := range strings.Fields(s) {
		if a, b, ok := strings.Cut(strings.Trim(f, ".,;:!?()"), "-"); ok && a != "" && b != "" && len(out) < 50 {
			if ws := Words(a+b, 2); len(ws) == 1 {
				out = append(out, ws[0])
			}
		}
	}
	return
}

// form is the term of a word of a text.
func (e *engine) form(w string) *term {
	if f := e.stems[w]; f != nil {
		return f.t
	}
	w = strings.Clone(w) // not the whole text with it
	t := e.term(Stem(w))
	e.stems[w] = &form{t}
	if !isASCII(w) {
		e.fold(t, Fold(w))
		// The stem of what is typed without marks may be shorter; not so much
		// shorter that it is another word.
		if s := Stem(Fold(w)); len(s)+2 >= len(t.fold) {
			e.fold(t, s)
		}
	}
	return t
}

// term finds or makes a term.
func (e *engine) term(w string) *term {
	t := e.terms[w]
	if t == nil {
		w = strings.Clone(w)
		t = &term{word: w, fold: Fold(w), n: utf8.RuneCountInString(w)}
		t.mask, t.fmask = mask(w), mask(t.fold)
		e.terms[w] = t
		e.fresh = append(e.fresh, t)
		if t.fold != w {
			e.fold(t, t.fold)
		}
	}
	return t
}

func (e *engine) fold(t *term, key string) {
	if key != t.word && !slices.Contains(e.folded[key], t) {
		e.folded[key] = append(e.folded[key], t)
	}
}

func byFold(a, b *term) int {
	return cmp.Or(strings.Compare(a.fold, b.fold), strings.Compare(a.word, b.word))
}

func byEnd(a, b backward) int {
	return cmp.Or(strings.Compare(a.r, b.r), strings.Compare(a.t.word, b.t.word))
}

// learn puts new terms where searches look: a few are inserted, many are sorted
// in.
func (e *engine) learn() {
	for _, t := range e.fresh {
		if t.n <= maxWord && !strings.ContainsAny(t.word, "0123456789") {
			b := &e.slip[t.n]
			b.masks, b.fmasks, b.terms = append(b.masks, t.mask), append(b.fmasks, t.fmask), append(b.terms, t)
		}
		if len(e.fresh) > 100 {
			e.vocab = append(e.vocab, t)
			e.rvocab = append(e.rvocab, backward{reverse(t.fold), t})
			continue
		}
		i, _ := slices.BinarySearchFunc(e.vocab, t, byFold)
		e.vocab = slices.Insert(e.vocab, i, t)
		r := backward{reverse(t.fold), t}
		i, _ = slices.BinarySearchFunc(e.rvocab, r, byEnd)
		e.rvocab = slices.Insert(e.rvocab, i, r)
	}
	if len(e.fresh) > 100 {
		slices.SortFunc(e.vocab, byFold)
		slices.SortFunc(e.rvocab, byEnd)
	}
	e.fresh = nil
}

// relearn makes the vocabulary anew from the terms.
func (e *engine) relearn() {
	e.vocab, e.rvocab, e.slip, e.fresh, e.folded = nil, nil, [maxWord + 1]bucket{}, nil, map[string][]*term{}
	for _, t := range e.terms {
		e.fresh = append(e.fresh, t)
		if t.fold != t.word {
			e.fold(t, t.fold)
		}
	}
	for w, f := range e.stems {
		if !isASCII(w) {
			e.fold(f.t, Fold(w))
			if s := Stem(Fold(w)); len(s)+2 >= len(f.t.fold) {
				e.fold(f.t, s)
			}
		}
	}
	e.learn()
}

// beginning calls fn for the terms whose folded word begins with p, until fn is
// content.
func (e *engine) beginning(p string, fn func(*term) bool) {
	for i := sort.Search(len(e.vocab), func(i int) bool { return e.vocab[i].fold >= p }); i < len(e.vocab) && strings.HasPrefix(e.vocab[i].fold, p); i++ {
		if !fn(e.vocab[i]) {
			return
		}
	}
}

// ending is beginning for ends.
func (e *engine) ending(p string, fn func(*term) bool) {
	r := reverse(p)
	for i := sort.Search(len(e.rvocab), func(i int) bool { return e.rvocab[i].r >= r }); i < len(e.rvocab) && strings.HasPrefix(e.rvocab[i].r, r); i++ {
		if !fn(e.rvocab[i].t) {
			return
		}
	}
}

// lives reports whether a living document has the term.
func (e *engine) lives(t *term) bool {
	for i := len(t.post) - 1; i >= 0; i-- {
		if e.alive.has(t.post[i].slot) {
			return true
		}
	}
	return false
}

func reverse(s string) string {
	if isASCII(s) {
		b := []byte(s)
		slices.Reverse(b)
		return string(b)
	}
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}
