package lesson

import (
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"kassavalv/internal/auth"
	"kassavalv/internal/lang"
)

// A lesson is a text file:
//
//	lesson phishing            its name, for ever
//	version 1                  raised when it is due again for everybody
//	for all                    or rights: for refunds.write cases.write
//
//	= sv                       then the words of each language
//	# Title
//	> One line: what one can do afterwards.
//	A paragraph a line.
//	## Heading
//	* item of a list
//	? A question
//	+ the right answer
//	  and why it is right
//	- a wrong one
//	  and why it is wrong
//
// Empty lines mean nothing. Questions stand after the text.

//go:embed text/*.lesson
var textFS embed.FS

// Lesson is one lesson in all languages.
type Lesson struct {
	ID      string
	Version int64
	For     []auth.Right // whom it is for: who holds one of them; none: everybody
	words   map[lang.Lang]Text
}

// Text is a lesson in one language.
type Text struct {
	Title, Lead string
	Parts       []Part
	Questions   []Question
}

// Part is a part of the text; exactly one field is set.
type Part struct {
	Heading, Text string
	List          []string
}

// Question has one right answer.
type Question struct {
	Text    string
	Answers []Answer
}

// Answer is one choice, with why it is right or wrong.
type Answer struct {
	Text, Why string
	Right     bool
}

// In is the lesson in a language.
func (l Lesson) In(s lang.Lang) Text { return l.words[s.Or()] }

// Minutes is how long it takes to read, questions and all.
func (l Lesson) Minutes(s lang.Lang) int {
	return (l.In(s).count() + wordsAMinute - 1) / wordsAMinute
}

// wordsAMinute is how fast adults read to learn: slower than the 238 words a minute
// that people read plain text at (Brysbaert 2019, a review of 190 studies).
const wordsAMinute = 200

// Bounds of a lesson.
const (
	minMinutes, maxMinutes     = 2, 4
	minQuestions, maxQuestions = 3, 5
	minAnswers, maxAnswers     = 3, 4
)

func (t Text) count() int {
	n := 0
	add := func(s string) { n += len(strings.Fields(s)) }
	add(t.Title)
	add(t.Lead)
	for _, p := range t.Parts {
		add(p.Heading)
		add(p.Text)
		for _, i := range p.List {
			add(i)
		}
	}
	for _, q := range t.Questions {
		add(q.Text)
		for _, a := range q.Answers {
			add(a.Text) // reasons are read one by one, after answering
		}
	}
	return n
}

// Concerns reports whether the lesson is for who holds the rights.
func (l Lesson) Concerns(rights []auth.Right) bool {
	if len(l.For) == 0 {
		return true
	}
	for _, r := range l.For {
		if slices.Contains(rights, r) {
			return true
		}
	}
	return false
}

// all is filled once and read only. A broken lesson is a broken build, so it panics.
var all = func() []Lesson {
	ls, err := load(textFS)
	if err != nil {
		panic(err)
	}
	return ls
}()

// All lists the lessons in their order.
func All() []Lesson { return slices.Clone(all) }

// ByID finds a lesson.
func ByID(id string) (Lesson, bool) {
	for _, l := range all {
		if l.ID == id {
			return l, true
		}
	}
	return Lesson{}, false
}

func load(f fs.FS) ([]Lesson, error) {
	names, err := fs.Glob(f, "text/*.lesson")
	if err != nil {
		return nil, err
	}
	var out []Lesson
	seen := map[string]string{}
	for _, n := range names {
		b, err := fs.ReadFile(f, n)
		if err != nil {
			return nil, err
		}
		l, err := parse(string(b))
		if err != nil {
			return nil, fmt.Errorf("lesson: %s: %w", n, err)
		}
		if old := seen[l.ID]; old != "" {
			return nil, fmt.Errorf("lesson: %s: %s is the name of %s too", n, l.ID, old)
		}
		seen[l.ID] = n
		out = append(out, l)
	}
	return out, nil
}

var idForm = regexp.MustCompile(`^[a-z][a-z0-9_]{1,40}$`)

