package s3

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // what the protocol asks for beside SHA-256
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"kassavalv/internal/ops/copies"
)

// part is the size of a part of a large object, and the largest that goes in one request.
// A store takes 10,000 parts, so that larger ones than 160 GB have larger parts.
const part = 16 << 20

const shaKey = "Kassavalv-Sha256" // of the metadata of an object

// Put stores an object.
func (s *Site) Put(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
	if err := copies.Name(name); err != nil {
		return copies.Receipt{}, err
	}
	ctx, w := copies.Patient(ctx, 2*s.o.timeout)
	defer w.Done()
	rec, err := s.put(ctx, name, body, size, w)
	if err != nil {
		return copies.Receipt{}, s.fail(ctx, "put", name, err)
	}
	return rec, nil
}

func (s *Site) put(ctx context.Context, name string, body io.ReadSeeker, size int64, w *copies.Watch) (copies.Receipt, error) {
	if err := copies.Whole(body, size); err != nil {
		return copies.Receipt{}, err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, w.Sending(copies.During(ctx, copies.Exactly(body, size)), 0)); err != nil {
		return copies.Receipt{}, err
	}
	want := hex.EncodeToString(sum.Sum(nil))
	locked, _, err := s.learn(ctx)
	if err != nil {
		return copies.Receipt{}, err
	}
	w.Moved()
	at, err := s.same(ctx, name, want, size, w)
	if err == nil {
		return copies.Receipt{At: at}, nil
	}
	if !absent(err) {
		return copies.Receipt{}, err
	}
	w.Moved()
	opts := minio.PutObjectOptions{ContentType: "application/octet-stream", UserMetadata: map[string]string{shaKey: want}}
	if locked && s.o.lock != "none" && s.o.retain != nil && !strings.HasPrefix(name, "keys/") {
		if d := s.o.retain(name); d > 0 {
			opts.Mode, opts.RetainUntilDate = minio.Compliance, time.Now().Add(d)
			if s.o.lock == "governance" {
				opts.Mode = minio.Governance
			}
		}
	}
	for again := false; ; {
		if err := copies.Whole(body, size); err != nil {
			return copies.Receipt{}, err
		}
		err = s.send(ctx, name, copies.During(ctx, copies.Exactly(body, size)), size, want, opts, w)
		switch {
		case err != nil && !s.plain.Load() && notImplemented(err):
			s.plain.Store(true)
			continue
		case err != nil && misread(err) && !again:
			again = true
			continue
		}
		break
	}
	switch c := code(err); {
	case err == nil, c == "PreconditionFailed", c == "ConditionalRequestConflict", minio.ToErrorResponse(err).StatusCode == http.StatusPreconditionFailed:
		// Whoever came first, the store now says whose bytes it has.
		at, errSame := s.same(ctx, name, want, size, w)
		if errSame != nil && absent(errSame) {
			return copies.Receipt{}, fmt.Errorf("stored, and then not there (%v)", errSame)
		}
		return copies.Receipt{At: at}, errSame
	}
	return copies.Receipt{}, err
}

// same looks at what is stored: when, if it is what has this hash and size, ErrTaken if not.
func (s *Site) same(ctx context.Context, name, want string, size int64, w *copies.Watch) (time.Time, error) {
	info, err := s.main.StatObject(ctx, s.o.bucket, s.o.prefix+name, minio.StatObjectOptions{})
	if err != nil {
		return time.Time{}, s.why(ctx, err)
	}
	if info.Size != size {
		return time.Time{}, copies.ErrTaken
	}
	have := info.UserMetadata[shaKey]
	if have == "" { // not stored by us: read it
		r, err := s.Get(ctx, name)
		if err != nil {
			return time.Time{}, err
		}
		defer r.Close()
		sum := sha256.New()
		if _, err := io.Copy(sum, w.Sending(r, 0)); err != nil {
			return time.Time{}, err
		}
		have = hex.EncodeToString(sum.Sum(nil))
	}
	if have != want {
		return time.Time{}, copies.ErrTaken
	}
	return info.LastModified, nil
}

