package powertest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

const (
	inside = "KASSAVALV_TEST_DISK_INSIDE" // in the namespace; the value is the folder to mount at
	serve  = "KASSAVALV_TEST_DISK_SERVE"  // this process is the disk; the value as above
)

// Main begins TestMain. In the process that is the disk it does not return.
func Main() {
	at := os.Getenv(serve)
	if at == "" {
		return
	}
	if err := be(at); err != nil {
		fmt.Println("no:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// be is the disk until the other end of the standard input is gone.
func be(at string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("the namespace: %w", err)
	}
	d := newDisk()
	if err := d.mount(at); err != nil {
		return err
	}
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var from, to string
		var seed int64
		if _, err := fmt.Sscan(in.Text(), &from, &to, &seed); err != nil || !d.cut(from, to, seed) {
			fmt.Println("no: ", in.Text())
			continue
		}
		fmt.Println("cut")
	}
	return nil
}

// Inside tells whether this process is one where Mount works.
func Inside() bool { return os.Getenv(inside) != "" }

// ways are the namespaces in which a disk can be mounted: as root, and as anybody where the
// system lets everybody be root in a namespace of his own.
func ways() []*syscall.SysProcAttr {
	root := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	anybody := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER, Pdeathsig: syscall.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
	if os.Getuid() == 0 && os.Getenv("KASSAVALV_TEST_DISK_ANYBODY") == "" {
		return []*syscall.SysProcAttr{root, anybody}
	}
	return []*syscall.SysProcAttr{anybody}
}

// Run runs this test again in a process where a disk can be mounted. Where the system does
// not let it (no FUSE, or a user who may not), it says so: then nothing was shown. With
// KASSAVALV_TEST_DISK=must that is a failure.
func Run(t *testing.T) {
	t.Helper()
	var why []error
	for _, way := range ways() {
		at := t.TempDir()
		probe := exec.Command(os.Args[0])
		probe.Env, probe.SysProcAttr = append(os.Environ(), serve+"="+at), way
		probe.Stdin = strings.NewReader("")
		if out, err := probe.Output(); err != nil || !strings.HasPrefix(string(out), "ready") {
			why = append(why, fmt.Errorf("%s %w", strings.TrimSpace(string(out)), errors.Join(err)))
			continue
		}
		cmd := exec.Command(os.Args[0], "-test.run", "^"+regexp.QuoteMeta(t.Name())+"$", "-test.v", "-test.count=1", "-test.timeout=0")
		cmd.Env, cmd.SysProcAttr = append(os.Environ(), inside+"="+at), way
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, quieter(string(out)))
		}
		t.Log(quieter(string(out)))
		return
	}
	if os.Getenv("KASSAVALV_TEST_DISK") == "must" {
		t.Fatal("no disk that forgets can be mounted here: ", errors.Join(why...))
	}
	t.Log("NOT RUN: no disk that forgets can be mounted here: ", errors.Join(why...))
}

// quieter leaves out which subtest ran when.
func quieter(out string) string {
	var keep []string
	for line := range strings.Lines(out) {
		if s := strings.TrimSpace(line); !strings.HasPrefix(s, "=== ") && !strings.HasPrefix(s, "--- PASS") {
			keep = append(keep, line)
		}
	}
	return strings.Join(keep, "")
}

// Disk is a mounted disk.
type Disk struct {
	at   string
	mu   sync.Mutex
	in   io.Writer
	out  *bufio.Scanner
	last atomic.Int64
}

// Mount mounts the disk of a process that Run has begun.
func Mount(t *testing.T) *Disk {
	t.Helper()
	d := &Disk{at: os.Getenv(inside)}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serve+"="+d.at)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.in, d.out = in, bufio.NewScanner(out)
	if !d.out.Scan() || d.out.Text() != "ready" {
		t.Fatalf("the disk: %s %v", d.out.Text(), d.out.Err())
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	return d
}

// Dir is a new folder on the disk.
func (d *Disk) Dir(t *testing.T) string {
	t.Helper()
	p := filepath.Join(d.at, fmt.Sprint("d", d.last.Add(1)))
	if err := os.Mkdir(p, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(p) })
	return p
}

// Cut is the folder that would be found in place of dir if the power went now: what was not
// synced is gone (seed 0), or some of it is, by chance. Whoever works in dir goes on there
// and sees nothing of it.
func (d *Disk) Cut(t *testing.T, dir string, seed int64) string {
	t.Helper()
	return d.after(t, dir, max(0, seed))
}

// Kill is the folder that would be found in place of dir if the process that works there
// was killed now: everything is there, and what was not synced can still be lost.
func (d *Disk) Kill(t *testing.T, dir string) string {
	t.Helper()
	return d.after(t, dir, killed)
}

func (d *Disk) after(t *testing.T, dir string, seed int64) string {
	t.Helper()
	from, err := filepath.Rel(d.at, dir)
	if err != nil {
		t.Fatal(err)
	}
	to := fmt.Sprint("d", d.last.Add(1))
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := fmt.Fprintln(d.in, from, to, seed); err != nil {
		t.Fatal(err)
	}
	if !d.out.Scan() || d.out.Text() != "cut" {
		t.Fatalf("the disk: %s %v", d.out.Text(), d.out.Err())
	}
	p := filepath.Join(d.at, to)
	t.Cleanup(func() { os.RemoveAll(p) })
	return p
}
