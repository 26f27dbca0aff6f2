//go:build !unix

package handover

import (
	"errors"
	"net"
)

// Can reports whether this system can hand sockets over.
const Can = false

var errCannot = errors.New("this system cannot hand sockets over; stop the program and start it again")

// Held is a set of sockets that stay open over an exec: none here.
type Held struct{}

// Hold refuses.
func Hold(map[string]net.Listener) (*Held, error) { return nil, errCannot }

// Drop does nothing.
func (h *Held) Drop() {}

// Probe refuses.
func Probe(string, ...string) error { return errCannot }

// Exec refuses.
func (h *Held) Exec(string, []string) error { return errCannot }
