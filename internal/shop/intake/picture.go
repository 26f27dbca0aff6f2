package intake

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/fetch"
	"kassavalv/internal/file"
	"kassavalv/internal/job"
	"kassavalv/internal/shop/catalog"
)

// JobPicture fetches one picture; its Ref is a row of intake_picture.
const JobPicture = "intake.picture"

// tries of a picture, with waits of 20 s, 80 s and five minutes between them: a
// shop that is gone should not fill the log.
const tries = 4

func wait(attempt int) time.Duration { return 20 * time.Second << (2 * min(max(attempt-1, 0), 3)) }

// FetchOptions are those of the client that Pictures wants: shops move, so some
// redirects are followed.
var FetchOptions = fetch.Options{Timeout: 30 * time.Second, MaxBody: file.MaxUpload, Redirects: 3}

// waiting is a picture that has a row.
type waiting struct {
	id   db.ID
	url  string
	line int
}

// pictureName tells whether a cell can name a picture: an address or a file name.
func pictureName(s string) bool {
	if s == "" || len(s) > 2000 || strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
		return false
	}
	u, err := url.Parse(s)
	if err != nil {
		return !strings.Contains(s, "://")
	}
	return u.Scheme == "" || u.Scheme == "http" || u.Scheme == "https"
}

// note writes the rows of an item's pictures that are not there yet, with their
// jobs; ids are its variants, 0 for those that are not in.
func (c *chunk) note(it *item, product db.ID, ids []db.ID) error {
	for _, p := range it.pictures {
		// A picture that one variant names is that variant's.
		owner, n := db.ID(0), 0
		for i, v := range it.variants {
			if v.picture == p.url && ids[i] != 0 {
				owner, n = ids[i], n+1
			}
		}
		var variant any
		if n == 1 {
			variant = owner
		}
		id := c.tx.NewID()
		made, err := c.tx.Exec(`INSERT INTO intake_picture (id, product, variant, url, alt, position, state, file, code, created_at, changed_at)
			VALUES ($1,$2,$3,$4,$5,$6,'waiting','','',$7,$7) ON CONFLICT (product, url) DO NOTHING`, id, product, variant, p.url, p.alt, p.position, c.tx.Now())
		if err != nil {
			return err
		}
		if made == 0 {
			if c.run.images == nil {
				continue
			}
			// A folder gives a second chance to what could not be fetched.
			var state string
			if err := c.tx.QueryRow(`SELECT id, state FROM intake_picture WHERE product = $1 AND url = $2`, product, p.url).Scan(&id, &state); err != nil {
				return err
			}
			if state == "done" {
				continue
			}
			c.out.pictures = append(c.out.pictures, waiting{id, p.url, -p.line})
			continue
		}
		if _, err := job.Enqueue(c.tx, job.Spec{Kind: JobPicture, Ref: id, Key: id.String(), Max: tries}); err != nil {
			return err
		}
		c.out.pictures = append(c.out.pictures, waiting{id, p.url, p.line})
	}
	return nil
}

// pictures takes from the folder what it has; the rest waits for the jobs.
func (r *run) pictures(ws []waiting) error {
	for _, w := range ws {
		old := w.line < 0 // known from an earlier import
		w.line = max(w.line, -w.line)
		f, err := r.images.open(w.url)
		if err != nil {
			if !old {
				r.rep.PicturesDue++
			}
			if r.images != nil && !strings.Contains(w.url, "://") {
				r.remark(w.line, r.sheet.name(cImage), "picture_missing", "value", short(w.url))
			}
			continue
		}
		if r.o.DryRun || r.o.Files == nil {
			f.Close()
			r.rep.PicturesNow++
			continue
		}
		pic, err := r.o.Files.AcceptPicture(r.ctx, f)
		f.Close()
		if fl := fault.As(err); fl != nil {
			r.remark(w.line, r.sheet.name(cImage), "picture_refused", "value", short(w.url))
			if err := settle(r.ctx, r.d, w.id, "failed", fl.Code); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if err := attach(r.ctx, r.d, r.by, w.id, pic); err != nil {
			return err
		}
		r.rep.PicturesNow++
	}
	return nil
}

// folder is the one with the picture files; nothing outside it is reached.
type folder struct{ root *os.Root }

func openFolder(dir string) (*folder, error) {
	if dir == "" {
		return nil, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Unprocessable, Code: "import_images", Cause: err}
	}
	return &folder{root}, nil
}

