package pdf

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/signintech/gopdf"
)

// Render writes the document. The same Doc gives the same bytes. ErrTooLong
// and ErrBarcode are faults of the content; other errors are internal.
func Render(d Doc) (out []byte, err error) {
	// The library indexes font tables by what it is given; a panic in it must
	// not take a worker along.
	defer func() {
		if v := recover(); v != nil {
			out, err = nil, fmt.Errorf("pdf: panic while writing: %v", v)
		}
	}()
	l := &layout{}
	if err := l.newPage(); err != nil {
		return nil, err
	}
	for _, b := range d.Blocks {
		if err := b.lay(l); err != nil {
			return nil, err
		}
	}
	if err := l.foot(d); err != nil {
		return nil, err
	}
	g := &gopdf.GoPdf{}
	g.Start(gopdf.Config{PageSize: gopdf.Rect{W: pageW, H: pageH}})
	for _, f := range []*face{regular, bold} {
		if err := g.AddTTFFontData(f.name, f.data); err != nil {
			return nil, err
		}
	}
	for _, ops := range l.pages {
		g.AddPage()
		for _, o := range ops {
			if err := draw(g, o); err != nil {
				return nil, err
			}
		}
	}
	raw, err := g.GetBytesPdfReturnErr()
	if err != nil {
		return nil, err
	}
	return amend(raw, d)
}

func (l *layout) foot(d Doc) error {
	foot, err := l.clean(regular, d.Footer)
	if err != nil {
		return err
	}
	total := strconv.Itoa(len(l.pages))
	for i := range l.pages {
		of, err := l.clean(regular, strings.NewReplacer("{n}", strconv.Itoa(i+1), "{m}", total).Replace(d.PageOf))
		if err != nil {
			return err
		}
		of = oneLine(of, bodyW/3)
		y := pageH - 40.0
		ops := []op{{line: true, gray: 200, x: marginX, y: y - 12, w: bodyW}}
		if f := oneLine(foot, bodyW*2/3-20); f != "" {
			ops = append(ops, op{text: f, face: regular, size: sizeSmall, gray: 90, x: marginX, y: y})
		}
		if of != "" {
			ops = append(ops, op{text: of, face: regular, size: sizeSmall, gray: 90, x: marginX + bodyW - regular.width(of, sizeSmall), y: y})
		}
		l.pages[i] = append(l.pages[i], ops...)
	}
	return nil
}

// oneLine cuts cleaned text to one line; a cut shows.
func oneLine(s string, width float64) string {
	s = strings.ReplaceAll(s, "\n", " ")
	ls := regular.wrap(s, sizeSmall, width)
	if len(ls) > 1 {
		return regular.wrap(s, sizeSmall, width-regular.width("…", sizeSmall))[0] + "…"
	}
	return ls[0]
}

func draw(g *gopdf.GoPdf, o op) error {
	switch {
	case o.text != "":
		if err := g.SetFont(o.face.name, "", o.size); err != nil {
			return err
		}
		g.SetTextColor(o.gray, o.gray, o.gray)
		g.SetXY(o.x, o.y)
		return g.Text(o.text)
	case o.line:
		g.SetLineWidth(0.6)
		g.SetStrokeColor(o.gray, o.gray, o.gray)
		g.Line(o.x, o.y, o.x+o.w, o.y)
	default:
		g.SetFillColor(o.gray, o.gray, o.gray)
		g.RectFromUpperLeftWithStyle(o.x, o.y, o.w, o.h, "F")
	}
	return nil
}

// amend appends what the library does not write, as an incremental update: the
// language and the wish to show the title, the facts about the document, and an
// identifier made of the content.
func amend(raw []byte, d Doc) ([]byte, error) {
	i := bytes.LastIndex(raw, []byte("startxref\n"))
	j := bytes.LastIndex(raw, []byte("/Size "))
	if i < 0 || j < 0 || !bytes.Contains(raw, []byte("\n1 0 obj\n")) {
		return nil, errors.New("pdf: the library's trailer is not as known")
	}
	prev := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(string(raw[i+len("startxref\n"):])), "%%EOF"))
	var size int
	if _, err := fmt.Sscanf(string(raw[j:]), "/Size %d", &size); err != nil {
		return nil, err
	}
	if _, err := strconv.Atoi(prev); err != nil {
		return nil, err
	}
	b := bytes.NewBuffer(raw)
	if raw[len(raw)-1] != '\n' {
		b.WriteByte('\n')
	}
	catalog := b.Len()
	b.WriteString("1 0 obj\n<</Type/Catalog/Pages 2 0 R/ViewerPreferences<</DisplayDocTitle true>>")
	if d.Lang != "" {
		b.WriteString("/Lang " + hexText(d.Lang))
	}
	b.WriteString(">>\nendobj\n")
	info := b.Len()
	fmt.Fprintf(b, "%d 0 obj\n<</Title %s/Author %s/Producer %s", size, hexText(d.Title), hexText(d.Author), hexText("Kassavalv"))
	if !d.Date.IsZero() {
		fmt.Fprintf(b, "/CreationDate(D:%sZ)", d.Date.UTC().Truncate(time.Second).Format("20060102150405"))
	}
	b.WriteString(">>\nendobj\n")
	start := b.Len()
	id := sha256.Sum256(b.Bytes())
	fmt.Fprintf(b, "xref\n0 2\n0000000000 65535 f \n%010d 00000 n \n%d 1\n%010d 00000 n \n", catalog, size, info)
	fmt.Fprintf(b, "trailer\n<</Size %d/Root 1 0 R/Info %d 0 R/Prev %s/ID[<%x><%x>]>>\nstartxref\n%d\n%%%%EOF\n",
		size+1, size, prev, id[:16], id[:16], start)
	return b.Bytes(), nil
}

// hexText writes s as a UTF-16 string in hex, which needs no escaping.
func hexText(s string) string {
	var b strings.Builder
	b.WriteString("<FEFF")
	for _, u := range utf16.Encode([]rune(strings.ToValidUTF8(s, "\ufffd"))) {
		fmt.Fprintf(&b, "%04X", u)
	}
	b.WriteString(">")
	return b.String()
}
