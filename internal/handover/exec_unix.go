//go:build unix

package handover

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Can reports whether this system can hand sockets over.
const Can = true

// Held is a set of sockets that stay open over an exec.
type Held struct{ fds map[string]int }

// Hold copies listeners so that they stay open while their servers shut down: new
// connections wait in the kernel's queue.
func Hold(ls map[string]net.Listener) (*Held, error) {
	h := &Held{fds: map[string]int{}}
	for name, l := range ls {
		t, ok := l.(*net.TCPListener)
		if !ok {
			h.Drop()
			return nil, fmt.Errorf("listener %s cannot be handed over", name)
		}
		raw, err := t.SyscallConn()
		fd := -1
		if err == nil {
			err = raw.Control(func(p uintptr) { fd, err = syscall.Dup(int(p)) }) // a copy that stays open at exec
		}
		if err != nil || fd < 0 {
			h.Drop()
			return nil, fmt.Errorf("listener %s: %w", name, err)
		}
		h.fds[name] = fd
	}
	return h, nil
}

// Drop closes the copies: nothing will be handed over.
func (h *Held) Drop() {
	for name, fd := range h.fds {
		syscall.Close(fd)
		delete(h.fds, name)
	}
}

// Probe makes sure that the successor's file is a program that runs here.
func Probe(file string, args ...string) error {
	cmd := exec.Command(file, args...)
	cmd.WaitDelay = 10 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", file, strings.Join(args, " "), err, out[:min(len(out), 400)])
	}
	return nil
}

// Exec becomes the program in file, with the same arguments, environment and process
// number. It returns only when that failed; the sockets are then closed.
func (h *Held) Exec(file string, args []string) error {
	var parts []string
	for name, fd := range h.fds {
		parts = append(parts, fmt.Sprintf("%s=%d", name, fd))
	}
	slices.Sort(parts)
	err := syscall.Exec(file, args, append(os.Environ(), envHanded+"="+strings.Join(parts, ",")))
	h.Drop()
	return errors.Join(errors.New("the successor could not be started"), err)
}
