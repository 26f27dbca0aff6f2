package sftp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/sftp/sftptest"
	"kassavalv/internal/ops/copies/sitetest"
	"kassavalv/internal/secret"
)

func options(srv *sftptest.Server, path string) Options {
	return Options{Name: "friend", Location: "Umeå", Provider: "own", Addr: srv.Addr, User: srv.User, Path: path, Key: secret.Hide(srv.Key), HostKey: srv.HostKey}
}

func open(t *testing.T, o Options) *Site {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.(*Site)
}

func secretPart(srv *sftptest.Server) string { return strings.Split(srv.Key, "\n")[2] }

func TestSuite(t *testing.T) {
	srv := sftptest.Start(t)
	t.Run("site", sitetest.Kind{
		Secrets: []string{secretPart(srv)},
		Open:    func(t *testing.T) copies.Site { return open(t, options(srv, t.TempDir())) },
		Again:   func(t *testing.T, s copies.Site) copies.Site { return open(t, options(srv, s.(*Site).base)) },
		Earlier: func(t *testing.T, s copies.Site, _ string) int {
			left, err := os.ReadDir(filepath.Join(s.(*Site).base, tmp))
			if err != nil {
				t.Error(err)
			}
			return len(left)
		},
	}.Run)
}

func TestFaults(t *testing.T) {
	srv := sftptest.Start(t)
	t.Run("site", func(t *testing.T) {
		sitetest.Kind{}.Faults(t, srv.Addr, func(t *testing.T, addr string, patience time.Duration) copies.Site {
			o := options(srv, t.TempDir())
			o.Addr, o.Timeout = addr, patience
			return open(t, o)
		})
	})
}

func put(s copies.Site, name, body string) error {
	_, err := s.Put(context.Background(), name, strings.NewReader(body), int64(len(body)))
	return err
}

func get(s copies.Site, name string) (string, error) {
	r, err := s.Get(context.Background(), name)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

// all are the errors of every verb.
func all(s *Site) map[string]error {
	_, errGet := get(s, "e/a")
	errs := map[string]error{"put": put(s, "e/b", "x"), "get": errGet, "replace": s.Replace(context.Background(), "keys/current.age", nil), "remove": s.Remove(context.Background(), []string{"e/a"}), "list": nil}
	for _, err := range s.List(context.Background(), "", "") {
		errs["list"] = err
	}
	return errs
}

func TestAnotherHostKeyIsRefused(t *testing.T) {
	srv := sftptest.Start(t)
	o := options(srv, t.TempDir())
	s := open(t, o)
	if err := put(s, "e/a", "segment"); err != nil {
		t.Fatal(err)
	}
	old := srv.HostKey
	srv.Stop()
	srv.NewHostKey(t)
	if err := srv.Open(); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(srv.HostKey))
	if err != nil {
		t.Fatal(err)
	}
	for verb, err := range all(s) {
		if !errors.Is(err, copies.ErrRefused) || !strings.Contains(err.Error(), ssh.FingerprintSHA256(key)) || !strings.Contains(err.Error(), "host_key") {
			t.Errorf("%s: %v", verb, err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(o.Path, "e/a")); err != nil || string(got) != "segment" {
		t.Error("after it:", string(got), err)
	}
	o.HostKey = old + "\n" + srv.HostKey // the new one is pinned beside
	if got, err := get(open(t, o), "e/a"); err != nil || got != "segment" {
		t.Error(got, err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := ssh.NewPublicKey(other.Public())
	if err != nil {
		t.Fatal(err)
	}
	o.HostKey = string(ssh.MarshalAuthorizedKey(public))
	if err := put(open(t, o), "e/c", "x"); !errors.Is(err, copies.ErrRefused) || !strings.Contains(err.Error(), "of the kind that is pinned") {
		t.Error("a host key of another kind:", err)
	}
}

func TestAKeyThatIsNotLetIn(t *testing.T) {
	srv := sftptest.Start(t)
	o := options(srv, t.TempDir())
	s := open(t, o)
	if err := put(s, "e/a", "segment"); err != nil {
		t.Fatal(err)
	}
	_, another := sftptest.NewKey(t)
	srv.Allow(t, another)
	s.Close() // sshd asks at the next connection
	for verb, err := range all(open(t, o)) {
		if !errors.Is(err, copies.ErrRefused) {
			t.Errorf("%s with a revoked key: %v", verb, err)
		}
		if strings.Contains(fmt.Sprintf("%v %+v", err, err), secretPart(srv)) {
			t.Errorf("%s: the error says the key", verb)
		}
	}
}

func TestAFolderThatIsNotThere(t *testing.T) {
	srv := sftptest.Start(t)
	base := filepath.Join(t.TempDir(), "disk", "copies")
	s := open(t, options(srv, base))
	for verb, err := range all(s) {
		if verb == "remove" && err == nil {
			continue // nothing is there to be removed
		}
		if !errors.Is(err, ErrNotThere) || errors.Is(err, copies.ErrAbsent) {
			t.Errorf("%s: %v", verb, err)
		}
	}
	if _, err := os.Stat(base); err == nil {
		t.Error("the folder was made: copies would land under a disk that is not mounted")
	}
	if err := os.MkdirAll(base, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := put(s, "e/a", "x"); err != nil {
		t.Error("when it is there:", err)
	}
	if os.Getuid() == 0 {
		return // root is let into everything
	}
	if err := os.Chmod(base, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(base, 0o700) //nolint:errcheck // so that it can be removed
	if err := put(s, "f/b", "x"); !errors.Is(err, copies.ErrRefused) {
		t.Error("a folder that cannot be written:", err)
	}
}

// strange is a server that is not OpenSSH: without links and sync, its disk in a state that
// the test sets.
type strange struct {
	sftp.FileReader
	sftp.FileWriter
	sftp.FileCmder
	sftp.FileLister
	disk atomic.Pointer[sftp.StatVFS] // of a disk that takes nothing more; nil: it does
}

func (s *strange) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	if s.disk.Load() != nil {
		return nil, sftp.ErrSSHFxFailure
	}
	return s.FileWriter.Filewrite(r)
}

func (s *strange) Filecmd(r *sftp.Request) error {
	if r.Method == "Link" {
		return sftp.ErrSSHFxOpUnsupported
	}
	return s.FileCmder.Filecmd(r)
}

func (s *strange) StatVFS(*sftp.Request) (*sftp.StatVFS, error) { return s.disk.Load(), nil }

// serve runs a server by the library of sftp, and gives what opens it.
func (s *strange) serve(t *testing.T) Options {
	t.Helper()
	h := sftp.InMemHandler()
	s.FileReader, s.FileWriter, s.FileCmder, s.FileLister = h.FileGet, h.FilePut, h.FileCmd, h.FileList
	private, public := sftptest.NewKey(t)
	client, _ := sftptest.NewKey(t)
	key, err := ssh.ParsePrivateKey([]byte(private))
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil }}
	config.AddHostKey(key)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			wire, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, chans, reqs, err := ssh.NewServerConn(wire, config)
				if err != nil {
					return
				}
				go ssh.DiscardRequests(reqs)
				for n := range chans {
					ch, reqs, err := n.Accept()
					if err != nil {
						return
					}
					go func() {
						for r := range reqs {
							_ = r.Reply(r.Type == "subsystem", nil)
						}
					}()
					go func() {
						_ = sftp.NewRequestServer(ch, sftp.Handlers{FileGet: s.FileReader, FilePut: s, FileCmd: s, FileList: s.FileLister}).Serve()
						ch.Close()
					}()
				}
			}()
		}
	}()
	return Options{Addr: l.Addr().String(), User: "shop", Path: "/", Key: secret.Hide(client), HostKey: public}
}

