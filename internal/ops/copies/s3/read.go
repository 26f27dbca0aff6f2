package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"strings"

	"github.com/minio/minio-go/v7"

	"kassavalv/internal/ops/copies"
)

// Get opens an object. At its end the hash that was kept with it is compared.
func (s *Site) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := copies.Name(name); err != nil {
		return nil, err
	}
	ctx, w := copies.Patient(ctx, 2*s.o.timeout)
	r, err := s.get(ctx, name, w)
	if err != nil {
		defer w.Done()
		return nil, s.fail(ctx, "get", name, err)
	}
	return r, nil
}

func (s *Site) get(ctx context.Context, name string, w *copies.Watch) (io.ReadCloser, error) {
	_, versioned, err := s.learn(ctx)
	if err != nil {
		return nil, err
	}
	opts := minio.GetObjectOptions{}
	if versioned && !strings.HasPrefix(name, "keys/") {
		w.Moved()
		for o, err := range s.oldest(ctx, name, "", w) {
			if err != nil {
				return nil, err
			}
			if o.Key == s.o.prefix+name {
				opts.VersionID = o.VersionID
			}
			if o.Key >= s.o.prefix+name {
				break
			}
		}
	}
	w.Moved()
	r, info, _, err := s.main.GetObject(ctx, s.o.bucket, s.o.prefix+name, opts)
	if err != nil {
		return nil, err
	}
	w.Pause()
	return &reading{s: s, ctx: ctx, name: name, done: w.Done, close: r, want: info.UserMetadata[shaKey], sum: sha256.New(),
		r: w.Receiving(copies.Exactly(r, info.Size))}, nil
}

// oldest yields the first version of each object, of those under keys/ the current one.
func (s *Site) oldest(ctx context.Context, prefix, after string, w *copies.Watch) iter.Seq2[minio.ObjectInfo, error] {
	return func(yield func(minio.ObjectInfo, error) bool) {
		opts := minio.ListObjectsOptions{Prefix: s.o.prefix + prefix, Recursive: true, WithVersions: true}
		if after != "" {
			opts.StartAfter = s.o.prefix + after
		}
		var found *minio.ObjectInfo
		give := func() bool {
			if found == nil {
				return true
			}
			o := *found
			found = nil
			return yield(o, nil)
		}
		key := ""
		for o := range s.main.ListObjectsIter(ctx, s.o.bucket, opts) {
			w.Moved()
			if o.Err != nil {
				yield(minio.ObjectInfo{}, o.Err)
				return
			}
			if o.Key != key {
				if !give() {
					return
				}
				key = o.Key
			}
			replaced := strings.HasPrefix(strings.TrimPrefix(o.Key, s.o.prefix), "keys/")
			if o.IsDeleteMarker || replaced && !o.IsLatest || found != nil && o.LastModified.After(found.LastModified) {
				continue
			}
			found = &o // of two in one instant the later in the list, which is the older
		}
		give()
	}
}

// current yields the objects of a bucket without versions.
func (s *Site) current(ctx context.Context, prefix, after string, w *copies.Watch) iter.Seq2[minio.ObjectInfo, error] {
	return func(yield func(minio.ObjectInfo, error) bool) {
		owner := false
		opts := minio.ListObjectsOptions{Prefix: s.o.prefix + prefix, Recursive: true, FetchOwner: &owner}
		if after != "" {
			opts.StartAfter = s.o.prefix + after
		}
		for o := range s.main.ListObjectsIter(ctx, s.o.bucket, opts) {
			w.Moved()
			if !yield(o, o.Err) {
				return
			}
		}
	}
}

type reading struct {
	s     *Site
	ctx   context.Context
	name  string
	r     io.Reader
	close io.Closer
	done  func()
	want  string
	sum   hash.Hash
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.sum.Write(p[:n])
	switch {
	case err == io.EOF && r.want != "" && r.want != hex.EncodeToString(r.sum.Sum(nil)):
		return n, r.s.fail(r.ctx, "get", r.name, errors.New("the bytes that came are not those that were stored: their SHA-256 differs"))
	case err != nil && err != io.EOF:
		return n, r.s.fail(r.ctx, "get", r.name, err)
	}
	return n, err
}

func (r *reading) Close() error {
	err := r.close.Close()
	r.done()
	return err
}

// List yields the objects, page by page.
func (s *Site) List(ctx context.Context, prefix, after string) iter.Seq2[copies.Object, error] {
	return func(yield func(copies.Object, error) bool) {
		ctx, w := copies.Patient(ctx, 2*s.o.timeout)
		defer w.Done()
		fail := func(err error) { yield(copies.Object{}, s.fail(ctx, "list", "", err)) }
		_, versioned, err := s.learn(ctx)
		if err != nil {
			fail(err)
			return
		}
		w.Moved()
		objects := s.current(ctx, prefix, after, w)
		if versioned {
			objects = s.oldest(ctx, prefix, after, w)
		}
		last := ""
		for o, err := range objects {
			if err != nil {
				fail(err)
				return
			}
			name, ok := strings.CutPrefix(o.Key, s.o.prefix)
			if !ok || copies.Name(name) != nil || !strings.HasPrefix(name, prefix) || name <= after {
				continue
			}
			if name <= last {
				fail(fmt.Errorf("the store lists %s after %s: its order cannot be relied on", name, last))
				return
			}
			last = name
			w.Pause() // the reader may take his time
			if !yield(copies.Object{Name: name, Size: o.Size, At: o.LastModified}, nil) {
				return
			}
			w.Moved()
		}
		if err := context.Cause(ctx); err != nil {
			fail(err)
		}
	}
}
