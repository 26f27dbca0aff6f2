package powertest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"syscall"
)

// The words of the kernel, as linux/fuse.h has them: a request is a head of 40 bytes, what
// belongs to its kind, and names or data; an answer is a head of 16 bytes and the rest.

const (
	opLookup      = 1
	opForget      = 2
	opGetAttr     = 3
	opSetAttr     = 4
	opMkdir       = 9
	opUnlink      = 10
	opRmdir       = 11
	opRename      = 12
	opOpen        = 14
	opRead        = 15
	opWrite       = 16
	opStatFS      = 17
	opRelease     = 18
	opFsync       = 20
	opFlush       = 25
	opInit        = 26
	opOpenDir     = 27
	opReadDir     = 28
	opReleaseDir  = 29
	opFsyncDir    = 30
	opCreate      = 35
	opInterrupt   = 36
	opDestroy     = 38
	opBatchForget = 42
	opRename2     = 45
)

const (
	maxWrite  = 1 << 20
	valid     = 3600                                // seconds for which the kernel need not ask: nobody but it changes anything
	keepCache = 1 << 1                              // of what Open answers
	flags     = 1<<0 | 1<<5 | 1<<18 | 1<<22 | 1<<25 // reads beside each other, large writes, folders beside each other, large requests, the cache is ours to tell of
)

var order = binary.NativeEndian

// mount mounts the disk at a folder of this process's namespace and answers the kernel.
func (d *disk) mount(at string) error {
	fd, err := syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("FUSE: %w", err)
	}
	o := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d", fd, os.Geteuid(), os.Getegid())
	if err := syscall.Mount("forgets", at, "fuse.forgets", syscall.MS_NOSUID|syscall.MS_NODEV, o); err != nil {
		return fmt.Errorf("FUSE: %w", err)
	}
	for range 4 {
		go d.serve(fd)
	}
	return nil
}

func (d *disk) serve(fd int) {
	b := make([]byte, maxWrite+8192)
	for {
		n, err := syscall.Read(fd, b)
		switch {
		case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.EINTR), errors.Is(err, syscall.EAGAIN): // nobody waits for it any more
			continue
		case err != nil || n < 40: // unmounted
			return
		}
		op, unique, id := order.Uint32(b[4:]), b[8:16], order.Uint64(b[16:])
		out, errno := d.answer(op, id, b[40:n])
		if out == nil && errno == 0 {
			continue
		}
		a := make([]byte, 16, 16+len(out))
		order.PutUint32(a, uint32(16+len(out)))
		order.PutUint32(a[4:], uint32(-int32(errno)))
		copy(a[8:], unique)
		_, _ = syscall.Write(fd, append(a, out...))
	}
}

// packed is what an answer holds, without gaps.
func packed(of ...any) []byte {
	var b []byte
	for _, x := range of {
		switch x := x.(type) {
		case uint16:
			b = order.AppendUint16(b, x)
		case uint32:
			b = order.AppendUint32(b, x)
		case uint64:
			b = order.AppendUint64(b, x)
		case []byte:
			b = append(b, x...)
		}
	}
	return b
}

func attr(n *node) []byte {
	size, s, ns := uint64(len(n.data)), uint64(n.mtime.Unix()), uint32(n.mtime.Nanosecond())
	return packed(n.id, size, (size+511)/512, s, s, s, ns, ns, ns, n.mode, uint32(1), uint32(os.Getuid()), uint32(os.Getgid()), uint32(0), uint32(block), uint32(0))
}

func (d *disk) entry(n *node) []byte {
	d.nodes[n.id] = n
	n.lookups++
	return packed(n.id, uint64(0), uint64(valid), uint64(valid), uint32(0), uint32(0), attr(n))
}

func attrOut(n *node) []byte { return packed(uint64(valid), uint32(0), uint32(0), attr(n)) }

var done = []byte{}

