package intake

import (
	"context"
	"embed"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/file"
	"kassavalv/internal/lang"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations are the tables of this room.
var Migrations = db.Migrations{Room: "intake", FS: migrationsFS}

// MaxListed is how many problems and how many notes a report lists; all count.
const MaxListed = 10_000

// Options of an import.
type Options struct {
	DryRun   bool
	Images   string // folder with picture files; "": none
	Files    *file.Files
	Progress func(done, of int) // rows; may be nil
}

// Problem is something wrong with a row, or a note about it.
type Problem struct {
	Line   int            `json:"line"` // of the file, from 1; 0: the file as a whole
	Column string         `json:"column"`
	Code   string         `json:"code"`
	Args   map[string]any `json:"args,omitempty"`
}

// Sentence is the reason for people.
func (p Problem) Sentence(l lang.Lang) string {
	if key, ok := p.Args["key"].(string); ok { // a reason that another room gave
		if lang.Has(key) {
			return lang.TArgs(l, key, p.Args)
		}
		return lang.T(l, "intake.problem.value")
	}
	return lang.TArgs(l, "intake.problem."+p.Code, p.Args)
}

// Count is what became of products or variants.
type Count struct {
	Created   int `json:"created"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
}

// Report says what an import did, or a dry run would do.
type Report struct {
	Format       string        `json:"format"`
	Encoding     string        `json:"encoding"`
	Separator    string        `json:"separator"` // "," ";" "|" or "tab"
	DryRun       bool          `json:"dry_run"`
	Rows         int           `json:"rows"`     // without the header
	RowsBad      int           `json:"rows_bad"` // rows with a problem
	Products     Count         `json:"products"`
	NotIn        int           `json:"products_not_in"` // products of which nothing went in
	Variants     Count         `json:"variants"`
	Categories   int           `json:"categories_created"`
	PicturesNow  int           `json:"pictures_taken"` // from the folder
	PicturesDue  int           `json:"pictures_due"`   // to be fetched by jobs
	Unknown      []string      `json:"unknown_columns"`
	Unused       []string      `json:"unused_columns"` // known ones with something in them that nothing was made of
	ProblemCount int           `json:"problem_count"`
	Problems     []Problem     `json:"problems"` // by line, at most MaxListed
	NoteCount    int           `json:"note_count"`
	Notes        []Problem     `json:"notes"` // rows that are in, though not in every way as the file has them
	Took         time.Duration `json:"took_ns"`
}

// In is how many products of the file are in the shop after the import.
func (r *Report) In() int { return r.Products.Created + r.Products.Changed + r.Products.Unchanged }

// run is one import under way.
type run struct {
	ctx   context.Context
	d     *db.DB
	by    auth.By
	o     Options
	sheet *sheet
	rep   *Report

	skus, gtins, handles map[string]int // line where this run met them
	chunk                []*item
	inChunk              int // variants
	shelvesMade          map[string]bool
	images               *folder
}

// Import reads a file and brings its goods in. It needs the rights to write the
// catalogue and the stock. The report is good also beside an error. Faults:
// denied; import_format (neither Shopify's nor WooCommerce's header),
// import_empty, import_too_large, import_too_many_rows, import_broken (no CSV),
// import_images (no such folder). Cancelling ctx stops between two chunks; what
// is in stays in, and a second import goes on.
func Import(ctx context.Context, d *db.DB, by auth.By, r io.Reader, o Options) (Report, error) {
	start := time.Now()
	rep := Report{DryRun: o.DryRun}
	err := errors.Join(by.Need(auth.CatalogWrite), by.Need(auth.StockWrite))
	if err == nil {
		err = whole(r, func(src io.ReadSeeker) error {
			x := &run{ctx: ctx, d: d, by: by, o: o, rep: &rep, skus: map[string]int{}, gtins: map[string]int{}, handles: map[string]int{}, shelvesMade: map[string]bool{}}
			return x.all(src)
		})
	}
	if err == nil && !o.DryRun && rep.Products.Created >= manyGoods {
		// What is in stays in, also when the planner cannot be told: the server does
		// it by itself later.
		_ = db.Grown(ctx, d)
	}
	byLine := func(a, b Problem) int { return a.Line - b.Line }
	slices.SortStableFunc(rep.Problems, byLine)
	slices.SortStableFunc(rep.Notes, byLine)
	bad := map[int]bool{}
	for _, p := range rep.Problems {
		if p.Line > 1 {
			bad[p.Line] = true
		}
	}
	rep.RowsBad = len(bad)
	rep.Took = time.Since(start)
	return rep, err
}

// manyGoods are so many that the database's planner should hear of them at once.
const manyGoods = 1000

// whole gives fn the source as something that can be read twice: the first
// reading counts, the second brings in.
func whole(r io.Reader, fn func(io.ReadSeeker) error) error {
	if s, ok := r.(io.ReadSeeker); ok {
		return fn(s)
	}
	f, err := os.CreateTemp("", "kassavalv-import-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := io.Copy(f, io.LimitReader(r, MaxBytes+1)); err != nil {
		return err
	}
	return fn(f)
}

func fail(code string) error { return &fault.Error{Kind: fault.Unprocessable, Code: code} }

func (r *run) all(src io.ReadSeeker) error {
	size, err := src.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if size > MaxBytes {
		return &fault.Error{Kind: fault.TooLarge, Code: "import_too_large", Args: map[string]any{"max_mb": MaxBytes >> 20}}
	}
	if r.images, err = openFolder(r.o.Images); err != nil {
		return err
	}
	defer r.images.close()
	// First reading: how many rows, and which products' rows are scattered.
	scattered, err := r.survey(src)
	if err != nil {
		return err
	}
	in, err := r.begin(src)
	if err != nil {
		return err
	}
	sh := &shopifyReader{r: r, scattered: scattered, held: map[string]*shopifyGroup{}}
	wo := &wooReader{r: r, by: map[string]*wooParent{}}
	add, end := sh.add, sh.end
	if r.sheet.format == WooCommerce {
		add, end = wo.add, wo.end
	}
	for done := 0; ; done++ {
		x, err := in.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if done%100 == 0 {
			r.progress(done)
		}
		if x = r.fit(x); x.bad != "" {
			r.problem(x.line, "", x.bad)
			continue
		}
		if err := add(x); err != nil {
			return err
		}
	}
	if err := end(); err != nil {
		return err
	}
	if err := r.flush(); err != nil {
		return err
	}
	r.rep.Encoding = in.name()
	r.rep.Categories = len(r.shelvesMade)
	r.progress(r.rep.Rows)
	return nil
}

func (r *run) progress(done int) {
	if r.o.Progress != nil {
		r.o.Progress(min(done, r.rep.Rows), r.rep.Rows)
	}
}

// begin opens the source from its beginning and reads the header.
func (r *run) begin(src io.ReadSeeker) (*reader, error) {
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	in, err := newReader(src)
	if err != nil {
		return nil, err
	}
	var best *sheet
	var comma byte
	for range 2 { // a first line "sep=;" is for Excel
		pos, line := in.pos, in.line
		first := row{}
		for _, c := range []byte{',', ';', '\t', '|'} {
			in.pos, in.line, in.comma = pos, line, c
			x, err := in.next()
			if err == io.EOF {
				return nil, fail("import_empty")
			}
			if err != nil {
				return nil, err
			}
			if first.cells == nil {
				first = x
			}
			if x.bad != "" {
				continue
			}
			if len(x.cells) > MaxColumns {
				return nil, fail("import_format")
			}
			if s := recognise(x.cells); s != nil && (best == nil || len(s.at) > len(best.at)) {
				best, comma = s, c
			}
		}
		in.pos, in.line = pos, line
		if best != nil {
			in.comma = comma
			_, err := in.next()
			r.sheet = best
			r.rep.Format, r.rep.Separator, r.rep.Encoding = best.format, string(comma), in.name()
			if comma == '\t' {
				r.rep.Separator = "tab"
			}
			r.rep.Unknown = best.Unknown
			return in, err
		}
		in.comma = 0x1f
		if x, err := in.next(); err != nil || len(x.cells) != 1 || len(x.cells[0]) != 5 || x.cells[0][:4] != "sep=" {
			break
		}
	}
	return nil, fail("import_format")
}

// fit pads rows whose empty last cells a spreadsheet left off, and refuses rows
// with more cells than the header.
func (r *run) fit(x row) row {
	if x.bad == "" && len(x.cells) > len(r.sheet.header) {
		for _, c := range x.cells[len(r.sheet.header):] {
			if c != "" {
				return row{line: x.line, bad: "too_many_cells"}
			}
		}
		x.cells = x.cells[:len(r.sheet.header)]
	}
	return x
}

func (r *run) survey(src io.ReadSeeker) (map[string]bool, error) {
	in, err := r.begin(src)
	if err != nil {
		return nil, err
	}
	seen, scattered := map[string]bool{}, map[string]bool{}
	last, broken := "", 0
	for {
		if err := r.ctx.Err(); err != nil {
			return nil, err
		}
		x, err := in.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if r.rep.Rows++; r.rep.Rows > MaxRows {
			return nil, &fault.Error{Kind: fault.TooLarge, Code: "import_too_many_rows", Args: map[string]any{"max": MaxRows}}
		}
		if x.bad != "" {
			if broken++; broken > maxBroken {
				return nil, fail("import_broken")
			}
			continue
		}
		r.sheet.idle(x)
		if r.sheet.format != Shopify {
			continue
		}
		if k := shopifyKey(r.sheet, x); k != last && k != "" {
			if seen[k] {
				scattered[k] = true
			}
			seen[k], last = true, k
		}
	}
	if r.rep.Rows == 0 {
		return nil, fail("import_empty")
	}
	r.rep.Unused = r.sheet.idleNames()
	return scattered, nil
}

// Bounds of a chunk: one transaction.
const (
	chunkProducts = 50
	chunkVariants = 250
)

// take puts an item into the chunk.
func (r *run) take(it *item) error {
	if other, twice := r.handles[it.handle]; twice && it.handle != "" {
		if r.sheet.format == Shopify {
			r.problem(it.line, r.sheet.name(cHandle), "handle_twice", "value", short(it.fileHandle), "other", other)
			r.rep.NotIn++
			return nil
		}
		it.handle = r.otherHandle(it)
	}
	r.handles[it.handle] = it.line
	if r.settle(it) == nil {
		r.rep.NotIn++
		return nil
	}
	if r.inChunk+len(it.variants) > chunkVariants {
		if err := r.flush(); err != nil {
			return err
		}
	}
	r.chunk = append(r.chunk, it)
	r.inChunk += len(it.variants)
	if len(r.chunk) >= chunkProducts {
		return r.flush()
	}
	return nil
}

// flush writes the chunk. When one item makes it fail, each goes by itself.
func (r *run) flush() error {
	items := r.chunk
	r.chunk, r.inChunk = nil, 0
	if len(items) == 0 {
		return nil
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	out, err := r.write(items)
	if err == nil {
		return r.keep(items, out)
	}
	if fault.As(err) == nil {
		return err
	}
	for _, it := range items {
		out, err := r.write([]*item{it})
		if err == nil {
			if err := r.keep([]*item{it}, out); err != nil {
				return err
			}
			continue
		}
		f := fault.As(err)
		if f == nil {
			return err
		}
		r.rep.NotIn++
		if len(f.Fields) == 0 {
			r.problem(it.line, "", "value", "key", f.SentenceKey())
		}
		for _, x := range f.Fields {
			x.Pointer = trimIndex(x.Pointer)
			line, column := r.blame(it, x)
			args := maps.Clone(x.Args)
			if args == nil {
				args = map[string]any{}
			}
			args["key"] = x.SentenceKey()
			kv := []any{}
			for k, v := range args {
				kv = append(kv, k, v)
			}
			r.problem(line, column, x.Code, kv...)
		}
	}
	return nil
}

// trimIndex makes "/0/variants/1/sku" of InsertMany one product's pointer.
func trimIndex(p string) string {
	if len(p) > 2 && p[:2] == "/0" && (p[2] == '/') {
		return p[2:]
	}
	return p
}

// keep adds a chunk's outcome to the report and takes its pictures.
func (r *run) keep(items []*item, out outcome) error {
	add := func(a *Count, b Count) {
		a.Created += b.Created
		a.Changed += b.Changed
		a.Unchanged += b.Unchanged
	}
	add(&r.rep.Products, out.products)
	add(&r.rep.Variants, out.variants)
	r.rep.NotIn += out.notIn
	for _, p := range out.problems {
		r.problem(p.Line, p.Column, p.Code, flat(p.Args)...)
	}
	for _, p := range out.notes {
		r.remark(p.Line, p.Column, p.Code, flat(p.Args)...)
	}
	for _, s := range out.shelves {
		r.shelvesMade[s] = true
	}
	return r.pictures(out.pictures)
}

func flat(m map[string]any) (kv []any) {
	for k, v := range m {
		kv = append(kv, k, v)
	}
	return
}
