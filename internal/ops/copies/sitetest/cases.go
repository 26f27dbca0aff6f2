package sitetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"kassavalv/internal/ops/copies"
)

// noise are n bytes that differ by seed and do not compress.
func noise(seed uint64, n int64) []byte {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

func seg(i int) string { return fmt.Sprintf("e/00000001/l0/%016x-%016x-0123456789abcdef.kvc", i, i) }

// body is what the site takes for plain under name.
func (s *scene) body(name string, plain []byte) []byte {
	if s.kind.Dress != nil {
		return s.kind.Dress(name, plain)
	}
	return plain
}

func (s *scene) put(name string, b []byte) (copies.Receipt, error) {
	r, err := s.site.Put(s.ctx, name, bytes.NewReader(b), int64(len(b)))
	return r, s.note(err)
}

func (s *scene) mustPut(name string, b []byte) copies.Receipt {
	s.Helper()
	r, err := s.put(name, b)
	if err != nil {
		s.Fatalf("put %s: %v", name, err)
	}
	return r
}

func (s *scene) get(name string) ([]byte, error) {
	r, err := s.site.Get(s.ctx, name)
	if err != nil {
		return nil, s.note(err)
	}
	b, err := io.ReadAll(r)
	return b, s.note(errors.Join(err, r.Close()))
}

func (s *scene) holds(name string, want []byte) {
	s.Helper()
	got, err := s.get(name)
	switch {
	case err != nil:
		s.Errorf("get %s: %v", name, err)
	case !bytes.Equal(got, want):
		s.Errorf("get %s: %d bytes, sha256 %x; put were %d, %x", name, len(got), sha256.Sum256(got), len(want), sha256.Sum256(want))
	}
}

func (s *scene) list(prefix, after string) (out []copies.Object, err error) {
	for o, err := range s.site.List(s.ctx, prefix, after) {
		if err != nil {
			return out, s.note(err)
		}
		out = append(out, o)
	}
	return out, nil
}

// lists checks that exactly these names are listed, in this order.
func (s *scene) lists(prefix, after string, want ...string) []copies.Object {
	s.Helper()
	got, err := s.list(prefix, after)
	if err != nil {
		s.Errorf("list %q after %q: %v", prefix, after, err)
		return nil
	}
	names := make([]string, len(got))
	for i, o := range got {
		names[i] = o.Name
	}
	if !slices.Equal(names, want) {
		s.Errorf("list %q after %q: %s; want %s", prefix, after, few(names), few(want))
	}
	return got
}

func few(names []string) string {
	if len(names) > 12 {
		return fmt.Sprintf("%d names, %v … %v", len(names), names[:3], names[len(names)-3:])
	}
	return fmt.Sprint(len(names), " names ", names)
}

// is checks the class of an error.
func (s *scene) is(what string, err error, want ...error) {
	s.Helper()
	if s.note(err) == nil {
		s.Errorf("%s: no error", what)
		return
	}
	for _, class := range []error{copies.ErrAbsent, copies.ErrTaken, copies.ErrRefused, copies.ErrFull} {
		if errors.Is(err, class) && !slices.Contains(want, class) {
			s.Errorf("%s: %v: this is not %v", what, err, class)
		}
	}
	for _, w := range want {
		if errors.Is(err, w) {
			return
		}
	}
	if len(want) > 0 {
		s.Errorf("%s: %v: want %v", what, err, want)
	}
}

// absentNow checks that nothing of name is there.
func (s *scene) absentNow(name string) {
	s.Helper()
	_, err := s.get(name)
	s.is("get "+name+", which must not be there", err, copies.ErrAbsent)
	got, err := s.list("", "")
	if err != nil {
		s.Errorf("list: %v", err)
	}
	for _, o := range got {
		if o.Name == name {
			s.Errorf("%s is listed and must not be there", name)
		}
	}
}

func empty(s *scene) {
	s.lists("", "")
	s.lists("e/", "")
	s.lists("", "z")
	_, err := s.get(seg(1))
	s.is("get from an empty site", err, copies.ErrAbsent)
}

func putAndGet(s *scene) {
	for i, n := range []int64{0, 1, 100, 64<<10 - 1, 64 << 10, 64<<10 + 1, 1<<20 + 7} {
		name := seg(i + 1)
		b := s.body(name, noise(uint64(i), n))
		s.mustPut(name, b)
		s.holds(name, b)
		o := s.lists(name, "", name)
		if len(o) == 1 && o[0].Size != int64(len(b)) {
			s.Errorf("%s is listed with %d bytes, it has %d", name, o[0].Size, len(b))
		}
		if len(o) == 1 && o[0].At.IsZero() {
			s.Errorf("%s is listed without the time it was stored", name)
		}
	}
	// A body that has been read already is stored whole all the same.
	name := seg(100)
	b := s.body(name, noise(100, 5000))
	r := bytes.NewReader(b)
	_, _ = io.Copy(io.Discard, r)
	if _, err := s.site.Put(s.ctx, name, r, int64(len(b))); err != nil {
		s.Errorf("put of a body that stands at its end: %v", s.note(err))
	}
	s.holds(name, b)
	for _, name := range []string{"v/20261130t010203z.kvc", "f/" + strings.Repeat("0a", 32) + ".kvc", "e/00000001/epoch.kvc", "e/00000001/k/0123456789abcdef.age", "a", "a.b/c_d/e-f/g/h/i/j"} {
		b := s.body(name, []byte(name))
		s.mustPut(name, b)
		s.holds(name, b)
	}
}

func seenAgain(s *scene) {
	b := s.body(seg(1), noise(1, 1000))
	s.mustPut(seg(1), b)
	if err := s.site.Replace(s.ctx, "keys/current.age", []byte("keys")); err != nil {
		s.Errorf("replace: %v", s.note(err))
	}
	if s.kind.Again == nil {
		return
	}
	if _, lies := s.judge.(*notes); lies {
		return
	}
	s.site = s.kind.Again(s.t, s.site)
	defer s.site.Close()
	s.holds(seg(1), b)
	s.holds("keys/current.age", []byte("keys"))
	s.lists("", "", seg(1), "keys/current.age")
	s.mustPut(seg(1), b)
	_, err := s.put(seg(1), s.body(seg(1), noise(2, 1000)))
	s.is("put of other bytes after opening again", err, copies.ErrTaken)
}

func putTwice(s *scene) {
	a := s.body(seg(1), noise(1, 3000))
	s.mustPut(seg(1), a)
	s.mustPut(seg(1), a)
	for what, b := range map[string][]byte{
		"as long": s.body(seg(1), noise(2, 3000)), "shorter": a[:len(a)-1], "longer": append(slices.Clone(a), 0), "empty": {},
		"one bit": flip(a),
	} {
		_, err := s.put(seg(1), b)
		s.is("put of other bytes under a name that is taken, "+what, err, copies.ErrTaken)
	}
	s.holds(seg(1), a)
	s.mustPut(seg(1), a)
	s.holds(seg(1), a)
	s.lists("", "", seg(1))
}

func flip(b []byte) []byte {
	b = slices.Clone(b)
	b[len(b)-1] ^= 1
	return b
}

// cut is a body that fails, or ends, before its size.
type cut struct {
	io.ReadSeeker
	at   int64
	with error
}

func (c *cut) Read(p []byte) (int, error) {
	pos, err := c.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	if pos >= c.at {
		return 0, c.with
	}
	if left := c.at - pos; int64(len(p)) > left {
		p = p[:left]
	}
	return c.ReadSeeker.Read(p)
}

func cutBodies(s *scene) {
	b := s.body(seg(1), noise(1, 300<<10))
	n := int64(len(b))
	for what, body := range map[string]io.ReadSeeker{
		"fails":             &cut{bytes.NewReader(b), n / 2, errors.New("the disk is gone")},
		"fails at once":     &cut{bytes.NewReader(b), 0, errors.New("the disk is gone")},
		"fails at its end":  &cut{bytes.NewReader(b), n, errors.New("the disk is gone")},
		"ends":              &cut{bytes.NewReader(b), n / 2, io.EOF},
		"ends one too soon": &cut{bytes.NewReader(b), n - 1, io.EOF},
		"is shorter":        bytes.NewReader(b[:n-1]),
		"is longer":         bytes.NewReader(append(slices.Clone(b), 1)),
	} {
		_, err := s.site.Put(s.ctx, seg(1), body, n)
		s.is("put of a body that "+what, err)
		s.absentNow(seg(1))
	}
	s.mustPut(seg(1), b)
	s.holds(seg(1), b)
}

// crooked are names whose order by parts differs from the order of their bytes.
var crooked = []string{"a-b/x", "a.b/x", "a/x", "a/x-1", "a/x.1", "a/x/1", "a0", "a_b", "ab", "keys", "z/9", "z/a"}

func order(s *scene) {
	// A site of files cannot have a name that is also the beginning of another.
	names := slices.DeleteFunc(slices.Clone(crooked), func(n string) bool { return n == "a/x" || n == "keys" })
	slices.Sort(names)
	for _, i := range rand.Perm(len(names)) {
		s.mustPut(names[i], s.body(names[i], []byte(names[i])))
	}
	s.lists("", "", names...)
	for i, n := range names {
		s.lists("", n, names[i+1:]...)
	}
	// Ending early is allowed.
	for range s.site.List(s.ctx, "", "") {
		break
	}
}

func afterAndPrefix(s *scene) {
	names := []string{"e/00000001/epoch.kvc", seg(1), seg(2), seg(0x10), "e/00000002/epoch.kvc", "f/" + strings.Repeat("ab", 32) + ".kvc", "v/20261130t010203z.kvc"}
	for _, n := range names {
		s.mustPut(n, s.body(n, []byte(n)))
	}
	slices.Sort(names)
	for _, prefix := range []string{"", "e", "e/", "e/0", "e/00000001", "e/00000001/", "e/00000001/l0/", "e/00000001/l0/000000000000000", "e/00000001/l0/0000000000000001", seg(2), seg(2) + "x", "e/00000002/epoch.kv", "f/", "f/a", "g", "v/2026", "E/", "//", "e//"} {
		for _, after := range append([]string{"", "e", "e/", "e/00000001", "e/00000001/", "e/00000001/l", "e/00000001/l0", "e/00000001/l0/", "e/00000001/l0/0000000000000002", "e/00000001/m", "e/00000001/zz", "ez", "f", "zz"}, names...) {
			var want []string
			for _, n := range names {
				if strings.HasPrefix(n, prefix) && n > after {
					want = append(want, n)
				}
			}
			s.lists(prefix, after, want...)
		}
	}
}

func many(s *scene) {
	n := s.kind.Many
	if n == 0 {
		n = 2600
	}
	names := make([]string, n)
	for i := range names {
		names[i] = seg(i + 1)
	}
	var wg sync.WaitGroup
	work := make(chan string)
	var failed sync.Once
	for range 16 {
		wg.Go(func() {
			for name := range work {
				if _, err := s.put(name, s.body(name, []byte(name))); err != nil {
					failed.Do(func() { s.Errorf("put %s: %v", name, err) })
				}
			}
		})
	}
	for _, i := range rand.Perm(n) {
		work <- names[i]
	}
	close(work)
	wg.Wait()
	s.lists("", "", names...)
	s.lists("e/00000001/l0/", names[n/3], names[n/3+1:]...)
	s.lists("e/00000001/l0/", names[n-2], names[n-1])
}

func large(s *scene) {
	n := s.kind.Large
	if n == 0 {
		n = 64 << 20
	}
	name := "e/00000001/l9/0000000000000001-00000000000000ff-0123456789abcdef.kvc"
	b := s.body(name, noise(9, n))
	s.mustPut(name, b)
	if o := s.lists("", "", name); len(o) == 1 && o[0].Size != int64(len(b)) {
		s.Errorf("%s is listed with %d bytes, it has %d", name, o[0].Size, len(b))
	}
	s.holds(name, b)
	s.mustPut(name, b)
	_, err := s.put(name, flip(b))
	s.is("put of a large object that differs in its last bit", err, copies.ErrTaken)
	s.holds(name, b)
}

func replace(s *scene) {
	const name = "keys/current.age"
	for i, n := range []int64{1000, copies.MaxReplace, 10, 0, 10, 999} {
		b := noise(uint64(i), n)
		if err := s.site.Replace(s.ctx, name, b); err != nil {
			s.Fatalf("replace with %d bytes: %v", n, s.note(err))
		}
		s.holds(name, b)
		if o := s.lists("", "", name); len(o) == 1 && o[0].Size != n {
			s.Errorf("%s is listed with %d bytes, it has %d", name, o[0].Size, n)
		}
		if s.kind.Earlier != nil {
			if n := s.kind.Earlier(s.t, s.site, name); n != 0 {
				s.Errorf("%d earlier versions of %s can be had", n, name)
			}
		}
	}
	if err := s.site.Replace(s.ctx, "keys/other.age", []byte("x")); err != nil {
		s.Errorf("replace: %v", s.note(err))
	}
	s.lists("keys/", "", name, "keys/other.age")
}

func replaceWhileReading(s *scene) {
	const name = "keys/current.age"
	same := func(b []byte) bool {
		for _, c := range b {
			if c != b[0] {
				return false
			}
		}
		return len(b) == 20000+int(b[0])
	}
	version := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 20000+i) }
	if err := s.site.Replace(s.ctx, name, version(0)); err != nil {
		s.Fatalf("replace: %v", s.note(err))
	}
	var wg sync.WaitGroup
	ctx, stop := context.WithCancel(s.ctx)
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				b, err := s.get(name)
				if err == nil && !same(b) {
					s.Errorf("read while it was replaced: %d bytes that are no version", len(b))
					return
				}
				if err != nil && errors.Is(err, copies.ErrAbsent) {
					s.Errorf("read while it was replaced: %v", err)
					return
				}
			}
		})
	}
	for i := 1; i < 20; i++ {
		if err := s.site.Replace(s.ctx, name, version(i)); err != nil {
			s.Errorf("replace: %v", s.note(err))
		}
	}
	stop()
	wg.Wait()
	s.holds(name, version(19))
}

