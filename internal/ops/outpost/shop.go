package outpost

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/dir"
)

// enrolled is shop.json.
type enrolled struct {
	Charter copies.Charter `json:"charter"`
	Site    string         `json:"site"`  // the name that the shop gives this outpost
	Certs   []string       `json:"certs"` // fingerprints of certificates that are let in
	Since   time.Time      `json:"since"`
}

// state is state.json.
type state struct {
	Epoch  uint32          `json:"epoch"` // the newest that was taken
	Chains map[string]link `json:"chains"`
	Frozen []freeze        `json:"frozen,omitempty"`
	Seen   time.Time       `json:"seen"` // when the shop last stored something
	Seqs   uint64          `json:"seqs"` // counts up to here may have been given
	Pruned time.Time       `json:"pruned"`
	Looked time.Time       `json:"looked"`         // when a person last released it
	Once   bool            `json:"once,omitempty"` // a person has released it: the next pruning may be large
}

// link is the newest of a chain.
type link struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"`
}

// freeze is a reason for which nothing is removed.
type freeze struct {
	At  time.Time `json:"at"`
	Why string    `json:"why"`
}

// shop is what is kept of one shop.
type shop struct {
	id   string
	dir  string
	now  func() time.Time
	site *dir.Site

	limit *rate.Limiter
	slots chan struct{}

	mu     sync.Mutex
	who    enrolled
	st     state
	seqs   map[string]uint64
	next   uint64
	log    *os.File
	lines  int
	unsure map[string]bool // chains whose end may have been lost when this process was stopped
	silent bool
	held   string // why the last pruning removed nothing, where that passes by itself or needs a person's word
	bytes  int64
}

const reserve = 10000 // counts taken from state.json at a time

func openShop(path string, o Options) (*shop, error) {
	s := &shop{id: filepath.Base(path), dir: path, now: o.Now, seqs: map[string]uint64{}, unsure: map[string]bool{},
		limit: rate.NewLimiter(rate.Limit(o.Rate), 5*o.Rate), slots: make(chan struct{}, o.Slots)}
	b, err := os.ReadFile(filepath.Join(path, "shop.json"))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &s.who); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(path, "shop.json"), err)
	}
	b, err = os.ReadFile(filepath.Join(path, "state.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil {
		if err := json.Unmarshal(b, &s.st); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(path, "state.json"), err)
		}
	}
	if s.st.Chains == nil {
		s.st.Chains = map[string]link{}
	}
	for c := range s.st.Chains {
		s.unsure[c] = true
	}
	for _, form := range []string{".body-*", ".new-*"} { // of a process that was stopped
		left, err := filepath.Glob(filepath.Join(path, form))
		if err != nil {
			return nil, err
		}
		for _, f := range left {
			if err := os.Remove(f); err != nil {
				return nil, err
			}
		}
	}
	site, err := dir.Open(filepath.Join(path, "objects"), dir.Options{Name: s.id, SetUp: true})
	if err != nil {
		return nil, err
	}
	s.site = site.(*dir.Site)
	return s, s.count()
}

// count reads the counts, and gives one to objects that were stored when the process was
// stopped before it had written theirs.
func (s *shop) count() error {
	p := filepath.Join(s.dir, "seq")
	b, err := os.ReadFile(p)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	old := map[string]uint64{}
	for l := bufio.NewScanner(bytes.NewReader(b)); l.Scan(); {
		n, name, ok := strings.Cut(l.Text(), " ")
		if seq, err := strconv.ParseUint(n, 10, 64); ok && err == nil {
			old[name] = seq
		}
	}
	s.next = s.st.Seqs
	var names []string
	for o, err := range s.site.List(context.Background(), "", "") {
		if err != nil {
			return err
		}
		s.bytes += o.Size
		if n, has := old[o.Name]; has {
			s.seqs[o.Name] = n
			s.next = max(s.next, n)
			if kind, g := parse(o.Name); kind == "segment" || kind == "epoch" { // as note does
				s.st.Epoch = max(s.st.Epoch, g.epoch)
			}
			continue
		}
		names = append(names, o.Name)
	}
	for _, n := range names {
		if !strings.HasPrefix(n, "keys/") {
			s.next++
			s.seqs[n] = s.next
		}
	}
	s.st.Seqs = s.next
	if err := s.rewrite(); err != nil {
		return err
	}
	return s.save(true)
}

