package powertest

import (
	"maps"
	"math/rand"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// block is the size in bytes of what a disk writes whole or not at all.
const block = 4096

// node is a file or a folder.
type node struct {
	id      uint64
	lookups uint64
	mode    uint32
	mtime   time.Time
	// A file: what programs see, what is on disk, and where the two differ.
	data, disk []byte
	dirty      map[int64]struct{} // blocks
	// A folder: what programs see, what is on disk, and what was done since, in order.
	names, diskNames map[string]*node
	done             []change
}

// change is one thing done to the names of a folder: a rename within it sets two.
type change map[string]*node // nil: the name is gone

func (n *node) folder() bool { return n.mode&syscall.S_IFDIR != 0 }

// sync brings to disk what programs see.
func (n *node) sync() {
	if n.folder() {
		n.diskNames, n.done = maps.Clone(n.names), nil
		return
	}
	n.disk = resized(n.disk, len(n.data))
	for b := range n.dirty {
		copyBlock(n.disk, n.data, b)
	}
	n.dirty = nil
}

func (n *node) change(c change) {
	for name, to := range c {
		if to == nil {
			delete(n.names, name)
		} else {
			n.names[name] = to
		}
	}
	n.done = append(n.done, c)
	n.mtime = time.Now()
}

func (n *node) write(b []byte, at int64) {
	if len(b) == 0 {
		return
	}
	n.resize(max(len(n.data), int(at)+len(b)))
	copy(n.data[at:], b)
	n.touch(at, at+int64(len(b)))
}

// resize marks what changes with the size.
func (n *node) resize(size int) {
	old := len(n.data)
	if size == old {
		return
	}
	n.data = resized(n.data, size)
	n.touch(int64(min(old, size)), int64(max(old, size)))
}

func (n *node) touch(from, to int64) {
	if n.dirty == nil {
		n.dirty = map[int64]struct{}{}
	}
	for b := from / block; b*block < to; b++ {
		n.dirty[b] = struct{}{}
	}
	n.mtime = time.Now()
}

func resized(b []byte, size int) []byte {
	if size <= len(b) {
		clear(b[size:])
		return b[:size]
	}
	if size <= cap(b) {
		return b[:size] // beyond its length it is always zero
	}
	out := make([]byte, size, size+size/4)
	copy(out, b)
	return out
}

func copyBlock(to, from []byte, b int64) {
	at, end := b*block, min((b+1)*block, int64(len(from)), int64(len(to)))
	if at < end {
		copy(to[at:end], from[at:end])
	}
}

// after is what stands of a file or folder when the power is gone. With keep nil nothing
// that was not synced does.
func (d *disk) after(n *node, keep *rand.Rand) *node {
	out := d.node(n.mode)
	out.mtime = n.mtime
	if !n.folder() {
		out.data = slices.Clone(n.disk)
		if keep != nil && (len(n.dirty) > 0 || len(n.data) != len(n.disk)) {
			switch keep.Intn(3) {
			case 0: // all of it was
				out.data = slices.Clone(n.data)
			case 1: // the size, and some blocks
				out.data = resized(out.data, len(n.data))
				for _, b := range slices.Sorted(maps.Keys(n.dirty)) {
					if keep.Intn(2) == 0 {
						copyBlock(out.data, n.data, b)
					}
				}
			}
		}
		out.disk = slices.Clone(out.data)
		return out
	}
	names := maps.Clone(n.diskNames)
	if keep != nil && len(n.done) > 0 {
		for _, c := range n.done[:keep.Intn(len(n.done)+1)] {
			for name, to := range c {
				if to == nil {
					delete(names, name)
				} else {
					names[name] = to
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		out.names[name] = d.after(names[name], keep)
	}
	out.diskNames = maps.Clone(out.names)
	return out
}

// same is a copy of a file or folder with all that is known of it, as it stands when only
// the process is killed.
func (d *disk) same(n *node, made map[*node]*node) *node {
	if n == nil || made[n] != nil {
		return made[n]
	}
	out := d.node(n.mode)
	made[n] = out
	out.mtime, out.data, out.disk, out.dirty = n.mtime, slices.Clone(n.data), slices.Clone(n.disk), maps.Clone(n.dirty)
	names := func(from map[string]*node) map[string]*node {
		if from == nil {
			return nil
		}
		to := map[string]*node{}
		for _, name := range slices.Sorted(maps.Keys(from)) {
			to[name] = d.same(from[name], made)
		}
		return to
	}
	out.names, out.diskNames = names(n.names), names(n.diskNames)
	for _, c := range n.done {
		out.done = append(out.done, names(c))
	}
	return out
}

// disk is the file system.
type disk struct {
	mu    sync.Mutex
	last  uint64
	nodes map[uint64]*node // that the kernel knows
	root  *node
}

func newDisk() *disk {
	d := &disk{nodes: map[uint64]*node{}}
	d.root = d.node(syscall.S_IFDIR | 0o700)
	d.nodes[d.root.id] = d.root
	return d
}

func (d *disk) node(mode uint32) *node {
	d.last++
	n := &node{id: d.last, mode: mode, mtime: time.Now()}
	if n.folder() {
		n.names, n.diskNames = map[string]*node{}, map[string]*node{}
	}
	return n
}

// cut makes the folder to, at the top, of what would stand of the folder from if the power
// went now. Seed 0: nothing that was not synced; killed: if the process was killed.
func (d *disk) cut(from, to string, seed int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.root
	for _, name := range strings.Split(path.Clean(from), "/") {
		if n = n.names[name]; n == nil || !n.folder() {
			return false
		}
	}
	if d.root.names[to] != nil {
		return false
	}
	if seed == killed {
		d.root.names[to] = d.same(n, map[*node]*node{})
		return true
	}
	var keep *rand.Rand
	if seed != 0 {
		keep = rand.New(rand.NewSource(seed))
	}
	d.root.names[to] = d.after(n, keep)
	return true
}

const killed = -1

// What programs ask for; under mu.

func (d *disk) make(dir *node, name string, mode uint32) (*node, syscall.Errno) {
	if dir.names[name] != nil {
		return nil, syscall.EEXIST
	}
	n := d.node(mode)
	dir.change(change{name: n})
	return n, 0
}

func (d *disk) remove(dir *node, name string, folder bool) syscall.Errno {
	n := dir.names[name]
	switch {
	case n == nil:
		return syscall.ENOENT
	case folder && !n.folder():
		return syscall.ENOTDIR
	case !folder && n.folder():
		return syscall.EISDIR
	case len(n.names) > 0:
		return syscall.ENOTEMPTY
	}
	dir.change(change{name: nil})
	return 0
}

func (d *disk) rename(a, b *node, from, to string) syscall.Errno {
	n := a.names[from]
	switch old := b.names[to]; {
	case n == nil:
		return syscall.ENOENT
	case old == n:
		return 0
	case old != nil && len(old.names) > 0:
		return syscall.ENOTEMPTY
	}
	if a == b {
		a.change(change{from: nil, to: n})
	} else {
		a.change(change{from: nil})
		b.change(change{to: n})
	}
	return 0
}

func (d *disk) forget(id, lookups uint64) {
	if n := d.nodes[id]; n != nil && n != d.root {
		if n.lookups -= min(lookups, n.lookups); n.lookups == 0 {
			delete(d.nodes, id)
		}
	}
}
