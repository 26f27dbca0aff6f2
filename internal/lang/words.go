package lang

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"sort"
	"strings"
)

//go:embed words/*.json
var wordsFS embed.FS

type plural int

const (
	one plural = iota
	other
)

// entry holds the compiled sentence of each language and plural form.
type entry struct {
	sv, en [2][]Part
	plural bool
	file   string
}

func (e entry) form(l Lang, p plural) []Part {
	if l == EN {
		return e.en[p]
	}
	return e.sv[p]
}

// catalogue is filled once and read only. A broken file is a broken build, so it panics.
var catalogue = func() map[string]entry {
	c, problems := load(wordsFS)
	if len(problems) > 0 {
		panic("lang: " + strings.Join(problems, "; "))
	}
	return c
}()

var placeholder = regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`)

// load reads all word files and returns what is wrong with them in words.
func load(fsys fs.FS) (map[string]entry, []string) {
	c := map[string]entry{}
	var problems []string
	files, _ := fs.Glob(fsys, "words/*.json")
	sort.Strings(files)
	for _, name := range files {
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			problems = append(problems, name+": "+err.Error())
			continue
		}
		raw, err := objects(b)
		if err != nil {
			problems = append(problems, name+": "+err.Error())
			continue
		}
		for _, kv := range raw {
			e, err := compile(kv.value)
			if err == nil {
				if old, dup := c[kv.key]; dup {
					err = fmt.Errorf("is also in %s", old.file)
				}
			}
			if err != nil {
				problems = append(problems, fmt.Sprintf("%s: %s: %v", name, kv.key, err))
				continue
			}
			e.file = name
			c[kv.key] = e
		}
	}
	return c, problems
}

type pair struct {
	key   string
	value json.RawMessage
}

// objects reads one JSON object keeping duplicates, which encoding/json would hide.
func objects(b []byte) ([]pair, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("not a JSON object (%v)", err)
	}
	var out []pair
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return nil, err
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
		out = append(out, pair{k.(string), v})
	}
	_, err := d.Token()
	return out, err
}

func compile(raw json.RawMessage) (entry, error) {
	var two struct {
		SV json.RawMessage `json:"sv"`
		EN json.RawMessage `json:"en"`
	}
	if err := json.Unmarshal(raw, &two); err != nil {
		return entry{}, err
	}
	var e entry
	sv, svPlural, err := forms(two.SV)
	if err != nil {
		return e, fmt.Errorf("sv: %w", err)
	}
	en, enPlural, err := forms(two.EN)
	if err != nil {
		return e, fmt.Errorf("en: %w", err)
	}
	if svPlural != enPlural {
		return e, fmt.Errorf("plural forms in one language only")
	}
	e.sv, e.en, e.plural = sv, en, svPlural
	if a, b := names(e.sv[other]), names(e.en[other]); a != b {
		return e, fmt.Errorf("placeholders differ: sv %s, en %s", a, b)
	}
	for _, f := range [][2][]Part{e.sv, e.en} {
		for _, p := range f[one] {
			if p.Name != "" && !strings.Contains(","+strings.Trim(names(f[other]), "{}")+",", ","+p.Name+",") {
				return e, fmt.Errorf("placeholder %q stands in the singular only", p.Name)
			}
		}
	}
	return e, nil
}

func forms(raw json.RawMessage) (f [2][]Part, isPlural bool, err error) {
	if len(raw) == 0 {
		return f, false, fmt.Errorf("missing")
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		if strings.TrimSpace(s) == "" {
			return f, false, fmt.Errorf("empty")
		}
		f[one], f[other] = parts(s), parts(s)
		return f, false, nil
	}
	var p struct {
		One   string `json:"one"`
		Other string `json:"other"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return f, true, err
	}
	if p.One == "" || p.Other == "" {
		return f, true, fmt.Errorf(`needs "one" and "other"`)
	}
	f[one], f[other] = parts(p.One), parts(p.Other)
	return f, true, nil
}

func parts(s string) []Part {
	var ps []Part
	at := 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(s, -1) {
		if m[0] > at {
			ps = append(ps, Part{Text: s[at:m[0]]})
		}
		ps = append(ps, Part{Name: s[m[2]:m[3]]})
		at = m[1]
	}
	if at < len(s) || len(ps) == 0 {
		ps = append(ps, Part{Text: s[at:]})
	}
	return ps
}

// names is the sorted set of placeholders, as one comparable string.
func names(ps []Part) string {
	set := map[string]bool{}
	for _, p := range ps {
		if p.Name != "" {
			set[p.Name] = true
		}
	}
	var ns []string
	for n := range set {
		ns = append(ns, n)
	}
	sort.Strings(ns)
	return "{" + strings.Join(ns, ",") + "}"
}