func notReplaced(s *scene) {
	b := s.body(seg(1), []byte("segment"))
	s.mustPut(seg(1), b)
	for _, name := range []string{seg(1), seg(2), "keysx/a", "keys", "e/keys/a"} {
		s.is("replace "+name, s.site.Replace(s.ctx, name, []byte("x")), copies.ErrRefused)
	}
	s.is("replace with too much", s.site.Replace(s.ctx, "keys/current.age", make([]byte, copies.MaxReplace+1)), copies.ErrRefused)
	s.holds(seg(1), b)
	s.lists("", "", seg(1))
}

func oneName(s *scene) {
	const writers = 8
	for round := range 5 {
		name := seg(round + 1)
		bodies := make([][]byte, writers)
		won := make([]bool, writers)
		var wg sync.WaitGroup
		begin := make(chan struct{})
		for i := range writers {
			// Two writers each have the same bytes: both may win.
			bodies[i] = s.body(name, noise(uint64(round*100+i/2), 50<<10))
			wg.Go(func() {
				<-begin
				_, err := s.put(name, bodies[i])
				won[i] = err == nil
				if err != nil {
					s.is("put beside others", err, copies.ErrTaken)
				}
			})
		}
		close(begin)
		wg.Wait()
		got, err := s.get(name)
		if err != nil {
			s.Fatalf("get after puts at once: %v", err)
		}
		winners := 0
		for i := range writers {
			if won[i] {
				winners++
				if !bytes.Equal(bodies[i], got) {
					s.Errorf("two writers of one name were told that theirs is stored")
				}
			}
		}
		if winners == 0 {
			s.Errorf("nobody was told that his is stored")
		}
	}
	s.lists("", "", seg(1), seg(2), seg(3), seg(4), seg(5))
}

