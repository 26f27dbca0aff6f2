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
	boxed(t, "kassavalv")
	d := boxed(t, "kassavalv-outpost")
	if d["Service.StateDirectory"][0] != "kassavalv-outpost" || !strings.HasSuffix(d["Service.ExecStart"][0], " --data /var/lib/kassavalv-outpost") {
		t.Errorf("the outpost keeps copies outside its folder: %v", d)
	}
	d = directives(t, "../../deploy/kassavalv.service")
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

// boxed holds what the unit of a program that listens must say.
func boxed(t *testing.T, user string) map[string][]string {
	t.Helper()
	d := directives(t, "../../deploy/"+user+".service")
	for key, want := range map[string]string{
		"User": user, "Group": user, "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes",
		"CapabilityBoundingSet": "", "AmbientCapabilities": "", "MemoryDenyWriteExecute": "yes", "LockPersonality": "yes", "RestrictNamespaces": "yes", "RestrictSUIDSGID": "yes", "RestrictRealtime": "yes",
		"RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX", "SystemCallArchitectures": "native", "ProtectKernelTunables": "yes", "ProtectKernelModules": "yes", "ProtectKernelLogs": "yes",
		"ProtectControlGroups": "yes", "ProtectClock": "yes", "ProtectHostname": "yes", "ProtectProc": "invisible", "ProcSubset": "pid", "StateDirectoryMode": "0700", "UMask": "0077", "LimitCORE": "0",
	} {
		if got := d["Service."+key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, not %q", key, got, want)
		}
	}
	calls := "@system-service ~@privileged @resources"
	if user == "kassavalv" {
		calls += " setpriority ioprio_set sched_setscheduler" // a drill lowers itself; without a right nobody raises anything
	}
	if got := strings.Join(d["Service.SystemCallFilter"], " "); got != calls {
		t.Error("SystemCallFilter", got)
	}
	for _, open := range []string{"ReadWritePaths", "BindPaths", "PermissionsStartOnly", "EnvironmentFile"} {
		if got := d["Service."+open]; got != nil {
			t.Errorf("%s=%s opens what the sandbox shuts", open, got)
		}
	}
	return d
}

// What tends the copies of a shop on PostgreSQL acts as the server's user, and has no more of
// root's rights than that takes.
func TestUnitOfTheTimer(t *testing.T) {
	d := directives(t, "../../deploy/kassavalv-tend-postgres.service")
	for key, want := range map[string]string{
		"Type": "oneshot", "NoNewPrivileges": "yes", "ProtectSystem": "full", "ProtectHome": "yes", "PrivateDevices": "yes", "CapabilityBoundingSet": "CAP_SETUID CAP_SETGID CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL",
		"AmbientCapabilities": "", "MemoryDenyWriteExecute": "yes", "RestrictNamespaces": "yes", "RestrictSUIDSGID": "yes", "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX", "SystemCallArchitectures": "native",
		"SystemCallFilter": "@system-service", "ProtectKernelTunables": "yes", "ProtectKernelModules": "yes", "ProtectControlGroups": "yes", "UMask": "0077", "LimitCORE": "0",
	} {
		if got := d["Service."+key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, not %q", key, got, want)
		}
	}
	// pgBackRest's locks lie in /tmp, where the server's own must see them.
	if d["Service.PrivateTmp"] != nil {
		t.Error("two backups at once are not kept apart: /tmp is another")
	}
	timer := directives(t, "../../deploy/kassavalv-tend-postgres.timer")
	if timer["Timer.Unit"][0] != "kassavalv-tend-postgres.service" || timer["Timer.OnCalendar"][0] != "*:0/5" || timer["Install.WantedBy"][0] != "timers.target" {
		t.Errorf("%v", timer)
	}
}

// units are all that systemd is given.
func units(t *testing.T) (names []string) {
	t.Helper()
	for _, kind := range []string{"service", "socket", "timer"} {
		found, err := filepath.Glob("../../deploy/*." + kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			names = append(names, filepath.Base(f))
		}
	}
	if len(names) < 6 {
		t.Fatal("not all units are seen:", names)
	}
	return names
}

