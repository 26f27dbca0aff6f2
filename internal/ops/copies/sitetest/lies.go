package sitetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
)

// liar is a site with a fault put into it.
type liar struct {
	copies.Site
	put     func(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error)
	replace func(ctx context.Context, name string, body []byte) error
	get     func(ctx context.Context, name string) (io.ReadCloser, error)
	list    func(ctx context.Context, prefix, after string) iter.Seq2[copies.Object, error]
	place   func() copies.Place
	remove  func(ctx context.Context, names []string) error
}

func (l *liar) Put(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
	if l.put != nil {
		return l.put(ctx, name, body, size)
	}
	return l.Site.Put(ctx, name, body, size)
}

func (l *liar) Replace(ctx context.Context, name string, body []byte) error {
	if l.replace != nil {
		return l.replace(ctx, name, body)
	}
	return l.Site.Replace(ctx, name, body)
}

func (l *liar) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if l.get != nil {
		return l.get(ctx, name)
	}
	return l.Site.Get(ctx, name)
}

func (l *liar) List(ctx context.Context, prefix, after string) iter.Seq2[copies.Object, error] {
	if l.list != nil {
		return l.list(ctx, prefix, after)
	}
	return l.Site.List(ctx, prefix, after)
}

func (l *liar) Place() copies.Place {
	if l.place != nil {
		return l.place()
	}
	return l.Site.Place()
}

func (l *liar) Remove(ctx context.Context, names []string) error {
	if l.remove != nil {
		return l.remove(ctx, names)
	}
	return l.Site.(copies.Remover).Remove(ctx, names)
}

// lie is a fault that sites have had, and the case that must find it.
type lie struct {
	name, in string
	tell     func(s copies.Site) *liar
}

func remover(s copies.Site) copies.Remover { return s.(copies.Remover) }

// reading changes what a Get gives.
func reading(f func(name string, b []byte) []byte) func(copies.Site) *liar {
	return func(s copies.Site) *liar {
		return &liar{Site: s, get: func(ctx context.Context, name string) (io.ReadCloser, error) {
			r, err := s.Get(ctx, name)
			if err != nil {
				return nil, err
			}
			defer r.Close()
			b, err := io.ReadAll(r)
			if err != nil {
				return nil, err
			}
			return io.NopCloser(bytes.NewReader(f(name, b))), nil
		}}
	}
}

// listing changes the whole list; names come with prefix and after.
func listing(f func(s copies.Site, prefix, after string, all []copies.Object) []copies.Object) func(copies.Site) *liar {
	return func(s copies.Site) *liar {
		return &liar{Site: s, list: func(ctx context.Context, prefix, after string) iter.Seq2[copies.Object, error] {
			return func(yield func(copies.Object, error) bool) {
				var all []copies.Object
				for o, err := range s.List(ctx, "", "") {
					if err != nil {
						yield(o, err)
						return
					}
					all = append(all, o)
				}
				for _, o := range f(s, prefix, after, all) {
					if !yield(o, nil) {
						return
					}
				}
			}
		}}
	}
}

func pick(all []copies.Object, f func(o copies.Object) bool) (out []copies.Object) {
	for _, o := range all {
		if f(o) {
			out = append(out, o)
		}
	}
	return
}

func honest(prefix, after string, all []copies.Object) []copies.Object {
	return pick(all, func(o copies.Object) bool { return strings.HasPrefix(o.Name, prefix) && o.Name > after })
}

// overwriting stores under a name whatever was there.
func overwriting(s copies.Site) func(context.Context, string, io.ReadSeeker, int64) (copies.Receipt, error) {
	return func(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
		r, err := s.Put(ctx, name, body, size)
		if errors.Is(err, copies.ErrTaken) {
			if err := remover(s).Remove(ctx, []string{name}); err != nil {
				return r, err
			}
			return s.Put(ctx, name, body, size)
		}
		return r, err
	}
}

// padded stores a body whatever its length is.
func padded(s copies.Site) func(context.Context, string, io.ReadSeeker, int64) (copies.Receipt, error) {
	return func(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
		if ctx.Err() != nil {
			return copies.Receipt{}, ctx.Err()
		}
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return copies.Receipt{}, err
		}
		b, err := io.ReadAll(io.LimitReader(body, size))
		if err != nil {
			return copies.Receipt{}, err
		}
		return s.Put(ctx, name, bytes.NewReader(b), int64(len(b)))
	}
}

