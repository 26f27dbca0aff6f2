package copies

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"time"
)

// Site is one place that keeps copies. Every implementation MUST pass the suite of
// package sitetest. All methods may be called from several goroutines.
//
// Names are as Name checks them. Errors wrap ErrAbsent, ErrTaken, ErrRefused or ErrFull
// where these apply, and say what and where; anything else is taken for passing trouble,
// after which the same call is tried again.
type Site interface {
	// Put stores size bytes under name and returns when they would survive the loss of
	// power at the site. A name is written once: the same bytes again are no error (the
	// answer to the first try may have been lost), others are ErrTaken. A Put that fails or
	// is cut leaves nothing that Get or List would show.
	Put(ctx context.Context, name string, body io.ReadSeeker, size int64) (Receipt, error)
	// Replace stores a small object (64 KiB at most) in place of the one of that name, if
	// any, of which nothing can be had afterwards, also no earlier version. It is for
	// names under "keys/" only; other names are ErrRefused.
	Replace(ctx context.Context, name string, body []byte) error
	// Get opens an object; ErrAbsent when there is none. The caller closes it. A transfer
	// that is cut MUST end in an error, never in a short object.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	// List yields the objects whose names begin with prefix and come after after, in
	// ascending order of bytes. It ends at the first error.
	List(ctx context.Context, prefix, after string) iter.Seq2[Object, error]
	// Place tells people where this is. It never holds a secret.
	Place() Place
	Close() error
}

// Remover is a Site at which the shop itself removes what the retention no longer keeps.
// A site that keeps its own retention (an outpost, a bucket with rules of its own) is none.
type Remover interface {
	// Remove removes objects; what is not there is no error.
	Remove(ctx context.Context, names []string) error
}

// Heeder is a Site that keeps its own retention (an outpost), and removes nothing but what the
// head object has told before that it need not be there any longer.
type Heeder interface{ Heeds() }

// Receipt is what a site says of an object that it has stored.
type Receipt struct {
	At  time.Time // by the site's own clock; zero when it has none
	Seq uint64    // the site's own count of objects; 0 when it does not count
}

// Object is one stored object as a site lists it.
type Object struct {
	Name string
	Size int64
	At   time.Time // when the site stored it, by its clock
}

// Place tells where a site is. Two sites that share Provider, Network or Credential are
// not two places.
type Place struct {
	Kind       string // dir, s3, sftp or outpost; shop: the shop itself (Self)
	Name       string // the merchant's word for it
	Address    string // host or folder, without credentials
	Location   string // town or region, as configured
	Provider   string // who runs it, as configured
	Credential string // a fingerprint of what opens it, empty when nothing does
	Locked     bool   // objects cannot be removed before their time, also not by the shop
}

// Errors of sites.
var (
	ErrAbsent  = errors.New("no such object")
	ErrTaken   = errors.New("another object has that name")
	ErrRefused = errors.New("refused by the site")
	ErrFull    = errors.New("the site is full")
)

// MaxReplace is the size in bytes of the largest object that Replace takes.
const MaxReplace = 64 << 10

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}(/[a-z0-9][a-z0-9._-]{0,99}){0,6}$`)

// Name checks the name of an object: up to seven parts of a-z, 0-9, point, dash and
// underscore, none beginning with a point, 200 bytes at most. So it is a path that leads
// nowhere else, a key of every object store, and sorts alike everywhere. What is no name
// is ErrRefused: it will not become one by being tried again.
func Name(s string) error {
	if len(s) > 200 || !nameForm.MatchString(s) {
		return fmt.Errorf("%w: %q is not the name of an object", ErrRefused, s)
	}
	return nil
}