func manyAtOnce(s *scene) {
	var wg sync.WaitGroup
	var want []string
	for i := range 24 {
		want = append(want, seg(i+1))
		wg.Go(func() {
			b := s.body(seg(i+1), noise(uint64(i), 100<<10))
			if _, err := s.put(seg(i+1), b); err != nil {
				s.Errorf("put %s: %v", seg(i+1), err)
				return
			}
			s.holds(seg(i+1), b)
			if _, err := s.list("", ""); err != nil {
				s.Errorf("list: %v", err)
			}
		})
	}
	wg.Wait()
	s.lists("", "", want...)
}

func cancelled(s *scene) {
	there := s.body(seg(1), noise(1, 1000))
	s.mustPut(seg(1), there)
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	over := func(what string, err error) {
		s.Helper()
		s.is(what+" when the context is over", err)
		if err != nil && !errors.Is(err, context.Canceled) {
			s.Errorf("%s when the context is over: %v does not say so", what, err)
		}
	}
	b := s.body(seg(2), noise(2, 1000))
	_, err := s.site.Put(ctx, seg(2), bytes.NewReader(b), int64(len(b)))
	over("put", err)
	over("replace", s.site.Replace(ctx, "keys/current.age", []byte("x")))
	if r, err := s.site.Get(ctx, seg(1)); err == nil {
		_, err = io.ReadAll(r)
		r.Close()
		over("get", err)
	} else {
		over("get", err)
	}
	err = nil
	for _, e := range s.site.List(ctx, "", "") {
		err = e
	}
	over("list", err)
	if r, ok := s.site.(copies.Remover); ok {
		over("remove", r.Remove(ctx, []string{seg(1)}))
	}
	// Cancelled in the middle of a body.
	ctx, cancel = context.WithCancel(s.ctx)
	b = s.body(seg(3), noise(3, 2<<20))
	_, err = s.site.Put(ctx, seg(3), &halfway{bytes.NewReader(b), int64(len(b)) / 2, cancel}, int64(len(b)))
	cancel()
	over("put, in the middle,", err)
	s.absentNow(seg(2))
	s.absentNow(seg(3))
	s.lists("", "", seg(1))
	s.holds(seg(1), there)
	s.mustPut(seg(3), b)
	s.holds(seg(3), b)
}

