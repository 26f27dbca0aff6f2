package pdf

// Sizes in points on A4.
const (
	pageW, pageH = 595.28, 841.89
	marginX      = 54.0
	marginTop    = 54.0
	bottom       = pageH - 72 // where the foot begins
	bodyW        = pageW - 2*marginX

	sizeBody  = 10.0
	sizeSmall = 8.0
)

func lineOf(size float64) float64 { return size * 1.4 }

// op is one mark on a page: a text (baseline at x, y), a line (to x2, y2) or a
// filled box (w, h).
type op struct {
	text       string
	face       *face
	size       float64
	gray       uint8
	x, y, w, h float64
	line       bool
}

// layout places blocks on pages; drawing comes after, when their number is known.
type layout struct {
	pages [][]op
	y     float64
	text  int
}

func (l *layout) newPage() error {
	if len(l.pages) >= MaxPages {
		return ErrTooLong
	}
	l.pages = append(l.pages, nil)
	l.y = marginTop
	return nil
}

// room makes sure that h points are left on the page.
func (l *layout) room(h float64) error {
	if l.y+h > bottom && l.y > marginTop {
		return l.newPage()
	}
	return nil
}

func (l *layout) put(o op) {
	p := len(l.pages) - 1
	l.pages[p] = append(l.pages[p], o)
}

// clean counts the text before anything is done with it.
func (l *layout) clean(f *face, s string) (string, error) {
	if l.text += len(s); l.text > MaxText {
		return "", ErrTooLong
	}
	return f.clean(s), nil
}

func (l *layout) lines(f *face, size, width float64, s string) ([]string, error) {
	s, err := l.clean(f, s)
	if err != nil {
		return nil, err
	}
	return f.wrap(s, size, width), nil
}

// write puts one line whose top is at l.y+dy.
func (l *layout) write(f *face, size float64, gray uint8, x, dy float64, s string) {
	if s != "" {
		l.put(op{text: s, face: f, size: size, gray: gray, x: x, y: l.y + dy + size*1.05})
	}
}

func (l *layout) writeRight(f *face, size float64, gray uint8, right, dy float64, s string) {
	l.write(f, size, gray, right-f.width(s, size), dy, s)
}

// flow writes running text over as many pages as it takes.
func (l *layout) flow(f *face, size float64, gray uint8, s string) error {
	ls, err := l.lines(f, size, bodyW, s)
	if err != nil {
		return err
	}
	for _, s := range ls {
		if err := l.room(lineOf(size)); err != nil {
			return err
		}
		l.write(f, size, gray, marginX, 0, s)
		l.y += lineOf(size)
	}
	return nil
}

func (h Heading) lay(l *layout) error {
	size, before := 18.0, 0.0
	if h.Level != 1 {
		size, before = 12.5, 8
	}
	ls, err := l.lines(bold, size, bodyW, h.Text)
	if err != nil {
		return err
	}
	// A heading stays with the first lines of what follows.
	keep := before + float64(min(len(ls), 8))*lineOf(size) + 2*lineOf(sizeBody)
	if err := l.room(keep); err != nil {
		return err
	}
	if l.y > marginTop {
		l.y += before
	}
	for _, s := range ls {
		if err := l.room(lineOf(size)); err != nil {
			return err
		}
		l.write(bold, size, 0, marginX, 0, s)
		l.y += lineOf(size)
	}
	l.y += 4
	return nil
}

func (p Paragraph) lay(l *layout) error {
	f := regular
	if p.Bold {
		f = bold
	}
	err := l.flow(f, sizeBody, 0, p.Text)
	l.y += 6
	return err
}

func (s Small) lay(l *layout) error {
	err := l.flow(regular, sizeSmall, 70, s.Text)
	l.y += 4
	return err
}

func (ps Pairs) lay(l *layout) error {
	const keyW, gap = 150.0, 10.0
	for _, p := range ps {
		ks, err := l.lines(regular, sizeBody, keyW, p.Key)
		if err != nil {
			return err
		}
		vs, err := l.lines(bold, sizeBody, bodyW-keyW-gap, p.Value)
		if err != nil {
			return err
		}
		if err := l.row(sizeBody, []cell{{ks, regular, marginX, 0, 70}, {vs, bold, marginX + keyW + gap, 0, 0}}, nil); err != nil {
			return err
		}
	}
	l.y += 6
	return nil
}

func (s Sides) lay(l *layout) error {
	const gap = 20.0
	w := (bodyW - gap) / 2
	half := func(title, text string, x float64) ([]cell, error) {
		ts, err := l.lines(regular, sizeSmall, w, title)
		if err != nil {
			return nil, err
		}
		ls, err := l.lines(regular, sizeBody, w, text)
		return []cell{{ts, regular, x, 0, 70}, {ls, regular, x, 0, 0}}, err
	}
	a, err := half(s.LeftTitle, s.Left, marginX)
	if err != nil {
		return err
	}
	b, err := half(s.RightTitle, s.Right, marginX+w+gap)
	if err != nil {
		return err
	}
	if s.LeftTitle != "" || s.RightTitle != "" {
		if err := l.room(lineOf(sizeSmall) + 3*lineOf(sizeBody)); err != nil {
			return err
		}
		if err := l.row(sizeSmall, []cell{a[0], b[0]}, nil); err != nil {
			return err
		}
	}
	err = l.row(sizeBody, []cell{a[1], b[1]}, nil)
	l.y += 8
	return err
}

// cell is wrapped text at x, or ending at right where that is set.
type cell struct {
	lines    []string
	face     *face
	x, right float64
	gray     uint8
}