// rewrite writes the counts without those of objects that are gone.
func (s *shop) rewrite() error {
	p := filepath.Join(s.dir, "seq")
	var lines bytes.Buffer
	for n, seq := range s.seqs {
		fmt.Fprintf(&lines, "%d %s\n", seq, n)
	}
	if err := writeFile(p, lines.Bytes()); err != nil {
		return err
	}
	f, err := os.OpenFile(p, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if s.log != nil {
		s.log.Close()
	}
	s.log, s.lines = f, len(s.seqs)
	return nil
}

// compact rewrites the counts when most are of what is gone. The lock is held.
func (s *shop) compact() error {
	if s.lines < 2*len(s.seqs)+reserve {
		return nil
	}
	return s.rewrite()
}

func (s *shop) save(sync bool) error {
	b, err := json.Marshal(s.st)
	if err != nil {
		return err
	}
	if sync {
		return writeFile(filepath.Join(s.dir, "state.json"), b)
	}
	return writeSoon(filepath.Join(s.dir, "state.json"), b, false)
}

// stored notes what was stored and gives its count. The lock is held.
func (s *shop) stored(name string, size int64) (uint64, error) {
	if n, has := s.seqs[name]; has {
		return n, nil
	}
	s.next++
	if s.next > s.st.Seqs {
		s.st.Seqs = s.next + reserve
		if err := s.save(true); err != nil {
			return 0, err
		}
	}
	if _, err := fmt.Fprintf(s.log, "%d %s\n", s.next, name); err != nil {
		return 0, err
	}
	s.lines++
	s.seqs[name] = s.next
	s.bytes += size
	return s.next, nil
}

// freeze stops retention until a person releases it. The lock is held.
func (s *shop) freeze(why string) {
	if len(s.st.Frozen) < 100 && !slices.ContainsFunc(s.st.Frozen, func(f freeze) bool { return f.Why == why }) {
		s.st.Frozen = append(s.st.Frozen, freeze{s.now().UTC(), why})
	}
}

// Release lets retention go on for a shop after a person has looked at what froze it.
func Release(dir, shop string) error {
	p := filepath.Join(dir, "shops", filepath.Base(shop))
	if _, err := os.Stat(filepath.Join(p, "shop.json")); err != nil {
		return fmt.Errorf("no shop %s is enrolled here", shop)
	}
	return writeFile(filepath.Join(p, "release"), nil)
}

// asked reports whether a person has asked to release it.
func (s *shop) asked() bool {
	_, err := os.Stat(filepath.Join(s.dir, "release"))
	return err == nil
}

// released looks whether a person has released it. The lock is held.
func (s *shop) released() bool {
	if os.Remove(filepath.Join(s.dir, "release")) != nil {
		return false
	}
	s.st.Frozen, s.st.Once, s.st.Looked = nil, true, s.now().UTC()
	return s.save(true) == nil
}

func (s *shop) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.save(true)
	_ = s.log.Close()
}

// segment is what the name of a segment tells.
type segment struct {
	epoch    uint32
	level    int
	min, max uint64
}

// parse reads a name: what it is of, and the epoch where it tells one.
func parse(name string) (kind string, g segment) {
	part := strings.Split(name, "/")
	switch {
	case name == "keys/current.age":
		return "keys", g
	case name == "keys/head.kvc":
		return "head", g
	case len(part) == 2 && part[0] == "f" && len(part[1]) == 68 && strings.HasSuffix(part[1], ".kvc"):
		return "file", g
	case len(part) == 2 && part[0] == "v" && strings.HasSuffix(part[1], ".kvc"):
		return "dump", g
	case part[0] != "e" || len(part) < 3 || len(part[1]) != 8:
		return "", g
	}
	e, err := strconv.ParseUint(part[1], 16, 32)
	if err != nil || e == 0 {
		return "", g
	}
	g.epoch = uint32(e)
	switch {
	case len(part) == 3 && part[2] == "epoch.kvc":
		return "epoch", g
	case len(part) == 3 && part[2] == "charter.json":
		return "charter", g
	case len(part) == 4 && part[2] == "k" && strings.HasSuffix(part[3], ".age"):
		return "key", g
	case len(part) == 4 && len(part[2]) == 2 && part[2][0] == 'l' && part[2][1] >= '0' && part[2][1] <= '9' && len(part[3]) == 54 && part[3][16] == '-' && part[3][33] == '-' && strings.HasSuffix(part[3], ".kvc"):
		g.level = int(part[2][1] - '0')
		lo, err1 := strconv.ParseUint(part[3][:16], 16, 64)
		hi, err2 := strconv.ParseUint(part[3][17:33], 16, 64)
		if err1 == nil && err2 == nil && lo <= hi {
			g.min, g.max = lo, hi
			return "segment", g
		}
	}
	return "", g
}

// readAll reads a small body.
func readAll(r io.ReadSeeker) ([]byte, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
