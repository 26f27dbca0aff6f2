// Package sftp is the site that is a folder on another machine, reached over SSH.
//
// The machine's host key is pinned: another one is refused, and the message says which was
// shown. The folder is made by hand, before: that it is missing means that its disk is not
// mounted, and not that the site has lost everything.
//
// Objects are files under their names, written to a temporary name (in .tmp), synced where
// the server can (OpenSSH), and linked to the name, which never replaces. Servers without
// links are asked to rename, which by the protocol does not replace either; a look before
// catches those that do it all the same, but for two writers in one instant.
//
// The protocol knows no right to write without the right to delete: who has the key of this
// site can empty it. It is a good second or third place, and never the only one.
package sftp

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/secret"
)

// Options of a folder on another machine.
type Options struct {
	Name, Location, Provider string

	Addr string // host:port
	User string
	Path string // of the folder, from the root or from where the user comes in

	Key     secret.Secret // PEM of the private key
	HostKey string        // pinned: "ssh-ed25519 AAAA…", as ssh-keyscan and known_hosts have it (without the host); several on lines of their own

	Timeout time.Duration // how long nothing may move; 0: 20 s
}

const tmp = ".tmp"

// leftover is the age at which a temporary file belongs to nobody.
const leftover = 48 * time.Hour

// ErrNotThere says that the folder is not there: as a rule its disk is not mounted. It is
// passing trouble.
var ErrNotThere = errors.New("the folder of copies is not there")

// Site is a folder on another machine.
type Site struct {
	place   copies.Place
	addr    string
	base    string
	timeout time.Duration
	config  *ssh.ClientConfig
	pinned  []ssh.PublicKey

	mu   sync.Mutex
	conn *conn
	// one serialises the look and the renaming where there are no links.
	one    sync.Mutex
	closed bool
}

var (
	_ copies.Site    = (*Site)(nil)
	_ copies.Remover = (*Site)(nil)
)

// conn is a connection; it is thrown away after trouble.
type conn struct {
	*sftp.Client
	ssh *ssh.Client
}

func (c *conn) close() {
	_ = c.ssh.Close()
	_ = c.Client.Close()
}