// why asks for the reason of a refusal: the answer to a HEAD has no room for it.
func (s *Site) why(ctx context.Context, err error) error {
	if minio.ToErrorResponse(err).StatusCode != http.StatusForbidden {
		return err
	}
	for o := range s.main.ListObjectsIter(ctx, s.o.bucket, minio.ListObjectsOptions{Prefix: s.o.prefix, Recursive: true, MaxKeys: 1}) {
		if o.Err != nil {
			return o.Err
		}
		break
	}
	return err
}

// send sends a body, in parts if it is large. It reads each part into memory, so that a
// request that fails can be made again.
func (s *Site) send(ctx context.Context, name string, body io.Reader, size int64, want string, opts minio.PutObjectOptions, w *copies.Watch) error {
	key := s.o.prefix + name
	once := opts
	if !s.plain.Load() {
		once.SetMatchETagExcept("*")
	}
	if size <= part {
		b := make([]byte, size)
		if err := fill(body, b); err != nil {
			return err
		}
		md, sha := sums(b)
		if sha != want {
			return errors.New("the bytes changed while they were read")
		}
		_, err := s.main.PutObject(ctx, s.o.bucket, key, chunk(b, w), size, md, sha, once)
		return err
	}
	id, err := s.main.NewMultipartUpload(ctx, s.o.bucket, key, opts)
	if err != nil {
		return err
	}
	parts, err := s.sendParts(ctx, key, id, body, size, want, w)
	if err == nil {
		done := minio.PutObjectOptions{}
		if !s.plain.Load() {
			done.SetMatchETagExcept("*")
		}
		// The store puts the parts together while nothing moves here.
		w.Pause()
		end, cancel := context.WithTimeout(ctx, time.Hour)
		defer cancel()
		_, err = s.main.CompleteMultipartUpload(end, s.o.bucket, key, id, parts, done)
	}
	if err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.timeout)
		defer cancel()
		_ = s.main.AbortMultipartUpload(ctx, s.o.bucket, key, id)
	}
	return err
}

func (s *Site) sendParts(ctx context.Context, key, id string, body io.Reader, size int64, want string, w *copies.Watch) ([]minio.CompletePart, error) {
	length := int64(part)
	for size/length >= 10000 {
		length *= 2
	}
	buf := make([]byte, length)
	all := sha256.New()
	var out []minio.CompletePart
	for at := int64(0); at < size; at += length {
		b := buf[:min(length, size-at)]
		if err := fill(body, b); err != nil {
			return nil, err
		}
		all.Write(b)
		md, sha := sums(b)
		p, err := s.main.PutObjectPart(ctx, s.o.bucket, key, id, len(out)+1, chunk(b, w), int64(len(b)), minio.PutObjectPartOptions{Md5Base64: md, Sha256Hex: sha})
		if err != nil {
			return nil, err
		}
		out = append(out, minio.CompletePart{PartNumber: len(out) + 1, ETag: p.ETag})
	}
	if hex.EncodeToString(all.Sum(nil)) != want {
		return nil, errors.New("the bytes changed while they were read")
	}
	return out, nil
}

// fill reads all of b.
func fill(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	if err == nil && len(b) == 0 {
		return nil
	}
	return err
}

func sums(b []byte) (md5Base64, sha256Hex string) {
	m, h := md5.Sum(b), sha256.Sum256(b) //nolint:gosec // see the import
	return base64.StdEncoding.EncodeToString(m[:]), hex.EncodeToString(h[:])
}

// chunk is a body that can be sent again.
func chunk(b []byte, w *copies.Watch) io.Reader {
	r := bytes.NewReader(b)
	return struct {
		io.Reader
		io.Seeker
	}{w.Sending(r, int64(len(b))), r}
}