// halfway calls its function when half has been read.
type halfway struct {
	io.ReadSeeker
	at   int64
	call func()
}

func (h *halfway) Read(p []byte) (int, error) {
	pos, err := h.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	if len(p) > 16<<10 {
		p = p[:16<<10]
	}
	if pos >= h.at {
		h.call()
	}
	return h.ReadSeeker.Read(p)
}

func absent(s *scene) {
	s.mustPut(seg(1), s.body(seg(1), []byte("x")))
	for _, name := range []string{seg(2), "e", "e/00000001", "e/00000001/l0", seg(1) + ".x", "keys/current.age", "nothing/at/all"} {
		_, err := s.get(name)
		s.is("get "+name, err, copies.ErrAbsent)
	}
}

// hostiles lead elsewhere, or nowhere.
var hostiles = []string{"", ".", "..", "../x", "../../etc/passwd", "e/../../x", "e/..", "/etc/passwd", "/", "e//x", "e/", "./x", "e/./x", ".kassavalv-site", ".tmp/x", "e/.tmp", "E/x", "å", "a b", "a\x00b", "a\nb", "a\\b", "..\\x",
	"c:/x", "x?versionId=1", "x#y", "%2e%2e/x", strings.Repeat("a", 101), strings.Repeat("a/", 7) + "a", strings.Repeat(strings.Repeat("a", 99)+"/", 2) + "aa", "e/-x", "~", "~/x", "$HOME", "a*", "a;b", "<x>", "a&b"}

