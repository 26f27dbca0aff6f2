package web

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"kassavalv/internal/fault"
)

// Part is one file of an upload while it passes by.
type Part struct {
	Field string
	Name  string // as the browser calls it: never a path on our disk
	Type  string // as the browser claims; not to be believed
	io.Reader
}

// ReadUpload reads a multipart form as a stream; nothing touches the disk. Text
// fields follow the rules of ReadForm. Each file in a field of fileNames is handed
// to take, which reads it (bounded by perFile bytes, then *http.MaxBytesError) and
// may refuse it with a fault. Browsers send fields in the order of the page: text
// that take needs must stand before the file. Empty file fields are left out.
func (r *Request) ReadUpload(names, fileNames []string, perFile int64, most int, take func(Values, Part) error) (Values, error) {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mt, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mt != "multipart/form-data" || params["boundary"] == "" {
		return nil, Refuse(http.StatusUnsupportedMediaType, "unsupported_type")
	}
	mr := multipart.NewReader(r.Body, params["boundary"])
	v := reader{names: names, strict: true}
	files := 0
	for {
		p, err := mr.NextRawPart()
		if errors.Is(err, io.EOF) {
			return v.values(), nil
		}
		if err != nil {
			return nil, bodyError(err)
		}
		name := p.FormName()
		if isFile, _ := declared(name, fileNames); isFile {
			if p.FileName() == "" {
				continue
			}
			if files++; files > most {
				return nil, &fault.Error{Kind: fault.TooLarge, Code: "too_many_files"}
			}
			filename, ok := cleanText(clip(p.FileName(), 255))
			if !ok {
				return nil, badField("unreadable", name)
			}
			body := &bounded{r: p, left: perFile, limit: perFile}
			if err := take(v.values(), Part{Field: name, Name: filename, Type: p.Header.Get("Content-Type"), Reader: body}); err != nil {
				return nil, bodyOrOwn(err)
			}
			continue
		}
		if p.FileName() != "" {
			return nil, badField("unknown_field", name)
		}
		b, err := io.ReadAll(io.LimitReader(p, maxFieldValue+1))
		if err != nil {
			return nil, bodyError(err)
		}
		if err := v.add(name, string(b)); err != nil {
			return nil, err
		}
	}
}

// bodyOrOwn leaves the errors of the taker alone and calls a broken stream unreadable.
func bodyOrOwn(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || isTimeout(err) {
		return bodyError(err)
	}
	return err
}

type bounded struct {
	r     io.Reader
	left  int64
	limit int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, &http.MaxBytesError{Limit: b.limit}
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, &http.MaxBytesError{Limit: b.limit}
	}
	return n, err
}