func (f *folder) close() {
	if f != nil {
		f.root.Close()
	}
}

// open finds the file that an address or a path names, by its last part, as it
// stands there or with its escapes undone; a path below the folder counts too.
func (f *folder) open(name string) (*os.File, error) {
	if f == nil {
		return nil, os.ErrNotExist
	}
	var names []string
	if u, err := url.Parse(name); err == nil {
		if u.Host == "" {
			names = append(names, strings.TrimPrefix(path.Clean("/"+u.Path), "/"))
		}
		names = append(names, path.Base(u.Path), path.Base(u.EscapedPath()))
	} else {
		names = append(names, path.Base(strings.ReplaceAll(name, `\`, "/")))
	}
	for _, n := range names {
		if n == "" || n == "." || n == "/" || n == ".." {
			continue
		}
		file, err := f.root.Open(n)
		if err != nil {
			continue
		}
		if st, err := file.Stat(); err == nil && st.Mode().IsRegular() {
			return file, nil
		}
		file.Close()
	}
	return nil, os.ErrNotExist
}

// Pictures fetches what imports have named. Give its Work to the job runner.
type Pictures struct {
	DB     *db.DB
	Files  *file.Files
	Client *fetch.Client
	Log    *slog.Logger
}

// Handle gives the runner the kind.
func (p *Pictures) Handle(r *job.Runner) {
	r.Handle(JobPicture, job.Opts{Workers: 4, Limit: 2 * time.Minute, Backoff: wait}, p.Work)
}

// Work fetches one picture. It may run twice.
func (p *Pictures) Work(ctx context.Context, j job.Job) error {
	var address, state string
	_, err := db.Read(ctx, p.DB, func(q *db.Reader) (struct{}, error) {
		return struct{}{}, q.QueryRow(`SELECT url, state FROM intake_picture WHERE id = $1`, j.Ref).Scan(&address, &state)
	})
	if errors.Is(err, db.ErrNotFound) {
		return nil
	}
	if err != nil || state != "waiting" {
		return err
	}
	code, again, err := p.take(ctx, j.Ref, address)
	switch {
	case code == "":
		return err
	case again && j.Attempt < j.Max:
		return job.Fail(code, err)
	}
	// The picture is listed as failed; the job has done what it could.
	return settle(ctx, p.DB, j.Ref, "failed", code)
}

// take returns a code when the picture could not be had, and whether another try
// may help.
func (p *Pictures) take(ctx context.Context, id db.ID, address string) (code string, again bool, err error) {
	if !strings.Contains(address, "://") {
		return "no_address", false, nil
	}
	res, err := p.Client.Get(ctx, address)
	if err != nil {
		code = fetch.Code(err)
		if code == "" {
			return "", false, err // our own context
		}
		return code, code == fetch.Unreachable, err
	}
	if res.Status != 200 {
		again = res.Status >= 500 || res.Status == 429 || res.Status == 408
		return "bad_answer", again, nil
	}
	pic, err := p.Files.AcceptPicture(ctx, bytes.NewReader(res.Body))
	if f := fault.As(err); f != nil {
		return f.Code, f.Kind == fault.Unavailable, err
	}
	if err != nil {
		return "", false, err
	}
	return "", false, attach(ctx, p.DB, auth.System(JobPicture), id, pic)
}

func settle(ctx context.Context, d *db.DB, id db.ID, state, code string) error {
	return db.Do(ctx, d, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE intake_picture SET state = $2, code = $3, changed_at = $4 WHERE id = $1 AND state <> 'done'`, id, state, code, tx.Now())
		return err
	})
}

// attach hangs a stored picture on its product, in the place that the file gave it.
func attach(ctx context.Context, d *db.DB, by auth.By, id db.ID, pic file.Picture) error {
	return db.Do(ctx, d, func(tx *db.Tx) error {
		var product db.ID
		var variant *int64
		var alt string
		var position int64
		// The guarded update comes first: of two that bring the picture one goes on.
		err := tx.QueryRow(`UPDATE intake_picture SET state = 'done', file = $2, code = '', changed_at = $3 WHERE id = $1 AND state <> 'done' RETURNING product, variant, alt, position`,
			id, string(pic.Hash), tx.Now()).Scan(&product, &variant, &alt, &position)
		if errors.Is(err, db.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		p, err := catalog.AnyByID(tx, product)
		if err != nil {
			if fault.Is(err, "not_found") {
				return nil
			}
			return err
		}
		if slices.ContainsFunc(p.Media, func(m catalog.Media) bool { return m.File == string(pic.Hash) }) || len(p.Media) >= maxPictures {
			return nil
		}
		if _, err := file.LinkPicture(tx, pic.Hash); err != nil {
			return err
		}
		m := catalog.Media{Kind: catalog.Picture, File: string(pic.Hash), Width: int64(pic.Width), Height: int64(pic.Height), Alt: catalog.Localized{SV: cutAlt(alt)}}
		if variant != nil && slices.ContainsFunc(p.Variants, func(v catalog.Variant) bool { return v.ID == db.ID(*variant) && v.Status != catalog.Removed }) {
			m.Variant = db.ID(*variant)
		}
		at, err := place(tx, product, position, p.Media)
		if err != nil {
			return err
		}
		_, err = catalog.SetMedia(tx, by, product, 0, slices.Insert(p.Media, at, m))
		return err
	})
}

// place is before the first picture that the file has at a later position.
func place(tx *db.Tx, product db.ID, position int64, media []catalog.Media) (int, error) {
	where := map[string]int64{}
	rows, err := tx.Query(`SELECT file, position FROM intake_picture WHERE product = $1 AND state = 'done'`, product)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var f string
		var n int64
		if err := rows.Scan(&f, &n); err != nil {
			return 0, err
		}
		where[f] = n
	}
	for i, m := range media {
		if n, ok := where[m.File]; ok && n > position {
			return i, rows.Err()
		}
	}
	return len(media), rows.Err()
}

func cutAlt(s string) string {
	if len(s) > 500 {
		return strings.ToValidUTF8(s[:497], "") + "…"
	}
	return s
}

// Missing is a picture that could not be had.
type Missing struct {
	Product db.ID
	URL     string
	Code    string // bad_answer, no_address, a code of package fetch or file
	At      time.Time
}

// PictureState counts an installation's pictures.
type PictureState struct{ Waiting, Done, Failed int64 }

// Pending counts pictures by state.
func Pending(q db.Q) (s PictureState, err error) {
	rows, err := q.Query(`SELECT state, count(*) FROM intake_picture GROUP BY state`)
	if err != nil {
		return s, err
	}
	defer rows.Close()
	for rows.Next() {
		var state string
		var n int64
		if err := rows.Scan(&state, &n); err != nil {
			return s, err
		}
		switch state {
		case "waiting":
			s.Waiting = n
		case "done":
			s.Done = n
		default:
			s.Failed = n
		}
	}
	return s, rows.Err()
}

// Failed lists pictures that could not be had, newest first, at most n (1 to 500).
func Failed(q db.Q, by auth.By, n int) ([]Missing, error) {
	if err := by.Need(auth.CatalogRead); err != nil {
		return nil, err
	}
	return db.All(q, func(r *db.Rows) (m Missing, err error) {
		err = r.Scan(&m.Product, &m.URL, &m.Code, &m.At)
		return
	}, `SELECT product, url, code, changed_at FROM intake_picture WHERE state = 'failed' ORDER BY id DESC LIMIT $1`, max(1, min(n, 500)))
}