func TestAnotherServer(t *testing.T) {
	srv := &strange{}
	s := open(t, srv.serve(t))
	for range 2 {
		if err := put(s, "e/a", "segment"); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(s, "e/a", "another"); !errors.Is(err, copies.ErrTaken) {
		t.Error("other bytes:", err)
	}
	for _, b := range []string{"1", "2"} {
		if err := s.Replace(context.Background(), "keys/current.age", []byte(b)); err != nil {
			t.Error(err)
		}
	}
	for name, want := range map[string]string{"e/a": "segment", "keys/current.age": "2"} {
		if got, err := get(s, name); err != nil || got != want {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	for name, c := range map[string]struct {
		state sftp.StatVFS
		want  error
	}{
		"full":        {sftp.StatVFS{Frsize: 4096, Blocks: 1000, Bavail: 10, Files: 100, Favail: 50}, copies.ErrFull},
		"no inodes":   {sftp.StatVFS{Frsize: 4096, Blocks: 1000000, Bavail: 1000000, Files: 100}, copies.ErrFull},
		"read only":   {sftp.StatVFS{Frsize: 4096, Blocks: 1000000, Bavail: 1000000, Files: 100, Favail: 50, Flag: 1}, copies.ErrRefused},
		"broken only": {sftp.StatVFS{Frsize: 4096, Blocks: 1000000, Bavail: 1000000, Files: 100, Favail: 50}, nil},
	} {
		srv.disk.Store(&c.state)
		err := put(s, "e/b", "x")
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		for _, class := range []error{copies.ErrAbsent, copies.ErrTaken, copies.ErrRefused, copies.ErrFull} {
			if errors.Is(err, class) != (class == c.want) {
				t.Errorf("%s: %v; is %v: %v", name, err, class, errors.Is(err, class))
			}
		}
	}
}

func TestSettingsThatAreWrong(t *testing.T) {
	private, public := sftptest.NewKey(t)
	for name, change := range map[string]func(*Options){
		"no port":         func(o *Options) { o.Addr = "host" },
		"no user":         func(o *Options) { o.User = "" },
		"no host key":     func(o *Options) { o.HostKey = "" },
		"a rubbish key":   func(o *Options) { o.HostKey = "SHA256:abc" },
		"no private key":  func(o *Options) { o.Key = secret.Secret{} },
		"a public as key": func(o *Options) { o.Key = secret.Hide(public) },
	} {
		o := Options{Addr: "host:22", User: "shop", Key: secret.Hide(private), HostKey: public}
		if _, err := Open(o); err != nil {
			t.Fatal(err)
		}
		change(&o)
		if _, err := Open(o); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

func TestFull(t *testing.T) {
	disk, ok := sitetest.SmallDisk(t, 6<<20)
	if !ok {
		return
	}
	sitetest.Full(t, open(t, options(sftptest.Start(t), disk)))
}