func hostile(s *scene) {
	s.mustPut(seg(1), s.body(seg(1), []byte("x")))
	outside := filepath.Join(s.t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("outside"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	for _, name := range append([]string{outside, ".." + outside, strings.Repeat("../", 20) + outside}, hostiles...) {
		_, err := s.put(name, []byte("x"))
		s.is(fmt.Sprintf("put %q", name), err, copies.ErrRefused)
		_, err = s.get(name)
		s.is(fmt.Sprintf("get %q", name), err, copies.ErrRefused)
		s.is(fmt.Sprintf("replace %q", name), s.site.Replace(s.ctx, name, []byte("x")), copies.ErrRefused)
		s.is(fmt.Sprintf("replace %q", "keys/"+name), s.site.Replace(s.ctx, "keys/../"+name, []byte("x")), copies.ErrRefused)
		if r, ok := s.site.(copies.Remover); ok {
			s.is(fmt.Sprintf("remove %q", name), r.Remove(s.ctx, []string{seg(1), name}), copies.ErrRefused)
		}
		// As a prefix such a string finds nothing that does not begin with it.
		for o, err := range s.site.List(s.ctx, name, "") {
			if err == nil && (!strings.HasPrefix(o.Name, name) || copies.Name(o.Name) != nil) {
				s.Errorf("list %q gives %q", name, o.Name)
			}
		}
	}
	s.lists("", "", seg(1))
	if b, err := os.ReadFile(outside); err != nil || string(b) != "outside" {
		s.Errorf("a file outside was reached: %q %v", b, err)
	}
}

func remove(s *scene) {
	r, ok := s.site.(copies.Remover)
	if !ok {
		return
	}
	names := []string{seg(1), seg(2), seg(3), "f/" + strings.Repeat("ab", 32) + ".kvc"}
	for _, n := range names {
		s.mustPut(n, s.body(n, []byte(n)))
	}
	gone := func(what string, err error) {
		if s.note(err) != nil {
			s.Errorf("remove %s: %v", what, err)
		}
	}
	gone("nothing", r.Remove(s.ctx, nil))
	gone("what is not there", r.Remove(s.ctx, []string{seg(9), "nothing/x", seg(1) + ".x", "e/00000001/l0", "e"}))
	s.lists("", "", names...)
	gone("two", r.Remove(s.ctx, []string{seg(1), seg(9), names[3], seg(1)}))
	s.lists("", "", seg(2), seg(3))
	s.absentNow(seg(1))
	s.holds(seg(2), s.body(seg(2), []byte(seg(2))))
	gone("again", r.Remove(s.ctx, []string{seg(1)}))
	// A name that was removed can be written anew.
	b := s.body(seg(1), []byte("anew"))
	s.mustPut(seg(1), b)
	s.holds(seg(1), b)
	var all []string
	for i := range 1200 { // more than an object store takes in one request
		all = append(all, seg(i+1))
	}
	gone("many", r.Remove(s.ctx, all))
	s.lists("", "")
}

func receipts(s *scene) {
	var last uint64
	for i := range 5 {
		name := seg(i + 1)
		r := s.mustPut(name, s.body(name, []byte(name)))
		if r.Seq != 0 {
			if r.Seq <= last {
				s.Errorf("the site's count goes from %d to %d", last, r.Seq)
			}
			last = r.Seq
		}
		again := s.mustPut(name, s.body(name, []byte(name)))
		if again.Seq != r.Seq {
			s.Errorf("put again, %s is number %d and was %d", name, again.Seq, r.Seq)
		}
		if !sameSecond(again.At, r.At) {
			s.Errorf("put again, %s was stored %v and before %v", name, again.At, r.At)
		}
		if o := s.lists(name, "", name); len(o) == 1 && !r.At.IsZero() && !sameSecond(o[0].At, r.At) {
			s.Errorf("%s is listed as of %v, its receipt says %v", name, o[0].At, r.At)
		}
	}
}

// sameSecond: what an object store says in a header has whole seconds, in a list more.
func sameSecond(a, b time.Time) bool {
	return a.Truncate(time.Second).Equal(b.Truncate(time.Second))
}

func place(s *scene) {
	p := s.site.Place()
	if p.Kind == "" || p.Address == "" {
		s.Errorf("the place does not say what and where it is: %+v", p)
	}
	for _, secret := range s.kind.Secrets {
		if strings.Contains(fmt.Sprintf("%+v %#v %+v %#v", p, p, s.site, s.site), secret) {
			s.Errorf("the place, or the site printed, says a secret")
		}
	}
	if s.site.Place() != p {
		s.Errorf("the place changes")
	}
}