// Open makes a site. It does not connect: the machine may be away.
func Open(o Options) (copies.Site, error) {
	host, _, err := net.SplitHostPort(o.Addr)
	switch {
	case err != nil || host == "":
		return nil, fmt.Errorf("copies: %q is not host:port", o.Addr)
	case o.User == "":
		return nil, fmt.Errorf("copies: sftp at %s: the user is missing", o.Addr)
	case o.HostKey == "":
		return nil, fmt.Errorf("copies: sftp at %s: host_key is missing; ssh-keyscan %s shows it, compare it on the machine itself", o.Addr, host)
	}
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	if o.Path == "" {
		o.Path = "."
	}
	signer, err := ssh.ParsePrivateKey([]byte(o.Key.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("copies: sftp at %s: the private key cannot be read (one with a passphrase cannot be used)", o.Addr)
	}
	s := &Site{addr: o.Addr, base: path.Clean(o.Path), timeout: o.Timeout}
	var kinds []string
	for rest := []byte(o.HostKey); len(bytes.TrimSpace(rest)) > 0; {
		var key ssh.PublicKey
		if key, _, _, rest, err = ssh.ParseAuthorizedKey(rest); err != nil {
			return nil, fmt.Errorf("copies: sftp at %s: host_key is not a key such as \"ssh-ed25519 AAAA…\"", o.Addr)
		}
		s.pinned = append(s.pinned, key)
		if key.Type() == ssh.KeyAlgoRSA {
			kinds = append(kinds, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		} else {
			kinds = append(kinds, key.Type())
		}
	}
	sum := sha256.Sum256(signer.PublicKey().Marshal())
	s.place = copies.Place{Kind: "sftp", Name: o.Name, Address: o.User + "@" + o.Addr + "/" + strings.TrimPrefix(s.base, "/"), Location: o.Location, Provider: o.Provider, Credential: hex.EncodeToString(sum[:6])}
	s.config = &ssh.ClientConfig{User: o.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: s.hostKey, HostKeyAlgorithms: kinds}
	return s, nil
}

// hostKey compares the key that the machine shows with those that are pinned.
func (s *Site) hostKey(_ string, _ net.Addr, shown ssh.PublicKey) error {
	var want []string
	for _, k := range s.pinned {
		if bytes.Equal(k.Marshal(), shown.Marshal()) {
			return nil
		}
		want = append(want, ssh.FingerprintSHA256(k))
	}
	return &hostKeyError{ssh.FingerprintSHA256(shown), strings.Join(want, " or ")}
}

type hostKeyError struct{ shown, want string }

func (e *hostKeyError) Error() string {
	return fmt.Sprintf("the machine shows the host key %s, not %s: either it was set up anew (then write its new key into host_key), or somebody stands between", e.shown, e.want)
}

func (e *hostKeyError) Unwrap() error { return copies.ErrRefused }

// Place tells where the folder is.
func (s *Site) Place() copies.Place { return s.place }

// Close ends the connection.
func (s *Site) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.conn != nil {
		s.conn.close()
		s.conn = nil
	}
	return nil
}

// client is the connection, made if there is none. base is known to be there.
func (s *Site) client(ctx context.Context) (*conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("the site is closed")
	}
	if s.conn != nil {
		return s.conn, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 3*s.timeout) // six journeys there and back
	defer cancel()
	wire, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { wire.Close() })
	defer stop()
	sc, chans, reqs, err := ssh.NewClientConn(wire, s.addr, s.config)
	if err != nil {
		wire.Close()
		var h *hostKeyError
		switch {
		case errors.As(err, &h):
			return nil, h
		case strings.Contains(err.Error(), "unable to authenticate"):
			return nil, fmt.Errorf("%w: the machine does not let %s in with this key", copies.ErrRefused, s.config.User)
		case strings.Contains(err.Error(), "no common algorithm for host key"):
			return nil, fmt.Errorf("%w: the machine has no host key of the kind that is pinned (%v): either it was set up anew, or somebody stands between", copies.ErrRefused, s.config.HostKeyAlgorithms)
		}
		return nil, err
	}
	c := &conn{ssh: ssh.NewClient(sc, chans, reqs)}
	if c.Client, err = sftp.NewClient(c.ssh, sftp.UseConcurrentWrites(true), sftp.UseFstat(true)); err != nil {
		c.ssh.Close()
		return nil, fmt.Errorf("the machine offers no SFTP: %w", err)
	}
	if !stop() {
		c.close()
		return nil, context.Cause(ctx)
	}
	s.conn = c
	go func() { // whatever ends it: the next call makes another
		_ = c.ssh.Wait()
		s.drop(c)
	}()
	return c, nil
}

func (s *Site) drop(c *conn) {
	s.mu.Lock()
	if s.conn == c {
		s.conn = nil
	}
	s.mu.Unlock()
	c.close()
}

// with gives fn the connection. The connection is broken when nothing moves for a while, as
// nothing else ends a request that the other machine does not answer.
func (s *Site) with(ctx context.Context, verb, name string, fn func(ctx context.Context, c *conn, w *copies.Watch) error) error {
	ctx, w := copies.Patient(ctx, 2*s.timeout)
	defer w.Done()
	w.Pause()
	c, err := s.client(ctx)
	if err == nil {
		w.Moved()
		stop := context.AfterFunc(ctx, func() {
			if errors.Is(context.Cause(ctx), copies.ErrStalled) {
				s.drop(c)
			}
		})
		defer stop()
		err = fn(ctx, c, w)
		err = s.class(ctx, c, err)
	}
	if err != nil {
		return s.fail(ctx, verb, name, err)
	}
	return nil
}

func (s *Site) fail(ctx context.Context, verb, name string, err error) error {
	where := s.place.Address
	if name != "" {
		where = name + " at " + where
	}
	if cause := context.Cause(ctx); cause != nil && !classed(err) {
		err = cause
	}
	return fmt.Errorf("copies: %s %s: %w", verb, where, err)
}