var lies = []lie{
	{"a name is overwritten", "put twice", func(s copies.Site) *liar { return &liar{Site: s, put: overwriting(s)} }},
	{"other bytes under a taken name are no error, and are not stored", "put twice", func(s copies.Site) *liar {
		return &liar{Site: s, put: func(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
			r, err := s.Put(ctx, name, body, size)
			if errors.Is(err, copies.ErrTaken) {
				err = nil
			}
			return r, err
		}}
	}},
	{"other bytes of the same length under a taken name are no error", "put twice", func(s copies.Site) *liar {
		return &liar{Site: s, put: func(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
			for o, err := range s.List(ctx, name, "") {
				if err == nil && o.Name == name && o.Size == size {
					return copies.Receipt{At: o.At}, nil
				}
			}
			return s.Put(ctx, name, body, size)
		}}
	}},
	{"the same bytes again are an error", "put twice", func(s copies.Site) *liar {
		return &liar{Site: s, put: func(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
			if r, err := s.Get(ctx, name); err == nil {
				r.Close()
				return copies.Receipt{}, copies.ErrTaken
			}
			return s.Put(ctx, name, body, size)
		}}
	}},
	{"a taken name is passing trouble", "put twice", func(s copies.Site) *liar {
		return &liar{Site: s, put: func(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
			r, err := s.Put(ctx, name, body, size)
			if errors.Is(err, copies.ErrTaken) {
				err = errors.New("409")
			}
			return r, err
		}}
	}},
	{"a short body is stored as what it is", "cut bodies", func(s copies.Site) *liar { return &liar{Site: s, put: padded(s)} }},
	{"a cut put leaves its half", "cut bodies", func(s copies.Site) *liar {
		return &liar{Site: s, put: func(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
			r, err := s.Put(ctx, name, body, size)
			if err != nil && !errors.Is(err, copies.ErrTaken) {
				_, _ = s.Put(context.WithoutCancel(ctx), name, strings.NewReader("half"), 4)
			}
			return r, err
		}}
	}},
	{"a cut put leaves a draft in the list", "cut bodies", func(s copies.Site) *liar {
		var failed sync.Map
		l := listing(func(s copies.Site, prefix, after string, all []copies.Object) []copies.Object {
			failed.Range(func(name, _ any) bool {
				all = append(all, copies.Object{Name: name.(string), Size: 7, At: time.Now()})
				return true
			})
			return honest(prefix, after, all)
		})(s)
		l.put = func(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
			r, err := s.Put(ctx, name, body, size)
			if err != nil {
				failed.Store(name, true)
			}
			return r, err
		}
		return l
	}},
	{"a body is taken from where it stands", "put and get", func(s copies.Site) *liar {
		return &liar{Site: s, put: func(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
			b, err := io.ReadAll(body)
			if err != nil {
				return copies.Receipt{}, err
			}
			return s.Put(ctx, name, bytes.NewReader(b), int64(len(b)))
		}}
	}},
	{"nothing is stored", "put and get", func(s copies.Site) *liar {
		return &liar{Site: s, put: func(context.Context, string, io.ReadSeeker, int64) (copies.Receipt, error) {
			return copies.Receipt{At: time.Now()}, nil
		}}
	}},
	{"a read ends early without an error", "put and get", reading(func(_ string, b []byte) []byte { return b[:len(b)-len(b)/3] })},
	{"a read of what is large ends early", "large", reading(func(_ string, b []byte) []byte { return b[:min(len(b), 16<<20)] })},
	{"a read has more than was put", "put and get", reading(func(_ string, b []byte) []byte { return append(b, 0) })},
	{"a bit is turned", "put and get", reading(func(_ string, b []byte) []byte {
		if len(b) > 5000 {
			b[len(b)/2] ^= 4
		}
		return b
	})},
	{"large objects lack a part", "large", reading(func(_ string, b []byte) []byte {
		if len(b) > 20<<20 {
			copy(b[5<<20:10<<20], b[10<<20:15<<20])
		}
		return b
	})},
	{"another object is given", "put and get", func(s copies.Site) *liar {
		return &liar{Site: s, get: func(ctx context.Context, name string) (io.ReadCloser, error) {
			for o, err := range s.List(ctx, "", "") {
				if err == nil {
					return s.Get(ctx, o.Name)
				}
			}
			return s.Get(ctx, name)
		}}
	}},
	{"what is absent is empty", "absent", func(s copies.Site) *liar {
		return &liar{Site: s, get: func(ctx context.Context, name string) (io.ReadCloser, error) {
			r, err := s.Get(ctx, name)
			if errors.Is(err, copies.ErrAbsent) {
				return io.NopCloser(strings.NewReader("")), nil
			}
			return r, err
		}}
	}},
	{"what is absent is passing trouble", "absent", func(s copies.Site) *liar {
		return &liar{Site: s, get: func(ctx context.Context, name string) (io.ReadCloser, error) {
			r, err := s.Get(ctx, name)
			if errors.Is(err, copies.ErrAbsent) {
				return nil, errors.New("404")
			}
			return r, err
		}}
	}},
	{"every error is absence", "hostile names", func(s copies.Site) *liar {
		return &liar{Site: s, get: func(ctx context.Context, name string) (io.ReadCloser, error) {
			r, err := s.Get(ctx, name)
			if err != nil {
				return nil, copies.ErrAbsent
			}
			return r, nil
		}}
	}},
	{"a list is in the order of folders", "order", listing(func(_ copies.Site, prefix, after string, all []copies.Object) []copies.Object {
		out := honest(prefix, after, all)
		slices.SortStableFunc(out, func(a, b copies.Object) int {
			return slices.Compare(strings.Split(a.Name, "/"), strings.Split(b.Name, "/"))
		})
		return out
	})},
	{"a list is in no order", "order", listing(func(_ copies.Site, prefix, after string, all []copies.Object) []copies.Object {
		out := honest(prefix, after, all)
		slices.Reverse(out)
		return out
	})},
	{"after includes its own name", "order", listing(func(_ copies.Site, prefix, after string, all []copies.Object) []copies.Object {
		return pick(all, func(o copies.Object) bool { return strings.HasPrefix(o.Name, prefix) && o.Name >= after })
	})},
	{"after is left out of account", "after and prefix", listing(func(_ copies.Site, prefix, _ string, all []copies.Object) []copies.Object {
		return honest(prefix, "", all)
	})},
	{"a prefix is a folder", "after and prefix", listing(func(_ copies.Site, prefix, after string, all []copies.Object) []copies.Object {
		if prefix != "" && !strings.HasSuffix(prefix, "/") {
			prefix += "/"
		}
		return honest(prefix, after, all)
	})},
	{"a prefix is left out of account", "after and prefix", listing(func(_ copies.Site, _, after string, all []copies.Object) []copies.Object {
		return honest("", after, all)
	})},
	{"a list ends after 1,000", "many", listing(func(_ copies.Site, prefix, after string, all []copies.Object) []copies.Object {
		all = honest(prefix, after, all)
		return all[:min(len(all), 1000)]
	})},
	{"pages of a list overlap by one", "many", listing(func(_ copies.Site, prefix, after string, all []copies.Object) []copies.Object {
		all = honest(prefix, after, all)
		if len(all) > 1000 {
			all = slices.Insert(all, 1000, all[999])
		}
		return all
	})},
	{"pages of a list lose one between them", "many", listing(func(_ copies.Site, prefix, after string, all []copies.Object) []copies.Object {
		all = honest(prefix, after, all)
		if len(all) > 1000 {
			all = slices.Delete(all, 1000, 1001)
		}
		return all
	})},
	{"a list says other sizes", "put and get", listing(func(_ copies.Site, prefix, after string, all []copies.Object) []copies.Object {
		all = honest(prefix, after, all)
		for i := range all {
			all[i].Size = (all[i].Size + 4095) / 4096 * 4096
		}
		return all
	})},
	{"a list has no times", "put and get", listing(func(_ copies.Site, prefix, after string, all []copies.Object) []copies.Object {
		all = honest(prefix, after, all)
		for i := range all {
			all[i].At = time.Time{}
		}
		return all
	})},
	{"a list that fails is an empty one", "cancelled", func(s copies.Site) *liar {
		return &liar{Site: s, list: func(ctx context.Context, prefix, after string) iter.Seq2[copies.Object, error] {
			return func(yield func(copies.Object, error) bool) {
				for o, err := range s.List(ctx, prefix, after) {
					if err != nil || !yield(o, nil) {
						return
					}
				}
			}
		}}
	}},
	{"replace writes into the old object", "replace", func(s copies.Site) *liar {
		var mu sync.Mutex
		old := map[string][]byte{}
		return &liar{Site: s, replace: func(ctx context.Context, name string, body []byte) error {
			mu.Lock()
			defer mu.Unlock()
			b := slices.Clone(body)
			if o := old[name]; len(o) > len(b) && len(b) > 0 {
				b = append(b, o[len(b):]...)
			}
			err := s.Replace(ctx, name, b)
			if err == nil {
				old[name] = b
			}
			return err
		}}
	}},
	{"replace keeps the first", "replace", func(s copies.Site) *liar {
		return &liar{Site: s, replace: func(ctx context.Context, name string, body []byte) error {
			if r, err := s.Get(ctx, name); err == nil {
				r.Close()
				return nil
			}
			return s.Replace(ctx, name, body)
		}}
	}},
	{"replace keeps the earlier version beside", "replace", func(s copies.Site) *liar {
		n := 0
		return &liar{Site: s, replace: func(ctx context.Context, name string, body []byte) error {
			n++
			if err := s.Replace(ctx, fmt.Sprintf("keys/earlier.%d", n), body); err != nil {
				return err
			}
			return s.Replace(ctx, name, body)
		}}
	}},
	{"replace removes first and then writes", "replace while reading", func(s copies.Site) *liar {
		missed := make(chan struct{})
		var once sync.Once
		return &liar{Site: s,
			get: func(ctx context.Context, name string) (io.ReadCloser, error) {
				r, err := s.Get(ctx, name)
				if errors.Is(err, copies.ErrAbsent) {
					once.Do(func() { close(missed) })
				}
				return r, err
			},
			replace: func(ctx context.Context, name string, body []byte) error {
				r, err := s.Get(ctx, name)
				if err == nil {
					r.Close()
					if err := remover(s).Remove(ctx, []string{name}); err != nil {
						return err
					}
					select {
					case <-missed: // whoever read now found nothing
					case <-ctx.Done():
					}
				}
				return s.Replace(ctx, name, body)
			}}
	}},
	{"anything is replaced", "what is not replaced", func(s copies.Site) *liar {
		return &liar{Site: s, replace: func(ctx context.Context, name string, body []byte) error {
			if err := s.Replace(ctx, name, body); !errors.Is(err, copies.ErrRefused) || len(body) > copies.MaxReplace || copies.Name(name) != nil {
				return err
			}
			_, err := overwriting(s)(ctx, name, bytes.NewReader(body), int64(len(body)))
			return err
		}}
	}},
	{"what is too large to be replaced is cut", "what is not replaced", func(s copies.Site) *liar {
		return &liar{Site: s, replace: func(ctx context.Context, name string, body []byte) error {
			return s.Replace(ctx, name, body[:min(len(body), copies.MaxReplace)])
		}}
	}},
	{"of two writers both are told yes, the last one wins", "one name at once", func(s copies.Site) *liar {
		return &liar{Site: s, put: overwriting(s)}
	}},
	{"of two writers both are told yes, the first one wins", "one name at once", func(s copies.Site) *liar {
		return &liar{Site: s, put: func(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
			r, err := s.Put(ctx, name, body, size)
			if errors.Is(err, copies.ErrTaken) {
				err = nil
			}
			return r, err
		}}
	}},
	{"of writers at once nobody is told yes", "one name at once", func(s copies.Site) *liar {
		return &liar{Site: s, put: func(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
			if _, err := s.Put(ctx, name, body, size); err != nil {
				return copies.Receipt{}, err
			}
			return copies.Receipt{}, copies.ErrTaken
		}}
	}},
	{"bytes of several at once are mixed", "many at once", reading(func(name string, b []byte) []byte {
		if len(b) > 1000 {
			copy(b[500:], name)
		}
		return b
	})},
	{"a put goes on when nobody waits", "cancelled", func(s copies.Site) *liar {
		return &liar{Site: s, put: func(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
			r, err := s.Put(context.WithoutCancel(ctx), name, body, size)
			return r, errors.Join(err, ctx.Err())
		}}
	}},
	{"a context that is over is not looked at", "cancelled", func(s copies.Site) *liar {
		return &liar{Site: s, get: func(ctx context.Context, name string) (io.ReadCloser, error) {
			return s.Get(context.WithoutCancel(ctx), name)
		}}
	}},
	{"that the context is over is not said", "cancelled", func(s copies.Site) *liar {
		return &liar{Site: s, put: func(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
			r, err := s.Put(ctx, name, body, size)
			if errors.Is(err, context.Canceled) {
				err = errors.New("failed")
			}
			return r, err
		}}
	}},
	{"hostile names are made into others", "hostile names", func(s copies.Site) *liar {
		return &liar{Site: s, put: func(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
			if copies.Name(name) != nil {
				name = "cleaned"
			}
			return s.Put(ctx, name, body, size)
		}}
	}},
	{"hostile names are passing trouble", "hostile names", func(s copies.Site) *liar {
		return &liar{Site: s, get: func(ctx context.Context, name string) (io.ReadCloser, error) {
			r, err := s.Get(ctx, name)
			if errors.Is(err, copies.ErrRefused) {
				err = errors.New("bad name")
			}
			return r, err
		}}
	}},
	{"removing stops at what is not there", "remove", func(s copies.Site) *liar {
		return &liar{Site: s, remove: func(ctx context.Context, names []string) error {
			for _, n := range names {
				r, err := s.Get(ctx, n)
				if err != nil {
					return err
				}
				r.Close()
			}
			return remover(s).Remove(ctx, names)
		}}
	}},
	{"nothing is removed", "remove", func(s copies.Site) *liar {
		return &liar{Site: s, remove: func(context.Context, []string) error { return nil }}
	}},
	{"only the first 1,000 are removed", "remove", func(s copies.Site) *liar {
		return &liar{Site: s, remove: func(ctx context.Context, names []string) error {
			if len(names) > 1000 {
				names = names[len(names)-1000:]
			}
			return remover(s).Remove(ctx, names)
		}}
	}},
	{"more is removed than was named", "remove", func(s copies.Site) *liar {
		return &liar{Site: s, remove: func(ctx context.Context, names []string) error {
			for _, n := range names {
				for o, err := range s.List(ctx, n, "") {
					if err == nil {
						names = append(names, o.Name)
					}
				}
			}
			return remover(s).Remove(ctx, names)
		}}
	}},
	{"the count does not go on", "receipts", func(s copies.Site) *liar {
		return &liar{Site: s, put: func(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
			r, err := s.Put(ctx, name, body, size)
			r.Seq = 7
			return r, err
		}}
	}},
	{"an object put again is counted anew", "receipts", func(s copies.Site) *liar {
		var n uint64
		return &liar{Site: s, put: func(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
			r, err := s.Put(ctx, name, body, size)
			n++
			r.Seq = n
			return r, err
		}}
	}},
	{"the time of a receipt is the sender's", "receipts", func(s copies.Site) *liar {
		return &liar{Site: s, put: func(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
			r, err := s.Put(ctx, name, body, size)
			r.At = r.At.Add(-3 * time.Hour)
			return r, err
		}}
	}},
	{"the place is nowhere", "place", func(s copies.Site) *liar {
		return &liar{Site: s, place: func() copies.Place { return copies.Place{Name: "x"} }}
	}},
	{"the place says the key", "place", func(s copies.Site) *liar {
		return &liar{Site: s, place: func() copies.Place {
			p := s.Place()
			p.Address += "?key=" + liesSecret
			return p
		}}
	}},
	{"an error says the key", "absent", func(s copies.Site) *liar {
		return &liar{Site: s, get: func(ctx context.Context, name string) (io.ReadCloser, error) {
			r, err := s.Get(ctx, name)
			if err != nil {
				err = fmt.Errorf("GET https://key:%s@host: %w", liesSecret, err)
			}
			return r, err
		}}
	}},
}

const liesSecret = "hemlig-nyckel-0123456789"

// Lies runs the suite over a site that lies, made of the true ones that open makes, which
// must be a copies.Remover: each lie must be found by the case that names it.
func Lies(t *testing.T, open func(t *testing.T) copies.Site) {
	for _, l := range lies {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range cases {
				if c.name != l.in {
					continue
				}
				n := &notes{}
				done := make(chan struct{})
				go func() { // its own, so that Fatalf can end it
					defer close(done)
					k := Kind{Open: open, Secrets: []string{liesSecret}, Large: 21 << 20, Many: 1100}
					k.run(t, c, n, func(s copies.Site) copies.Site { return l.tell(s) })
				}()
				<-done
				if len(n.got) == 0 {
					t.Errorf("the case %q does not find that %s", c.name, l.name)
				} else {
					t.Logf("found: %s", n.got[0])
				}
				return
			}
			t.Fatalf("no case is called %q", l.in)
		})
	}
}
