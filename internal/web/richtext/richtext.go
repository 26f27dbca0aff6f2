package richtext

import (
	"bytes"
	"context"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"
	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"kassavalv/internal/fault"
)

// MaxSource is the most bytes of markdown in one text.
const MaxSource = 100 << 10

// maxNest is how deep quotations and lists may stand in each other; the parser's
// work grows with it.
const maxNest = 12

// Clean checks and normalises markdown before it is stored: valid UTF-8, LF line
// ends, no control characters, at most MaxSource bytes, sane nesting. The faults
// are 422 at the pointer: `too_long`, `bad_text`, `too_deep`.
func Clean(source, pointer string) (string, error) {
	if len(source) > MaxSource {
		return "", fault.Invalid(fault.Field{Pointer: pointer, Code: "too_long"})
	}
	if !utf8.ValidString(source) {
		return "", fault.Invalid(fault.Field{Pointer: pointer, Code: "bad_text"})
	}
	source = strings.ReplaceAll(strings.ReplaceAll(source, "\r\n", "\n"), "\r", "\n")
	source = strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r <= 0x9f {
			return -1
		}
		return r
	}, source)
	source = strings.TrimSpace(source)
	if tooDeep(source) {
		return "", fault.Invalid(fault.Field{Pointer: pointer, Code: "too_deep"})
	}
	return source, nil
}

// HTML is the sanitised HTML of markdown; base (2 to 4) is the level of the
// outermost headings, whichever mark they were written with. Text that Clean would refuse comes out
// as one escaped paragraph.
func HTML(source string, base int) string {
	clean, err := Clean(source, "")
	if err != nil {
		return "<p>" + templ.EscapeString(strings.ToValidUTF8(source[:min(len(source), MaxSource)], "")) + "</p>"
	}
	if clean == "" {
		return ""
	}
	var b bytes.Buffer
	base = min(max(base, 2), 4)
	if err := renderers[base-2].Convert([]byte(clean), &b); err != nil {
		return "<p>" + templ.EscapeString(clean) + "</p>"
	}
	return policy.Sanitize(b.String())
}

// Show is HTML as a component for pages.
func Show(source string, base int) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, HTML(source, base))
		return err
	})
}

// Plain is the text without its marks, for meta descriptions and feeds, cut at a
// word to at most n runes.
func Plain(source string, n int) string {
	t := strict.Sanitize(strings.ReplaceAll(HTML(source, 2), "<", " <"))
	t = strings.Join(strings.Fields(entities.Replace(t)), " ")
	rs := []rune(t)
	if len(rs) <= n {
		return t
	}
	cut := string(rs[:max(0, n-1)])
	if i := strings.LastIndexByte(cut, ' '); i > 0 {
		cut = cut[:i]
	}
	return cut + "…"
}

var entities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#34;", `"`, "&#39;", "'", "&quot;", `"`, "&amp;", "&")

// tooDeep counts the marks at the beginning of a line, which is where nesting
// comes from, and brackets, which make the parser of links look far ahead.
func tooDeep(source string) bool {
	for line := range strings.SplitSeq(source, "\n") {
		indent, marks := 0, 0
		for i := 0; i < len(line); i++ {
			switch c := line[i]; {
			case c == '>':
				marks++
			case c == ' ':
				indent++
			case c == '\t':
				indent += 4
			case (c == '-' || c == '*' || c == '+') && i+1 < len(line) && line[i+1] == ' ':
				marks++
			default:
				i = len(line)
			}
		}
		if marks > maxNest || indent > 4*maxNest {
			return true
		}
		if strings.Count(line, "[") > 200 || strings.Count(line, "`") > 400 || strings.Count(line, "*")+strings.Count(line, "_") > 2000 {
			return true
		}
	}
	return false
}

// The renderers, by base level of headings. Raw HTML is not passed on ("unsafe"
// is off), and what they emit is sanitised all the same.
var renderers = func() (r [3]goldmark.Markdown) {
	for i := range r {
		r[i] = goldmark.New(
			goldmark.WithExtensions(extension.Table, extension.Strikethrough),
			goldmark.WithParserOptions(parser.WithASTTransformers(util.Prioritized(shift{base: i + 2}, 100))),
		)
	}
	return r
}()

// shift gives headings the levels that the page needs, whatever the writer chose:
// the outermost is base, and none is skipped, so that readers can jump by them.
type shift struct{ base int }

func (s shift) Transform(doc *ast.Document, _ text.Reader, _ parser.Context) {
	var open []int // the writer's levels around the heading
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if h, ok := n.(*ast.Heading); ok && entering {
			for len(open) > 0 && open[len(open)-1] >= h.Level {
				open = open[:len(open)-1]
			}
			open = append(open, h.Level)
			h.Level = min(6, s.base+len(open)-1)
		}
		return ast.WalkContinue, nil
	})
}

var (
	policy = newPolicy()
	strict = bluemonday.StrictPolicy()
)

func newPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "em", "strong", "del",
		"blockquote", "code", "pre", "table", "thead", "tbody", "tr", "th", "td")
	p.AllowAttrs("start").Matching(regexp.MustCompile(`^[0-9]{1,4}$`)).OnElements("ol")
	p.AllowAttrs("href").Matching(link).OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto", "tel")
	p.AllowRelativeURLs(true)
	p.RequireParseableURLs(true)
	p.RequireNoFollowOnFullyQualifiedLinks(true)
	p.RequireNoReferrerOnFullyQualifiedLinks(true)
	return p
}

// link: a path of the shop with one slash, a place on the page, or an address with
// one of the four schemes. No backslash, which browsers read as a slash; no name
// before the host, which people read as the host.
var link = regexp.MustCompile(`^(?:/(?:[^/\\\s][^\\\s]*)?|#[A-Za-z0-9_-]+|https?://[\p{L}\p{N}][^/?#@\\\s]*(?:[/?#][^\\\s]*)?|mailto:[^\\\s]+|tel:\+?[0-9()-]+)$`)