// parse reads one file.
func parse(s string) (Lesson, error) {
	l := Lesson{words: map[lang.Lang]Text{}}
	var in lang.Lang
	var t Text
	end := func() error {
		if in == "" {
			return nil
		}
		if _, twice := l.words[in]; twice {
			return fmt.Errorf("%s twice", in)
		}
		if err := t.check(); err != nil {
			return fmt.Errorf("%s: %w", in, err)
		}
		l.words[in], t = t, Text{}
		return nil
	}
	for i, line := range strings.Split(s, "\n") {
		bad := func(format string, args ...any) error {
			return fmt.Errorf("line %d: %s", i+1, fmt.Sprintf(format, args...))
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		if strings.TrimRight(line, " ") != line || strings.ContainsFunc(line, unicode.IsControl) {
			return l, bad("spaces at the end, or a character that no keyboard sends")
		}
		mark, rest, _ := strings.Cut(line, " ")
		if in == "" && mark != "=" {
			switch mark {
			case "lesson":
				l.ID = rest
			case "version":
				l.Version, _ = strconv.ParseInt(rest, 10, 64)
			case "for":
				if rest == "all" {
					continue
				}
				for _, r := range strings.Fields(rest) {
					if !slices.Contains(auth.AllRights, auth.Right(r)) || slices.Contains(l.For, auth.Right(r)) {
						return l, bad("%q is no right, or stands twice", r)
					}
					l.For = append(l.For, auth.Right(r))
				}
				if len(l.For) == 0 {
					return l, bad("for whom?")
				}
			default:
				return l, bad("%q does not belong in the head", mark)
			}
			continue
		}
		if mark == "=" {
			if err := end(); err != nil {
				return l, err
			}
			in = lang.Lang(rest)
			if !slices.Contains(lang.All, in) {
				return l, bad("%q is no language of ours", rest)
			}
			continue
		}
		if err := t.line(line, mark, rest); err != nil {
			return l, bad("%v", err)
		}
	}
	if err := end(); err != nil {
		return l, err
	}
	return l, l.check()
}

// line takes one line of a language's words.
func (t *Text) line(line, mark, rest string) error {
	asking := len(t.Questions) > 0
	switch {
	case mark == "#" && t.Title == "":
		t.Title = rest
	case mark == ">" && t.Lead == "":
		t.Lead = rest
	case mark == "?":
		t.Questions = append(t.Questions, Question{Text: rest})
	case asking:
		q := &t.Questions[len(t.Questions)-1]
		switch {
		case mark == "+" || mark == "-":
			q.Answers = append(q.Answers, Answer{Text: rest, Right: mark == "+"})
		case strings.HasPrefix(line, "  ") && len(q.Answers) > 0 && q.Answers[len(q.Answers)-1].Why == "":
			q.Answers[len(q.Answers)-1].Why = strings.TrimSpace(line)
		default:
			return fmt.Errorf("neither an answer nor its reason: %q", line)
		}
	case mark == "##":
		t.Parts = append(t.Parts, Part{Heading: rest})
	case mark == "*":
		if n := len(t.Parts); n > 0 && t.Parts[n-1].List != nil {
			t.Parts[n-1].List = append(t.Parts[n-1].List, rest)
			return nil
		}
		t.Parts = append(t.Parts, Part{List: []string{rest}})
	case unicode.IsLetter([]rune(line)[0]) || line[0] == '"':
		t.Parts = append(t.Parts, Part{Text: line})
	default:
		return fmt.Errorf("a line that means nothing: %q", line)
	}
	return nil
}

func (t Text) check() error {
	if t.Title == "" || t.Lead == "" || len(t.Parts) == 0 {
		return fmt.Errorf("title, lead or text is missing")
	}
	if n := len(t.Questions); n < minQuestions || n > maxQuestions {
		return fmt.Errorf("%d questions, want %d to %d", n, minQuestions, maxQuestions)
	}
	for i, q := range t.Questions {
		right := 0
		seen := map[string]bool{}
		for _, a := range q.Answers {
			if a.Text == "" || a.Why == "" || seen[a.Text] {
				return fmt.Errorf("question %d: an answer without words or reason, or twice the same", i+1)
			}
			seen[a.Text] = true
			if a.Right {
				right++
			}
		}
		if n := len(q.Answers); q.Text == "" || n < minAnswers || n > maxAnswers || right != 1 {
			return fmt.Errorf("question %d: %d answers of which %d right, want %d to %d of which one", i+1, n, right, minAnswers, maxAnswers)
		}
	}
	return nil
}

func (l Lesson) check() error {
	if !idForm.MatchString(l.ID) || l.Version < 1 {
		return fmt.Errorf("bad name %q or version %d", l.ID, l.Version)
	}
	first := l.words[lang.SV]
	for _, s := range lang.All {
		t, ok := l.words[s]
		if !ok {
			return fmt.Errorf("%s is missing", s)
		}
		if m := l.Minutes(s); m < minMinutes || m > maxMinutes {
			return fmt.Errorf("%s takes %d minutes, want %d to %d", s, m, minMinutes, maxMinutes)
		}
		if a, b := first.shape(), t.shape(); a != b {
			return fmt.Errorf("%s has another shape than %s: %s, %s", s, lang.SV, b, a)
		}
	}
	return nil
}

// shape is a text without its words: what two languages must share, the places of the
// right answers included, because an answer is known by its place.
func (t Text) shape() string {
	var b strings.Builder
	for _, p := range t.Parts {
		switch {
		case p.Heading != "":
			b.WriteByte('h')
		case p.List != nil:
			fmt.Fprintf(&b, "l%d", len(p.List))
		default:
			b.WriteByte('p')
		}
	}
	for _, q := range t.Questions {
		b.WriteByte('q')
		for _, a := range q.Answers {
			if a.Right {
				b.WriteByte('+')
			} else {
				b.WriteByte('-')
			}
		}
	}
	return b.String()
}