// settings are the words that systemd knows and these units use, by section, with what may
// stand behind them. A word that is misspelt is passed over by systemd with a line in its log,
// and the sandbox has a hole: so each word is written down here once more.
var settings = map[string]string{
	"Unit": `Description=.+ Documentation=file:///\S+ Wants=[a-z.-]+ After=[a-z.\s-]+ Requires=[a-z.\s-]+`,
	"Service": `Type=(simple|oneshot) User=[a-z-]+ Group=[a-z-]+ ExecStart=/usr/local/bin/kassavalv\b.* ExecReload=/.+ Restart=(always|on-failure) RestartSec=\d+ TimeoutStopSec=\d+
		Nice=\d+ IOSchedulingClass=best-effort IOSchedulingPriority=[0-7] StateDirectory=[a-z-]+ StateDirectoryMode=0\d{3} UMask=0077 LimitNOFILE=\d+ OOMPolicy=(stop|continue) LimitCORE=0 MemorySwapMax=0
		ProtectSystem=(strict|full) ProtectHome=yes PrivateTmp=yes PrivateDevices=yes PrivateMounts=yes PrivateIPC=yes ProtectProc=invisible ProcSubset=pid ProtectClock=yes ProtectControlGroups=yes
		ProtectHostname=yes ProtectKernelLogs=yes ProtectKernelModules=yes ProtectKernelTunables=yes RemoveIPC=yes NoNewPrivileges=yes CapabilityBoundingSet=(CAP_[A-Z_]+\s?)* AmbientCapabilities=
		RestrictSUIDSGID=yes RestrictNamespaces=yes RestrictRealtime=yes RestrictAddressFamilies=(AF_[A-Z0-9]+\s?)+ LockPersonality=yes MemoryDenyWriteExecute=yes KeyringMode=private
		SystemCallArchitectures=native SystemCallFilter=(~?@.+|setpriority\sioprio_set\ssched_setscheduler) SystemCallErrorNumber=EPERM`,
	"Socket":  `ListenStream=\d+ FileDescriptorName=[a-z]+ Service=kassavalv\.service NoDelay=yes Backlog=\d+`,
	"Timer":   `OnCalendar=\S+ AccuracySec=\d+s Unit=[a-z-]+\.service`,
	"Install": `WantedBy=[a-z-]+\.target`,
}

// Read without systemd, so that the units are judged on every machine.
func TestUnitWords(t *testing.T) {
	known := map[string]*regexp.Regexp{}
	for section, words := range settings {
		for _, w := range strings.Fields(words) {
			k, v, _ := strings.Cut(w, "=")
			known[section+"."+k] = regexp.MustCompile("^" + v + "$")
		}
	}
	for _, f := range units(t) {
		d := directives(t, "../../deploy/"+f)
		for k, values := range d {
			for _, v := range values {
				if r := known[k]; r == nil || !r.MatchString(v) {
					t.Errorf("%s: %s=%s is no word of systemd's that stands in this test", f, k, v)
				}
			}
			if len(values) > 1 && k != "Service.SystemCallFilter" {
				t.Errorf("%s: %s stands there twice", f, k)
			}
		}
		if d["Unit.Description"] == nil {
			t.Errorf("%s says not what it is", f)
		}
		// The user it runs as is made, and a page tells how it is put in place.
		if u := d["Service.User"]; u != nil {
			b, err := os.ReadFile("../../deploy/" + u[0] + ".sysusers")
			if err != nil || !strings.Contains(string(b), "\nu "+u[0]+" ") {
				t.Errorf("%s runs as %s, whom nothing makes: %v", f, u[0], err)
			}
		}
		told := false
		walk(t, []string{".md"}, func(p, text string) { told = told || strings.Contains(text, "deploy/"+f) })
		if !told {
			t.Errorf("no document tells of deploy/%s", f)
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
	names := units(t)
	for _, f := range names {
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
	args := []string{"verify", "--man=no"}
	for _, f := range names {
		args = append(args, "./"+f)
	}
	cmd := exec.Command(tool, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	for line := range strings.SplitSeq(string(out), "\n") {
		if strings.Contains(line, "kassavalv") && !strings.Contains(line, "file:///usr/local/share") {
			t.Errorf("systemd-analyze verify: %s (%v)", line, err)
		}
	}
	if out, err := exec.Command(tool, "calendar", directives(t, "../../deploy/kassavalv-tend-postgres.timer")["Timer.OnCalendar"][0]).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze calendar: %s (%v)", out, err)
	}
	for unit, most := range map[string]byte{"kassavalv.service": '2', "kassavalv-outpost.service": '2', "kassavalv-tend-postgres.service": '4'} {
		cmd = exec.Command(tool, "security", "--offline=true", "./"+unit)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "SYSTEMD_PAGER=")
		out, err = cmd.CombinedOutput()
		m := exposure.FindSubmatch(out)
		if m == nil {
			t.Logf("this systemd judges no unit that is not installed (%v): %.200s", err, out)
			return
		}
		t.Logf("exposure of %s: %s of 10", unit, m[1])
		if s := string(m[1]); len(s) != 3 || s[0] > most || s[0] < '0' {
			t.Errorf("systemd calls the exposure of %s %s", unit, s)
		}
	}
}

// No shell and no other program ever sees personal data that the shop shows it: the program
// starts none but itself: its own successor (package handover), which gets the names of sockets
// and nothing else, and for a drill a process of its own, which is told over a pipe what it may
// know (internal/app/drillprocess.go; TestDrillProcess looks at it). Beside the shop, and never in it, stand commands for a shop on PostgreSQL: they
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
		if rel == filepath.FromSlash("internal/app/drillprocess.go") {
			if n := strings.Count(string(b), "exec.Command"); n != 1 || !strings.Contains(string(b), "exec.CommandContext(ctx, drillProgram, DrillCommand)") {
				t.Errorf("%s starts something else than itself", rel)
			}
			found++
			return nil
		}
		// What the system makes of that process, and no call.
		if strings.HasPrefix(filepath.ToSlash(rel), "internal/app/drillprocess_") && !strings.Contains(string(b), "exec.Command") && !strings.Contains(string(b), "Exec(") {
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
	if found != 2 {
		t.Error("the two places that may start the program were not seen: the test looks at nothing")
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