func classed(err error) bool {
	for _, e := range []error{copies.ErrAbsent, copies.ErrTaken, copies.ErrRefused, copies.ErrFull} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// class adds the class of an error. The protocol has one answer, "failure", for most: a full
// and a read-only disk are told by asking for the state of the disk.
func (s *Site) class(ctx context.Context, c *conn, err error) error {
	var st *sftp.StatusError
	switch {
	case err == nil || classed(err) || errors.Is(err, ErrNotThere):
		return err
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", copies.ErrRefused, err)
	case errors.Is(err, fs.ErrNotExist):
		if _, e := c.Stat(s.base); errors.Is(e, fs.ErrNotExist) {
			return fmt.Errorf("%w: %s does not exist on the machine; is its disk mounted? A new one is made by hand", ErrNotThere, s.base)
		}
		return fmt.Errorf("%w: %w", copies.ErrAbsent, err)
	case errors.As(err, &st) && context.Cause(ctx) == nil:
		v, e := c.StatVFS(s.base)
		switch {
		case e != nil || v.Frsize == 0 || v.Blocks == 0:
		case v.Flag&1 != 0:
			return fmt.Errorf("%w: the disk can only be read (%w)", copies.ErrRefused, err)
		case v.Bavail*v.Frsize < 1<<20 || v.Files > 0 && v.Favail == 0:
			return fmt.Errorf("%w: %d bytes are free (%w)", copies.ErrFull, v.Bavail*v.Frsize, err)
		}
	}
	return err
}

func (s *Site) at(name string) string { return path.Join(s.base, name) }

// Put stores a file.
func (s *Site) Put(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
	if err := copies.Name(name); err != nil {
		return copies.Receipt{}, err
	}
	var rec copies.Receipt
	err := s.with(ctx, "put", name, func(ctx context.Context, c *conn, w *copies.Watch) (err error) {
		rec, err = s.put(ctx, c, w, name, body, size)
		return err
	})
	if err != nil {
		return copies.Receipt{}, err
	}
	return rec, nil
}

func (s *Site) put(ctx context.Context, c *conn, w *copies.Watch, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
	if err := copies.Whole(body, size); err != nil {
		return copies.Receipt{}, err
	}
	if err := context.Cause(ctx); err != nil {
		return copies.Receipt{}, err
	}
	if st, err := c.Lstat(s.at(name)); err == nil { // most often: the answer to the first try was lost
		return s.again(ctx, c, w, name, st, body, size)
	}
	draft, err := s.draft(ctx, c, w, copies.Exactly(body, size), size)
	if err != nil {
		return copies.Receipt{}, err
	}
	defer func() { _ = c.Remove(draft) }()
	w.Moved()
	if err := s.folders(c, w, path.Dir(name)); err != nil {
		return copies.Receipt{}, err
	}
	if err := context.Cause(ctx); err != nil {
		return copies.Receipt{}, err
	}
	w.Moved()
	if err = c.Link(draft, s.at(name)); err != nil && !s.there(c, name) {
		w.Moved()
		err = s.rename(c, draft, name)
	}
	w.Moved()
	st, e := c.Lstat(s.at(name))
	if err != nil {
		if e == nil {
			return s.again(ctx, c, w, name, st, body, size)
		}
		return copies.Receipt{}, err
	}
	if e != nil {
		return copies.Receipt{}, e
	}
	w.Moved()
	s.syncFolder(c, w, path.Dir(name))
	return copies.Receipt{At: st.ModTime()}, nil
}

func (s *Site) there(c *conn, name string) bool {
	_, err := c.Lstat(s.at(name))
	return err == nil
}

// rename is link for servers and disks without links.
func (s *Site) rename(c *conn, draft, name string) error {
	s.one.Lock()
	defer s.one.Unlock()
	if s.there(c, name) {
		return fs.ErrExist
	}
	return c.Rename(draft, s.at(name))
}

// again answers a Put of a name that is there. The file is synced anew: who wrote it may
// have been cut off before.
func (s *Site) again(ctx context.Context, c *conn, w *copies.Watch, name string, st os.FileInfo, body io.ReadSeeker, size int64) (copies.Receipt, error) {
	if !st.Mode().IsRegular() || st.Size() != size {
		return copies.Receipt{}, copies.ErrTaken
	}
	if err := copies.Whole(body, size); err != nil {
		return copies.Receipt{}, err
	}
	f, err := c.Open(s.at(name))
	if err != nil {
		return copies.Receipt{}, err
	}
	defer f.Close()
	stored := stream(f)
	defer stored.Close()
	same, err := copies.Equal(w.Receiving(copies.During(ctx, copies.Exactly(stored, size))), copies.Exactly(body, size))
	w.Moved()
	if err != nil {
		return copies.Receipt{}, err
	}
	if !same {
		return copies.Receipt{}, copies.ErrTaken
	}
	if _, can := c.HasExtension("fsync@openssh.com"); can {
		if err := f.Sync(); err != nil {
			return copies.Receipt{}, err
		}
	}
	s.syncFolder(c, w, path.Dir(name))
	return copies.Receipt{At: st.ModTime()}, nil
}

// stream reads a file with many requests on the way.
func stream(f *sftp.File) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		_, err := f.WriteTo(w)
		w.CloseWithError(err)
	}()
	return r
}