// answer does what is asked; nil and 0: the kernel waits for no answer.
func (d *disk) answer(op uint32, id uint64, in []byte) ([]byte, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.nodes[id]
	u32 := func(at int) uint32 { return order.Uint32(in[at:]) }
	u64 := func(at int) uint64 { return order.Uint64(in[at:]) }
	name := func(at int) string {
		s, _, _ := bytes.Cut(in[at:], []byte{0})
		return string(s)
	}
	made := func(n *node, errno syscall.Errno) ([]byte, syscall.Errno) {
		if errno != 0 {
			return nil, errno
		}
		return d.entry(n), 0
	}
	switch op {
	case opForget:
		d.forget(id, u64(0))
		return nil, 0
	case opBatchForget:
		for i := range int(u32(0)) {
			d.forget(u64(8+16*i), u64(16+16*i))
		}
		return nil, 0
	case opInterrupt:
		return nil, 0
	case opInit:
		return packed(uint32(7), uint32(31), u32(8), uint32(flags)&u32(12), uint16(64), uint16(48), uint32(maxWrite), uint32(1), uint16(maxWrite/4096), uint16(0), make([]byte, 32)), 0
	case opDestroy, opOpenDir, opReleaseDir, opRelease, opFlush, opStatFS:
		switch op {
		case opOpenDir:
			return make([]byte, 16), 0
		case opStatFS:
			return packed(uint64(1<<28), uint64(1<<27), uint64(1<<27), uint64(1<<20), uint64(1<<19), uint32(block), uint32(255), uint32(block), make([]byte, 28)), 0
		}
		return done, 0
	}
	if n == nil {
		return nil, syscall.ESTALE
	}
	switch op {
	case opLookup:
		c := n.names[name(0)]
		if c == nil {
			return nil, syscall.ENOENT
		}
		return d.entry(c), 0
	case opGetAttr:
		return attrOut(n), 0
	case opSetAttr:
		if u32(0)&(1<<3) != 0 {
			n.resize(int(u64(16)))
		}
		if u32(0)&1 != 0 {
			n.mode = n.mode&syscall.S_IFMT | u32(68)&0o7777
		}
		return attrOut(n), 0
	case opMkdir:
		return made(d.make(n, name(8), syscall.S_IFDIR|u32(0)&0o7777))
	case opCreate:
		b, errno := made(d.make(n, name(16), syscall.S_IFREG|u32(4)&0o7777))
		if errno != 0 {
			return nil, errno
		}
		return packed(b, uint64(0), uint32(keepCache), uint32(0)), 0
	case opUnlink, opRmdir:
		return done, d.remove(n, name(0), op == opRmdir)
	case opRename, opRename2:
		at := 8
		if op == opRename2 {
			if at = 16; u32(8) != 0 {
				return nil, syscall.EINVAL
			}
		}
		from := name(at)
		to := d.nodes[u64(0)]
		if to == nil {
			return nil, syscall.ESTALE
		}
		return done, d.rename(n, to, from, name(at+len(from)+1))
	case opOpen:
		return packed(uint64(0), uint32(keepCache), uint32(0)), 0
	case opRead:
		at, end := min(u64(8), uint64(len(n.data))), min(u64(8)+uint64(u32(16)), uint64(len(n.data)))
		return append([]byte{}, n.data[at:end]...), 0
	case opWrite:
		n.write(in[40:40+u32(16)], int64(u64(8)))
		return packed(u32(16), uint32(0)), 0
	case opFsync, opFsyncDir:
		n.sync()
		return done, 0
	case opReadDir:
		return list(n, u64(8), int(u32(16))), 0
	}
	return nil, syscall.ENOSYS
}

// list is what a folder holds after a place, in so many bytes. Places are numbers of nodes,
// which do not move when others come and go.
func list(n *node, after uint64, size int) []byte {
	b := []byte{}
	for _, name := range slices.SortedFunc(maps.Keys(n.names), func(a, b string) int { return int(int64(n.names[a].id) - int64(n.names[b].id)) }) {
		c := n.names[name]
		if c.id <= after {
			continue
		}
		one := packed(c.id, c.id, uint32(len(name)), c.mode>>12, []byte(name))
		one = append(one, make([]byte, -len(one)&7)...)
		if len(b)+len(one) > size {
			break
		}
		b = append(b, one...)
	}
	return b
}