// row writes cells beside each other, kept together where a page can hold
// them; again writes the head of a table on each new page.
func (l *layout) row(size float64, cells []cell, again func() error) error {
	n := 0
	for _, c := range cells {
		n = max(n, len(c.lines))
	}
	page := func(h float64) error {
		before := len(l.pages)
		if err := l.room(h); err != nil {
			return err
		}
		if len(l.pages) != before && again != nil {
			return again()
		}
		return nil
	}
	if h := float64(n) * lineOf(size); h < (bottom-marginTop)/2 {
		if err := page(h); err != nil {
			return err
		}
	}
	for i := range n {
		if err := page(lineOf(size)); err != nil {
			return err
		}
		for _, c := range cells {
			if i >= len(c.lines) {
				continue
			}
			if c.right > 0 {
				l.writeRight(c.face, size, c.gray, c.right, 0, c.lines[i])
			} else {
				l.write(c.face, size, c.gray, c.x, 0, c.lines[i])
			}
		}
		l.y += lineOf(size)
	}
	return nil
}

func (t Table) lay(l *layout) error {
	const gap = 8.0
	if len(t.Columns) == 0 || len(t.Columns) > 20 {
		return ErrTooLong
	}
	sum := 0.0
	for _, c := range t.Columns {
		sum += max(c.Width, 0)
	}
	left, width := make([]float64, len(t.Columns)), make([]float64, len(t.Columns))
	x, free := marginX, bodyW-gap*float64(len(t.Columns)-1)
	for i, c := range t.Columns {
		share := 1 / float64(len(t.Columns))
		if sum > 0 {
			share = max(c.Width, 0) / sum
		}
		left[i], width[i] = x, free*share
		x += width[i] + gap
	}
	make1 := func(f *face, size float64, gray uint8, row []string) ([]cell, error) {
		if len(row) > len(t.Columns) {
			return nil, ErrTooLong
		}
		var out []cell
		for i, s := range row {
			ls, err := l.lines(f, size, width[i], s)
			if err != nil {
				return nil, err
			}
			c := cell{lines: ls, face: f, x: left[i], gray: gray}
			if t.Columns[i].Right {
				c.right = left[i] + width[i]
			}
			out = append(out, c)
		}
		return out, nil
	}
	var titles []string
	for _, c := range t.Columns {
		titles = append(titles, c.Title)
	}
	head, err := make1(bold, sizeSmall, 60, titles)
	if err != nil {
		return err
	}
	headLines := 0
	for i := range head {
		if len(head[i].lines) > 4 { // a head is short, or it would fill each page
			head[i].lines = head[i].lines[:4]
		}
		headLines = max(headLines, len(head[i].lines))
	}
	again := func() error {
		if err := l.row(sizeSmall, head, nil); err != nil {
			return err
		}
		l.y += 2
		l.put(op{line: true, gray: 120, x: marginX, y: l.y, w: bodyW})
		l.y += 3
		return nil
	}
	if err := l.room(float64(headLines)*lineOf(sizeSmall) + 5 + 2*lineOf(sizeBody)); err != nil {
		return err
	}
	if err := again(); err != nil {
		return err
	}
	for _, r := range t.Rows {
		cells, err := make1(regular, sizeBody, 0, r)
		if err != nil {
			return err
		}
		if err := l.row(sizeBody, cells, again); err != nil {
			return err
		}
		l.y += 2
	}
	l.put(op{line: true, gray: 180, x: marginX, y: l.y, w: bodyW})
	l.y += 6
	return nil
}

func (ts Totals) lay(l *layout) error {
	const valueW, gap = 130.0, 10.0
	var rows [][]cell
	var height float64
	for _, t := range ts {
		f := regular
		if t.Strong {
			f = bold
		}
		ks, err := l.lines(f, sizeBody, bodyW-valueW-gap, t.Label)
		if err != nil {
			return err
		}
		vs, err := l.lines(f, sizeBody, valueW, t.Value)
		if err != nil {
			return err
		}
		rows = append(rows, []cell{{ks, f, 0, marginX + bodyW - valueW - gap, 0}, {vs, f, 0, marginX + bodyW, 0}})
		height += float64(max(len(ks), len(vs))) * lineOf(sizeBody)
	}
	if err := l.room(min(height, bottom-marginTop)); err != nil {
		return err
	}
	for _, r := range rows {
		if err := l.row(sizeBody, r, nil); err != nil {
			return err
		}
	}
	l.y += 6
	return nil
}

func (Rule) lay(l *layout) error {
	if err := l.room(12); err != nil {
		return err
	}
	l.y += 4
	l.put(op{line: true, gray: 150, x: marginX, y: l.y, w: bodyW})
	l.y += 8
	return nil
}

func (s Space) lay(l *layout) error {
	if h := float64(s); h > 0 && h <= bottom-marginTop {
		if l.y+h > bottom {
			return l.newPage()
		}
		l.y += h
	}
	return nil
}

func (f Fill) lay(l *layout) error {
	ls, err := l.lines(regular, sizeSmall, bodyW, f.Label)
	if err != nil {
		return err
	}
	if len(ls) > 6 {
		return ErrTooLong
	}
	if err := l.room(30 + float64(len(ls))*lineOf(sizeSmall)); err != nil {
		return err
	}
	l.y += 26
	l.put(op{line: true, gray: 0, x: marginX, y: l.y, w: bodyW})
	l.y += 2
	for _, s := range ls {
		l.write(regular, sizeSmall, 70, marginX, 0, s)
		l.y += lineOf(sizeSmall)
	}
	l.y += 4
	return nil
}