// draft writes a temporary file, synced, and returns its path.
func (s *Site) draft(ctx context.Context, c *conn, w *copies.Watch, body io.Reader, size int64) (name string, err error) {
	if st, err := c.Stat(s.at(tmp)); err != nil {
		w.Moved()
		if _, e := c.Stat(s.base); e != nil {
			return "", e // not made: see the package comment
		}
		if err := c.Mkdir(s.at(tmp)); err != nil && !s.there(c, tmp) {
			return "", err
		}
	} else if !st.IsDir() {
		return "", fmt.Errorf("%w: %s is no folder", copies.ErrRefused, s.at(tmp))
	}
	w.Moved()
	name = s.at(tmp + "/" + rand.Text())
	w.Moved()
	f, err := c.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = s.class(ctx, c, err) // while what did not fit still lies there
			_ = c.Remove(name)
		}
	}()
	// 64 packets are on the way at most.
	n, err := f.ReadFromWithConcurrency(w.Sending(copies.During(ctx, body), min(size, 64*32<<10)), 64)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		w.Moved()
		if _, can := c.HasExtension("fsync@openssh.com"); can {
			err = f.Sync()
		}
	}
	return name, errors.Join(err, f.Close())
}

// folders makes the folder name and those above it, up to the site's own.
func (s *Site) folders(c *conn, w *copies.Watch, name string) error {
	if name == "." {
		return nil
	}
	w.Moved()
	st, err := c.Lstat(s.at(name))
	if err == nil {
		if !st.IsDir() {
			return fmt.Errorf("%w: a part of it is an object", copies.ErrTaken)
		}
		return nil
	}
	if err := s.folders(c, w, path.Dir(name)); err != nil {
		return err
	}
	w.Moved()
	if err := c.Mkdir(s.at(name)); err != nil && !s.there(c, name) {
		return err
	}
	s.syncFolder(c, w, path.Dir(name))
	return nil
}

// syncFolder syncs a folder where the server lets it be opened as a file, as OpenSSH does.
func (s *Site) syncFolder(c *conn, w *copies.Watch, name string) {
	if _, can := c.HasExtension("fsync@openssh.com"); !can {
		return
	}
	w.Moved()
	if f, err := c.Open(s.at(name)); err == nil {
		w.Moved()
		_ = f.Sync()
		w.Moved()
		_ = f.Close()
	}
	w.Moved()
}

// Replace stores a small file in place of another.
func (s *Site) Replace(ctx context.Context, name string, body []byte) error {
	if err := copies.Replaceable(name, body); err != nil {
		return err
	}
	return s.with(ctx, "replace", name, func(ctx context.Context, c *conn, w *copies.Watch) error {
		draft, err := s.draft(ctx, c, w, bytes.NewReader(body), int64(len(body)))
		if err != nil {
			return err
		}
		if err = s.folders(c, w, path.Dir(name)); err == nil {
			w.Moved()
			err = c.PosixRename(draft, s.at(name))
			var failure *sftp.StatusError
			if errors.As(err, &failure) { // a server that cannot: there is none for a moment
				if s.there(c, name) {
					err = c.Remove(s.at(name))
				}
				if err == nil || !s.there(c, name) {
					err = c.Rename(draft, s.at(name))
				}
			}
		}
		if err != nil {
			_ = c.Remove(draft)
			return err
		}
		s.syncFolder(c, w, path.Dir(name))
		return nil
	})
}

