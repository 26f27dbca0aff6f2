package arch

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// directives reads a unit file: section.key to its values.
func directives(t *testing.T, file string) map[string][]string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out, section := map[string][]string{}, ""
	for line := range strings.SplitSeq(string(b), "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
		default:
			k, v, ok := strings.Cut(line, "=")
			if !ok {
				t.Fatalf("%s: %q is no directive", file, line)
			}
			out[section+"."+k] = append(out[section+"."+k], v)
		}
	}
	return out
}

// The program runs with least privilege: what its unit must say.
func TestUnitSandbox(t *testing.T) {
	d := directives(t, "../../deploy/kassavalv.service")
	for key, want := range map[string]string{
		"User": "kassavalv", "Group": "kassavalv", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes",
		"CapabilityBoundingSet": "", "AmbientCapabilities": "", "MemoryDenyWriteExecute": "yes", "LockPersonality": "yes", "RestrictNamespaces": "yes", "RestrictSUIDSGID": "yes", "RestrictRealtime": "yes",
		"RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX", "SystemCallArchitectures": "native", "ProtectKernelTunables": "yes", "ProtectKernelModules": "yes", "ProtectKernelLogs": "yes",
		"ProtectControlGroups": "yes", "ProtectClock": "yes", "ProtectHostname": "yes", "ProtectProc": "invisible", "ProcSubset": "pid", "StateDirectoryMode": "0700", "UMask": "0077", "LimitCORE": "0",
	} {
		if got := d["Service."+key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, not %q", key, got, want)
		}
	}
	if got := strings.Join(d["Service.SystemCallFilter"], " "); got != "@system-service ~@privileged @resources" {
		t.Error("SystemCallFilter", got)
	}
	for _, open := range []string{"ReadWritePaths", "BindPaths", "PermissionsStartOnly", "EnvironmentFile"} {
		if got := d["Service."+open]; got != nil {
			t.Errorf("%s=%s opens what the sandbox shuts", open, got)
		}
	}
	// The sockets are handed over under the names that package handover takes.
	for name, port := range map[string]string{"shop": "443", "http": "80"} {
		s := directives(t, "../../deploy/kassavalv-"+name+".socket")
		if s["Socket.FileDescriptorName"][0] != name || s["Socket.ListenStream"][0] != port || s["Socket.Service"][0] != "kassavalv.service" {
			t.Errorf("the socket %s: %v", name, s)
		}
		if !strings.Contains(d["Unit.Requires"][0], "kassavalv-"+name+".socket") {
			t.Errorf("the service does not ask for the socket %s", name)
		}
	}
	// Credentials never stand in an environment in the clear.
	examples, err := filepath.Glob("../../deploy/kassavalv.service.d/*.example")
	if err != nil || len(examples) == 0 {
		t.Fatal(examples, err)
	}
	for _, e := range examples {
		x := directives(t, e)
		if x["Service.LoadCredential"] == nil {
			t.Errorf("%s loads no credential", e)
		}
		for _, v := range x["Service.Environment"] {
			if regexp.MustCompile(`_(TOKEN|LINES|PASSWORD)=`).MatchString(v) {
				t.Errorf("%s has a secret in the environment: %s", e, v)
			}
		}
	}
}

var exposure = regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`)

// systemd's own judge, where the machine has it.
func TestUnitBySystemd(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd-analyze is not here: only this package's own test has read the units")
		return
	}
	dir := t.TempDir()
	for _, f := range []string{"kassavalv.service", "kassavalv-shop.socket", "kassavalv-http.socket"} {
		b, err := os.ReadFile("../../deploy/" + f)
		if err != nil {
			t.Fatal(err)
		}
		// The program need not be installed for the units to be judged.
		b = []byte(strings.ReplaceAll(string(b), "/usr/local/bin/kassavalv", "/bin/true"))
		if err := os.WriteFile(filepath.Join(dir, f), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(tool, "verify", "--man=no", "./kassavalv.service", "./kassavalv-shop.socket", "./kassavalv-http.socket")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	for line := range strings.SplitSeq(string(out), "\n") {
		if strings.Contains(line, "kassavalv") && !strings.Contains(line, "file:///usr/local/share") {
			t.Errorf("systemd-analyze verify: %s (%v)", line, err)
		}
	}
	cmd = exec.Command(tool, "security", "--offline=true", "./kassavalv.service")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SYSTEMD_PAGER=")
	out, err = cmd.CombinedOutput()
	m := exposure.FindSubmatch(out)
	if m == nil {
		t.Logf("this systemd judges no unit that is not installed (%v): %.200s", err, out)
		return
	}
	t.Logf("exposure %s of 10", m[1])
	if s := string(m[1]); len(s) != 3 || s[0] > '2' || s[0] < '0' {
		t.Errorf("systemd calls the unit's exposure %s", s)
	}
}

// No shell and no other program ever sees personal data that the shop shows it: the program
// starts none but its own successor (package handover), which gets the names of sockets and
// nothing else. Beside the shop, and never in it, stand commands for a shop on PostgreSQL: they
// run pgBackRest and PostgreSQL's own programs, which copy and read that database as they do
// everywhere (package pgbackrest). TestOnlyCommandsRunPostgres holds that they stand beside.
func TestNoShellOuts(t *testing.T) {
	calls := regexp.MustCompile(`"os/exec"|syscall\.(Exec|ForkExec|StartProcess)\b|os\.StartProcess\b|"plugin"`)
	found := 0
	err := filepath.WalkDir("../..", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel("../..", p)
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && rel != "." || rel == "test" || rel == "bench" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		room := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(rel)), "internal/")
		if exempt(room) || strings.HasPrefix(room, "demo") {
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if !calls.Match(b) {
			return nil
		}
		if rel == filepath.FromSlash("internal/handover/exec_unix.go") {
			found++
			return nil
		}
		if room == "ops/copies/pgbackrest" {
			return nil
		}
		t.Errorf("%s starts another program", rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found != 1 {
		t.Error("the one place that may start a program was not seen: the test looks at nothing")
	}
}

// What serves knows nothing of the package that starts PostgreSQL's programs: one file of the
// app does, which commands alone call.
func TestOnlyCommandsRunPostgres(t *testing.T) {
	const file = "internal/app/postgres.go"
	b, err := os.ReadFile("../../" + file)
	if err != nil {
		t.Fatal(err)
	}
	walk(t, []string{".go"}, func(p, text string) {
		if !strings.HasSuffix(p, "_test.go") && p != file && !strings.HasPrefix(p, "internal/ops/copies/pgbackrest/") && strings.Contains(text, `"kassavalv/internal/ops/copies/pgbackrest"`) {
			t.Errorf("%s knows the package that starts other programs", p)
		}
	})
	made := regexp.MustCompile(`(?m)^func (?:\([^)]*\) )?(\w+)\(`).FindAllStringSubmatch(string(b), -1)
	if len(made) == 0 {
		t.Fatal("no function is seen")
	}
	for _, m := range made {
		use := regexp.MustCompile(`\b` + m[1] + `\(`)
		walk(t, []string{".go"}, func(p, text string) {
			if strings.HasPrefix(p, "internal/app/") && p != file && !strings.HasSuffix(p, "_test.go") && use.MatchString(text) {
				t.Errorf("%s calls %s, which starts other programs", p, m[1])
			}
		})
	}
}
