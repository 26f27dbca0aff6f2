package intake

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// toMarkdown turns another shop's HTML into the Markdown of descriptions. Only
// words, headings, lists, emphasis, quotations, breaks and links come through;
// scripts, styles, frames, forms and pictures are dropped with what is in them.
// With breaks, and in a text without any tag, line breaks of the source count.
// The result holds no raw HTML: a Markdown reader that allows it finds none.
func toMarkdown(s string, breaks bool) string {
	if strings.TrimSpace(s) == "" {
		return ""
	}
	if !strings.ContainsAny(s, "<") {
		breaks = true
	}
	m := &markdown{breaks: breaks}
	z := html.NewTokenizer(strings.NewReader(s))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return m.end()
		case html.TextToken:
			if m.skip == 0 {
				m.text(string(z.Text()))
			}
		case html.StartTagToken:
			m.open(z.Token(), false)
		case html.SelfClosingTagToken:
			m.open(z.Token(), true)
		case html.EndTagToken:
			m.close(z.Token())
		}
	}
}

// markdown writes blocks: lines of inline text, each with the marks of the
// lists and quotations around it.
type markdown struct {
	breaks bool
	out    strings.Builder
	line   strings.Builder // inline text of the block that is being written
	space  bool            // a space is due before the next word
	skip   int             // inside of this many dropped elements
	lists  []list
	quote  int
	prefix string // of the next block: "## ", "- "
	strong bool
	em     bool
	// where in line the text of an open mark begins
	strongAt, emAt int
	href           string
	link           strings.Builder
	inLink         bool
	tight          bool // the next block follows the last without a blank line
}

type list struct {
	ordered bool
	n       int
}

// dropped elements go with all they hold.
var dropped = map[atom.Atom]bool{atom.Script: true, atom.Style: true, atom.Iframe: true, atom.Object: true, atom.Noscript: true, atom.Template: true, atom.Svg: true,
	atom.Math: true, atom.Form: true, atom.Select: true, atom.Textarea: true, atom.Head: true, atom.Title: true, atom.Video: true, atom.Audio: true, atom.Canvas: true, atom.Button: true}

// maxDepth of lists in lists; deeper ones are written at this depth.
const maxDepth = 5

func (m *markdown) open(t html.Token, self bool) {
	if dropped[t.DataAtom] {
		if !self {
			m.skip++
		}
		return
	}
	if m.skip > 0 {
		return
	}
	switch t.DataAtom {
	case atom.Br:
		m.softBreak()
	case atom.P, atom.Div, atom.Section, atom.Article, atom.Table, atom.Dl, atom.Dt, atom.Dd, atom.Figure, atom.Header, atom.Footer, atom.Pre, atom.Hr, atom.Caption:
		m.block()
	case atom.Tr:
		m.block()
	case atom.Td, atom.Th:
		if m.line.Len() > 0 {
			m.word(" – ")
		}
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		m.block()
		m.prefix = map[bool]string{true: "### ", false: "## "}[t.Data > "h2"]
	case atom.Ul, atom.Ol:
		m.block()
		m.lists = append(m.lists, list{ordered: t.DataAtom == atom.Ol})
	case atom.Li:
		m.block()
		if len(m.lists) == 0 {
			m.lists = append(m.lists, list{})
		}
		l := &m.lists[len(m.lists)-1]
		l.n++
		m.prefix = "- "
		if l.ordered {
			m.prefix = strconv.Itoa(min(l.n, 999)) + ". "
		}
	case atom.Blockquote:
		m.block()
		m.quote++
	case atom.Strong, atom.B:
		m.mark(&m.strong, true)
	case atom.Em, atom.I:
		m.mark(&m.em, true)
	case atom.A:
		m.endLink()
		for _, a := range t.Attr {
			if a.Key == "href" {
				m.href = address(a.Val)
			}
		}
		m.inLink = m.href != ""
	}
}

func (m *markdown) close(t html.Token) {
	if dropped[t.DataAtom] {
		m.skip = max(0, m.skip-1)
		return
	}
	if m.skip > 0 {
		return
	}
	switch t.DataAtom {
	case atom.P, atom.Div, atom.Section, atom.Article, atom.Table, atom.Tr, atom.Dl, atom.Dt, atom.Dd, atom.Figure, atom.Header, atom.Footer, atom.Pre, atom.Caption,
		atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Li:
		m.block()
		m.prefix = ""
	case atom.Ul, atom.Ol:
		m.block()
		m.prefix = ""
		if len(m.lists) > 0 {
			m.lists = m.lists[:len(m.lists)-1]
		}
	case atom.Blockquote:
		m.block()
		m.quote = max(0, m.quote-1)
	case atom.Strong, atom.B:
		m.mark(&m.strong, false)
	case atom.Em, atom.I:
		m.mark(&m.em, false)
	case atom.A:
		m.endLink()
	}
}

// text writes words, whose entities the tokenizer has resolved.
func (m *markdown) text(s string) {
	s = strings.ToValidUTF8(s, "")
	if m.breaks {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
		for i, para := range strings.Split(s, "\n\n") {
			if i > 0 {
				m.block()
			}
			for j, l := range strings.Split(para, "\n") {
				if j > 0 {
					m.softBreak()
				}
				m.words(l)
			}
		}
		return
	}
	m.words(s)
}