// Get opens a file.
func (s *Site) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := copies.Name(name); err != nil {
		return nil, err
	}
	var f *sftp.File
	var size int64
	var c *conn
	err := s.with(ctx, "get", name, func(ctx context.Context, cc *conn, w *copies.Watch) error {
		c = cc
		if err := context.Cause(ctx); err != nil {
			return err
		}
		st, err := c.Lstat(s.at(name))
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return err
			}
			// A part of the name may be a file: servers call that a failure.
			for d := path.Dir(name); d != "."; d = path.Dir(d) {
				if st, e := c.Lstat(s.at(d)); e == nil && !st.IsDir() {
					return copies.ErrAbsent
				}
			}
			return err
		}
		if !st.Mode().IsRegular() {
			return copies.ErrAbsent
		}
		if f, err = c.Open(s.at(name)); err != nil {
			return err
		}
		if st, err = f.Stat(); err != nil { // of the one that is open: it may have been replaced in between
			f.Close()
			return err
		}
		size = st.Size()
		return nil
	})
	if err != nil {
		return nil, err
	}
	ctx, w := copies.Patient(ctx, 2*s.timeout)
	w.Pause()
	r := &reading{s: s, name: name, ctx: ctx, w: w, file: f, stream: stream(f)}
	r.r = w.Receiving(copies.During(ctx, copies.Exactly(r.stream, size)))
	r.stop = context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), copies.ErrStalled) {
			s.drop(c)
		}
	})
	return r, nil
}

type reading struct {
	s      *Site
	name   string
	ctx    context.Context
	w      *copies.Watch
	r      io.Reader
	stream io.ReadCloser
	file   *sftp.File
	stop   func() bool
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		err = r.s.fail(r.ctx, "get", r.name, err)
	}
	return n, err
}

func (r *reading) Close() error {
	r.stop()
	r.w.Done()
	r.stream.Close()
	return r.file.Close()
}

// List walks the folder.
func (s *Site) List(ctx context.Context, prefix, after string) iter.Seq2[copies.Object, error] {
	return func(yield func(copies.Object, error) bool) {
		ended := false
		err := s.with(ctx, "list", "", func(ctx context.Context, c *conn, w *copies.Watch) error {
			read := func(at string) ([]fs.DirEntry, error) {
				w.Moved()
				defer w.Pause()
				infos, err := c.ReadDirContext(ctx, s.at(at))
				if err != nil {
					return nil, err
				}
				out := make([]fs.DirEntry, len(infos))
				for i, st := range infos {
					out[i] = fs.FileInfoToDirEntry(st)
				}
				return out, nil
			}
			return copies.Walk(ctx, read, prefix, after, func(o copies.Object, err error) bool {
				ended = !yield(o, err)
				return !ended
			})
		})
		if err != nil && !ended {
			yield(copies.Object{}, err)
		}
	}
}

// Remove removes files, and drafts that were left behind long ago.
func (s *Site) Remove(ctx context.Context, names []string) error {
	for _, n := range names {
		if err := copies.Name(n); err != nil {
			return err
		}
	}
	return s.with(ctx, "remove", "", func(ctx context.Context, c *conn, w *copies.Watch) error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if old, err := c.ReadDirContext(ctx, s.at(tmp)); err == nil {
			for _, st := range old {
				if time.Since(st.ModTime()) > leftover {
					_ = c.Remove(s.at(tmp + "/" + st.Name()))
				}
			}
		}
		touched := map[string]bool{}
		for _, n := range names {
			w.Moved()
			if err := context.Cause(ctx); err != nil {
				return err
			}
			st, err := c.Lstat(s.at(n))
			if err == nil && !st.Mode().IsRegular() {
				continue
			}
			if err == nil {
				err = c.Remove(s.at(n))
				touched[path.Dir(n)] = true
			}
			var failure *sftp.StatusError
			if errors.Is(err, fs.ErrNotExist) || errors.As(err, &failure) && !s.there(c, n) {
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: %w", n, err)
			}
		}
		for d := range touched {
			s.syncFolder(c, w, d)
		}
		return nil
	})
}
