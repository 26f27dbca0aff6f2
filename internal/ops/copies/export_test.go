package copies

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"os"
	"time"
)

// HeaderOf reads a header without asking who signed it.
func HeaderOf(object []byte) (h Header, err error) {
	n := binary.BigEndian.Uint32(object[len(magic):])
	err = json.Unmarshal(object[len(magic)+4:len(magic)+4+int(n)], &h)
	return h, err
}

// Resign is an object with a changed header, signed as the shop does.
func Resign(object []byte, key ed25519.PrivateKey, change func(h *Header)) ([]byte, error) {
	h, err := HeaderOf(object)
	if err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(object[len(magic):])
	rest := object[len(magic)+4+int(n)+ed25519.SignatureSize:]
	change(&h)
	front, _, err := h.sign(key)
	return append(bytes.Clone(front), rest...), err
}

// WatchDisk tells what a drill asks of the disk, instead of asking it.
func (o *DrillOptions) WatchDisk(send, wait func(name string, from, n int64), sync func(name string)) {
	o.disk = watched(send, wait, sync)
}

// WatchDisk is that of a restore.
func (f *Finder) WatchDisk(send, wait func(name string, from, n int64), sync func(name string)) {
	f.disk = watched(send, wait, sync)
}

func watched(send, wait func(name string, from, n int64), sync func(name string)) *disk {
	return &disk{send: func(f *os.File, from, n int64) error { send(f.Name(), from, n); return nil },
		wait: func(f *os.File, from, n int64) error { wait(f.Name(), from, n); return nil },
		sync: func(f *os.File) error { sync(f.Name()); return f.Sync() }}
}

// SteadyPiece is how much is written before it is sent to the disk.
const SteadyPiece = steadyPiece

// Gather has a segment stay open for so long when nobody waits for it.
func (s *Stream) Gather(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gather = d
}

// Hold has a segment that somebody waits for stay open for most at most, and so much time lie
// between two where several wait.
func (r *Room) Hold(pace, most time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pace, r.most = pace, most
}

// Paced is how much time lies between two segments that several wait for, and how long one stays
// open, where closing one takes so long.
func (r *Room) Paced(ctx context.Context, closing time.Duration) (pace, most time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closing = closing
	return r.paced(ctx)
}

// Waiting is how many wait for a site's word.
func (r *Room) Waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waiting
}

// Longer makes a segment of five minutes of raw ones.
func (r *Room) Longer(of []Segment) (Segment, error) { return r.o.Stream.spool.merge(Minutes, of) }

// PutLonger sends it to the first site, Adopt asks that what it has.
func (r *Room) PutLonger(ctx context.Context, g Segment) error {
	return r.shippers[0].putLonger(ctx, g)
}
func (r *Room) Adopt(ctx context.Context) error { return r.shippers[0].adopt(ctx) }

// GiveUp removes a file as a drill does.
func GiveUp(ctx context.Context, path string) { giveUp(ctx, path) }
