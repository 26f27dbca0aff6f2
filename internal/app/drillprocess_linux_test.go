package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/secret"
)

// children are the processes that this one has started for drills.
func children(t *testing.T) (out []int) {
	t.Helper()
	list, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		b, err := os.ReadFile(p)
		if err != nil {
			continue // it has ended
		}
		var pid, parent int
		var state string
		fmt.Sscanf(string(b), "%d", &pid)
		fmt.Sscanf(string(b[strings.LastIndex(string(b), ")")+1:]), "%s %d", &state, &parent)
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if parent == os.Getpid() && state != "Z" && strings.Contains(string(line), DrillCommand) {
			out = append(out, pid)
		}
	}
	return out
}

// standings are the nice values and the scheduling policies of a process's threads.
func standings(pid int) (nices, policies []int) {
	list, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, p := range list {
		b, err := os.ReadFile(p)
		if err != nil {
			continue
		}
		f := strings.Fields(string(b[strings.LastIndex(string(b), ")")+1:]))
		n, policy := 0, 0
		fmt.Sscan(f[16], &n) // fields 19 and 41 of proc(5); the third is the first here
		fmt.Sscan(f[38], &policy)
		nices, policies = append(nices, n), append(policies, policy)
	}
	return nices, policies
}

// A drill's process is lower than the shop, has no secret in its arguments or environment, and
// when it is killed the drill is inconclusive and nothing of the shop is left behind.
func TestDrillProcess(t *testing.T) {
	ctx := t.Context()
	t.Setenv("KASSAVALV_COPIES_KEEP_RAW", "12h")
	t.Setenv("KASSAVALV_LOG_LEVEL", "error") // what a shop's environment may hold is not handed on
	a, _, err := Demo(ctx, DemoOptions{Dir: filepath.Join(t.TempDir(), "demo"), Addr: "127.0.0.1:0", Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Out: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(context.WithoutCancel(ctx))
	c, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if k := a.Copies.Wait(c, 0, 2); k.Sites != 2 {
		t.Fatalf("%d sites have it", k.Sites)
	}
	if p := a.Copies.Policy(); p.Raw != 12*time.Hour || p.Days != copies.DefaultPolicy().Days {
		t.Errorf("the sites keep %+v", p)
	}
	type ended struct {
		r   copies.Result
		err error
	}
	done := make(chan ended, 1)
	go func() {
		r, err := a.drill(ctx, "plats-1", true)
		done <- ended{r, err}
	}()
	var e ended
	seen, low := 0, false
	for over := false; !over; {
		select {
		case e = <-done:
			over = true
		default:
			for _, pid := range children(t) {
				line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
				environ, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
				if len(line) == 0 {
					continue // it has ended since it was listed
				}
				if strings.Contains(string(line)+string(environ), "AGE-") || strings.Contains(string(environ), "KASSAVALV") || strings.Count(string(line), "\x00") != 2 {
					t.Fatalf("a drill's process is started as %q with %q", line, environ)
				}
				n, policies := standings(pid)
				if low = len(n) > 0 && !slices.ContainsFunc(n, func(x int) bool { return x != 19 }) && !slices.ContainsFunc(policies, func(x int) bool { return x != schedIdle }); low {
					if _, err := os.Stat(filepath.Join(a.drillFolder(), DatabaseFile)); err != nil {
						continue // killed with a shop in its folder
					}
					seen++
					syscall.Kill(pid, syscall.SIGKILL)
				}
			}
		}
	}
	if e.err != nil || e.r.State != copies.Inconclusive || len(e.r.Findings) != 1 || !strings.Contains(e.r.Findings[0].What, "killed") || seen == 0 {
		t.Errorf("killed %d times, low %v: %+v %v", seen, low, e.r, e.err)
	}
	if _, err := os.Stat(a.drillFolder()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something is left of it: %v", err)
	}
	if kept := children(t); len(kept) > 0 {
		t.Errorf("processes are left: %v", kept)
	}

	// Whoever asked for a drill is gone: it ends, and takes its folder with it.
	root, err := secret.CopyRoot(ctx, a.keeper)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "drill")
	u := url.URL{Scheme: "file", Path: filepath.Join(a.Dir, "sites", "plats-1"), RawQuery: "name=plats-1"}
	task, err := json.Marshal(drillTask{Site: u.String(), Data: a.Dir, Demo: true, Folder: folder, Charter: a.charter, Who: copies.NewKeys(root).Drill.String(), Rate: 1})
	if err != nil {
		t.Fatal(err)
	}
	p := exec.Command(os.Args[0], DrillCommand)
	in, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(append(task, '\n')); err != nil {
		t.Fatal(err)
	}
	for begun := false; !begun; time.Sleep(5 * time.Millisecond) {
		_, err := os.Stat(folder)
		begun = err == nil
	}
	in.Close()
	if err := p.Wait(); err == nil {
		t.Error("it went on to the end")
	}
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something is left of it: %v", err)
	}
}
