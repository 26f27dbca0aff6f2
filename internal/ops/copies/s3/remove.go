package s3

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"

	"kassavalv/internal/ops/copies"
)

// Replace stores a small object and removes the earlier versions.
func (s *Site) Replace(ctx context.Context, name string, body []byte) error {
	if err := copies.Replaceable(name, body); err != nil {
		return err
	}
	ctx, w := copies.Patient(ctx, 2*s.o.timeout)
	defer w.Done()
	md, sha := sums(body)
	_, err := s.main.PutObject(ctx, s.o.bucket, s.o.prefix+name, chunk(body, w), int64(len(body)), md, sha,
		minio.PutObjectOptions{ContentType: "application/octet-stream", UserMetadata: map[string]string{shaKey: sha}})
	if err != nil {
		return s.fail(ctx, "replace", name, err)
	}
	w.Moved()
	if _, err := s.same(ctx, name, sha, int64(len(body)), w); err != nil && !errors.Is(err, copies.ErrTaken) { // taken: by a later one
		if absent(err) {
			err = fmt.Errorf("stored, and then not there (%v)", err)
		}
		return s.fail(ctx, "replace", name, err)
	}
	w.Moved()
	if err := s.clear(ctx, name, false, w); err != nil {
		return s.fail(ctx, "replace (it is stored, and earlier versions remain)", name, err)
	}
	return nil
}

// clear removes the versions of an object: all, or all but the latest.
func (s *Site) clear(ctx context.Context, name string, all bool, w *copies.Watch) error {
	key := s.o.prefix + name
	for v := range s.rem.ListObjectsIter(ctx, s.o.bucket, minio.ListObjectsOptions{Prefix: key, Recursive: true, WithVersions: true}) {
		w.Moved()
		if v.Err != nil {
			if notImplemented(v.Err) { // a store without versions
				if all {
					return s.rem.RemoveObject(ctx, s.o.bucket, key, minio.RemoveObjectOptions{})
				}
				return nil
			}
			return v.Err
		}
		if v.Key != key {
			if v.Key > key && !strings.HasPrefix(v.Key, key) {
				break
			}
			continue
		}
		if v.IsLatest && !all {
			continue
		}
		err := s.rem.RemoveObject(ctx, s.o.bucket, key, minio.RemoveObjectOptions{VersionID: v.VersionID, GovernanceBypass: strings.HasPrefix(name, "keys/")})
		if err != nil && !absent(err) {
			return err
		}
	}
	return nil
}

// Remove removes objects, with all their versions. What is locked stays and is an error,
// after the others have been removed.
func (s *Site) Remove(ctx context.Context, names []string) error {
	for _, n := range names {
		if err := copies.Name(n); err != nil {
			return err
		}
	}
	ctx, w := copies.Patient(ctx, 2*s.o.timeout)
	defer w.Done()
	if err := context.Cause(ctx); err != nil {
		return s.fail(ctx, "remove", "", err)
	}
	if len(names) == 0 {
		return nil
	}
	v, err := s.rem.GetBucketVersioning(ctx, s.o.bucket)
	if err != nil && !notImplemented(err) && code(err) != "AccessDenied" {
		return s.fail(ctx, "remove", "", err)
	}
	w.Moved()
	if err == nil && v.Status != "" || code(err) == "AccessDenied" {
		return s.removeVersions(ctx, names, w)
	}
	failed := s.rem.RemoveObjects(ctx, s.o.bucket, func() <-chan minio.ObjectInfo {
		c := make(chan minio.ObjectInfo)
		go func() {
			defer close(c)
			for _, n := range names {
				select {
				case c <- minio.ObjectInfo{Key: s.o.prefix + n}:
					w.Moved()
				case <-ctx.Done():
					return
				}
			}
		}()
		return c
	}(), minio.RemoveObjectsOptions{})
	var first error
	for f := range failed {
		w.Moved()
		if first == nil && f.Err != nil && !absent(f.Err) {
			first = s.fail(ctx, "remove", strings.TrimPrefix(f.ObjectName, s.o.prefix), f.Err)
		}
	}
	if first == nil && context.Cause(ctx) != nil {
		first = s.fail(ctx, "remove", "", context.Cause(ctx))
	}
	return first
}

func (s *Site) removeVersions(ctx context.Context, names []string, w *copies.Watch) error {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		first error
		work  = make(chan string)
	)
	for range 8 {
		wg.Go(func() {
			for n := range work {
				if err := s.clear(ctx, n, true, w); err != nil {
					mu.Lock()
					if first == nil {
						first = s.fail(ctx, "remove", n, err)
					}
					mu.Unlock()
				}
			}
		})
	}
	for _, n := range names {
		if ctx.Err() != nil {
			break
		}
		work <- n
	}
	close(work)
	wg.Wait()
	if first == nil && context.Cause(ctx) != nil {
		first = s.fail(ctx, "remove", "", context.Cause(ctx))
	}
	return first
}
