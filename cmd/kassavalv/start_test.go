package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// Every command pays for what packages do before main, a restore at night and a
// question of the version alike. Memory stands for the work here, because the clock of
// a busy machine says nothing: compressing the shop's files once took 430 MB and most
// of a second.
func TestStartIsLight(t *testing.T) {
	const most = 40 << 20
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, "-test.run", "^$")
	c.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	sum, own := 0, false
	for line := range strings.Lines(string(out)) {
		// init PACKAGE @0.1 ms, 0.2 ms clock, 345 bytes, 6 allocs
		f := strings.Fields(line)
		if len(f) < 11 || f[0] != "init" {
			continue
		}
		n, err := strconv.Atoi(f[7])
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		own = own || strings.HasPrefix(f[1], "kassavalv/")
		sum += n
		if n > most/4 {
			t.Logf("%s takes %d bytes before main", f[1], n)
		}
	}
	if !own || sum > most {
		t.Errorf("packages take %d bytes before main, %d at most; own ones counted: %v", sum, most, own)
	}
}
