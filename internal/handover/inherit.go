package handover

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
)

// envHanded names the sockets of a predecessor: shop=7,http=8,ops=9.
const envHanded = "KASSAVALV_HANDED_SOCKETS"

// Sockets are the listeners that were handed to this program, by name. The zero value
// has none.
type Sockets struct{ by map[string]net.Listener }

// Inherit takes what the environment names and removes it from there, so that no
// child inherits the words. Call it once, before configuration is read.
func Inherit() (*Sockets, error) {
	s := &Sockets{by: map[string]net.Listener{}}
	fds := map[string]int{}
	if v := os.Getenv(envHanded); v != "" {
		for part := range strings.SplitSeq(v, ",") {
			name, num, ok := strings.Cut(part, "=")
			fd, err := strconv.Atoi(num)
			if !ok || name == "" || err != nil || fd < 3 {
				return nil, fmt.Errorf("%s: %q is no socket", envHanded, part)
			}
			fds[name] = fd
		}
	} else if os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()) {
		n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
		if err != nil || n < 0 || n > 64 {
			return nil, errors.New("LISTEN_FDS is no small number")
		}
		names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
		for i := range n {
			if i >= len(names) || names[i] == "" || names[i] == "unknown" {
				return nil, errors.New("LISTEN_FDNAMES: every socket needs its name (shop, http or ops: FileDescriptorName= in the socket unit)")
			}
			if _, twice := fds[names[i]]; twice {
				return nil, fmt.Errorf("LISTEN_FDNAMES: %q is there twice", names[i])
			}
			fds[names[i]] = 3 + i
		}
	}
	for _, k := range []string{envHanded, "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(k)
	}
	for name, fd := range fds {
		f := os.NewFile(uintptr(fd), name)
		if f == nil {
			return nil, fmt.Errorf("handed socket %s: %d is not open", name, fd)
		}
		l, err := net.FileListener(f) // a copy that closes at exec; the handed one is closed
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("handed socket %s: %w", name, err)
		}
		if _, ok := l.(*net.TCPListener); !ok {
			l.Close()
			return nil, fmt.Errorf("handed socket %s: no TCP listener", name)
		}
		s.by[name] = l
	}
	return s, nil
}

// Take gives the socket of a name away; nil when there is none.
func (s *Sockets) Take(name string) net.Listener {
	if s == nil {
		return nil
	}
	l := s.by[name]
	delete(s.by, name)
	return l
}

// Leftover closes what nobody took and names it, sorted.
func (s *Sockets) Leftover() (names []string) {
	if s == nil {
		return nil
	}
	for name, l := range s.by {
		l.Close()
		names = append(names, name)
		delete(s.by, name)
	}
	slices.Sort(names)
	return names
}
