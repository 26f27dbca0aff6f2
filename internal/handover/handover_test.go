//go:build unix

package handover

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

// The test binary itself is the program that is replaced: it answers with its number in
// the chain, and becomes its successor when it is told to.
func TestMain(m *testing.M) {
	if os.Getenv("HANDOVER_CHILD") == "" {
		os.Exit(m.Run())
	}
	s, err := Inherit()
	if err != nil {
		fmt.Println("ERR", err)
		os.Exit(1)
	}
	l := s.Take("shop")
	if l == nil {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			os.Exit(1)
		}
		fmt.Println(l.Addr())
	}
	if more := s.Leftover(); len(more) > 0 || os.Getenv(envHanded) != "" {
		fmt.Println("ERR", more)
		os.Exit(1)
	}
	n := len(os.Args)
	for {
		c, err := l.Accept()
		if err != nil {
			os.Exit(1)
		}
		line, _ := bufio.NewReader(c).ReadString('\n')
		fmt.Fprintln(c, os.Getpid(), n)
		c.Close()
		if line == "next\n" {
			h, err := Hold(map[string]net.Listener{"shop": l})
			if err != nil {
				os.Exit(1)
			}
			l.Close()
			time.Sleep(100 * time.Millisecond) // its last work; callers wait in the queue meanwhile
			fmt.Println("ERR", h.Exec("/proc/self/exe", append(os.Args, "x")))
			os.Exit(1)
		}
	}
}

// Nobody who calls while the program is replaced is turned away, and the process stays
// the same one.
func TestNobodyIsTurnedAway(t *testing.T) {
	if _, err := os.Stat("/proc/self/exe"); err != nil {
		t.Log("no /proc here: the replacement is not driven on this system")
		return
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "HANDOVER_CHILD=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	r := bufio.NewReader(out)
	addr, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	addr = addr[:len(addr)-1]
	ask := func(word string) (pid, n int) {
		c, err := net.DialTimeout("tcp", addr, 20*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintln(c, word)
		if _, err := fmt.Fscan(c, &pid, &n); err != nil {
			t.Fatal(err)
		}
		return
	}
	pid, first := ask("hello")
	for i := range 3 {
		ask("next")
		for range 5 { // at once: the successor is not there yet
			p, n := ask("hello")
			if p != pid || n != first+i+1 {
				t.Fatalf("answered by process %d as number %d, not by %d as %d", p, n, pid, first+i+1)
			}
		}
	}
}

func TestWrongWordsAreRefused(t *testing.T) {
	for _, c := range []map[string]string{
		{envHanded: "shop"}, {envHanded: "shop=1"}, {envHanded: "=7"}, {envHanded: "shop=nine"},
		{"LISTEN_PID": fmt.Sprint(os.Getpid()), "LISTEN_FDS": "x"}, {"LISTEN_PID": fmt.Sprint(os.Getpid()), "LISTEN_FDS": "-1"},
		{"LISTEN_PID": fmt.Sprint(os.Getpid()), "LISTEN_FDS": "1"}, {"LISTEN_PID": fmt.Sprint(os.Getpid()), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "shop:shop"},
	} {
		for k, v := range c {
			t.Setenv(k, v)
		}
		if _, err := Inherit(); err == nil {
			t.Errorf("%v was taken", c)
		}
		for k := range c {
			os.Unsetenv(k)
		}
	}
	t.Setenv("LISTEN_PID", "1") // for another process
	t.Setenv("LISTEN_FDS", "3")
	if s, err := Inherit(); err != nil || s.Take("shop") != nil {
		t.Error("took sockets that were for another process")
	}
}
