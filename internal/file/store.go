package file

import (
	"context"
	"errors"
	"io"
	"regexp"
	"time"
)

// Store keeps blobs by key. A key is what blobKey matches; an implementation
// MUST refuse any other, MUST make a blob visible whole or not at all, and MUST
// bear Put of a key that is there (the bytes are the same by construction).
type Store interface {
	// Put writes data durably: when it returns nil, a power cut does not lose it.
	Put(ctx context.Context, key string, data []byte) error
	// Get opens a blob; ErrNoBlob when there is none. The caller closes it.
	Get(ctx context.Context, key string) (Blob, error)
	// Delete removes a blob; none is not an error.
	Delete(ctx context.Context, key string) error
	// List calls fn for every blob, in no order, until fn fails.
	List(ctx context.Context, fn func(Info) error) error
}

// Blob is an open blob.
type Blob interface {
	io.ReadSeekCloser
	Size() int64
}

// Info is a blob in a list.
type Info struct {
	Key      string
	Size     int64
	Modified time.Time
}

// Errors of a Store.
var (
	ErrNoBlob = errors.New("file: no such blob")
	ErrBadKey = errors.New("file: not a key")
)

var blobKey = regexp.MustCompile(`^[0-9a-f]{64}(-(400|800|1600)\.jpg)?$`)