func (m *markdown) words(s string) {
	start := -1
	for i, r := range s {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u200b' || r == '\ufeff' {
			if start >= 0 {
				m.word(escape(s[start:i]))
				start = -1
			}
			m.space = true
			continue
		}
		if start < 0 {
			start = i
		}
	}
	if start >= 0 {
		m.word(escape(s[start:]))
	}
}

// word writes text that is escaped already.
func (m *markdown) word(s string) {
	b := &m.line
	if m.inLink {
		b = &m.link
	}
	if m.space && b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
		b.WriteByte(' ')
	} else if m.space && m.inLink && m.line.Len() > 0 && b.Len() == 0 && !strings.HasSuffix(m.line.String(), "\n") {
		m.line.WriteByte(' ')
	}
	m.space = false
	b.WriteString(s)
}

// mark opens or closes emphasis. Marks must touch their words, so an open one
// takes the space that is due before it, and an empty one is taken back.
func (m *markdown) mark(on *bool, want bool) {
	if *on == want || m.inLink {
		return
	}
	sign, at := "**", &m.strongAt
	if on == &m.em {
		sign, at = "*", &m.emAt
	}
	*on = want
	if want {
		if m.space && m.line.Len() > 0 && !strings.HasSuffix(m.line.String(), "\n") {
			m.line.WriteByte(' ')
		}
		m.space = false
		m.line.WriteString(sign)
		*at = m.line.Len()
		return
	}
	s := m.line.String()
	if len(s) <= *at {
		m.line.Reset()
		m.line.WriteString(s[:max(0, len(s)-len(sign))])
		return
	}
	if t, ok := strings.CutSuffix(s, "\n"); ok {
		m.line.Reset()
		m.line.WriteString(t + sign + "\n")
		return
	}
	m.line.WriteString(sign)
}

func (m *markdown) endLink() {
	if !m.inLink {
		m.href = ""
		return
	}
	m.inLink = false
	text := strings.TrimSpace(strings.ReplaceAll(m.link.String(), "\n", " "))
	m.link.Reset()
	if text != "" {
		if s, ok := strings.CutSuffix(m.line.String(), "!"); ok && !m.space {
			m.line.Reset()
			m.line.WriteString(s + "\\!") // or it would be a picture
		}
		m.word("[" + text + "](" + m.href + ")")
	}
	m.href = ""
}

func (m *markdown) softBreak() {
	m.space = false
	if m.inLink {
		m.space = true
		return
	}
	if m.line.Len() > 0 && !strings.HasSuffix(m.line.String(), "\n") {
		m.line.WriteByte('\n')
	}
}

// block ends the block that is being written.
func (m *markdown) block() {
	m.endLink()
	m.mark(&m.em, false)
	m.mark(&m.strong, false)
	m.space = false
	text := strings.TrimSpace(m.line.String())
	m.line.Reset()
	if text == "" {
		return
	}
	item := m.prefix != "" && !strings.HasPrefix(m.prefix, "#")
	indent := ""
	depth := min(len(m.lists), maxDepth)
	if depth > 0 {
		if item {
			depth--
		}
		indent = strings.Repeat("   ", depth)
	}
	quote := strings.Repeat("> ", min(m.quote, maxDepth))
	if m.out.Len() > 0 {
		m.out.WriteByte('\n')
		if !item || !m.tight {
			m.out.WriteString(strings.TrimSpace(quote) + "\n")
		}
	}
	m.tight = item
	prefix := m.prefix
	m.prefix = ""
	if strings.HasPrefix(prefix, "#") {
		text = strings.ReplaceAll(text, "\n", " ")
	}
	hang := strings.Repeat(" ", len(prefix))
	for i, l := range strings.Split(text, "\n") {
		if i > 0 {
			m.out.WriteString("\\\n") // a backslash at the end is a line break
			prefix = hang
		}
		m.out.WriteString(quote + indent + prefix + lineStart(strings.TrimSpace(l)))
	}
}

func (m *markdown) end() string {
	m.block()
	return strings.TrimSpace(m.out.String())
}

// escape keeps what is only text from being read as Markdown or HTML.
func escape(s string) string {
	if !strings.ContainsAny(s, "\\`*_[]<&~|") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\\', '`', '*', '[', ']', '<', '~', '|':
			b.WriteByte('\\')
		case '_':
			if i == 0 || i == len(s)-1 || !letter(s[i-1]) || !letter(s[i+1]) {
				b.WriteByte('\\')
			}
		case '&':
			if i+1 < len(s) && (letter(s[i+1]) || s[i+1] == '#') {
				b.WriteByte('\\')
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}

// lineStart escapes what would make a line a heading, a list or a quotation.
func lineStart(s string) string {
	if s == "" {
		return s
	}
	switch s[0] {
	case '#', '>', '-', '+', '=':
		return "\\" + s
	}
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	if i > 0 && i < len(s) && (s[i] == '.' || s[i] == ')') {
		return s[:i] + "\\" + s[i:]
	}
	return s
}

// address is a link that may stand in a description, or "".
func address(s string) string {
	s = strings.TrimSpace(s)
	u, err := url.Parse(s)
	if err != nil || len(s) > 2000 {
		return ""
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		if u.Host == "" {
			return ""
		}
	case "mailto", "tel":
	default:
		return "" // paths led somewhere in the other shop
	}
	return strings.NewReplacer("(", "%28", ")", "%29", "<", "%3C", ">", "%3E", " ", "%20", "\\", "%5C", "\n", "", "\r", "").Replace(u.String())
}
